"""What another program has remembered: items, turns and history of the past come in with the times they had."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deespec.model.items import JournalEntry
from deespec.records import fields, replace
from deespec.store.journal import JournalVerbs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deespec.model.items import Turn
    from deespec.store.rows import Value

LEGACY = "legacy"
"""The actor of entries that another program wrote: only theirs may be older than those before them."""
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

    def was_imported(self, mark: str) -> bool:
        """Whether the project of this mark has come over as a whole."""
        return self._value("meta_get", name=f"imported {mark}") is not None

    def remember_import(self, mark: str, source: str) -> None:
        self._run("meta_put", name=f"imported {mark}", value=source)
