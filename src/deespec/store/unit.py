"""What every group of verbs stands on: named statements run in the open transaction, results fetched completely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from deespec.store import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deespec.clock import Clock

T = TypeVar("T")


class Connection(Protocol):
    """What a driver must be able to do."""

    def fetch(self, sql: str, values: dict[str, rows.Value]) -> list[tuple[Any, ...]]: ...

    def each(self, sql: str, values: dict[str, rows.Value]) -> Iterator[tuple[Any, ...]]:
        """The same one by one. Whoever asks takes all of them at once: no statement stays open."""

    def changes(self) -> int:
        """Rows changed by the last statement."""


class Unit:
    """Base of all verbs."""

    __slots__ = ("clock", "connection", "now")

    def __init__(self, connection: Connection, *, now: int, clock: Clock) -> None:
        self.connection = connection
        self.now = now
        """Wall time of this transaction in ms."""
        self.clock = clock

    def _all(self, name: str, /, **values: rows.Value) -> list[tuple[Any, ...]]:
        return self.connection.fetch(rows.query(name), values)

    def _all_alike(self, name: str, /, **values: rows.Value) -> list[tuple[Any, ...]]:
        """With equal texts being one: for rows by the hundred thousand that say the same again and again."""
        return list(self._alike(name, values))

    def _records_alike(self, cls: type[T], name: str, /, **values: rows.Value) -> list[T]:
        return [rows.decode(cls, row) for row in self._alike(name, values)]

    def _alike(self, name: str, values: dict[str, rows.Value]) -> Iterator[tuple[Any, ...]]:
        known: dict[str, str] = {}
        for row in self.connection.each(rows.query(name), values):
            yield tuple([known.setdefault(value, value) if isinstance(value, str) else value for value in row])

    def _one(self, name: str, /, **values: rows.Value) -> tuple[Any, ...] | None:
        found = self.connection.fetch(rows.query(name), values)
        return found[0] if found else None

    def _value(self, name: str, /, **values: rows.Value) -> Any:
        """The first column of the first row; None where there is no row."""
        found = self.connection.fetch(rows.query(name), values)
        return found[0][0] if found else None

    def _run(self, name: str, /, **values: rows.Value) -> int:
        """Runs a statement; the number of rows it changed."""
        self.connection.fetch(rows.query(name), values)
        return self.connection.changes()

    def _records(self, cls: type[T], name: str, /, **values: rows.Value) -> list[T]:
        return [rows.decode(cls, row) for row in self._all(name, **values)]

    def _insert(self, record: object) -> None:
        self.connection.fetch(rows.insert_sql(record.__class__), rows.encode(record))

    def _update(self, record: object) -> None:
        self.connection.fetch(rows.update_sql(record.__class__), rows.encode(record))

    def _next(self, counter: str) -> int:
        number: int = self._value("counter_next", name=counter)
        return number

    def _each(self, name: str, many: Iterable[dict[str, rows.Value]]) -> None:
        text = rows.query(name)
        for values in many:
            self.connection.fetch(text, values)
