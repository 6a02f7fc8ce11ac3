"""Puts the history of an export into this backlog: that of the items that are new here, in an empty one all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.backlog.exports import history
from deespec.backlog.imports.backlog_history import Past, read_history
from deespec.backlog.imports.backlog_read import history_of
from deespec.errors import InvalidInput
from deespec.model.asking import Question
from deespec.model.ids import number_of
from deespec.model.items import JournalEntry, Turn
from deespec.model.money import Spend
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from deespec.store.base import Transaction


@record
class Told:
    """What a history had."""

    led_to: Mapping[str, str]
    """The status that the last move of each item led to, by its id here."""
    entries: int = 0
    turns: int = 0
    notes: tuple[str, ...] = ()


class _Putting:
    """How far the putting of one history has come."""

    def __init__(self, tx: Transaction, ids: Mapping[str, str], fresh: Collection[str], *, empty: bool) -> None:
        self.tx = tx
        self.ids = ids
        self.fresh = fresh
        self.empty = empty
        self.before = tx.tokens_for(0)
        self.calls = 0
        self.led_to: dict[str, str] = {}
        self.seen: set[tuple[str, str, int]] = set()
        self.entries = 0
        self.turns = 0

    def put(self, past: Past) -> None:
        """Raises ValueError for what was there before."""
        one = past.one
        if past.item is None:
            if self.empty:
                self._add_entry(one, None)
            return
        if past.item not in self.fresh and not (self.empty and past.item not in self.ids):
            return
        item = self.ids.get(past.item, past.item)
        if isinstance(one, JournalEntry):
            self._add_entry(one, item)
        elif past.item not in self.fresh and not isinstance(one, Spend):
            raise ValueError(f"{past.item} is not in this export")
        elif isinstance(one, Spend):
            self.tx.add_past_spend(replace(one, sbi=number_of(item), token=self._token(past.call)))
        elif isinstance(one, Turn):
            self._once("turn", item, one.number)
            self._once("call", "", past.call)
            self.tx.add_past(replace(one, sbi=number_of(item), token=self._token(past.call)))
            self.turns += 1
        else:
            assert isinstance(one, Question)
            self._once("question", item, one.turn)
            self.tx.add_past(replace(one, sbi=number_of(item)))

    def _add_entry(self, entry: JournalEntry, item: str | None) -> None:
        self.tx.add_past_entry(replace(entry, item=item))
        self.entries += 1
        if item is not None and entry.to_status is not None:
            self.led_to[item] = entry.to_status

    def _once(self, what: str, item: str, number: int) -> None:
        if number < 1:
            raise ValueError(f"numbers of a {what} begin at 1")
        if (what, item, number) in self.seen:
            raise ValueError(f"{item} {what} {number} is there twice".strip())
        self.seen.add((what, item, number))

    def _token(self, call: int) -> int:
        """Each claim has one of its own here, above all that were given, in the same order."""
        self.calls = max(self.calls, call)
        return self.before + call


def put_history(tx: Transaction, path: Path, ids: Mapping[str, str], fresh: Collection[str], *, empty: bool) -> Told:
    """`fresh` are the ids there of what is new here. Raises InvalidInput, naming file and line."""
    opened = history_of(path)
    if opened is None:
        return Told(led_to={}, notes=(f"there is no {history.FILE}: items come without their past",))
    before = tx.journal_end()
    putting = _Putting(tx, ids, fresh, empty=empty)
    file = str(path / history.FILE)
    with opened:
        for past in read_history(opened, file=file):
            try:
                putting.put(past)
            except ValueError as error:
                raise InvalidInput(f"{file}:{past.line}: {error}.") from error
    tx.tokens_for(putting.calls)
    if before:
        tx.past_ends(before)
    return Told(entries=putting.entries, turns=putting.turns, led_to=putting.led_to)
