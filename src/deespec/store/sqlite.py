"""The store as an embedded SQLite file in WAL mode. Only this file, migrate.py and translate.py know the driver.

Three facts shape it. SQLite's own busy handler is unfair, so writers first queue on `write.lock` (flock), which also
names who holds the backlog. POSIX locks of a process vanish when any descriptor of the file is closed, so nothing but
SQLite opens the database files. And a database that was replaced or whose `-shm` was removed loses rows silently, so
each write compares the files with those it opened (docs/adr/0003).
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import apsw

from deespec.errors import ForeignDatabase, SchemaTooNew, StoreReplaced, StoreUnusable
from deespec.store.base import Store, Transaction
from deespec.store.queue import WriteQueue
from deespec.store.translate import Translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.clock import Clock
    from deespec.store.rows import Value

APPLICATION_ID = 0x64656570
"""`deep` in ASCII: a deespec.db without it is another program's."""
SCHEMA = 1
"""The newest migration this program knows."""
OLDEST_SQLITE = (3, 51, 3)
REPAIRED_SQLITE = ((3, 44, 6), (3, 50, 7))
WAIT_STEP_MS = 50


class SqliteStore(Store):
    """One backlog in one file. Each thread gets connections of its own; none crosses a fork."""

    def __init__(self, path: str, *, clock: Clock, busy_ms: int) -> None:
        self.path = real_path(path)
        self.clock = clock
        self.busy_ms = busy_ms
        self._local = threading.local()
        self._queue = WriteQueue(lock_path(self.path), busy_ms=busy_ms)
        self._translated = Translated(self.path, busy_ms=busy_ms)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        yield from self._write("durable")

    @contextmanager
    def light_transaction(self) -> Iterator[Transaction]:
        yield from self._write("light")

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        one = self._connection("durable")
        with self._translated:
            try:
                one.raw.execute("BEGIN")
                yield Transaction(one, now=self.clock.now_ms(), clock=self.clock)
                assert one.raw.txn_state() != apsw.SQLITE_TXN_WRITE, "what only reads must not write"
            finally:
                one.roll_back()

    def wait(self, timeout_ms: int, wake: threading.Event | None = None) -> bool:
        one = self._connection("durable")
        pause = wake or threading.Event()
        left = timeout_ms
        while True:
            with self._translated:
                changed = one.changed_by_others()
            if changed:
                return True
            if pause.is_set() or left <= 0:
                return False
            step = min(left, WAIT_STEP_MS)
            pause.wait(step / 1000)
            left -= step

    def close(self) -> None:
        for one in vars(self._local).values():
            one.raw.close()
        vars(self._local).clear()

    # --- below ---

    def _write(self, kind: str) -> Iterator[Transaction]:
        one = self._connection(kind)
        with self._translated, self._queue:
            try:
                one.check_files()
                one.raw.execute("BEGIN IMMEDIATE")
                check_version(one.version(), self.path)
                yield Transaction(one, now=self.clock.now_ms(), clock=self.clock)
                one.assert_mine()
                one.raw.execute("COMMIT")
            except BaseException:
                one.roll_back()
                raise

    def _connection(self, kind: str) -> SqliteConnection:
        found: SqliteConnection | None = getattr(self._local, kind, None)
        if found is None:
            with self._translated:
                found = open_connection(self.path, busy_ms=self.busy_ms, durable=kind == "durable")
            setattr(self._local, kind, found)
        found.assert_mine()
        return found


class SqliteConnection:
    """One apsw connection of one thread, with the identities of the files it stands on."""

    def __init__(self, raw: apsw.Connection, path: str) -> None:
        self.raw = raw
        self.path = path
        self.files = _identities(path)
        self._owner = _who()
        self._seen = self._data_version()

    def fetch(self, sql: str, values: dict[str, Value]) -> list[tuple[Any, ...]]:
        try:
            return self.raw.execute(sql, values).fetchall()
        except UnicodeEncodeError:  # half a surrogate pair: in the name of a file, in what an agent said
            return self.raw.execute(sql, {name: _storable(value) for name, value in values.items()}).fetchall()

    def changes(self) -> int:
        return self.raw.changes()

    def assert_mine(self) -> None:
        assert self._owner == _who(), "a connection belongs to one thread and does not cross a fork"

    def roll_back(self) -> None:
        """Ends what is still open: some errors have ended it already."""
        if self.raw.in_transaction:
            self.raw.execute("ROLLBACK")

    def version(self) -> int:
        return int(self.raw.execute("PRAGMA user_version").fetchall()[0][0])

    def changed_by_others(self) -> bool:
        """Whether another connection has written since this was asked last."""
        seen = self._data_version()
        changed = seen != self._seen
        self._seen = seen
        return changed

    def check_files(self) -> None:
        if _identities(self.path) != self.files:
            raise StoreReplaced(
                f"{self.path} or a file beside it was replaced or removed while it was in use; nothing was written.",
                hint="Run the command again. Never move or delete deespec.db, -wal or -shm while deespec runs.",
            )

    def _data_version(self) -> int:
        return int(self.raw.execute("PRAGMA data_version").fetchall()[0][0])


