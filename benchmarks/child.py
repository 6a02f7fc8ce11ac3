"""One of many processes at work: `python -m benchmarks.child HOME ACT COUNT EVERY_MS`; `crowd` starts them.

Acts once, says `ready`, waits for a line on standard input, acts COUNT times (0: until another line comes, but once at
least), one act in EVERY_MS at most, and prints its times as JSON.
"""

from __future__ import annotations

import json
import os
import random
import select
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from deespec import open_app
from deespec.backlog import edit
from deespec.backlog.register import Order, register
from deespec.board.snapshot import OPEN, overview
from deespec.errors import DeespecError
from deespec.model.items import Kind
from deespec.model.spec import new_item
from deespec.model.wanted import Scope
from deespec.store.opener import FILE
from deespec.store.upkeep.checkpoint import Mode, checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.app import App

    Act = Callable[[], float | None]
    """Acts once. A float: how much of it was spent inside the write lock, in seconds."""

PAGE = 50
ASKED = 10
TTL_MS = 30_000
STDIN = 0
BUSY_MS = 30_000


def main() -> None:
    home, what, count, every_ms = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    app = open_app(home)
    act = ACTS[what](app)
    act()  # opens the database and reads the statements
    print("ready", flush=True)
    os.read(STDIN, 100)
    print(json.dumps(_work(act, os.path.join(home, FILE), count, every_ms / 1000)))
    app.close()


def _work(act: Act, database: str, count: int, every_s: float) -> dict[str, object]:
    """What `crowd.Done` is made of. An act that moved the log into the database has changed that file's time."""
    done: list[tuple[float, float, float | None, bool]] = []
    failed = 0
    changed = os.stat(database).st_mtime_ns
    time.sleep(random.uniform(0, every_s))  # so that not all come at once
    while True:
        start = time.perf_counter()
        try:
            inside = act()
        except DeespecError as error:
            failed += 1
            print(error, file=sys.stderr)
        else:
            took = time.perf_counter() - start
            before, changed = changed, os.stat(database).st_mtime_ns
            done.append((start, took, inside, changed != before))
        if len(done) + failed == count or _told_to_stop(start + every_s, counted=count > 0):
            return {"acts": done, "failed": failed}


def _told_to_stop(due: float, *, counted: bool) -> bool:
    """Waits for the next act's time, or until a line comes to those who have no number of acts."""
    left = max(0.0, due - time.perf_counter())
    return bool(select.select([] if counted else [STDIN], [], [], left)[0])


def _register(app: App) -> Act:
    def once() -> None:
        order = Order(kind=Kind.SBI, new=new_item(Kind.SBI, title="One of many", spec="Do it well.\n" * 20))
        register(app.store, [order], uids=[app.clock.uid()], owner=app.person)

    return once


def _turnover(app: App) -> Act:
    """Registers an item, cancels it the next time, and so on: what is open stays as large as it is."""
    registered: list[int] = []

    def once() -> None:
        if registered:
            edit.cancel(app.store, [registered.pop()], actor=app.person)
            return
        order = Order(kind=Kind.SBI, new=new_item(Kind.SBI, title="One of many", spec="Do it well.\n" * 20))
        [done] = register(app.store, [order], uids=[app.clock.uid()], owner=app.person)
        registered.append(done.item.number)

    return once


def _note(app: App) -> Act:
    """The smallest durable write; the time from its turn in the queue to its end is the time inside the lock."""

    def once() -> float:
        with app.store.transaction() as tx:
            began = time.perf_counter()
            tx.note(app.person, "benchmark")
        return time.perf_counter() - began

    return once


def _read(app: App) -> Act:
    """What `sbi list` and `status` read."""

    def once() -> None:
        with app.store.read() as tx:
            tx.list_sbis(Scope(), statuses=OPEN, limit=PAGE)
        overview(app, asked=ASKED)

    return once


def _lock(app: App) -> Act:
    """Takes a named lock of its own and gives it back."""
    name = f"deploy-{os.getpid()}"

    def once() -> None:
        with app.locks.hold(name, ttl_ms=TTL_MS):
            pass

    return once


def _checkpoint(mode: Mode, app: App) -> Act:
    """What `deespec db checkpoint` does."""
    database = str(app.settings.home / FILE)

    def once() -> None:
        checkpoint(database, mode, clock=app.clock, busy_ms=BUSY_MS, wait_ms=BUSY_MS)

    return once


ACTS: dict[str, Callable[[App], Act]] = {
    "register": _register,
    "turnover": _turnover,
    "note": _note,
    "read": _read,
    "lock": _lock,
    **{f"checkpoint {mode}": partial(_checkpoint, mode) for mode in Mode},
}


if __name__ == "__main__":
    main()
