"""Named locks: acquire and release through the public API, beside the two bare transactions that this takes."""

from __future__ import annotations

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import apsw

from benchmarks.crowd import Group, crowd
from benchmarks.place import alternating
from benchmarks.table import Point, against_floor
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.place import Place
    from benchmarks.table import Row
    from deespec.app import App

    Pairs = Callable[[str, int], None]
    """Takes and gives back the lock of this name so many times."""

TTL_MS = 30_000
USERS = (1, 2, 4, 8, 10)
SETTLE_S = 4
"""For a while a new backlog's folder is looked at more closely (store/sqlite.py); most backlogs are older."""
API_MOST = 3.0
MANY_MOST = 2.5

TABLE = "CREATE TABLE lock (name TEXT PRIMARY KEY, owner TEXT, token INTEGER, expires INTEGER) STRICT, WITHOUT ROWID"
ACQUIRE = """
INSERT INTO lock VALUES (:name, :owner, 1, :until)
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, token = token + 1, expires = excluded.expires
WHERE owner IS NULL OR expires <= :now
RETURNING token
"""
RELEASE = "UPDATE lock SET owner = NULL WHERE name = :name AND token = :token"


@record
class Sizes:
    pairs: int
    """In one measurement, of all users together."""
    times: int
    """Measurements, of which the median counts."""
    by_processes: int
    """Pairs of all processes together."""
    settle_s: float = SETTLE_S


SHORT = Sizes(pairs=120, times=5, by_processes=600)
FULL = Sizes(pairs=400, times=25, by_processes=4_000)


def measure(place: Place, sizes: Sizes) -> Iterator[Row]:
    with place.backlog("locks") as app, ThreadPoolExecutor(max(USERS)) as pool:
        bare, public = _Bare(place.folder / "bare.db").pairs, partial(_public_pairs, app)
        for pairs in (bare, public):
            _threads(pool, pairs, max(USERS), 1)  # every thread opens its connection
        time.sleep(sizes.settle_s)
        calls = [
            partial(_threads, pool, pairs, users, sizes.pairs // users) for users in USERS for pairs in (bare, public)
        ]
        taken = [statistics.median(own) / sizes.pairs for own in alternating(sizes.times, *calls)]
        yield from _by_threads(dict(zip(USERS, taken[::2], strict=True)), dict(zip(USERS, taken[1::2], strict=True)))
        yield from _by_processes(place, app, sizes)


def _by_threads(bare: dict[int, float], public: dict[int, float]) -> Iterator[Row]:
    """Both: how long a pair took, by the number of threads."""
    point = _point("threads", 1, public[1])
    yield against_floor(
        "acquire + release", public[1], floor=bare[1], named="bare apsw pair", most=API_MOST, point=point
    )
    for users in USERS[1:]:
        most = MANY_MOST if users == max(USERS) else None
        point = _point("threads", users, public[users])
        what = f"one pair with {users} threads"
        yield against_floor(what, public[users], floor=public[1], named="one thread", most=most, point=point)
    last = max(USERS)
    yield against_floor(f"bare pair with {last} threads", bare[last], floor=bare[1], named="one thread")


def _by_processes(place: Place, app: App, sizes: Sizes) -> Iterator[Row]:
    one = 0.0
    for users in USERS:
        with crowd(place, app, Group(act="lock", processes=users, count=sizes.by_processes // users)) as busy:
            busy.go()
            [done] = busy.end()
        assert done.failed == 0, "a lock of one's own cannot be taken"
        each = 1 / done.per_s
        one = one or each
        what = f"one pair with {users} process" + ("es" if users > 1 else "")
        yield against_floor(what, each, floor=one, named="one process", point=_point("processes", users, each))


def _point(series: str, users: int, seconds: float) -> Point:
    return Point(series=series, at=users, figures=(("pair_s", seconds),))


def _threads(pool: ThreadPoolExecutor, pairs: Pairs, users: int, number: int) -> None:
    """Threads at once, each with a lock of its own: what they share is the database."""
    ready = threading.Barrier(users)

    def user(index: int) -> None:
        ready.wait()
        pairs(f"deploy-{index}", number)

    for done in [pool.submit(user, index) for index in range(users)]:
        done.result()


def _public_pairs(app: App, name: str, number: int) -> None:
    for _ in range(number):
        with app.locks.hold(name, ttl_ms=TTL_MS):
            pass


class _Bare:
    """The least that can be done: the same two transactions with token and expiry, and nothing around them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.local = threading.local()
        self._database().execute(TABLE)

    def pairs(self, name: str, number: int) -> None:
        database = self._database()
        for _ in range(number):
            now = time.monotonic_ns() // 1_000_000
            values = {"name": name, "owner": "me", "now": now, "until": now + TTL_MS}
            database.execute("BEGIN IMMEDIATE")
            token = database.execute(ACQUIRE, values).fetchall()[0][0]
            database.execute("COMMIT")
            database.execute("BEGIN IMMEDIATE")
            database.execute(RELEASE, {"name": name, "token": token}).fetchall()
            database.execute("COMMIT")

    def _database(self) -> apsw.Connection:
        found: apsw.Connection | None = getattr(self.local, "database", None)
        if found is None:
            found = self.local.database = apsw.Connection(str(self.path))
            found.set_busy_timeout(TTL_MS)
            found.execute("PRAGMA journal_mode = WAL").fetchall()
            found.execute("PRAGMA synchronous = NORMAL")
        return found
