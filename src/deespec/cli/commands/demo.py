"""`demo`: the example project in a temporary folder, worked off by the real program in real processes."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deespec.cli import options, output
from deespec.engine.itself import own_command
from deespec.errors import DeespecError
from deespec.model.items import Kind
from deespec.model.spec import parse_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.cli.session import Session

    Done = subprocess.CompletedProcess[str]

TESTS = "python3 -m unittest discover -s tests -q"
SUM = 'python3 -m calc "2 ^ 5 % 24"'
"""Needs the work of both items that met in one file."""
LIMIT_S = 300
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
@options.session
def demo(session: Session, keep: bool) -> int:
    """Play the example project: nine specs, three slots, a merge conflict, and a spec that cannot succeed.

    It needs no account: the agent `patch` applies the change that each example spec brings along.
    """
    source = example()
    if shutil.which("git", path=session.env.get("PATH")) is None:
        raise DeespecError("The demo needs Git, and git is not on PATH.", hint="Install Git.")
    folder = Path(tempfile.mkdtemp(prefix="deespec-demo-")) / "calc"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
    try:
        return Play(session, folder).run()
    finally:
        if keep:
            output.say(f"The folder is still there: {folder}")
        else:
            shutil.rmtree(folder.parent, ignore_errors=True)


def example() -> Path:
    """The example project, as packaged or as it lies in a checkout."""
    package = Path(__file__).resolve().parents[2]
    for place in (package / "examples" / "calc", package.parents[1] / "examples" / "calc"):
        if place.is_dir():
            return place
    raise DeespecError("The example project is not part of this installation.", hint="pip install deespec")


class Play:
    """One run of the demo."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.folder = folder
        self.env = {name: value for name, value in session.env.items() if not name.startswith(("DEESPEC_", "GIT_"))}
        self.env |= {"DEESPEC_HOME": str(folder / ".deespec"), "PYTHONDONTWRITEBYTECODE": "1"}
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
        self._commit("The example", "init", "-q", "-b", "main")
        self._show("init", "--agent", "patch", "--gate", TESTS, why=BEGINNING, lines=6)
        self._announce("git add .deespec && git commit -m deespec")
        self._commit("deespec")
        self._announce("deespec register sbi specs/*.md")
        self._json("register", "sbi", *map(str, self.specs))
        output.say(f"✓ SBI-1 to SBI-{len(self.specs)} registered")
        self._work(WORK, slots=3)
        self._show("sbi", "retry", MET, "--turns", "4", why=AGAIN)
        self._work(MEETING, slots=1)
        self._show("land", why=LANDING, lines=1)
        tests = self._program(TESTS), self._program(SUM)
        self._judge(tests)
        self._last_words(time.monotonic() - started)
        return 0

    def _work(self, why: str, *, slots: int) -> None:
        """The workers in one process, told by its events; with several slots a spec comes from another meanwhile."""
        command = ("run", "--parallel", str(slots), "--drain")
        self._announce(shlex.join(("deespec", *command)), why)
        worker = subprocess.Popen(
            [*own_command(), *command, "--json"], cwd=self.folder, env=self.env, stdout=subprocess.PIPE, text=True
        )
        too_long = threading.Timer(LIMIT_S, worker.kill)
        too_long.start()
        try:
            if slots > 1:
                self._json("register", "sbi", *map(str, self.late))
                output.say(f"+ SBI-{len(self.titles)} registered meanwhile, by another process")
            assert worker.stdout is not None
            for line in worker.stdout:
                self._tell(json.loads(line))
            worker.wait()
        finally:
            too_long.cancel()
            worker.kill()
            worker.wait()

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
        turns = self._json("sbi", "show", item)["turns"]
        found = next((one["findings"] for one in turns if one["number"] == turn), None) or ["refused"]
        return output.clean(found[0].partition("\n")[0].rstrip(":"))

    def _judge(self, tests: tuple[int, int]) -> None:
        """Raises DeespecError unless everything ended as the specs intend."""
        counts = {status: count for status, count in self._json("status")["counts"].items() if count}
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

    # --- calling ---

    def _show(self, *args: str, why: str = "", lines: int | None = None) -> None:
        """Runs a command and shows what it says, or the first lines of that."""
        self._announce(shlex.join(("deespec", *args)), why)
        for line in self._call(*args).splitlines()[:lines]:
            output.say(line)

    def _json(self, *args: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._call(*args, "--json"))
        return found

    def _call(self, *args: str) -> str:
        done = self._run([*own_command(), *args], stdout=subprocess.PIPE)
        if done.returncode != 0:
            raise DeespecError(f"deespec {' '.join(args[:2])} ended with {done.returncode}.")
        return done.stdout

    def _program(self, command: str) -> int:
        """Runs one of the example's own commands with this very Python; its exit status."""
        self._announce(command)
        argv = [sys.executable, *shlex.split(command)[1:]]
        done = self._run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        words = [line for line in done.stdout.splitlines() if line.strip("-")]
        output.say("  ".join(words) if done.returncode == 0 else "\n".join(words))
        return done.returncode

    def _commit(self, subject: str, *first: str) -> None:
        name = ("-c", "user.name=demo", "-c", "user.email=demo@localhost")
        commands = [first] if first else []
        commands += [("add", "-A"), (*name, "commit", "-q", "--no-gpg-sign", "--no-verify", "-m", subject)]
        for args in commands:
            self._run(["git", *args]).check_returncode()

    def _run(self, argv: Sequence[str], *, stdout: int | None = None, stderr: int | None = None) -> Done:
        return subprocess.run(
            argv,
            cwd=self.folder,
            env=self.env,
            stdout=stdout,
            stderr=stderr,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )

    def _announce(self, command: str, why: str = "") -> None:
        if why:
            output.say(f"\n# {why}")
        output.say(f"$ {command}")
