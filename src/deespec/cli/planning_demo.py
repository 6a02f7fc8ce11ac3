"""The second demo: from an idea to merged code, by way of a PBI, its drafts and a person's decisions."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

from deespec.cli import output
from deespec.cli.stage import Stage, example
from deespec.errors import DeespecError
from deespec.text import clean

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.cli.session import Session

TESTS = "python3 -m unittest discover -s tests -q"
INTENDED = {"PBI-1": "DONE", "EPIC-1": "DONE", "SBI-1": "DONE", "SBI-2": "DONE", "SBI-3": "DONE"}
FIRST_WORDS = """\
From an idea to merged code, in the empty folder {folder}. The agent that plans plays a
written answer, the one that writes code is a program of fifty lines. All else is as with any other agent."""
BEGINNING = "A backlog with two agents, and a guideline for whatever carries the label python:"
IDEA = "The idea is a PBI, below an EPIC. Both are Markdown with acceptance criteria."
DECOMPOSING = "An agent decomposes it. Its drafts are data, checked before anybody sees them; none is registered yet."
DECIDING = "A person decides: one draft gets other words, one is not wanted, two are taken as they are."
WAITING = "PBI-1/2 needs PBI-1/1, so it waits for that. Then all of it is registered, in one transaction:"
WORK = "The guideline is in each prompt. What is accepted is merged one by one, and tested once more."
ROLLED = "Nobody sets the status of a PBI or an EPIC: it follows from what is below."
NOT_WANTED = "One machine is enough."
IDEAS = "ideas"
"""The folder beside the project with what a person brings along."""


class Plan(Stage):
    """One run of it."""

    def __init__(self, session: Session, folder: Path) -> None:
        super().__init__(session, folder)
        self.ideas = folder.parent / IDEAS

    def run(self) -> int:
        started = time.monotonic()
        output.say(FIRST_WORDS.format(folder=self.folder))
        self._begin()
        self.show("epic", "plan", f"../{IDEAS}/epic.md", why=IDEA, lines=1)
        self.show("pbi", "plan", f"../{IDEAS}/pbi.md", lines=1)
        self.show("pbi", "decompose", "PBI-1", "--min", "3", why=DECOMPOSING)
        self._decide()
        self.work(WORK, slots=2, tell=self._tell)
        self.show("pbi", "list", why=ROLLED)
        self.show("land", lines=1)
        self._judge()
        output.say()
        output.say(f"✓ the PBI and its EPIC are DONE in {time.monotonic() - started:.0f} s; the tests are green")
        output.say('Your own idea: deespec pbi plan --title "…", deespec pbi decompose, deespec approve, deespec run')
        return 0

    def _begin(self) -> None:
        self.folder.mkdir()
        shutil.copytree(example("todo"), self.ideas, ignore=shutil.ignore_patterns("__pycache__"))
        self.commit("An empty folder", "init", "-q", "-b", "main")
        self.announce("deespec init, and deespec config set for its agents", BEGINNING)
        self.call("init", "--agent", "patch", "--gate", TESTS)
        settings = {
            "agents.scripted.script": str(self.ideas / "planner.toml"),
            "agents.coder.command": shlex.join((sys.executable, str(self.ideas / "agent.py"))),
            "run.decompose": "scripted",
            "run.implement": "coder",
            "run.review": "coder",
        }
        for name, value in settings.items():
            self.call("config", "set", name, value)
        self.show("label", "register", "python", "-f", f"../{IDEAS}/python.md", lines=1)
        self.commit("deespec")

    def _decide(self) -> None:
        self.show("edit", "PBI-1/4", "-f", f"../{IDEAS}/drafts/edited.md", why=DECIDING)
        self.show("reject", "PBI-1/3", "--reason", NOT_WANTED)
        self.show("approve", "PBI-1/2", why=WAITING)
        self.show("approve", "PBI-1/1", "PBI-1/4")

    def _tell(self, entry: dict[str, Any]) -> None:
        match entry["event"], entry.get("item") or "":
            case "findings" | "limit_reached" | "needs_person" as event, item:
                output.say(f"✗ {item}  {event}: {clean(entry.get('error') or '')}")
            case "implemented", item:
                output.say(f"✓ {item}  implemented by {entry['agent']}; the gate passed")
            case "merged", item:
                output.say(f"✓ {item}  merged: {clean(self.json('sbi', 'show', item)['title'])}")
            case "rolled_up", item:
                output.say(f"✓ {item}  is {entry['to']}")

    def _judge(self) -> None:
        """Raises DeespecError unless everything ended as the drafts and the decisions intend."""
        found = {item: self.json(item.partition("-")[0].lower(), "show", item)["status"] for item in INTENDED}
        tests = self.program(TESTS), self.program("python3 -m todo add Buy milk"), self.program("python3 -m todo")
        if found != INTENDED or any(tests):
            raise DeespecError(f"The demo did not end as intended: {found}, tests {tests}.")
