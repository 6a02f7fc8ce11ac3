"""Where benchmarks work: throw-away backlogs in one folder, child processes with a known environment, one disk's floor.

Every process that is started here is ended here.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deespec import open_app
from deespec.backlog.register import Order, register
from deespec.backlog.start import start
from deespec.clock import Clock
from deespec.model.items import Kind
from deespec.model.spec import new_item
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from deespec.app import App
    from deespec.backlog.register import Registered

CONFIG = """\
[run]
implement = "program"
[agents.program]
kind = "command"
command = ["/bin/sh", "{agent}"]
"""
BATCH = 500
"""Items registered in one transaction while a backlog is filled."""
END_S = 30
"""For a child to end once it was asked to."""


@record
class Place:
    """A folder for this run of the benchmarks, and the environment of its child processes."""

    folder: Path
    env: tuple[tuple[str, str], ...]

    @property
    def complaints(self) -> Path:
        """What child processes wrote on their standard error."""
        return self.folder / "stderr.log"

    @contextmanager
    def backlog(self, name: str, *, agent: Path | None = None) -> Iterator[App]:
        """A fresh backlog, whose items go to the program `agent`, which answers with its last line."""
        root = self.folder / name
        home = root / ".deespec"
        home.mkdir(parents=True)
        if agent is not None:
            (home / "config.toml").write_text(CONFIG.format(agent=agent), encoding="utf-8")
        start(home, clock=Clock(), agents=())
        app = open_app(str(home))
        try:
            yield app
        finally:
            app.close()

    def script(self, name: str, text: str) -> Path:
        """A shell script for an agent."""
        path = self.folder / f"{name}.sh"
        path.write_text(text, encoding="utf-8")
        return path

    @contextmanager
    def child(self, *argv: str, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """A process that is ended with the block: asked first, killed when it does not listen."""
        pipe = subprocess.PIPE
        with open(self.complaints, "ab") as complaints:
            process = subprocess.Popen(
                argv, cwd=cwd or self.folder, env=dict(self.env), text=True, stdin=pipe, stdout=pipe, stderr=complaints
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    def command(self) -> tuple[str, ...]:
        """How a user's shell starts this very deespec."""
        script = os.path.join(os.path.dirname(sys.executable), "deespec")
        return (script,) if os.access(script, os.X_OK) else (sys.executable, "-m", "deespec")


def fill(app: App, fields: Sequence[dict[str, object]]) -> list[str]:
    """Registers an SBI for each dict of fields of `new_item`, some hundred in a transaction; their ids."""
    done: list[Registered] = []
    for first in range(0, len(fields), BATCH):
        orders = [Order(kind=Kind.SBI, new=new_item(Kind.SBI, **one)) for one in fields[first : first + BATCH]]
        uids = [app.clock.uid() for _ in orders]
        done += register(app.store, orders, uids=uids, owner=app.person)
    return [one.item.id for one in done]


def sync_floor(folder: Path, times: int = 200) -> float:
    """The median of one write of 4 KiB with fdatasync on this disk, in seconds."""
    file = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    page = os.urandom(4096)
    sync = getattr(os, "fdatasync", os.fsync)

    def write() -> None:
        os.pwrite(file, page, 0)
        sync(file)

    try:
        return statistics.median(timed(write) for _ in range(times))
    finally:
        os.close(file)


def timed(call: Callable[[], object]) -> float:
    """How long the call took, in seconds."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def alternating(times: int, *calls: Callable[[], object]) -> list[list[float]]:
    """The times of each call in seconds, taken in turns, so that what disturbs the machine disturbs them alike."""
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(times):
        for own, call in zip(taken, calls, strict=True):
            own.append(timed(call))
    return taken


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]
