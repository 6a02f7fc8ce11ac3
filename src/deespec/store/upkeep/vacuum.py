"""Writing the database anew, without the pages that nobody uses any more."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

from deespec.errors import NotPossible, StoreFull
from deespec.records import record
from deespec.store import sqlite
from deespec.store.alive import living
from deespec.store.queue import WriteQueue
from deespec.store.seal import sealed
from deespec.store.translate import Translated
from deespec.store.upkeep.checkpoint import size_of
from deespec.store.upkeep.raw import fetch, opened, value

if TYPE_CHECKING:
    from deespec.clock import Clock

BYTES_PER_MS = 20_000
"""Of the database, on a slow disk. Measured on two cores and ext4: 100,000 items, 154 MB, took 1.7 to 2.2 s."""
READERS_MS = 200
"""So long it waits for readers before it leaves it to a later checkpoint to shorten the log."""
TEMPORARY = ("/var/tmp", "/usr/tmp", "/tmp")
"""Where SQLite puts its files if the user names no folder (sqlite.org/tempfiles.html)."""


@record
class Vacuumed:
    bytes_before: int
    bytes_after: int
    """Sizes of the database, without its log."""
    log_bytes: int
    """What is left of the log: while somebody reads an old state, all that was written anew."""
    held_ms: int
    """So long others could not write."""


def vacuum(database: str, *, clock: Clock, busy_ms: int, most_ms: int | None) -> Vacuumed:
    """Rewrites the database in its turn; others read on, and wait with what they write.

    `most_ms`: refuse what may hold up living workers for longer than this, so that no lease runs out; None: never
    refuse. Raises NotPossible, or StoreFull where there is no room for it. Cut off, it has changed nothing.
    """
    path = sqlite.real_path(database)
    with Translated(path, busy_ms=busy_ms), opened(path, busy_ms=busy_ms) as raw:
        with WriteQueue(sqlite.lock_path(path), busy_ms=busy_ms):
            if sqlite.schema_of(raw) < 0:
                raise sealed(raw, path)
            began = clock.waking_ms()
            needed = value(raw, "PRAGMA page_count") * value(raw, "PRAGMA page_size")
            _refuse(path, needed, most_ms)
            fetch(raw, "PRAGMA synchronous = FULL")
            fetch(raw, "PRAGMA fullfsync = ON")
            fetch(raw, "VACUUM")
            raw.set_busy_timeout(READERS_MS)
            fetch(raw, "PRAGMA wal_checkpoint(TRUNCATE)")
            held_ms = clock.waking_ms() - began
        after = value(raw, "PRAGMA page_count") * value(raw, "PRAGMA page_size")
    return Vacuumed(bytes_before=needed, bytes_after=after, log_bytes=size_of(f"{path}-wal"), held_ms=held_ms)


def _refuse(path: str, needed: int, most_ms: int | None) -> None:
    alive = living(os.path.dirname(path))
    takes_ms = needed // BYTES_PER_MS
    if alive and most_ms is not None and takes_ms > most_ms:
        workers = f"{len(alive)} worker{'s' if len(alive) > 1 else ''}"
        raise NotPossible(
            f"To vacuum {needed / 1e6:,.0f} MB may take {takes_ms / 1000:,.0f} s, in which {workers} could not renew "
            f"leases; {most_ms / 1000:,.0f} s are safe.",
            hint="Let them finish first (deespec worker stop --all); --force does it all the same.",
        )
    # The new database is made in a temporary file, and then goes through the log.
    home, temporary = os.path.dirname(path), _temporary()
    together = os.stat(home).st_dev == os.stat(temporary).st_dev
    for folder, wanted in ((home, 2 * needed),) if together else ((home, needed), (temporary, needed)):
        free = shutil.disk_usage(folder).free
        if free < wanted:
            raise StoreFull(
                f"{wanted / 1e6:,.1f} MB are needed in {folder}, where {free / 1e6:,.1f} MB are free; "
                "nothing was changed.",
                hint="Free some space there." if folder == home else "Free some space there, or set TMPDIR.",
            )


def _temporary() -> str:
    """The folder that SQLite will take."""
    found = tempfile.gettempdir()
    if found not in TEMPORARY:
        return found
    return next((one for one in TEMPORARY if os.access(one, os.W_OK | os.X_OK)), found)
