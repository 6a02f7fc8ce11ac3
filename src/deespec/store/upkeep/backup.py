"""Backups: whole and verified copies in single files, made by SQLite's online backup interface while others write."""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import apsw

from deespec.errors import InvalidInput, NotPossible, StoreCorrupt, StoreFull, StoreUnusable
from deespec.records import record
from deespec.store import sqlite
from deespec.store.translate import Translated
from deespec.store.upkeep.partial import Partial, publish
from deespec.store.upkeep.raw import BESIDE, fetch, looking_at, opened, quoted, seq_of, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deespec.clock import Clock

STEP_PAGES = 2_000
"""Copied between two looks at the keyboard and two words to whoever waits: 8 MB."""
SHOWN_PROBLEMS = 3
READING = (apsw.SQLITE_IOERR_READ, apsw.SQLITE_IOERR_SHORT_READ)
"""These are the database's, not those of the disk that the copy is on."""
REFUSALS: dict[type[apsw.Error], str] = {
    apsw.IOError: "disk I/O error",
    apsw.CantOpenError: "a file cannot be opened",
    apsw.ReadOnlyError: "it is read-only",
}
"""SQLite itself calls what its backup interface met `not an error`."""
_NAME = re.compile(r"deespec-(\d{8}T\d{6})Z(?:-(\d+))?(-[a-z]+\d*)?\.db")


@record
class Backup:
    """A backup just made."""

    path: str
    bytes: int
    seq: int
    """The newest entry of the journal in it."""
    at: int
    """When it was made, wall time."""


@record
class BackupFile:
    """A backup as its name tells of it."""

    path: str
    bytes: int
    at: int
    special: str
    """Why it was made, if a command made it before it changed everything: `replaced`, `schema1`; else empty."""


@record
class Facts:
    """What a copy must have in common with what it was made from."""

    seq: int
    rows: tuple[tuple[str, int], ...]


# --- making one -----------------------------------------------------------------------------------------------------


def back_up(
    database: str,
    target: str,
    *,
    clock: Clock,
    busy_ms: int,
    special: str = "",
    over: bool = False,
    verified: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Backup:
    """Copies the database as it is now to `target`: a folder, or a file that is not there yet (or `over` it).

    Not `verified` is for a damaged one, which is kept as it is. Raises what made it impossible; nothing is left then.
    """
    source = sqlite.real_path(database)
    now = clock.now_ms()
    folder = target if os.path.isdir(target) else os.path.dirname(sqlite.real_path(target))
    folder = os.path.realpath(folder)
    name = "" if os.path.isdir(target) else os.path.basename(target)
    if name:
        _refuse_target(source, os.path.join(folder, name), over=over)
    with Partial(folder) as partial:
        copy = partial.file("copy.db")
        with Translated(source, busy_ms=busy_ms), opened(source, busy_ms=busy_ms) as raw:
            facts = copy_of(raw, copy, verified=verified, room=folder, progress=progress)
        with _room(folder, 0):
            make_single(copy)
        if verified:
            verify(copy, like=facts, called=source)
        size = os.path.getsize(copy)
        path = _published(copy, folder, name or backup_name(now, special=special), over=over, named=bool(name))
    return Backup(path=path, bytes=size, seq=facts.seq, at=now)


def copy_of(
    raw: apsw.Connection,
    target: str,
    *,
    verified: bool = True,
    room: str,
    progress: Callable[[int, int], None] | None = None,
) -> Facts:
    """Copies one snapshot of an open database into an empty file.

    The connection holds a read transaction all the while: otherwise each write of another process would make the copy
    begin anew, for ever (docs/adr/0003).
    """
    raw.execute("BEGIN")
    try:
        facts = facts_of(raw) if verified else Facts(seq=0, rows=())
        needed = value(raw, "PRAGMA page_count") * value(raw, "PRAGMA page_size")
        with _room(room, needed):
            if shutil.disk_usage(room).free < needed:
                raise apsw.FullError
            _copy_pages(raw, target, progress)
    finally:
        raw.execute("ROLLBACK")
    return facts


def _copy_pages(raw: apsw.Connection, target: str, progress: Callable[[int, int], None] | None) -> None:
    made = apsw.Connection(target, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW)
    try:
        made.execute("PRAGMA synchronous = OFF")  # it is synced as a whole before it gets its name
        with made.backup("main", raw, "main") as copying:
            while not copying.done:
                copying.step(STEP_PAGES)
                if progress is not None:
                    progress(copying.page_count - copying.remaining, copying.page_count)
    finally:
        made.close()


def make_single(path: str) -> None:
    """Takes a copy out of WAL mode, so that one file is all of it, and nothing that lies beside it can change it."""
    raw = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW)
    try:
        mode = value(raw, "PRAGMA journal_mode = DELETE")
        if mode != "delete":
            raise StoreUnusable(f"{path} stays in mode {mode}; no backup was made.")
    finally:
        raw.close()


def _published(copy: str, folder: str, name: str, *, over: bool, named: bool) -> str:
    """The path under which the finished copy stands; a name of our own is changed until it is free."""
    stem, end = os.path.splitext(name)
    number = 1
    while True:
        path = os.path.join(folder, name)
        try:
            publish(copy, path, over=over)
            return path
        except FileExistsError:
            if named:
                raise _there_is(path) from None
        except OSError as error:
            raise StoreUnusable(f"{path} cannot be written: {error.strerror}.") from error
        number += 1
        zulu, _, special = stem.partition("Z")
        name = f"{zulu}Z-{number}{special}{end}"


