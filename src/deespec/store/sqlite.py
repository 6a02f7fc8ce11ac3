"""The store as an embedded SQLite file in WAL mode. Only this file, migrate.py and translate.py know the driver.

Three facts shape it. SQLite's own busy handler is unfair, so writers first queue on `write.lock` (flock), which also
names who holds the backlog. POSIX locks of a process vanish when any descriptor of the file is closed, so nothing but
SQLite opens the database files. And a database that was replaced or whose `-shm` was removed loses rows silently, so
each write compares the files with those it opened (docs/adr/0003).
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import apsw

from deespec.errors import ForeignDatabase, SchemaTooNew, SchemaTooOld, StoreUnusable
from deespec.store.barred import cannot_write
from deespec.store.base import Store, Transaction
from deespec.store.files import identities, may_move_log, replaced
from deespec.store.queue import WriteQueue
from deespec.store.seal import sealed
from deespec.store.translate import Translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.clock import Clock
    from deespec.store.files import Identity
    from deespec.store.rows import Value

APPLICATION_ID = 0x64656570
"""`deep` in ASCII: a deespec.db without it is another program's."""
SCHEMA = 5
"""The newest migration this program knows."""
OLDEST_SQLITE = (3, 51, 3)
REPAIRED_SQLITE = ((3, 44, 6), (3, 50, 7))
WAIT_STEP_MS = 80
FOLDER_SETTLED_MS = 3_000


class SqliteStore(Store):
    """One backlog in one file. Each thread gets connections of its own; none crosses a fork."""

    def __init__(self, path: str, *, clock: Clock, busy_ms: int) -> None:
        self.path = real_path(path)
        self.clock = clock
        self.busy_ms = busy_ms
        self._local = threading.local()
        self._database: tuple[int, int] | None = None
        """The file that the first connection opened: no later one may have opened another."""
        self.queue = WriteQueue(lock_path(self.path), busy_ms=busy_ms)
        self.translated = Translated(self.path, busy_ms=busy_ms)

    def transaction(self) -> Writing:
        return Writing(self, self._connection("durable"))

    def light_transaction(self) -> Writing:
        return Writing(self, self._connection("light"))

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        one = self._connection("durable")
        assert not one.raw.in_transaction, "transactions do not nest"
        with self.translated:
            now = self.clock.now_ms()
            one.check_files(now)
            try:
                one.raw.execute("BEGIN")
                yield Transaction(one, now=now, clock=self.clock)
                assert one.raw.txn_state() != apsw.SQLITE_TXN_WRITE, "what only reads must not write"
            finally:
                one.roll_back()

    def wait(self, timeout_ms: int, wake: threading.Event | None = None) -> bool:
        one = self._connection("durable")
        pause = wake or threading.Event()
        left = timeout_ms
        while True:
            with self.translated:
                changed = one.changed_by_others()
            if changed:
                return True
            if pause.is_set() or left <= 0:
                return False
            step = min(left, WAIT_STEP_MS)
            pause.wait(step / 1000)
            left -= step

    def identity(self) -> str:
        inode, device = self._connection("durable").files[0]
        return f"{device}:{inode}"

    def close(self) -> None:
        for one in vars(self._local).values():
            one.close()
        vars(self._local).clear()

    # --- below ---

    def _connection(self, kind: str) -> SqliteConnection:
        found: SqliteConnection | None = getattr(self._local, kind, None)
        if found is None:
            with self.translated:
                found = open_connection(self.path, busy_ms=self.busy_ms, durable=kind == "durable")
            self._database = self._database or found.files[0]
            if found.files[0] != self._database:
                found.close_as_it_is()
                raise replaced(self.path)
            found.raw.execute(f"PRAGMA cache_size = -{self.cache_kib}")
            setattr(self._local, kind, found)
        found.assert_mine()
        return found


class Writing:
    """A write as a context manager: in its turn, all of it or nothing. A generator would take 7 µs more for each."""

    __slots__ = ("_one", "_store")

    def __init__(self, store: SqliteStore, one: SqliteConnection) -> None:
        self._store = store
        self._one = one

    def __enter__(self) -> Transaction:
        store, one = self._store, self._one
        with store.translated:
            store.queue.__enter__()
            try:
                now = store.clock.now_ms()
                one.begin(now)
            except BaseException:
                self._leave()
                raise
        return Transaction(one, now=now, clock=store.clock)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        translated = self._store.translated
        try:
            if error is None:
                with translated:
                    self._one.commit()
        finally:
            self._leave()
        translated.__exit__(kind, error, trace)

    def _leave(self) -> None:
        try:
            self._one.roll_back()
        finally:
            self._store.queue.__exit__()


