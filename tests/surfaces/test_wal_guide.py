"""The guide to WAL mode says what is true: its commands run, in both languages, and its warning holds."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from deespec.backlog.register import Order, register
from deespec.clock import Clock
from deespec.model.items import Kind
from deespec.model.spec import new_item
from deespec.store.opener import create_store, open_store

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = ("wal-mode.md", "wal-mode.ja.md")
BUSY_MS = 60_000


def commands(name: str) -> list[str]:
    """The `$ deespec …` lines of its console blocks."""
    blocks = re.findall(r"(?ms)^```console\n(.*?)^```", (DOCS / name).read_text(encoding="utf-8"))
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a backlog of two items, and a backup of it."""
    root = tmp_path_factory.mktemp("guide")
    for words in ("init --agent patch --gate true", "register sbi --title One", "db backup backup.db"):
        assert deespec(root, words).returncode == 0
    return root


def deespec(root: Path, words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deespec", *shlex.split(words)]
    env = {"HOME": str(root), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("command", dict.fromkeys(commands(GUIDES[0])))
def test_a_command_of_the_guide_runs(command: str, model: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(model, root)
    words = command.removeprefix("deespec ").replace("BACKUP", "backup.db").replace("/tmp/", f"{tmp_path}/")
    done = deespec(root, words)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr


def test_there_are_commands_to_run() -> None:
    assert len(commands(GUIDES[0])) >= 10


def test_both_languages_name_the_same_commands() -> None:
    assert commands(GUIDES[0]) == commands(GUIDES[1])


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_no_page_advises_to_touch_the_files_of_the_database_by_hand(page: Path) -> None:
    advice = re.compile(r"\$ *(sudo )?(rm|mv|cp|killall|pkill)\b.*deespec")
    assert advice.findall(page.read_text(encoding="utf-8")) == []


def test_a_copy_of_the_database_alone_lacks_what_was_acknowledged_and_calls_itself_sound(tmp_path: Path) -> None:
    path = str(tmp_path / "deespec.db")
    create_store(path, clock=Clock(), busy_ms=BUSY_MS)
    store = open_store(path, clock=Clock(), busy_ms=BUSY_MS)
    orders = [Order(kind=Kind.SBI, new=new_item(Kind.SBI, title=f"Item {number}")) for number in range(50)]
    register(store, orders, uids=[Clock().uid() for _ in orders], owner="me")
    copied = tmp_path / "copied.db"
    shutil.copyfile(path, copied)
    with store.read() as tx:
        assert tx.counts() == {"PENDING": 50}
    store.close()
    raw = apsw.Connection(str(copied))
    assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert raw.execute("SELECT count(*) FROM sbi").fetchall() == [(0,)]
    raw.close()
