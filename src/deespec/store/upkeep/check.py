"""Whether a database is sound: its pages, references and schema, and what its rows say of each other. It only reads.

What compares rows does so in one snapshot, so that nothing is called wrong because somebody wrote between two looks.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import apsw

from deespec.records import record
from deespec.store import migrate, sqlite
from deespec.store.invariants import Invariants, Severity, Violation
from deespec.store.seal import COPY_OF, MOVED_TO, sealed_with
from deespec.store.translate import Translated
from deespec.store.upkeep.raw import Looking, fetch, opened, seq_of, value
from deespec.store.upkeep.values import refused_rows, unreadable_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from deespec.clock import Clock

TOLD_MOST = 100
"""Messages of SQLite's own check: a damaged database has thousands."""
BROKEN = (apsw.CorruptError, apsw.NotADBError, apsw.IOError, apsw.SQLError, UnicodeDecodeError)
"""What reading a damaged database raises; SQLError where a table is not there."""
SHAPE = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
_OF_ROWS = re.compile(r"(?:CHECK constraint failed|[A-Za-z-]+ value) in (\w+)(?:\.\w+)?")
"""How integrity_check tells of a row that its table would refuse (sqlite.org/pragma.html)."""

Shape = dict[tuple[str, str], str]


@record
class Part:
    """One question, and what was found."""

    name: str
    found: tuple[Violation, ...] = ()
    note: str = ""
    """What was looked at, in figures."""

    @property
    def worst(self) -> Severity | None:
        """The worst that was found; None: nothing was."""
        ranks = list(Severity)
        return max((one.severity for one in self.found), key=ranks.index, default=None)


@record
class Known:
    """What others are held against: all of the same snapshot."""

    seq: int
    """The newest entry of the journal."""
    entry: tuple[int, int, str] | None
    """Number, time and event of the entry that was asked for; None: it is not there."""
    token: int
    """The newest claim that was given."""
    uids: frozenset[str]
    """Of all SBIs."""
    turns: Mapping[int, tuple[int, int]]
    """(SBI, turn) by the token that ended it."""


@record
class Checked:
    parts: tuple[Part, ...]
    known: Known | None = None
    """None: the damage is such that nothing can be held against it."""


def check(database: str, *, clock: Clock, busy_ms: int, quick: bool = False, entry: int = 0) -> Checked:
    """Raises StoreUnusable where there is nothing that could be checked; a damaged database is an answer.

    `quick` does not hold indexes against their tables, nor does it read all texts. `entry`: which one of the journal is
    to be told.
    """
    path = sqlite.real_path(database)
    migrate.refuse_leftovers(path)
    with _snapshot(path, busy_ms) as raw:
        pages = _asked("pages", lambda: _pages(raw, quick=quick), note=_size(raw))
    with _snapshot(path, busy_ms) as raw:
        parts = [pages, _asked("references", lambda: _references(raw))]
        try:
            parts.append(_schema(raw))
            if abs(sqlite.schema_of(raw)) != sqlite.SCHEMA:
                return Checked(parts=tuple(parts))
            parts += [] if quick else [_texts(raw)]
            parts += _rules(raw, Invariants(Looking(raw), now=clock.now_ms(), clock=clock))
            moved = sealed_with(raw, MOVED_TO)  # and what is newer is rightly there
            return Checked(parts=tuple(parts), known=None if moved else _known(raw, entry))
        except BROKEN as error:
            return Checked(parts=(*parts, Part(name="contents", found=(_unreadable(error),))))


@contextmanager
def _snapshot(path: str, busy_ms: int) -> Iterator[apsw.Connection]:
    """A connection of its own that cannot write. Not a read-only one: in that, SQLite tests no CHECK constraints."""
    with Translated(path, busy_ms=busy_ms), opened(path, busy_ms=busy_ms) as raw:
        raw.execute("PRAGMA query_only = ON")
        raw.execute("PRAGMA cell_size_check = ON")
        raw.execute("BEGIN")
        try:
            yield raw
        finally:
            if raw.in_transaction:
                raw.execute("ROLLBACK")


def _asked(name: str, ask: Callable[[], Iterable[Violation]], *, note: str = "") -> Part:
    try:
        return Part(name=name, found=tuple(ask()), note=note)
    except BROKEN as error:
        return Part(name=name, found=(_unreadable(error),), note=note)


def _unreadable(error: Exception) -> Violation:
    return Violation(severity=Severity.DAMAGED, text=f"what is in it cannot be read to its end: {error}")


# --- by SQLite itself -----------------------------------------------------------------------------------------------


def _size(raw: apsw.Connection) -> str:
    try:
        return f"{value(raw, 'PRAGMA page_count'):,} pages of {value(raw, 'PRAGMA page_size'):,} bytes"
    except BROKEN:
        return ""


def _pages(raw: apsw.Connection, *, quick: bool) -> Iterator[Violation]:
    kind = "quick_check" if quick else "integrity_check"
    said = [str(row[0]) for row in fetch(raw, f"PRAGMA {kind}({TOLD_MOST})")]
    lines = [line for text in said for line in text.splitlines() if line not in ("ok", "*** in database main ***")]
    bent: dict[str, str] = {}
    for line in lines[:TOLD_MOST]:
        if match := _OF_ROWS.fullmatch(line):
            bent.setdefault(match[1], line)
        else:
            yield Violation(severity=Severity.DAMAGED, text=line)
    for table, line in bent.items():
        found = _bent_rows(raw, table)
        yield from found or [Violation(severity=Severity.WRONG, text=line)]
    if raw.readonly("main"):
        text = "you may not write this database, and so SQLite does not test the rules of its tables"
        yield Violation(severity=Severity.NOTE, text=text)


