"""A whole item with the real Claude Code: registered, implemented, reported by command, reviewed, DONE."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "agents"))
from standin import Say, Standin, Use

PROGRAM = os.environ.get("DEESPEC_TEST_CLAUDE") or shutil.which("claude")
pytestmark = [
    pytest.mark.claude,
    pytest.mark.skipif(PROGRAM is None, reason="no Claude Code: set DEESPEC_TEST_CLAUDE or put claude on PATH"),
]
LIMIT_S = 120


def test_the_real_client_takes_an_item_from_registered_to_done(tmp_path: Path) -> None:
    script = (
        Use(tool="Bash", arguments={"command": "echo hello > greeting.txt"}),
        Use(tool="Bash", arguments={"command": "deespec sbi report --type implement --text 'A greeting.'"}),
        Say(text="It is there."),
        Say(text="It is there."),  # the client asks once more for its structured answer
        Use(tool="Bash", arguments={"command": "deespec sbi review --decision SUCCEEDED --text 'It greets.'"}),
        Say(text="I have decided."),
    )
    with Standin(*script) as server:
        env = {
            **os.environ,
            "HOME": str(tmp_path),
            "ANTHROPIC_BASE_URL": server.url,
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_MAX_RETRIES": "0",
        }
        project = tmp_path / "project"
        project.mkdir()
        deespec(project, env, "init", "--agent", "claude")
        config = project / ".deespec" / "config.toml"
        text = config.read_text().replace("[agents.claude]", f"[agents.claude]\ncommand = {json.dumps([PROGRAM])}")
        config.write_text(text)
        deespec(project, env, "register", "sbi", "--title", "Greet", "--body", "Write a greeting.")
        deespec(project, env, "run", "--drain")
        shown = json.loads(deespec(project, env, "sbi", "show", "1", "--json"))
    assert shown["status"] == "DONE"
    assert [turn["report"] for turn in shown["turns"]] == ["A greeting.", "It greets."]
    assert all(turn["cost_usd"] for turn in shown["turns"])
    assert (project / "greeting.txt").read_text() == "hello\n"


def deespec(project: Path, env: dict[str, str], *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "deespec", *args], cwd=project, env=env, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
