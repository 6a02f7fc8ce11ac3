"""Each real client through `agent check`, and through a whole item: registered, implemented, reviewed, merged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from installing import CLIENTS, installed

from deespec.agents.standin.clients import towards
from deespec.agents.standin.script import Say, Structured
from deespec.agents.standin.server import Standin
from deespec.config import AgentSettings

pytestmark = [pytest.mark.real, pytest.mark.parametrize("kind", CLIENTS)]
DEESPEC = Path(sys.executable).with_name("deespec")
LIMIT_S = 900
GIT = ("git", "-c", "user.name=Test", "-c", "user.email=test@localhost")


class Project:
    """A scratch repository with a backlog whose agent is one real client."""

    def __init__(self, folder: Path, kind: str, program: Path, *, url: str) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
        for name in ("home", "tmp"):
            (folder / name).mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self("init", "--agent", kind)
        section = towards(AgentSettings(name=kind, kind=kind, command=(str(program),)), url, folder / "client")
        config = self.folder / ".deespec" / "config.toml"
        document = tomlkit.parse(config.read_text())
        agents: Any = document.setdefault("agents", {})
        agents.setdefault(kind, {}).update(command=[str(program)], model=section.model, env=dict(section.env))
        config.write_text(tomlkit.dumps(document))
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=Begin")

    def __call__(self, *args: str, exits: int = 0) -> str:
        done = self._run(str(DEESPEC), *args)
        assert done.returncode == exits, f"exit {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *args: str, exits: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self(*args, "--json", exits=exits))
        return found

    def git(self, *args: str) -> str:
        done = self._run(*GIT, *args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv,
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            stdin=subprocess.DEVNULL,
        )


def test_it_behaves_as_its_adapter_expects(kind: str, tmp_path: Path) -> None:
    project = Project(tmp_path, kind, installed(kind), url="http://127.0.0.1:9/none")
    (checked,) = project.json("agent", "check", kind)["agents"]
    assert checked["problem"] is None
    assert {one["name"]: one["problem"] for one in checked["trials"] if not one["passed"]} == {}
    assert checked["behaves"]
    (listed,) = project.json("agent", "list")["agents"]
    assert listed["version"] == checked["version"]
    assert listed["checked"]["standing"] == "behaves"


def test_it_takes_an_item_from_registered_to_merged(kind: str, tmp_path: Path) -> None:
    with Standin() as server:
        project = Project(tmp_path, kind, installed(kind), url=server.url("work"))
        project("register", "sbi", "--title", "Greet", "--body", "Write a greeting.")
        said = project("run", "--drain")
        shown = project.json("sbi", "show", "1")
    assert shown["status"] == "DONE", said + project("sbi", "log", "1")
    assert [(turn["step"], turn["agent"], turn["attempt"]) for turn in shown["turns"]] == [
        ("implement", kind, 1),
        ("review", kind, 1),
    ]
    assert [turn["report"].strip() for turn in shown["turns"]] == ["I have looked after SBI-1."] * 2
    assert all(turn["tokens_in"] and turn["tokens_out"] for turn in shown["turns"])
    assert project.git("show", "deespec/integration:SBI-1.txt") == "Made for SBI-1.\n"
    assert not (project.folder / "SBI-1.txt").exists(), "it works in a worktree"


def test_it_decomposes_a_pbi(kind: str, tmp_path: Path) -> None:
    with Standin() as server:
        project = Project(tmp_path, kind, installed(kind), url=server.url("work"))
        project("pbi", "plan", "--title", "Greetings", "--body", "Say hello and goodbye.")
        shown = project.json("pbi", "decompose", "1")
    assert shown["decomposition"] == "DECOMPOSED"
    assert [(one["id"], one["title"], one["agent"], one["needs"]) for one in shown["drafts"]] == [
        ("PBI-1/1", "Greeting", kind, []),
        ("PBI-1/2", "Farewell", kind, ["PBI-1/1"]),
    ]
    assert shown["status"] == "PLANNING"


def test_drafts_may_come_as_a_structured_answer_or_in_words(kind: str, tmp_path: Path) -> None:
    draft = {
        "title": "Greeting",
        "spec": "Say hello.",
        "acceptance": [{"given": "nobody there", "when": "it is started", "then": "it says so"}],
        "estimate_hours": 2,
        "labels": [],
        "paths": ["README"],
        "needs": [],
        "only_implement": False,
        "replaces": None,
    }
    values: dict[str, object] = {"report": "One part.", "drafts": [draft], "question": None}
    script = {"structured": ((Structured(values=values),), (Say(text=json.dumps(values)),))}
    with Standin(script) as server:
        project = Project(tmp_path, kind, installed(kind), url=server.url("structured"))
        project("pbi", "plan", "--title", "Greetings", "--body", "Say hello.")
        shown = project.json("pbi", "decompose", "1", "--min", "1")
    assert [(one["title"], one["paths"]) for one in shown["drafts"]] == [("Greeting", ["README"])]
