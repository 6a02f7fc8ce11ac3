"""The database that a restore replaces: what state it is in, what it has given out, and how it is put aside."""

from __future__ import annotations

import os
import time
from enum import StrEnum
from typing import TYPE_CHECKING

import apsw

from deespec.errors import ForeignDatabase, NotPossible, StoreReadOnly
from deespec.model.items import Worker
from deespec.model.locks import Lock
from deespec.model.money import Spend
from deespec.records import fields, record, replace
from deespec.store.holders import describe
from deespec.store.origins import Marks
from deespec.store.translate import Translated
from deespec.store.upkeep.backup import READING
from deespec.store.upkeep.partial import sync
from deespec.store.upkeep.raw import BESIDE, fetch, looking_at, opened, seq_of, uid_in, value

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER_BYTES = 100
"""A file shorter than this is no database (sqlite.org/fileformat.html)."""


class State(StrEnum):
    ABSENT = "absent"
    SOUND = "sound"
    DAMAGED = "damaged"
    """Pages of it are wrong, but SQLite can write it."""
    UNUSABLE = "unusable"
    """SQLite cannot write it: it is put aside, and another takes its place."""


@record
class Present:
    """What is in the database's place now."""

    state: State
    why: str = ""
    """What is wrong with it."""
    uid: str | None = None
    marks: Marks | None = None
    """None: they could not be read."""
    items: int = 0
    """SBIs in it."""
    sealed: bool = False


def look(database: str, *, page_size: int, busy_ms: int) -> Present:
    """Looks at the database without changing it. Raises ForeignDatabase for one that belongs to another program."""
    left = [f"{database}{suffix}" for suffix in BESIDE if os.path.lexists(f"{database}{suffix}")]
    if not left:
        return Present(state=State.ABSENT)
    if database not in left:
        return Present(state=State.UNUSABLE, why="there is no database, but still its log")
    if os.path.getsize(database) < HEADER_BYTES:
        return Present(state=State.UNUSABLE, why="it is empty" if not os.path.getsize(database) else "it was cut off")
    with Translated(database, busy_ms=busy_ms):
        try:
            with opened(database, busy_ms=busy_ms) as raw:
                return _look_inside(raw, page_size)
        except ForeignDatabase as error:
            if isinstance(error.__cause__, apsw.NotADBError):
                return Present(state=State.UNUSABLE, why="it is not a database any more")
            raise
        except (apsw.CorruptError, apsw.NotADBError, apsw.IOError, apsw.FormatError) as error:
            if _is_of_the_disk(error):
                raise
            return Present(state=State.UNUSABLE, why=str(error))


def _is_of_the_disk(error: apsw.Error) -> bool:
    """Whether writing failed, for want of room perhaps: that says nothing about the database."""
    return isinstance(error, apsw.IOError) and getattr(error, "extendedresult", 0) not in READING


def _look_inside(raw: apsw.Connection, page_size: int) -> Present:
    if value(raw, "PRAGMA journal_mode") != "wal" or value(raw, "PRAGMA page_size") != page_size:
        # A copy put here by hand, or a header that was written over: not as we make them.
        state, why = State.UNUSABLE, "its header is not as deespec makes it"
    else:
        state, why = _soundness(raw)
    found = Present(state=state, why=why)
    try:
        raw.execute("BEGIN")
        sealed = value(raw, "PRAGMA user_version") < 0
        items = value(raw, "SELECT count(*) FROM sbi WHERE number > 0")
        found = replace(found, uid=uid_in(raw), items=items, sealed=sealed)
        return replace(found, marks=marks_in(raw))
    except apsw.SQLError:
        return found  # of another schema, in which something has another name
    except (apsw.CorruptError, apsw.IOError) as error:
        if _is_of_the_disk(error):
            raise
        return replace(found, state=State.DAMAGED if state is State.SOUND else state, why=why or str(error))
    finally:
        if raw.in_transaction:
            raw.execute("ROLLBACK")


def _soundness(raw: apsw.Connection) -> tuple[State, str]:
    try:
        problem = value(raw, "PRAGMA integrity_check(1)")
    except (apsw.CorruptError, apsw.IOError) as error:
        if _is_of_the_disk(error):
            raise
        problem = str(error)
    return (State.SOUND, "") if problem == "ok" else (State.DAMAGED, problem.replace("\n", " "))