def _refuse_target(source: str, target: str, *, over: bool) -> None:
    own = [f"{source}{suffix}" for suffix in BESIDE] + [sqlite.lock_path(source)]
    if target in own or any(_same(target, one) for one in own):
        raise InvalidInput(f"{target} is the backlog itself.", hint="Name another file, or none: deespec db backup")
    if os.path.islink(target):
        raise InvalidInput(f"{target} is a symbolic link.", hint="Name the file itself.")
    if os.path.lexists(target) and not (over and os.path.isfile(target)):
        raise _there_is(target)


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _there_is(path: str) -> NotPossible:
    hint = "--force replaces it; without a name each backup gets its own." if os.path.isfile(path) else None
    return NotPossible(f"There is a file {path} already.", hint=hint)


@contextmanager
def _room(folder: str, needed: int) -> Iterator[None]:
    """What the copy is written to may be full, or break, and that is not the database's fault."""
    try:
        yield
    except apsw.FullError as error:
        wanted = f"needs {needed / 1e6:,.1f} MB" if needed else "needs more"
        free = shutil.disk_usage(folder).free / 1e6
        raise StoreFull(
            f"The copy {wanted} in {folder}, where {free:,.1f} MB are free; nothing was left there.",
            hint="Free some space, or name a file on another disk.",
        ) from error
    except (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError) as error:
        if getattr(error, "extendedresult", 0) in READING:
            raise
        what = next(words for kind, words in REFUSALS.items() if isinstance(error, kind))
        raise StoreUnusable(
            f"Copying to {folder} failed: {what}; nothing was left there.",
            hint="Look at that disk and its limits, or name a file on another one.",
        ) from error


# --- proving one ----------------------------------------------------------------------------------------------------


def facts_of(raw: apsw.Connection) -> Facts:
    """As of the transaction that the connection is in."""
    listed = fetch(raw, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'")
    rows = tuple((name, value(raw, f"SELECT count(*) FROM {quoted(name)}")) for (name,) in listed)
    return Facts(seq=seq_of(raw), rows=rows)


def verify(path: str, *, called: str, like: Facts | None = None) -> Facts:
    """Raises StoreCorrupt unless the file is whole: pages, indexes, references, and the facts it should have."""
    try:
        with looking_at(path) as raw:
            problems = [row[0] for row in fetch(raw, "PRAGMA integrity_check") if row[0] != "ok"]
            problems += [f"{row[0]} refers to a missing {row[2]}" for row in fetch(raw, "PRAGMA foreign_key_check")]
            facts = facts_of(raw)
    except (apsw.CorruptError, apsw.NotADBError) as error:
        problems, facts = [str(error)], Facts(seq=0, rows=())
    if like is not None and facts != like and not problems:
        problems = ["the copy does not hold what was copied"]
    if problems:
        told = "; ".join(line.replace("\n", " ") for line in problems[:SHOWN_PROBLEMS])
        raise StoreCorrupt(f"{called} is damaged: {told}.", hint="deespec db check tells more; restore a sound backup.")
    return facts


# --- those that there are -------------------------------------------------------------------------------------------


def backup_name(now_ms: int, *, special: str = "") -> str:
    """`deespec-20261123T101500Z.db`."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_ms / 1000))
    return f"deespec-{stamp}{'-' if special else ''}{special}.db"


def backups_in(folder: str) -> list[BackupFile]:
    """The backups in this folder that have names of ours, newest first; [] if there is no such folder."""
    try:
        entries = [entry for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]
    except OSError:
        return []
    found = []
    for entry in entries:
        match = _NAME.fullmatch(entry.name)
        if match is not None:
            at = _millis(match[1])
            one = BackupFile(
                path=entry.path, bytes=entry.stat().st_size, at=at, special=(match[3] or "").removeprefix("-")
            )
            found.append((at, int(match[2] or 1), one))
    return [one for _, _, one in sorted(found, key=lambda each: each[:2], reverse=True)]


def prune(folder: str, keep: int, *, but: str = "", special: str = "") -> list[str]:
    """Removes the oldest backups beyond `keep` that were made for this, never the one named `but`; what it removed.

    What they hold tells which are older: a clock may have been set back between them.
    """
    alike = [one for one in backups_in(folder) if one.special == special and one.path != but]
    alike.sort(key=lambda one: newest_seq(one.path) or 0, reverse=True)
    surplus = [one.path for one in alike[max(0, keep - bool(but)) :]]
    for path in surplus:
        os.unlink(path)
    return surplus


def newest_seq(path: str) -> int | None:
    """The newest entry of the journal in a backup; None if it cannot be read or is none of ours."""
    try:
        with looking_at(path) as raw:
            ours = value(raw, "PRAGMA application_id") == sqlite.APPLICATION_ID
            return seq_of(raw) if ours else None
    except apsw.Error:
        return None


def newest_entry(path: str) -> tuple[int, int, str] | None:
    """Number, time and event of the newest entry that a backup's journal still has."""
    try:
        with looking_at(path) as raw:
            found = fetch(raw, "SELECT seq, at, event FROM journal ORDER BY seq DESC LIMIT 1")
            return (found[0][0], found[0][1], found[0][2]) if found else None
    except apsw.Error:
        return None


def _millis(stamp: str) -> int:
    import calendar

    return calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%S")) * 1000
