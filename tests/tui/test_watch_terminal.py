"""`deespec watch` in a real terminal: another process's item appears, it ends in order, nothing is left behind."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

PATIENCE_S = 60.0
COMMAND = (sys.executable, "-m", "deespec")
RESTORED = (b"\x1b[?1049l", b"\x1b[?25h")
"""The screen that was there before, with its cursor."""


class Terminal:
    """A terminal of 80 columns and 24 lines, in which a program runs."""

    def __init__(self, folder: Path, *args: str, **env: str) -> None:
        self.folder = folder
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("DEESPEC_")}
        self.env |= {"HOME": str(folder), "TERM": "xterm-256color", **env}
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.modes = termios.tcgetattr(self.slave)
        self.output = b""
        self.program = subprocess.Popen(
            [*COMMAND, *args],
            cwd=folder,
            env=self.env,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
        )

    def read(self, wait_s: float) -> None:
        if select.select([self.master], [], [], wait_s)[0]:
            self.output += os.read(self.master, 65_536)

    def sees(self, words: bytes) -> None:
        end = time.monotonic() + PATIENCE_S
        while words not in self.output:
            assert time.monotonic() < end, f"never showed {words!r}: {self.output[-2000:]!r}"
            self.read(0.05)

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def ends(self) -> int:
        """Its exit status, when all that it wrote was read."""
        end = time.monotonic() + PATIENCE_S
        while self.program.poll() is None:
            assert time.monotonic() < end, "it does not end"
            self.read(0.05)
        while select.select([self.master], [], [], 0)[0]:
            self.read(0)
        return self.program.returncode

    def close(self) -> None:
        self.program.kill()
        self.program.wait()
        os.close(self.master)
        os.close(self.slave)


def call(folder: Path, *args: str) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("DEESPEC_")}
    subprocess.run([*COMMAND, *args], cwd=folder, env=env | {"HOME": str(folder)}, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    call(tmp_path, "init", "--no-gate")
    return tmp_path


def test_an_item_of_another_process_appears_and_q_ends_it_in_order(project: Path) -> None:
    terminal = Terminal(project, "watch")
    try:
        terminal.sees(b"Nothing is registered yet")
        call(project, "register", "sbi", "--title", "From elsewhere")
        terminal.sees(b"SBI-1")
        terminal.type(b"q")
        assert terminal.ends() == 0
        assert all(one in terminal.output for one in RESTORED)
        assert termios.tcgetattr(terminal.slave) == terminal.modes
    finally:
        terminal.close()


def test_a_signal_ends_it_with_the_terminal_restored(project: Path) -> None:
    terminal = Terminal(project, "watch")
    try:
        terminal.sees(b"Nothing is registered yet")
        terminal.program.send_signal(signal.SIGTERM)
        terminal.ends()
        assert all(one in terminal.output for one in RESTORED)
        assert termios.tcgetattr(terminal.slave) == terminal.modes
        assert b"Traceback" not in terminal.output
    finally:
        terminal.close()


def test_it_sends_no_colour_where_none_is_wanted(project: Path) -> None:
    terminal = Terminal(project, "watch", NO_COLOR="1")
    try:
        call(project, "register", "sbi", "--title", "An item")
        terminal.sees(b"no agent can do it")
        coloured = [one for number in range(30, 38) for one in (b"\x1b[%dm" % number, b"\x1b[%dm" % (number + 10))]
        assert not any(one in terminal.output for one in [*coloured, b"38;5;", b"38;2;", b"48;2;"])
    finally:
        terminal.close()


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_without_a_terminal_it_names_the_command_that_needs_none(project: Path, term: str) -> None:
    if term == "dumb":
        terminal = Terminal(project, "watch", TERM=term)
        try:
            assert terminal.ends() == 2
            said = terminal.output.decode().replace("\r\n", "\n")
        finally:
            terminal.close()
    else:
        env = {**os.environ, "HOME": str(project), "TERM": term}
        done = subprocess.run(
            [*COMMAND, "watch"], cwd=project, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert done.returncode == 2
        said = done.stderr
    assert said == "watch needs a terminal.\n→ deespec status\n"