# --- what it has given out ------------------------------------------------------------------------------------------


def marks_in(raw: apsw.Connection) -> Marks:
    """As of the transaction that the connection is in, or is asked outside of one."""
    names = fields(Lock)
    locks = fetch(raw, f"SELECT {', '.join(names)} FROM lock")
    workers = fetch(raw, f"SELECT {', '.join(fields(Worker))} FROM worker")
    return Marks(
        seq=seq_of(raw),
        counters=tuple((name, count) for name, count in fetch(raw, "SELECT name, value FROM counter")),
        locks=tuple(Lock(**{**dict(zip(names, row, strict=True)), "owner": row[1] or ""}) for row in locks),
        spend=_spend_in(raw),
        workers=tuple(Worker(**dict(zip(fields(Worker), row, strict=True))) for row in workers),
    )


def _spend_in(raw: apsw.Connection) -> tuple[Spend, ...]:
    """A backup of an older schema knows less of each."""
    there = {row[1] for row in fetch(raw, "PRAGMA table_info(spend)")}
    names = [name for name in fields(Spend) if name in there]
    return tuple(
        Spend(**dict(zip(names, row, strict=True))) for row in fetch(raw, f"SELECT {', '.join(names)} FROM spend")
    )


def marks_of_file(path: str) -> Marks:
    """Those of a backup; none if it cannot be read."""
    try:
        with looking_at(path) as raw:
            return marks_in(raw)
    except apsw.Error:
        return Marks()


def merged(many: Sequence[Marks], *, gap: int) -> Marks:
    """The highest of all, and by `gap` more where some may have been given out of which nothing is known."""
    counters: dict[str, int] = {}
    for marks in many:
        for name, count in marks.counters:
            counters[name] = max(count, counters.get(name, 0))
    return Marks(
        seq=max((marks.seq for marks in many), default=0) + gap,
        counters=tuple((name, count + gap) for name, count in sorted(counters.items())),
        locks=many[0].locks,
        workers=many[0].workers,
        spend=tuple({one.token: one for marks in many for one in marks.spend}.values()),
    )


# --- putting it aside -----------------------------------------------------------------------------------------------


def set_aside(database: str, *, now_ms: int) -> str | None:
    """Moves all its files together into `replaced-TIME` beside it; the folder, or None if there was nothing to move.

    Raises NotPossible, naming them, while programs have them open: to those the files would go on being the backlog.
    """
    left = [f"{database}{suffix}" for suffix in BESIDE if os.path.lexists(f"{database}{suffix}")]
    if not left:
        return None
    users = [describe(pid) for pid in holders(left)]
    if users:
        raise NotPossible(
            f"{database} is damaged so that it must be moved away, and is in use by {', '.join(users)}.",
            hint="End them, then run this command again.",
        )
    home = os.path.dirname(database)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_ms / 1000))
    folder, number = os.path.join(home, f"replaced-{stamp}"), 1
    while os.path.lexists(folder):
        number += 1
        folder = os.path.join(home, f"replaced-{stamp}-{number}")
    try:
        _move(left, folder)
    except OSError as error:
        raise StoreReadOnly(f"{database} cannot be moved away: {error.strerror}.") from error
    return folder


def _move(left: Sequence[str], folder: str) -> None:
    os.mkdir(folder, 0o700)
    # The database first: without it nothing opens what is left, so whatever dies here is completed by a second restore.
    for path in left:
        os.rename(path, os.path.join(folder, os.path.basename(path)))
    sync(folder)
    sync(os.path.dirname(folder))


def holders(paths: Sequence[str]) -> list[int]:
    """Other processes that have one of these files open, as far as this user may see; the files are not opened."""
    wanted = {(found.st_dev, found.st_ino) for found in map(os.stat, filter(os.path.exists, paths))}
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except FileNotFoundError:
        return _holders_elsewhere(paths)
    return [pid for pid in pids if pid != os.getpid() and any(one in wanted for one in _open_files(pid))]


def _open_files(pid: int) -> list[tuple[int, int]]:
    found = []
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            try:
                file = entry.stat()
            except OSError:
                continue
            found.append((file.st_dev, file.st_ino))
    except OSError:
        pass
    return found


def _holders_elsewhere(paths: Sequence[str]) -> list[int]:
    import psutil

    real = {os.path.realpath(path) for path in paths}
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and any(one.path in real for one in process.open_files()):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found
