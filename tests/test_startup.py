"""Short commands stay short: agents call them all the time, so they must not load what they do not need."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from deespec.engine import outbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAVY = {
    "asyncio", "click", "dataclasses", "importlib.metadata", "inspect", "jinja2", "logging", "mcp", "msgspec", "psutil",
    "psycopg", "rich", "starlette", "subprocess", "textual", "tomlkit", "wcwidth", "yaml",
}  # fmt: skip
CONSOLE_SCRIPT = "from deespec.cli.main import main; main()"
RECEIPT_S = 0.02
PATIENCE_S = 20


@pytest.fixture
def backlog(tmp_path: Path) -> Path:
    """A folder with a backlog of one item."""
    deespec(tmp_path, "init", "--agent", "patch", "--no-gate")
    deespec(tmp_path, "register", "sbi", "--title", "Für alle — einen Titel …")
    return tmp_path


@pytest.mark.parametrize(
    "args", [["status"], ["status", "--json"], ["sbi", "list"], ["sbi", "list", "--json"]], ids=" ".join
)
def test_a_short_command_loads_nothing_heavy(backlog: Path, args: list[str]) -> None:
    assert loaded(deespec(backlog, *args)) & HEAVY == set()


def test_a_report_from_inside_a_turn_loads_nothing_heavy(tmp_path: Path) -> None:
    turn = {"DEESPEC_OUTBOX": str(tmp_path), "DEESPEC_CLAIM": "token", "DEESPEC_ITEM": "SBI-1", "DEESPEC_TURN": "1"}
    report = start(tmp_path, "sbi", "report", "--type", "implement", "--text", "Done.", **turn)
    taken: dict[str, str] = {}
    said = ended(report, meanwhile=lambda: outbox.collect(str(tmp_path), taken, lambda answer: None))
    assert loaded(said) & HEAVY == set()


def test_what_is_heavy_would_be_seen(backlog: Path) -> None:
    assert "click" in loaded(deespec(backlog, "sbi", "list", "--status", "pending"))


def deespec(folder: Path, *args: str) -> str:
    return ended(start(folder, *args))


def start(folder: Path, *args: str, **env: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-X", "importtime", "-c", CONSOLE_SCRIPT, *args]
    env = {"HOME": str(folder), "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **env}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def ended(process: subprocess.Popen[str], *, meanwhile: Callable[[], None] = lambda: None) -> str:
    """What the process said on standard error, once it has succeeded."""
    for _ in range(int(PATIENCE_S / RECEIPT_S)):
        try:
            said = process.communicate(timeout=RECEIPT_S)[1]
        except subprocess.TimeoutExpired:
            meanwhile()
        else:
            assert process.returncode == 0, said
            return said
    process.kill()
    pytest.fail(f"{process.args!r} did not end within {PATIENCE_S} s.")


def loaded(said: str) -> set[str]:
    """The modules that `-X importtime` names."""
    return {line.rpartition("|")[2].strip() for line in said.splitlines() if line.startswith("import time:")}