def _bent_rows(raw: apsw.Connection, table: str) -> list[Violation]:
    found = []
    try:
        with _made(abs(sqlite.schema_of(raw))) as made:
            for one in refused_rows(raw, table, made):
                found.append(one)
                if len(found) == TOLD_MOST:
                    break
    except BROKEN:
        pass  # the table is not as it was made, which another part tells
    return found


def _references(raw: apsw.Connection) -> Iterator[Violation]:
    broken = fetch(raw, "PRAGMA foreign_key_check")
    for table, row, other, _ in dict.fromkeys(broken[:TOLD_MOST]):
        which = f"a row of {table}" if row is None else f"row {row} of {table}"
        yield Violation(severity=Severity.LOST, text=f"{which} needs a row of {other} that is not there")


def _texts(raw: apsw.Connection) -> Part:
    tables = [name for kind, name in _shape(raw) if kind == "table"]
    return _asked("texts", lambda: unreadable_texts(raw, tables))


# --- the schema -----------------------------------------------------------------------------------------------------


def _schema(raw: apsw.Connection) -> Part:
    """Tables, indexes and rules as the migrations made them: a rule that was taken out lets anything in."""
    number = abs(sqlite.schema_of(raw))
    newest = sqlite.SCHEMA
    wrong = Severity.WRONG
    if number > newest:
        text = f"it has schema {number}, and this deespec knows up to {newest}: its rows were not looked at"
        remedy = "pip install --upgrade deespec"
        return Part(name="schema", found=(Violation(severity=wrong, text=text, remedy=remedy),))
    there = _shape(raw)
    with _made(number) as made:
        expected = _shape(made)
    found = [
        Violation(severity=wrong, text=f"{kind} {name} {how}")
        for (kind, name), how in sorted(_differences(expected, there))
    ]
    if number < newest:
        text = f"it has schema {number}, and this deespec needs {newest}: its rows were not looked at"
        found.append(Violation(severity=wrong, text=text, remedy="deespec db migrate" if number else "deespec init"))
    mode = value(raw, "PRAGMA journal_mode")
    if mode != "wal":
        found.append(Violation(severity=wrong, text=f"its journal mode is {mode}, not wal"))
    found += _seals(raw)
    return Part(name="schema", found=tuple(found), note=f"{number}, {len(there)} tables, indexes and views")


def _seals(raw: apsw.Connection) -> Iterator[Violation]:
    moved, came = sealed_with(raw, MOVED_TO), sealed_with(raw, COPY_OF)
    if moved is not None:
        text = f"this backlog has moved to {moved}, and is only read here"
        yield Violation(severity=Severity.NOTE, text=text, remedy=f"deespec --home {moved} db check")
    if came is not None:
        text = f"it is a copy of {came} that was never completed, and nobody can write to it"
        home = os.path.dirname(raw.filename)
        yield Violation(severity=Severity.WRONG, text=text, remedy=f"deespec --home {came} db copy --to {home}")


@contextmanager
def _made(number: int) -> Iterator[apsw.Connection]:
    """An empty backlog in memory, as the migrations up to this one make it."""
    made = apsw.Connection(":memory:")
    try:
        for step, file in migrate.migrations():
            if step <= number:
                with open(file, encoding="utf-8") as text:
                    made.execute(text.read())
        yield made
    finally:
        made.close()


def _shape(raw: apsw.Connection) -> Shape:
    return {(str(kind), str(name)): " ".join(str(sql).split()) for kind, name, sql in fetch(raw, SHAPE)}


def _differences(expected: Shape, there: Shape) -> Iterator[tuple[tuple[str, str], str]]:
    for key in expected.keys() | there.keys():
        if key not in there:
            yield key, "is not there"
        elif key not in expected:
            yield key, "is none of ours"
        elif expected[key] != there[key]:
            yield key, "is not as it was made"


# --- the rows -------------------------------------------------------------------------------------------------------


def _rules(raw: apsw.Connection, rules: Invariants) -> list[Part]:
    turns = f"{_count(raw, 'sbi WHERE number > 0', 'SBI')}, {_count(raw, 'turn', 'turn')}"
    return [
        _asked("turns", rules.turns, note=turns),
        _asked("needs", rules.needs),
        _asked("groups", rules.groups),
        _asked("claims", rules.claims),
        _asked("numbers", rules.counters),
        _asked("times", rules.times),
        _asked("journal", rules.journal, note=_last_entry(raw)),
    ]


def _count(raw: apsw.Connection, rows: str, word: str) -> str:
    try:
        found = value(raw, f"SELECT count(*) FROM {rows}")
    except BROKEN:
        return f"? {word}s"
    return f"{found:,} {word}{'' if found == 1 else 's'}"


def _last_entry(raw: apsw.Connection) -> str:
    try:
        return f"up to entry {seq_of(raw):,}"
    except BROKEN:
        return ""


def _known(raw: apsw.Connection, entry: int) -> Known:
    found = fetch(raw, "SELECT seq, at, event FROM journal WHERE seq = ?", entry)
    return Known(
        seq=seq_of(raw),
        entry=(found[0][0], found[0][1], found[0][2]) if found else None,
        token=value(raw, "SELECT value FROM counter WHERE name = 'token'") or 0,
        uids=frozenset(row[0] for row in fetch(raw, "SELECT uid FROM sbi WHERE number > 0")),
        turns={token: (sbi, number) for token, sbi, number in fetch(raw, "SELECT token, sbi, number FROM turn")},
    )
