"""Named locks: acquire and release through the public API, beside the two bare transactions that this takes."""

from __future__ import annotations

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import apsw

from benchmarks.place import alternating
from benchmarks.table import against_floor
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
USERS = 10
SETTLE_S = 4
"""For a while a new backlog's folder is looked at more closely (store/sqlite.py); most backlogs are older."""
API_MOST = 3.0
TEN_MOST = 2.5

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
    """In one measurement, of each user."""
    times: int
    """Measurements, of which the median counts."""


SHORT = Sizes(pairs=50, times=9)
FULL = Sizes(pairs=200, times=41)


def measure(place: Place, sizes: Sizes) -> Iterator[Row]:
    with place.backlog("locks") as app, ThreadPoolExecutor(USERS) as pool:
        bare, public = _Bare(place.folder / "bare.db").pairs, partial(_public_pairs, app)
        for pairs in (bare, public):
            _ten_users(pool, pairs, 1)  # every thread opens its connection
        time.sleep(SETTLE_S)
        bare_one, one = _medians(sizes, partial(bare, "deploy", sizes.pairs), partial(public, "deploy", sizes.pairs))
        bare_ten, ten = _medians(
            sizes, partial(_ten_users, pool, bare, sizes.pairs), partial(_ten_users, pool, public, sizes.pairs)
        )
    pair = sizes.pairs
    yield against_floor("acquire + release", one / pair, floor=bare_one / pair, named="bare apsw pair", most=API_MOST)
    each = ten / pair / USERS
    yield against_floor("one pair with ten threads", each, floor=one / pair, named="one thread", most=TEN_MOST)
    bare_each = bare_ten / pair / USERS
    yield against_floor("bare pair with ten threads", bare_each, floor=bare_one / pair, named="one thread")


def _medians(sizes: Sizes, *calls: Callable[[], object]) -> list[float]:
    return [statistics.median(own) for own in alternating(sizes.times, *calls)]


def _ten_users(pool: ThreadPoolExecutor, pairs: Pairs, number: int) -> None:
    """Ten threads at once, each with a lock of its own: what they share is the database."""
    ready = threading.Barrier(USERS)

    def user(index: int) -> None:
        ready.wait()
        pairs(f"deploy-{index}", number)

    for done in [pool.submit(user, index) for index in range(USERS)]:
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
