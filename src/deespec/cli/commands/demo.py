"""`demo`: the example project in a temporary folder, worked off by the real program in real processes."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

import click

from deespec.cli import options, output
from deespec.cli.planning_demo import Plan
from deespec.cli.stage import Stage, example, temporary_project
from deespec.errors import DeespecError
from deespec.model.items import Kind
from deespec.model.spec import parse_spec
from deespec.text import clean

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.cli.session import Session

TESTS = "python3 -m unittest discover -s tests -q"
SUM = 'python3 -m calc "2 ^ 5 % 24"'
"""Needs the work of both items that met in one file."""
INTENDED = {"DONE": 8, "FAILED": 1}
MET = "SBI-2"
"""Met SBI-1 in calc/operators.py, which was merged while it was FAILED."""
HOPELESS = "SBI-8"
BEGINNING = "A backlog, committed so that its gates count for everybody, and eight specs:"
WORK = "Three slots, a worktree for each item. What is accepted is merged one by one, and tested once more."
AGAIN = f"{MET} has used up both its turns, one of them for a wrong patch. It gets more:"
MEETING = "It goes on where it stopped, on its own branch. SBI-1 was merged since, and changed the same lines."
LANDING = "All of it is on deespec/integration; main and this folder are as they were. Now they get it:"
FIRST_WORDS = """\
A calculator with nine specs, in {folder}. The agent `patch` needs no account: it
applies the changes that the specs bring along. Everything else is as with any other agent."""


@click.command()
@click.option("--keep", is_flag=True, help="Leave the folder there afterwards.")
@click.option("--planning", is_flag=True, help="Another one: an idea is planned, decomposed, approved and built.")
@options.session
def demo(session: Session, keep: bool, planning: bool) -> int:
    """Play the example project: nine specs, three slots, a merge conflict, and a spec that cannot succeed.

    It needs no account: the agent `patch` applies the change that each example spec brings along.
    """
    if planning:
        with temporary_project(session, "todo", keep=keep) as folder:
            return Plan(session, folder).run()
    with temporary_project(session, "calc", keep=keep) as folder:
        shutil.copytree(example("calc"), folder, ignore=shutil.ignore_patterns("__pycache__"))
        return Play(session, folder).run()


class Play(Stage):
    """One run of the demo."""

    def __init__(self, session: Session, folder: Path) -> None:
        super().__init__(session, folder)
        self.specs, self.late = (sorted(folder.glob(f"{name}/*.md")) for name in ("specs", "late"))
        self.titles = {
            f"SBI-{number}": parse_spec(file.read_bytes(), kind=Kind.SBI, file=file.name).title
            for number, file in enumerate((*self.specs, *self.late), 1)
        }
        self.seen: list[tuple[str, str]] = []
        """(event, item), in order."""

    def run(self) -> int:
        started = time.monotonic()
        output.say(FIRST_WORDS.format(folder=self.folder))
        self.commit("The example", "init", "-q", "-b", "main")
        self.show("init", "--agent", "patch", "--gate", TESTS, why=BEGINNING, lines=6)
        self.announce("git add .deespec && git commit -m deespec")
        self.commit("deespec")
        self.announce("deespec register sbi specs/*.md")
        self.json("register", "sbi", *map(str, self.specs))
        output.say(f"✓ SBI-1 to SBI-{len(self.specs)} registered")
        self.work(WORK, slots=3, tell=self._tell, meanwhile=self._register_late)
        self.show("sbi", "retry", MET, "--turns", "4", why=AGAIN)
        self.work(MEETING, slots=1, tell=self._tell)
        self.show("land", why=LANDING, lines=1)
        tests = self.program(TESTS), self.program(SUM)
        self._judge(tests)
        self._last_words(time.monotonic() - started)
        return 0

    def _register_late(self) -> None:
        self.json("register", "sbi", *map(str, self.late))
        output.say(f"+ SBI-{len(self.titles)} registered meanwhile, by another process")

    # --- telling the story ---

    def _tell(self, entry: dict[str, Any]) -> None:
        event, item = entry["event"], entry.get("item") or ""
        self.seen.append((event, item))
        turn = f"turn {entry.get('turn')}"
        match event:
            case "findings":
                output.say(f"✗ {item}  {turn}: {self._finding(item, entry['turn'])}")
            case "limit_reached":
                output.say(f"✗ {item}  FAILED after {turn}: no more are allowed to it")
            case "conflicted":
                output.say(f"✗ {item}  {entry['error']}")
            case "implemented" if entry["step"] == "resolve":
                output.say(f"✓ {item}  {turn}: conflict resolved; gates passed, and on to another review")
            case "merged":
                output.say(f"✓ {item}  merged: {self.titles[item]}")

    def _finding(self, item: str, turn: int) -> str:
        """What this turn was refused for, in one line."""
        turns = self.json("sbi", "show", item)["turns"]
        found = next((one["findings"] for one in turns if one["number"] == turn), None) or ["refused"]
        return clean(found[0].partition("\n")[0].rstrip(":"))

    def _judge(self, tests: tuple[int, int]) -> None:
        """Raises DeespecError unless everything ended as the specs intend."""
        counts = {status: count for status, count in self.json("status")["counts"].items() if count}
        met = [item for event, item in self.seen if event == "conflicted"]
        if counts != INTENDED or met != [MET] or any(tests):
            green = "red" if any(tests) else "green"
            raise DeespecError(f"The demo did not end as intended: {counts}, conflicts {met}, tests {green}.")

    def _last_words(self, took_s: float) -> None:
        output.say()
        output.say(f"✓ 8 of 9 items DONE in {took_s:.0f} s: proven, reviewed, merged and landed; the tests are green")
        output.say(f"✓ {MET} and SBI-1 met in calc/operators.py: the second got a turn to resolve the conflict")
        output.say(f"✓ {HOPELESS} FAILED, as it should: the root of two is no fraction, and its check knows")
        output.say("Your own project: cd there, deespec init, deespec register sbi --title …, deespec run")
