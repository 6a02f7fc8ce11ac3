"""Databases as files: opened whatever their schema, to be copied, looked at or replaced; no backlog's verbs here."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import apsw

from deespec.store import sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.store.rows import Value

BESIDE = ("", "-wal", "-shm", "-journal")
"""What a database's files end with."""
_UID = re.compile(r"[0-9A-Z]{26}")


@contextmanager
def opened(path: str, *, busy_ms: int) -> Iterator[apsw.Connection]:
    """A backlog's database that may be in use, whatever its schema. Raises ForeignDatabase and the like."""
    sqlite.check_library(apsw.sqlite_lib_version())
    raw = sqlite.open_existing(path)
    try:
        raw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        raw.set_busy_timeout(busy_ms)
        sqlite.check_ours(raw, path)
        yield raw
    finally:
        raw.close()


@contextmanager
def looking_at(path: str) -> Iterator[apsw.Connection]:
    """A database that is not in use, only to read; a single file is not even locked, and no file is made beside it."""
    alone = not any(os.path.exists(f"{path}{suffix}") for suffix in BESIDE[1:])
    uri = f"file:{quote(os.path.realpath(path))}?mode=ro" + ("&immutable=1" if alone else "")
    raw = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    try:
        yield raw
    finally:
        raw.close()


class Looking:
    """An open database as verbs need it, for those that only read."""

    def __init__(self, raw: apsw.Connection) -> None:
        self.raw = raw

    def fetch(self, sql: str, values: dict[str, Value]) -> list[tuple[Any, ...]]:
        return self.raw.execute(sql, values).fetchall()

    def each(self, sql: str, values: dict[str, Value]) -> Iterator[tuple[Any, ...]]:
        return self.raw.execute(sql, values)

    def changes(self) -> int:
        return 0


def fetch(raw: apsw.Connection, sql: str, *values: Value) -> list[tuple[Any, ...]]:
    return raw.execute(sql, values).fetchall()


def value(raw: apsw.Connection, sql: str, *values: Value) -> Any:
    """The first column of the first row; None where there is no row."""
    found = fetch(raw, sql, *values)
    return found[0][0] if found else None


def quoted(name: str) -> str:
    """A table's name as SQL takes it."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def seq_of(raw: apsw.Connection) -> int:
    """The newest entry that the journal has had."""
    return value(raw, "SELECT seq FROM sqlite_sequence WHERE name = 'journal'") or 0


def uid_in(raw: apsw.Connection) -> str | None:
    """The backlog's uid; None unless it looks like one: a path is made of it."""
    try:
        found = value(raw, "SELECT value FROM meta WHERE name = 'uid'")
    except apsw.SQLError:
        return None
    return found if isinstance(found, str) and _UID.fullmatch(found) else None


def file_in(path: str) -> str | None:
    """Which file the database of this backup was; None if it does not say so."""
    try:
        with looking_at(path) as raw:
            found = value(raw, "SELECT value FROM meta WHERE name = 'file'")
    except apsw.Error:
        return None
    return str(found) if found else None
