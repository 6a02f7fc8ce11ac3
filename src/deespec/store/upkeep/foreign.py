"""The databases of other programs: read, table by table, whatever of them is there; never written.

What stands in them is hostile. A view could run functions, a virtual table could open files: only plain tables are
read, from a private copy, with nothing trusted.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote

import apsw

from deespec.errors import StoreCorrupt
from deespec.store import sqlite
from deespec.store.upkeep.raw import fetch, quoted, value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROWS_MOST = 1_000_000
"""Of one table."""

Value = str | int | float | bytes | None
Row = dict[str, Value]


def is_ours(path: str) -> bool:
    """Whether this file is a backlog of this program; it is neither locked nor changed to find out."""
    uri = f"file:{quote(os.path.realpath(path))}?mode=ro&immutable=1"
    try:
        raw = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        try:
            return bool(value(raw, "PRAGMA application_id") == sqlite.APPLICATION_ID)
        finally:
            raw.close()
    except apsw.Error:
        return False


def read_tables(copy: str, wanted: Mapping[str, Sequence[str]], *, called: str) -> dict[str, list[Row]]:
    """The rows of those of the tables that are there, in the order they were written; a column that is not is None.

    `copy` is a private copy with its log, which nobody else has open; `called` is what people call it. Raises
    StoreCorrupt for what cannot be read.
    """
    sqlite.check_library(apsw.sqlite_lib_version())
    try:
        raw = apsw.Connection(copy, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW)
        try:
            raw.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
            raw.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
            there = _plain_tables(raw)
            return {name: _rows(raw, name, columns) for name, columns in wanted.items() if name in there}
        finally:
            raw.close()
    except apsw.Error as error:
        raise StoreCorrupt(
            f"{called} cannot be read: {error}.",
            hint="Bring it over from a copy that can be; sqlite3 FILE .recover makes one of what is left.",
        ) from error


def _plain_tables(raw: apsw.Connection) -> set[str]:
    """Their names as in the schema; a table that a module makes up is none."""
    rows = fetch(raw, "SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
    return {str(name) for name, sql in rows if str(sql or "").upper().split()[:2] == ["CREATE", "TABLE"]}


def _rows(raw: apsw.Connection, table: str, columns: Sequence[str]) -> list[Row]:
    there = {str(row[1]).lower() for row in fetch(raw, f"PRAGMA table_info({quoted(table)})")}
    listed = ", ".join(quoted(name) if name in there else "NULL" for name in columns)
    order = "ORDER BY rowid " if _has_rowid(raw, table) else ""
    found = fetch(raw, f"SELECT {listed} FROM {quoted(table)} {order}LIMIT {ROWS_MOST}")
    return [dict(zip(columns, row, strict=True)) for row in found]


def _has_rowid(raw: apsw.Connection, table: str) -> bool:
    try:
        raw.execute(f"SELECT rowid FROM {quoted(table)} LIMIT 1").fetchall()
    except apsw.SQLError:
        return False
    return True
