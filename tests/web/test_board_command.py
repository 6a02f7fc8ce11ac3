"""`deespec board` as a program: what it prints, how it ends, what it refuses to begin."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from board_at import PATIENCE_S


def start(home: Path, *args: str, **env: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "deespec", "--home", str(home), "board", *args]
    return subprocess.Popen(
        command,
        env={"HOME": str(home.parent), "PATH": os.environ["PATH"], **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refusal(home: Path, *args: str, exits: int = 2, **env: str) -> str:
    process = start(home, *args, **env)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (exits, "")
    return err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_with_a_signal(home: Path, number: int) -> None:
    process = start(home, "--json")
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    assert url.startswith("http://127.0.0.1:")
    assert len(url.partition("?token=")[2]) >= 43, "256 bits"
    process.send_signal(number)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + number


def test_two_boards_find_room(home: Path) -> None:
    processes = [start(home, "--json") for _ in range(2)]
    urls = {json.loads(process.stdout.readline())["url"].partition("/?")[0] for process in processes if process.stdout}
    for process in processes:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
    assert len(urls) == 2


def test_others_are_only_let_near_with_a_password_and_a_name(home: Path, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("correct horse battery\n", encoding="utf-8")
    password.chmod(0o600)
    assert "--password-file" in refusal(home, "--listen", "0.0.0.0")
    assert "--host NAME" in refusal(home, "--listen", "0.0.0.0", "--password-file", str(password))


def test_a_password_that_others_can_read_is_refused(home: Path, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("correct horse battery\n", encoding="utf-8")
    password.chmod(0o644)
    assert "chmod 600" in refusal(home, "--password-file", str(password))


def test_a_short_password_is_refused(home: Path, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n", encoding="utf-8")
    password.chmod(0o600)
    assert "fewer than 12" in refusal(home, "--password-file", str(password))


def test_an_agent_in_a_turn_gets_no_board_that_changes_things(home: Path) -> None:
    turn = {"DEESPEC_CLAIM": "token", "DEESPEC_ITEM": "SBI-1", "DEESPEC_TURN": "1", "DEESPEC_HOME": str(home)}
    assert "Not from inside a turn" in refusal(home, exits=4, **turn)
