"""`open_store(path)`: the one place that knows which stores there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deespec.clock import Clock
    from deespec.store.base import Store

FILE = "deespec.db"


def open_store(path: str, *, clock: Clock, busy_ms: int) -> Store:
    """Opens an existing backlog. Nothing is read until the first transaction."""
    from deespec.store.sqlite import SqliteStore

    return SqliteStore(path, clock=clock, busy_ms=busy_ms)


def create_store(path: str, *, clock: Clock, busy_ms: int) -> bool:
    """Makes the database, or brings it up to date; False if there was nothing to do."""
    from deespec.store.migrate import create

    return create(path, clock=clock, busy_ms=busy_ms)


def library_versions() -> tuple[str, str]:
    """The SQLite library in use, and the driver that brings it."""
    import apsw

    return apsw.sqlite_lib_version(), apsw.apsw_version()


def check_library(version: str) -> None:
    """Raises StoreUnusable for a version of SQLite that can lose data."""
    from deespec.store import sqlite

    sqlite.check_library(version)
