"""Moving the log into the database, and who holds that back."""

from __future__ import annotations

import os
import time
from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.errors import StoreBusy
from deespec.records import record
from deespec.store import sqlite
from deespec.store.holders import Doing, Holder, holders_of
from deespec.store.queue import WriteQueue
from deespec.store.translate import Translated
from deespec.store.upkeep.raw import fetch, opened, value

if TYPE_CHECKING:
    import apsw

    from deespec.clock import Clock


class Mode(StrEnum):
    """How far it goes (sqlite.org/c3ref/wal_checkpoint_v2.html)."""

    PASSIVE = "passive"
    """As much as can be moved without waiting for anybody."""
    FULL = "full"
    """All of it; waits for who writes and for readers of older states."""
    RESTART = "restart"
    """And until nobody reads from the log, so that it is written from its beginning again."""
    TRUNCATE = "truncate"
    """And cuts the file to nothing."""


ATTEMPT_MS = 50
"""So long one attempt keeps others from writing while it waits for those who read."""
BETWEEN_ATTEMPTS_MS = 200
FRAME_HEAD_BYTES = 24
"""Before each page in the log (sqlite.org/fileformat2.html, the WAL file format)."""


@record
class Checkpoint:
    """What came of one."""

    mode: Mode
    complete: bool
    frames: int
    """Pages that the log held."""
    moved: int
    """Of these are now in the database, those of earlier checkpoints included."""
    bytes_before: int
    bytes_after: int
    """Sizes of the log's file."""
    holders: tuple[Holder, ...] = ()
    """Who held it back, if it is not complete; empty: a process that cannot be seen from here."""


@record
class WalHealth:
    """The log as others would find it now."""

    bytes: int
    """The size of its file, which keeps its size when the log begins anew."""
    live_bytes: int
    """Of these are in use."""
    frames: int
    moved: int
    """Of the frames are in the database already: the rest is what a checkpoint has to do."""
    readers: tuple[Holder, ...]


def checkpoint(database: str, mode: Mode, *, clock: Clock, busy_ms: int, wait_ms: int) -> Checkpoint:
    """Moves the log into the database; but for passive it tries again for `wait_ms` where others hold it back.

    Most is moved beside who writes. What keeps others from writing is done in its turn and for moments only: SQLite by
    itself would wait for a reader with the writers' lock in its hand.
    """
    path = sqlite.real_path(database)
    before = size_of(f"{path}-wal")
    with Translated(path, busy_ms=busy_ms), opened(path, busy_ms=busy_ms) as raw:
        fetch(raw, "PRAGMA checkpoint_fullfsync = ON")
        begun = _state(raw)
        raw.set_busy_timeout(ATTEMPT_MS)
        done, holders = _again_and_again(raw, path, mode, wait_ms=0 if mode is Mode.PASSIVE else wait_ms, clock=clock)
    frames = max(begun.frames, done.frames)
    return Checkpoint(
        mode=mode,
        complete=done.complete,
        frames=frames,
        moved=frames if done.complete else done.moved,
        bytes_before=before,
        bytes_after=size_of(f"{path}-wal"),
        holders=holders,
    )


def wal_health(database: str, *, clock: Clock, busy_ms: int) -> WalHealth:
    """Looks only: nothing is moved, and nobody waits."""
    path = sqlite.real_path(database)
    with Translated(path, busy_ms=busy_ms), opened(path, busy_ms=busy_ms) as raw:
        found = _state(raw)
        page = value(raw, "PRAGMA page_size")
        readers = tuple(one for one in holders_of(path, clock=clock) if one.doing is Doing.READING)
    return WalHealth(
        bytes=size_of(f"{path}-wal"),
        live_bytes=found.frames * (page + FRAME_HEAD_BYTES),
        frames=found.frames,
        moved=found.moved,
        readers=readers,
    )


def size_of(path: str) -> int:
    """In bytes; 0 if it is not there."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


# --- below ----------------------------------------------------------------------------------------------------------


@record
class _Log:
    """What SQLite says of the log."""

    frames: int
    moved: int
    complete: bool = False


def _state(raw: apsw.Connection) -> _Log:
    fetch(raw, "SELECT 1 FROM sqlite_schema LIMIT 1")  # the log is looked at only once something was read
    _, frames, moved = fetch(raw, "PRAGMA wal_checkpoint(NOOP)")[0]
    return _Log(frames=max(0, frames), moved=max(0, moved))


def _again_and_again(
    raw: apsw.Connection, path: str, mode: Mode, *, wait_ms: int, clock: Clock
) -> tuple[_Log, tuple[Holder, ...]]:
    """Who is named was there from the first attempt to the last, if anybody was: others only came by."""
    first: tuple[Holder, ...] = ()
    for attempt in range(1 + wait_ms // (ATTEMPT_MS + BETWEEN_ATTEMPTS_MS)):
        if attempt:
            time.sleep(BETWEEN_ATTEMPTS_MS / 1000)
        done, holders = _once(raw, path, mode, wait_ms=wait_ms, clock=clock)
        if done.complete:
            break
        first = first or holders
    stayed = tuple(one for one in holders if one.pid in {each.pid for each in first})
    return done, stayed or holders


def _once(
    raw: apsw.Connection, path: str, mode: Mode, *, wait_ms: int, clock: Clock
) -> tuple[_Log, tuple[Holder, ...]]:
    """How far it came, and who is in the way if that is not all the way."""
    blocked, frames, moved = fetch(raw, "PRAGMA wal_checkpoint(PASSIVE)")[0]
    if mode is not Mode.PASSIVE:
        try:
            with WriteQueue(sqlite.lock_path(path), busy_ms=max(wait_ms, ATTEMPT_MS)):
                blocked, frames, moved = fetch(raw, f"PRAGMA wal_checkpoint({mode})")[0]
        except StoreBusy:
            blocked = 1
    complete = not blocked and frames == moved
    done = _Log(frames=max(0, frames), moved=max(0, moved), complete=complete)
    return done, () if complete else _in_the_way(path, clock)


def _in_the_way(path: str, clock: Clock) -> tuple[Holder, ...]:
    """Those who read, if any: they hold back the most. Who writes reads, too, and is named as what he is."""
    found = holders_of(path, clock=clock)
    busy = {one.pid: one for one in found if one.doing is not Doing.READING}
    reading = {one.pid: busy.get(one.pid, one) for one in found if one.doing is Doing.READING}
    return tuple((reading or busy).values())
