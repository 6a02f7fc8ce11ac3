"""What another program has remembered: items, turns and history of the past come in with the times they had."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deespec.model.items import JournalEntry
from deespec.records import fields, replace
from deespec.store.journal import JournalVerbs
from deespec.store.rows import encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deespec.model.asking import Draft, Question
    from deespec.model.items import Turn
    from deespec.model.money import Spend
    from deespec.store.exporting import ExportVerbs
    from deespec.store.rows import Value

LEGACY = "legacy"
"""The actor of entries that another program wrote: only theirs may be older than those before them."""
PAST = "past entries"
"""Ranges of entries that came with another backlog."""
_FACTS = fields(JournalEntry)[5:]


class ImportVerbs(JournalVerbs):
    __slots__ = ()

    def known_uids(self, uids: Iterable[str]) -> dict[str, str]:
        """The ids of those items that are here already, by uid."""
        return dict(self._all("uids_known", uids=json.dumps([*uids])))

    def add_past_turn(self, turn: Turn) -> None:
        """A turn of before, with a token of its own, which no claim has had."""
        self._insert(replace(turn, token=self._next("token")))

    def note_past(self, at: int, event: str, *, item: str | None = None, **facts: Value) -> None:
        """An entry of the journal with the time that it was written at."""
        values: dict[str, Value] = {name: facts.get(name) for name in _FACTS}
        self._run("journal_add", at=at, actor=LEGACY, event=event, item=item, **values)

    # --- a whole backlog of our own ---

    def whole(self) -> ExportVerbs:
        """All that this snapshot holds, page by page."""
        from deespec.store.exporting import ExportVerbs

        return ExportVerbs(self.connection, now=self.now, clock=self.clock)

    def lineage(self) -> str:
        """The uid of the backlog whose exports are those of this one, too: of itself, or of the one it came from."""
        found: str = self._value("meta_get", name="lineage") or self._value("meta_get", name="uid")
        return found

    def descend_from(self, uid: str) -> None:
        self._run("meta_put", name="lineage", value=uid)

    def is_empty(self) -> bool:
        """Whether there is no item."""
        return self._value("empty") is None

    def keep_numbers(self, kind: str, most: int) -> None:
        """The numbers up to this one were given: none of them is given again."""
        self._run("counter_raise", name=kind.lower(), value=most)

    def tokens_for(self, calls: int) -> int:
        """Gives out so many tokens; they are those above the one that is returned."""
        last: int = self._value("counter_get", name="token") or 0
        self._run("counter_raise", name="token", value=last + calls)
        return last

    def add_past(self, one: Turn | Question | Draft) -> None:
        """As it was there; nothing follows from it."""
        self._insert(one)

    def add_past_spend(self, spend: Spend) -> None:
        self._run("spend_add_once", **encode(spend))

    def add_past_entry(self, entry: JournalEntry) -> None:
        """An entry of another backlog's journal, with its time and its actor."""
        values: dict[str, Value] = {name: getattr(entry, name) for name in fields(JournalEntry)[1:]}
        self._run("journal_add", **values)

    def past_ends(self, after: int) -> None:
        """What the journal has after this entry until now is of another time than its place says."""
        last: int = self._value("journal_end") or 0
        if last > after:
            known = json.loads(self._value("meta_get", name=PAST) or "[]")
            self._run("meta_put", name=PAST, value=json.dumps([*known, [after + 1, last]]))

    def archive_past(self, item_id: str, at: int) -> None:
        """It was archived there at that time."""
        kind, _, number = item_id.partition("-")
        self._run("archived_put", kind=kind, number=int(number), at=at)

    def was_imported(self, mark: str) -> bool:
        """Whether the project of this mark has come over as a whole."""
        return self._value("meta_get", name=f"imported {mark}") is not None

    def remember_import(self, mark: str, source: str) -> None:
        self._run("meta_put", name=f"imported {mark}", value=source)
