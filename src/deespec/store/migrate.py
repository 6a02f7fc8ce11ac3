"""Creating and migrating: numbered .sql files, each applied once, in its own transaction, one process at a time."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import apsw

from deespec.errors import NotPossible, SchemaTooNew, StoreCorrupt, StoreUnusable
from deespec.records import record
from deespec.store import sqlite
from deespec.store.alive import living
from deespec.store.place import refuse_network
from deespec.store.queue import WriteQueue
from deespec.store.seal import sealed
from deespec.store.translate import Translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deespec.clock import Clock

FOLDER = os.path.join(os.path.dirname(__file__), "migrations", "sqlite")


@record
class Migrated:
    """What a migration did."""

    before: int
    """The schema that was found."""
    after: int
    backup: str | None = None
    """The file that holds the database as it was before; None: there was nothing to do."""


# --- creating -------------------------------------------------------------------------------------------------------


def create(path: str, *, clock: Clock, busy_ms: int, folder: str = FOLDER) -> bool:
    """Makes the database if it is not there or was not completed. False: it was there, and nothing was changed.

    Any number of processes may call it at once: they take turns, and the first does the work. Raises StoreUnusable for
    a backlog with an older schema: only `migrate` changes one.
    """
    sqlite.check_library(apsw.sqlite_lib_version())
    path = sqlite.real_path(path)
    refuse_network(os.path.dirname(path))
    with Translated(path, busy_ms=busy_ms), WriteQueue(sqlite.lock_path(path), busy_ms=busy_ms):
        refuse_leftovers(path)
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_NOFOLLOW
        raw = apsw.Connection(path, flags=flags)
        try:
            raw.set_busy_timeout(busy_ms)
            raw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            if _is_empty(raw):
                os.chmod(path, 0o600)
                # Before all else, and atomic: whatever dies here leaves an empty file or one that is known to be ours.
                raw.execute(f"PRAGMA application_id = {sqlite.APPLICATION_ID}")
            sqlite.check_ours(raw, path)
            newest = migrations(folder)[-1][0]
            found = sqlite.schema_of(raw)
            _check_up_to_date(found, newest, path)
            _prepare(raw)
            if found == 0:
                _fill(raw, folder, newest, path, clock)
            return found == 0
        finally:
            raw.close()


def migrations(folder: str = FOLDER) -> list[tuple[int, str]]:
    """(number, file) in order; without gaps."""
    files = sorted(name for name in os.listdir(folder) if name.endswith(".sql"))
    numbered = [(int(name.split("_")[0]), os.path.join(folder, name)) for name in files]
    assert [number for number, _ in numbered] == list(range(1, len(numbered) + 1)), "migrations have gaps"
    return numbered


def refuse_leftovers(path: str) -> None:
    """A log without its database holds what was acknowledged last; SQLite would delete it with the first write."""
    left = [f"{path}{suffix}" for suffix in ("-wal", "-journal") if os.path.exists(f"{path}{suffix}")]
    if left and not os.path.exists(path):
        what = f"There is no {path}"
    elif left and not os.path.getsize(path) and left[0].endswith("-wal") and os.path.getsize(left[0]):
        what = f"{path} is empty"  # and none of ours ever was while it had a log
    else:
        return
    raise StoreUnusable(
        f"{what}, but still its {os.path.basename(left[0])}, which holds what was written last.",
        hint="Put the database back there; or deespec db restore FILE, which keeps what is left.",
    )


def _is_empty(raw: apsw.Connection) -> bool:
    try:
        return bool(raw.execute("PRAGMA page_count").fetchall()[0][0] == 0)
    except apsw.NotADBError:
        return False


def _check_up_to_date(found: int, newest: int, path: str) -> None:
    sqlite.check_version(found, path)
    if 0 < found < newest:
        raise StoreUnusable(
            f"{path} has schema {found}, and this deespec needs {newest}.",
            hint="deespec db migrate brings it up to date.",
        )


def _prepare(raw: apsw.Connection) -> None:
    raw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
    raw.execute("PRAGMA synchronous = FULL")
    raw.execute("PRAGMA fullfsync = ON")
    switch_to_wal(raw)


def switch_to_wal(raw: apsw.Connection) -> None:
    mode = raw.execute("PRAGMA journal_mode = WAL").fetchall()[0][0]
    if mode != "wal":
        raise StoreUnusable(
            f"WAL mode not enabled, got: {mode}", hint="The folder must be on a local disk that this user may write."
        )


def _fill(raw: apsw.Connection, folder: str, newest: int, path: str, clock: Clock) -> None:
    """The whole schema in one transaction: a creation is done or not begun, and never looks like an older backlog."""
    with _changing(raw):
        for number, file in migrations(folder):
            _apply(raw, number, file, path)
        found = os.stat(path)
        facts = {
            "uid": clock.uid(),
            "epoch": clock.random_bytes(4).hex(),
            "created_at": str(clock.now_ms()),
            "file": f"{found.st_dev}:{found.st_ino}",
        }
        for name, value in facts.items():
            raw.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (name, value))
        assert sqlite.schema_of(raw) == newest


# --- migrating ------------------------------------------------------------------------------------------------------


def migrate(
    path: str, *, back_up: Callable[[int], str], actor: str, clock: Clock, busy_ms: int, folder: str = FOLDER
) -> Migrated:
    """Brings an existing backlog up to date, after a backup of it as it is; `back_up` makes it, told the schema.

    Refused while workers live. Each migration is one transaction: one that fails changes nothing.
    """
    path = sqlite.real_path(path)
    with Translated(path, busy_ms=busy_ms), WriteQueue(sqlite.lock_path(path), busy_ms=busy_ms):
        raw = sqlite.open_existing(path)
        try:
            raw.set_busy_timeout(busy_ms)
            raw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            sqlite.check_ours(raw, path)
            before, newest = sqlite.schema_of(raw), migrations(folder)[-1][0]
            if before > newest:
                raise SchemaTooNew(
                    f"{path} has schema {before}; this deespec knows up to {newest}. Nothing was touched.",
                    hint="Upgrade deespec: pip install --upgrade deespec",
                )
            if before == 0:
                raise StoreUnusable(f"{path} was never completed.", hint="deespec init completes it.")
            if before < 0:
                raise sealed(raw, path)
            if before == newest:
                return Migrated(before=before, after=before)
            refuse_workers(path, _names(raw))
            _prepare(raw)
            backup = upgrade(raw, path, back_up=back_up, actor=actor, clock=clock, folder=folder)
            return Migrated(before=before, after=newest, backup=backup)
        finally:
            raw.close()


def upgrade(
    raw: apsw.Connection,
    path: str,
    *,
    back_up: Callable[[int], str] | None,
    actor: str | None,
    clock: Clock,
    folder: str = FOLDER,
) -> str | None:
    """Applies what is missing to a database that nobody else writes to; the path of the backup made before.

    Without an actor the journal does not tell of it: in a copy its next entry may have been given to another.
    """
    backup: str | None = None
    for number, file in migrations(folder):
        found = sqlite.schema_of(raw)
        if number <= found:
            continue
        try:
            with _changing(raw):
                if back_up is not None and backup is None:
                    backup = back_up(found)
                _apply(raw, number, file, path)
                if actor is not None:
                    entry = (clock.now_ms(), actor, f"schema {found} to {number}")
                    raw.execute("INSERT INTO journal (at, actor, event, detail) VALUES (?, ?, 'migrated', ?)", entry)
        except (apsw.Error, StoreCorrupt) as error:
            if back_up is not None and backup is None:
                raise
            raise _failed(path, number, found, backup, error) from error
    return backup


def refuse_workers(path: str, names: Mapping[str, str] | None) -> None:
    """Raises NotPossible while workers of this backlog live, by those of their names that are known."""
    told = ", ".join((names or {}).get(uid, uid) for uid in living(os.path.dirname(path)))
    if told:
        raise NotPossible(
            f"Workers are running: {told}.",
            hint="End them first: Ctrl-C in their terminals, or kill -INT and the number in the name.",
        )


def _names(raw: apsw.Connection) -> dict[str, str]:
    """The workers that the database names, by uid."""
    return {str(uid): str(name) for uid, name in raw.execute("SELECT uid, name FROM worker").fetchall()}


@contextmanager
def _changing(raw: apsw.Connection) -> Iterator[None]:
    # Outside the transaction: inside it the pragma is ignored, and a table rebuilt would cascade.
    raw.execute("PRAGMA foreign_keys = OFF")
    raw.execute("BEGIN IMMEDIATE")
    try:
        yield
        raw.execute("COMMIT")
    except BaseException:
        if raw.in_transaction:
            raw.execute("ROLLBACK")
        raise


def _apply(raw: apsw.Connection, number: int, file: str, path: str) -> None:
    with open(file, encoding="utf-8") as text:
        raw.execute(text.read())
    broken = raw.execute("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise StoreCorrupt(f"{path}: migration {number} would leave {len(broken)} broken references.")
    raw.execute(f"PRAGMA user_version = {number}")


def _failed(path: str, number: int, found: int, backup: str | None, error: Exception) -> StoreUnusable:
    kept = f" A backup from before it is {backup}." if backup else ""
    return StoreUnusable(
        f"Migration {number} of {path} failed: {error}. It was taken back whole; the schema is still {found}.{kept}",
        hint="Free some space, or raise the limit (quota, ulimit -f), and run it again."
        if isinstance(error, apsw.FullError | apsw.IOError)
        else "Go on with the version of deespec that you had, and report this.",
    )
