"""Decides about drafts and dies in the middle of a write: `python dying_approve.py DATABASE AT ACT`; 0 never dies.

The last line that it says is how many writes there were.
"""

from __future__ import annotations

import os
import signal
import sys

import apsw

from deespec.backlog import drafts
from deespec.clock import Clock
from deespec.store.opener import open_store

database, at, act = sys.argv[1], int(sys.argv[2]), sys.argv[3]
written = [0]


class File(apsw.VFSFile):
    def xWrite(self, data: bytes, offset: int) -> None:
        written[0] += 1
        if written[0] == at:
            super().xWrite(data[: len(data) // 2], offset)
            os.kill(os.getpid(), signal.SIGKILL)
        super().xWrite(data, offset)


class Disk(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("dies", base="unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> File:
        return File("unix", name, flags)


disk = Disk()
clock = Clock()
store = open_store(database, clock=clock, busy_ms=5_000)
by = drafts.Decider(owner="ann@here", uid=clock.uid)
if act == "approve":
    drafts.approve(store, [("PBI-1", 1)], by)
    print("approved", flush=True)
elif act == "reject":
    drafts.reject(store, [("PBI-1", 1)], reason="no", owner="ann@here")
    print("rejected", flush=True)
else:
    for number in (4, 3, 2, 1):
        drafts.approve(store, [("PBI-1", number)], by)
        print(number, flush=True)
print(written[0])
store.close()
