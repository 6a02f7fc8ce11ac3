"""A worker that decomposes and kills itself: `python dying_decompose.py POINT N`.

At the N-th passing of one point of a turn; or, with POINT `write`, at the N-th write or sync by SQLite once the turn is
acted, of which only half is done. With N = 0 it lives, and says how many of these there were.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import apsw

from deespec.app import open_app
from deespec.engine.bench import Outcome
from deespec.engine.ready import begin_apart
from deespec.engine.turn import run_turn
from deespec.engine.worker import Crew, Orders
from deespec.model.wanted import Scope
from deespec.store.alive import LifeLock

POINT, DIES_AT = sys.argv[1], int(sys.argv[2])
passed = {"point": 0, "write": 0}
reached = [""]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def is_last() -> bool:
    if reached[-1] != "acted" or POINT != "write":
        return False
    passed["write"] += 1
    return passed["write"] == DIES_AT


class File(apsw.VFSFile):
    def xWrite(self, data: bytes, offset: int) -> None:
        if is_last():
            super().xWrite(data[: len(data) // 2], offset)
            die()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        if is_last():
            die()
        super().xSync(flags)


class Disk(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("dies", base="unix", makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        return File("unix", name, flags)


def observe(here: str) -> None:
    reached.append(here)
    passed["point"] += here == POINT
    if passed["point"] == DIES_AT and here == POINT:
        die()


disk = Disk()
app = open_app()
crew = Crew(app, Orders(scope=Scope(sbis=False, pbis=True)), tell=lambda _: None)
LifeLock(str(app.settings.home), crew.worker.uid)
with app.store.transaction() as tx:
    tx.add_worker(crew.worker)
begin_apart(app)
if POINT != "write":
    crew.pulse.start()  # its renewals would be among the writes
assert isinstance(run_turn(crew.bench, observe=observe), Outcome)
print(passed["write"])
