"""Rows that their own tables would refuse, and texts that cannot be read: what somebody has changed by hand.

SQLite's own check says only of which table such a row is. Whether bytes are text it does not ask at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import apsw

from deespec.model.ids import id_of
from deespec.store.invariants import Severity, Violation
from deespec.store.upkeep.raw import fetch, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBERED = ("sbi", "pbi", "epic")
WORDS_MOST = 100
"""Characters of a rule that are shown."""


def refused_rows(raw: apsw.Connection, table: str, made: apsw.Connection) -> Iterator[Violation]:
    """Tries to put each row into the empty table that the migrations made (`made`): which does not go in, and why."""
    columns = [row[1] for row in fetch(made, f"PRAGMA table_info({quoted(table)})")]
    keys = _keys(made, table)
    names = ", ".join(map(quoted, columns))
    places = ", ".join("?" * len(columns))
    insert = f"INSERT INTO {quoted(table)} ({names}) VALUES ({places})"
    for row in raw.execute(f"SELECT {names} FROM {quoted(table)}"):
        made.execute("BEGIN")
        try:
            made.execute(insert, row)
        except apsw.ConstraintError as error:
            name = _name(table, keys, [row[columns.index(key)] for key in keys])
            words = " ".join(str(error).split())
            words = words if len(words) <= WORDS_MOST else f"{words[:WORDS_MOST]}…"
            item = name if table in NUMBERED else None
            yield Violation(severity=Severity.WRONG, item=item, text=f"{name} breaks a rule of its table: {words}")
        finally:
            made.execute("ROLLBACK")


def unreadable_texts(raw: apsw.Connection, tables: list[str]) -> Iterator[Violation]:
    """Texts that are not UTF-8: whoever reads such a row fails."""
    for table in tables:
        keys = _keys(raw, table)
        texts = [row[1] for row in fetch(raw, f"PRAGMA table_info({quoted(table)})") if row[2] == "TEXT"]
        wanted = ", ".join(f"CAST({quoted(one)} AS BLOB)" for one in (*keys, *texts))
        for row in raw.execute(f"SELECT {wanted} FROM {quoted(table)}") if texts else ():
            for column, value in zip(texts, row[len(keys) :], strict=True):
                if value is not None and not _is_text(value):
                    name = _name(table, keys, [str(key, errors="replace") for key in row[: len(keys)]])
                    item = name if table in NUMBERED else None
                    text = f"the {column} of {name} is not text: some of its bytes were changed"
                    yield Violation(severity=Severity.DAMAGED, item=item, text=text)


def _keys(raw: apsw.Connection, table: str) -> list[str]:
    found = fetch(raw, f"PRAGMA table_info({quoted(table)})")
    return [row[1] for row in sorted((row for row in found if row[5]), key=lambda row: row[5])]


def _name(table: str, keys: list[str], values: list[Any]) -> str:
    if table == "sbi" and str(values[0]).removeprefix("-").isdecimal():
        return id_of(int(values[0]))
    if table in NUMBERED:
        return f"{table.upper()}-{values[0]}"
    return f"{table} {', '.join(f'{key} {value}' for key, value in zip(keys, values, strict=True))}"


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
