"""Does one act of upkeep and kills itself at its n-th step to the disk: `python dying_upkeep.py N ACT ...`.

A step is a write by SQLite, of which only half is done, its sync or truncation of a file, or a call that changes names.
With N = 0 it lives, and says how many steps there were.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import apsw

from deespec.backlog.register import Order, register
from deespec.clock import Clock
from deespec.model.items import Kind
from deespec.model.spec import new_item
from deespec.store.migrate import migrate
from deespec.store.opener import open_store
from deespec.store.origins import Marks
from deespec.store.upkeep.backup import back_up
from deespec.store.upkeep.checkpoint import Mode, checkpoint
from deespec.store.upkeep.copy import copy
from deespec.store.upkeep.restore import made_ready, put
from deespec.store.upkeep.vacuum import vacuum

DIES_AT = int(sys.argv[1])
NAMES = ("link", "unlink", "rename", "replace", "mkdir", "rmdir", "fsync")
BUSY_MS = 60_000
made: list[str] = []
"""The steps so far."""


def step(what: str, before: Callable[[], object] = lambda: None) -> None:
    made.append(what)
    if len(made) == DIES_AT:
        before()
        os.kill(os.getpid(), signal.SIGKILL)


class File(apsw.VFSFile):
    def xWrite(self, data: bytes, offset: int) -> None:
        step("write", lambda: super(File, self).xWrite(data[: len(data) // 2], offset))
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        step("sync")
        super().xSync(flags)

    def xTruncate(self, size: int) -> None:
        step("truncate")
        super().xTruncate(size)


class Disk(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("dies", base="unix", makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        return File("unix", name, flags)


def counted(name: str) -> Callable[..., Any]:
    does = getattr(os, name)

    def call(*args: Any, **more: Any) -> Any:
        step(name)
        return does(*args, **more)

    return call


def backup(database: str, folder: str) -> None:
    print(back_up(database, folder, clock=Clock(), busy_ms=BUSY_MS).path)


def restore(database: str, file: str, state: str) -> None:
    with made_ready(file, database, clock=Clock(), busy_ms=BUSY_MS) as ready:
        put(ready, database, state=state, given=Marks(), force=False, actor="me", clock=Clock(), busy_ms=BUSY_MS)


def upgrade(database: str, folder: str, migrations: str) -> None:
    def keep(schema: int) -> str:
        return back_up(database, folder, clock=Clock(), busy_ms=BUSY_MS).path

    migrate(database, back_up=keep, actor="me", clock=Clock(), busy_ms=BUSY_MS, folder=migrations)


def move(database: str, target: str) -> None:
    copy(database, target, actor="me", clock=Clock(), busy_ms=BUSY_MS)


def shrink(database: str) -> None:
    vacuum(database, clock=Clock(), busy_ms=BUSY_MS, most_ms=None)


def shorten(database: str, mode: str) -> None:
    store = open_store(database, clock=Clock(), busy_ms=BUSY_MS)  # open, so that there is a log
    for _ in range(3):
        with store.transaction() as tx:
            tx.note("me", "wrote")
    checkpoint(database, Mode(mode), clock=Clock(), busy_ms=BUSY_MS, wait_ms=BUSY_MS)


def commit(database: str) -> None:
    """A few registrations, each acknowledged by a line."""
    store = open_store(database, clock=Clock(), busy_ms=BUSY_MS)
    for number in range(3):
        order = Order(kind=Kind.SBI, new=new_item(Kind.SBI, title=f"More {number}"))
        register(store, [order], uids=[Clock().uid()], owner="me")
        print(f"More {number}", flush=True)
    store.close()


disk = Disk()
for name in NAMES:
    setattr(os, name, counted(name))
acts: dict[str, Callable[..., None]] = {
    "backup": backup,
    "restore": restore,
    "migrate": upgrade,
    "copy": move,
    "vacuum": shrink,
    "checkpoint": shorten,
    "commit": commit,
}
acts[sys.argv[2]](*sys.argv[3:])
print(len(made))
