"""A whole item with the real Claude Code, whose model answers by the tools of `deespec mcp` inside its turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from installing import installed

from deespec.agents.standin.clients import towards
from deespec.agents.standin.script import Say, Use, Write
from deespec.agents.standin.server import Standin
from deespec.config import AgentSettings

pytestmark = pytest.mark.real
LIMIT_S = 120
SERVERS = {"mcpServers": {"deespec": {"command": sys.executable, "args": ["-m", "deespec", "mcp"]}}}
ARGS = ["--mcp-config", json.dumps(SERVERS), "--strict-mcp-config", "--allowedTools", "mcp__deespec"]
SCRIPTS = {
    "author": (
        (Write(path="greeting.txt", content="hello\n"),),
        (Use(tool="mcp__deespec__register", arguments={"title": "A wish"}),),
        (Use(tool="mcp__deespec__report", arguments={"type": "implement", "text": "A greeting."}),),
        (Say(text="It is there."),),
    ),
    "reviewer": (
        (Use(tool="mcp__deespec__show", arguments={"id": "SBI-1"}),),
        (Use(tool="mcp__deespec__review", arguments={"decision": "SUCCEEDED", "text": "It greets."}),),
        (Say(text="I have decided."),),
    ),
}


def test_the_real_client_reports_and_reviews_by_tools(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    env = {**os.environ, "HOME": str(tmp_path)}
    with Standin(SCRIPTS) as server:
        deespec(project, env, "init", "--agent", "claude", "--no-gate")
        sections = [section(name, server.url(name), tmp_path / name) for name in SCRIPTS]
        config = '[run]\nimplement = "author"\nreview = "reviewer"\n\n' + "\n".join(sections)
        (project / ".deespec" / "config.toml").write_text(config)
        deespec(project, env, "register", "sbi", "--title", "Greet", "--body", "Write a greeting.")
        deespec(project, env, "run", "--drain")
        told = " ".join(str(one.body) for one in server.requests)
    shown = json.loads(deespec(project, env, "sbi", "show", "1", "--json"))
    assert shown["status"] == "DONE"
    assert [turn["report"] for turn in shown["turns"]] == ["A greeting.", "It greets."]
    assert "Not from inside a turn (SBI-1 turn 1). Say it in your report." in told
    assert json.loads(deespec(project, env, "sbi", "list", "--json"))["total"] == 1


def section(name: str, url: str, folder: Path) -> str:
    """An agent of the settings whose model is a script of the stand-in's."""
    program = str(installed("claude"))
    made = towards(AgentSettings(name=name, kind="claude", command=(program,)), url, folder)
    lines = [f"{key} = {json.dumps(value)}" for key, value in made.env]
    return f"""[agents.{name}]
kind = "claude"
command = [{json.dumps(program)}]
model = "{made.model}"
args = {json.dumps(ARGS)}
env = {{ {", ".join(lines)} }}
"""


def deespec(project: Path, env: dict[str, str], *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "deespec", *args], cwd=project, env=env, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