class SqliteConnection:
    """One apsw connection of one thread, with the identities of the files it stands on."""

    def __init__(self, raw: apsw.Connection, path: str) -> None:
        self.raw = raw
        self.path = path
        self._owner = _who()
        self.files: list[Identity] = []
        self.files = identities(path)
        self._home = os.path.dirname(path)
        self._folder: tuple[int, ...] | None = None
        """The state of the folder in which its files were known to be ours."""
        self._seen = self._data_version()
        self._known = 0
        """The state of the database in which its schema was known, as SQLite counts states of it."""
        if not raw.readonly("main"):
            self._check_log()
        # The last one who closes moves the log into the database: from here on it is known to be ours.
        raw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Without the files it was opened with it must not checkpoint: what others wrote since would be gone."""
        if self._owner[0] == os.getpid() and self.files and may_move_log(self.path, self.files):
            self.raw.close()
        else:
            self.close_as_it_is()

    def close_as_it_is(self) -> None:
        with suppress(apsw.ConnectionClosedError):
            self.raw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            self.raw.close()

    def fetch(self, sql: str, values: dict[str, Value]) -> list[tuple[Any, ...]]:
        try:
            return self.raw.execute(sql, values).fetchall()
        except UnicodeEncodeError:  # half a surrogate pair: in the name of a file, in what an agent said
            return self.raw.execute(sql, {name: _storable(value) for name, value in values.items()}).fetchall()

    def each(self, sql: str, values: dict[str, Value]) -> Iterator[tuple[Any, ...]]:
        return self.raw.execute(sql, values)

    def changes(self) -> int:
        return self.raw.changes()

    def assert_mine(self) -> None:
        assert self._owner == _who(), "a connection belongs to one thread and does not cross a fork"

    def begin(self, now: int) -> None:
        """Begins to write, if the files are still those that were opened and nobody has migrated them."""
        self.check_files(now)
        self.raw.execute("BEGIN IMMEDIATE")
        if self.raw.data_version() != self._known:  # another connection has written
            self._check_version()

    def _check_version(self) -> None:
        found = schema_of(self.raw)
        check_version(found, self.path)
        if found < 0:
            raise sealed(self.raw, self.path)

    def commit(self) -> None:
        self.assert_mine()
        self.raw.execute("COMMIT")
        self._known = self.raw.data_version()

    def roll_back(self) -> None:
        """Ends what is still open: some errors have ended it already."""
        if self.raw.in_transaction:
            self.raw.execute("ROLLBACK")

    def changed_by_others(self) -> bool:
        """Whether another connection has written since this was asked last."""
        seen = self._data_version()
        changed = seen != self._seen
        self._seen = seen
        return changed

    def check_files(self, now: int) -> None:
        """Raises StoreReplaced unless all three files are those that were opened.

        In a folder that has not changed nothing was replaced, so mostly this is one look instead of three. Its ctime
        tells, which nobody can set back; file systems count time in steps, so a fresh change might hide the next.
        """
        try:
            folder = os.stat(self._home)
            state = (folder.st_ctime_ns, folder.st_ino, folder.st_dev)
            if state == self._folder:
                return
            same = identities(self.path) == self.files
        except OSError:
            same = False
        if not same:
            raise replaced(self.path)
        settled = now - folder.st_ctime_ns // 1_000_000 > FOLDER_SETTLED_MS
        self._folder = state if settled else None

    def _check_log(self) -> None:
        """Raises StoreReplaced if the log is shorter than those who have it open know it to be: it is another file."""
        frames: Any = self.raw.execute("PRAGMA wal_checkpoint(NOOP)").fetchall()[0][1]
        page: Any = self.raw.execute("PRAGMA page_size").fetchall()[0][0]
        if os.stat(self.path + "-wal").st_size < frames * page:
            raise replaced(self.path)

    def _data_version(self) -> int:
        seen: Any = self.raw.execute("PRAGMA data_version").fetchall()[0][0]
        return int(seen)


def open_connection(path: str, *, busy_ms: int, durable: bool) -> SqliteConnection:
    """Opens an existing backlog, verified; never creates and never writes a database that is not ours."""
    check_library(apsw.sqlite_lib_version())
    had_log = os.path.lexists(path + "-wal")
    raw = open_existing(path)
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
        # One plan for a statement, whatever its values are: else SQLite prepares it anew for each (30 times slower).
        raw.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        return SqliteConnection(raw, path)
    except ForeignDatabase:
        if not had_log:  # The empty one beside it was made by looking: closing as usual takes it away.
            raw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        raw.close()
        raise
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
            f"{path} is not a database.",
            hint="deespec db restore FILE puts a backup in its place and keeps it; without FILE it lists them.",
        ) from error
    if found == APPLICATION_ID:
        return
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


def schema_of(raw: apsw.Connection) -> int:
    found: Any = raw.execute("PRAGMA user_version").fetchall()[0][0]
    return int(found)


def check_version(found: int, path: str) -> None:
    """Raises SchemaTooNew; a sealed database has the negative of its number."""
    if abs(found) > SCHEMA:
        raise SchemaTooNew(
            f"{path} has schema {abs(found)}; this deespec knows up to {SCHEMA}. Nothing was touched.",
            hint="Upgrade deespec: pip install --upgrade deespec",
        )


def _check_schema(raw: apsw.Connection, path: str) -> None:
    found = schema_of(raw)
    check_version(found, path)
    if found < 0 and -found < SCHEMA:
        raise sealed(raw, path)
    if 0 <= found < SCHEMA:
        raise (SchemaTooOld if found > 0 else StoreUnusable)(
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


def open_existing(path: str) -> apsw.Connection:
    """As it is, not yet looked at. Raises StoreUnusable if it is not there or cannot be opened."""
    if not os.path.lexists(path):
        raise StoreUnusable(
            f"There is no database {path}.", hint="deespec init creates it; deespec db restore brings a backup back."
        )
    if os.lstat(path).st_size == 0:  # SQLite would delete a log that lies beside it
        raise StoreUnusable(
            f"{path} is empty.", hint="deespec db restore brings a backup back; deespec init makes a new backlog of it."
        )
    try:
        return apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW)
    except apsw.CantOpenError as error:
        if os.path.islink(path):
            raise StoreUnusable(
                f"{path} cannot be opened: it is a symbolic link.",
                hint="Put the file itself in place of the link.",
            ) from error
        raise cannot_write(path, str(error)) from error


def _storable(value: Value) -> Value:
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
