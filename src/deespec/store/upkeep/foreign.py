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
from deespec.records import record
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


@record
class Tables:
    rows: dict[str, list[Row]]
    """Of each wanted table that is there, in the order they were written; a column that is not there is None."""
    others: tuple[str, ...]
    """The names of its other tables."""
    odd: tuple[str, ...]
    """`table.column` of each that holds text in a wrong encoding; what could not be read of it was replaced."""


def read_tables(copy: str, wanted: Mapping[str, Sequence[str]], *, called: str) -> Tables:
    """The rows of those of the tables that are there.

    `copy` is a private copy with its log, which nobody else has open; `called` is what people call it. Raises
    StoreCorrupt for what cannot be read.
    """
    sqlite.check_library(apsw.sqlite_lib_version())
    try:
        raw = apsw.Connection(copy, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW)
        try:
            raw.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
            raw.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
            encoding = str(value(raw, "PRAGMA encoding"))
            odd: dict[str, None] = {}
            there = _plain_tables(raw, encoding)
            rows = {name: _rows(raw, name, columns, encoding, odd) for name, columns in wanted.items() if name in there}
            return Tables(
                rows=rows,
                others=tuple(sorted(name for name in there - rows.keys() if not name.startswith("sqlite_"))),
                odd=tuple(odd),
            )
        finally:
            raw.close()
    except apsw.Error as error:
        raise StoreCorrupt(
            f"{called} cannot be read: {error}.",
            hint="Bring it over from a copy that can be; sqlite3 FILE .recover makes one of what is left.",
        ) from error


def _plain_tables(raw: apsw.Connection, encoding: str) -> set[str]:
    """Their names as in the schema; a table that a module makes up is none."""
    rows = fetch(raw, "SELECT CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_schema WHERE type = 'table'")
    told = [(_readable(name, encoding), _readable(sql or b"", encoding)) for name, sql in rows]
    return {name for name, sql in told if sql.upper().split()[:2] == ["CREATE", "TABLE"]}


def _rows(raw: apsw.Connection, table: str, columns: Sequence[str], encoding: str, odd: dict[str, None]) -> list[Row]:
    """Text comes as bytes: SQLite keeps whatever was written, and not all of that is text."""
    names = fetch(raw, "SELECT CAST(name AS BLOB) FROM pragma_table_info(?)", table)
    there = {_readable(name, encoding).lower() for (name,) in names}
    listed = ", ".join(_raw_column(quoted(name)) if name in there else "0, NULL" for name in columns)
    order = "ORDER BY rowid " if _has_rowid(raw, table) else ""
    found = []
    for row in raw.execute(f"SELECT {listed} FROM {quoted(table)} {order}LIMIT {ROWS_MOST}"):
        made: Row = {}
        for name, is_text, one in zip(columns, row[::2], row[1::2], strict=True):
            made[name] = one
            if is_text and isinstance(one, bytes):
                try:
                    made[name] = one.decode(encoding)
                except UnicodeDecodeError:
                    odd[f"{table}.{name}"] = None
                    made[name] = _readable(one, encoding)
        found.append(made)
    return found


def _raw_column(name: str) -> str:
    return f"typeof({name}) = 'text', CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"


def _readable(raw: bytes, encoding: str) -> str:
    return raw.decode(encoding, errors="replace")


def _has_rowid(raw: apsw.Connection, table: str) -> bool:
    try:
        raw.execute(f"SELECT rowid FROM {quoted(table)} LIMIT 1").fetchall()
    except apsw.SQLError:
        return False
    return True
