"""Real calls for tests: a request, a watch, agents written in a few lines, and waits that end."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from deespec.agents.base import AgentRequest
from deespec.agents.leftovers import start_time
from deespec.agents.process import Program
from deespec.clock import Clock
from deespec.model.items import Guard
from deespec.model.lifecycle import Step
from deespec.records import replace

PATIENCE_S = 20
"""A test that waits this long has failed; on a quiet machine everything here takes milliseconds."""
HOUR_MS = 3_600_000

DETACHED = """
import os, signal, time
ready, told = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(os.getpid(), flush=True)
        os.write(told, b"x")
        time.sleep(600)
    os._exit(0)
os.read(ready, 1)
"""
"""Starts a process that has left its session and its parent and ignores SIGTERM; it says its pid."""

DETACHED_UNTAGGED = DETACHED.replace("time.sleep(600)", 'os.execve("/bin/sleep", ["sleep", "600"], {})')
"""The same with an empty environment."""


class Watching:
    """The engine's side: what it was told, and what it says."""

    def __init__(self, *, deadline: int | None = None) -> None:
        self.guard: Guard | None = None
        self.reason: str | None = None
        self.boot_deadline = Clock().boot_ms() + HOUR_MS if deadline is None else deadline
        self.ticked: list[int] = []

    def started(self, guard: Guard) -> None:
        self.guard = guard

    def deadline(self) -> int:
        return self.boot_deadline

    def tick(self) -> str | None:
        self.ticked.append(Clock().waking_ms())
        return self.reason


def request(folder: Path, **changes: object) -> AgentRequest:
    workspace = folder / "work"
    workspace.mkdir(exist_ok=True)
    made = AgentRequest(
        step=Step.IMPLEMENT,
        item="SBI-1",
        title="A title",
        spec="A spec",
        turn=1,
        round=0,
        prompt="Do the work.",
        workspace=workspace,
        folder=folder / "turn",
        env={"PATH": os.environ["PATH"], "DEESPEC_CLAIM": claim(folder)},
        session=None,
        turn_timeout_ms=PATIENCE_S * 1000,
        idle_timeout_ms=None,
        guard_lock=folder / "guard.lock",
        report_command=("deespec",),
    )
    return replace(made, **changes)


def claim(folder: Path) -> str:
    """A claim that no other test has."""
    return f"{os.path.realpath(folder)}-1"


def python(code: str, **changes: object) -> Program:
    return replace(Program(argv=(sys.executable, "-I", "-S", "-c", code)), **changes)


def shell(code: str, **changes: object) -> Program:
    return replace(Program(argv=("/bin/sh", "-c", code)), **changes)


def alive(pid: int) -> bool:
    return start_time(pid) is not None


def eventually(condition: Callable[[], bool]) -> bool:
    """For what no event tells: looks until it is so, or patience is at an end."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def is_free(lock: Path) -> bool:
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def next_line(pipe: IO[bytes]) -> str:
    """The next line of an unbuffered pipe, or a failure after PATIENCE_S."""
    line = bytearray()
    while not line.endswith(b"\n"):
        assert select.select([pipe], [], [], PATIENCE_S)[0], f"nothing came after {bytes(line)!r}"
        byte = pipe.read(1)
        assert byte, f"the pipe ended after {bytes(line)!r}"
        line += byte
    return line.decode().rstrip("\n")


WORKER = """
import sys
from pathlib import Path
from calls import Watching, python, request
from deespec.agents.process import run_process
from deespec.clock import Clock

def say(*words):
    print(*words, flush=True)

class Telling(Watching):
    def started(self, guard):
        say(guard.pid, guard.start, guard.namespace, guard.lock)

    def deadline(self):
        return Clock().boot_ms() + int(sys.argv[3])

run_process(python(sys.argv[2]), request(Path(sys.argv[1])), Telling(), on_line=lambda line: say(line.decode()))
"""


class Worker:
    """A process of its own that runs one call; it says who the guard is, and then what the agent says.

    While it runs, it moves the guard's deadline on by `lease_ms` from now.
    """

    def __init__(self, folder: Path, code: str, *, lease_ms: int = HOUR_MS) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder), code, str(lease_ms)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        pid, start, namespace, lock = self.says().split()
        self.guard = Guard(pid=int(pid), start=start, namespace=namespace, lock=lock)

    def says(self) -> str:
        assert self.process.stdout is not None
        return next_line(self.process.stdout)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