def open_connection(path: str, *, busy_ms: int, durable: bool) -> SqliteConnection:
    """Opens an existing backlog, verified; never creates and never writes a database that is not ours."""
    check_library(apsw.sqlite_lib_version())
    raw = _open_existing(path)
    try:
        raw.set_busy_timeout(busy_ms)
        # Until it is known to be ours, closing must not checkpoint another program's log into its database.
        raw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        check_ours(raw, path)
        _check_schema(raw, path)
        mode = raw.execute("PRAGMA journal_mode").fetchall()[0][0]
        if mode != "wal":
            raise StoreUnusable(f"WAL mode not enabled, got: {mode}", hint=f"deespec doctor looks into {path}.")
        raw.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("PRAGMA fullfsync = ON")
        if raw.execute("PRAGMA foreign_keys").fetchall()[0][0] != 1:
            raise StoreUnusable("Foreign keys cannot be switched on in this SQLite library.")
        raw.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
        raw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        return SqliteConnection(raw, path)
    except BaseException:
        raw.close()
        raise


def check_library(version: str) -> None:
    """Refuses SQLite libraries whose WAL-reset race can lose committed data (sqlite.org/wal.html, walresetbug)."""
    number = tuple(int(part) for part in version.split(".")[:3])
    good = number >= OLDEST_SQLITE or any(number[:2] == fixed[:2] and number >= fixed for fixed in REPAIRED_SQLITE)
    if not good:
        raise StoreUnusable(
            f"SQLite {version} has the WAL-reset race, which can lose committed data; 3.51.3 or newer is needed.",
            hint="pip install --upgrade apsw",
        )


def check_ours(raw: apsw.Connection, path: str) -> None:
    try:
        found = raw.execute("PRAGMA application_id").fetchall()[0][0]
    except apsw.NotADBError as error:
        raise ForeignDatabase(
            f"{path} is not a database.", hint="Move it away, then: deespec init (or restore a backup over it)."
        ) from error
    if found == APPLICATION_ID:
        return
    if raw.execute("PRAGMA page_count").fetchall()[0][0] == 0:
        raise StoreUnusable(f"{path} is empty.", hint="deespec init makes a backlog of it.")
    tables = {row[0] for row in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()}
    if {"sbis", "pbis"} <= tables or {"sbis", "schema_migrations"} <= tables:
        schema = (
            raw.execute("SELECT max(version) FROM schema_migrations").fetchall()
            if "schema_migrations" in tables
            else []
        )
        number = schema[0][0] if schema else "unknown"
        raise ForeignDatabase(
            f"This is a project of the Go deespec (schema {number}). Bring it over: deespec import legacy ."
        )
    raise ForeignDatabase(
        f"{path} belongs to another program (application id {found:#x}); it was not touched.",
        hint="Use another home: deespec --home DIR init",
    )


def check_version(found: int, path: str) -> None:
    if found > SCHEMA:
        raise SchemaTooNew(
            f"{path} has schema {found}; this deespec knows up to {SCHEMA}. Nothing was touched.",
            hint="Upgrade deespec: pip install --upgrade deespec",
        )


def _check_schema(raw: apsw.Connection, path: str) -> None:
    found = int(raw.execute("PRAGMA user_version").fetchall()[0][0])
    check_version(found, path)
    if found < SCHEMA:
        raise StoreUnusable(
            f"{path} has schema {found}, and this deespec needs {SCHEMA}.",
            hint="deespec db migrate brings it up to date." if found else "deespec init completes it.",
        )


def real_path(path: str) -> str:
    """The path below the real folder: SQLite must not meet a symbolic link."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def lock_path(path: str) -> str:
    return os.path.join(os.path.dirname(path), "write.lock")


def _who() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def _open_existing(path: str) -> apsw.Connection:
    if not os.path.lexists(path):
        raise StoreUnusable(f"There is no database {path}.", hint="deespec init creates it; a backup can be put there.")
    try:
        return apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW)
    except apsw.CantOpenError as error:
        raise StoreUnusable(
            f"{path} cannot be opened: {error}", hint="Look at its permissions; it must not be a symbolic link."
        ) from error


def _storable(value: Value) -> Value:
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _identities(path: str) -> tuple[tuple[int, int] | None, ...]:
    return _identity(path), _identity(path + "-wal"), _identity(path + "-shm")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
