"""The journal: append-only, written in the transaction of the change it tells of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deespec.model.items import JournalEntry
from deespec.store.unit import Unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.store.rows import Value

SEQ_MOST = (1 << 63) - 1
"""No entry has this number: SQLite gives none that large."""


class JournalVerbs(Unit):
    __slots__ = ()

    def note(self, actor: str, event: str, *, item: str | None = None, **facts: Value) -> None:
        """Writes one entry; `facts` are further fields of JournalEntry."""
        values: dict[str, Value] = dict.fromkeys(_FACTS)
        for name, value in facts.items():
            assert name in values, f"the journal has no column {name}"
            values[name] = value
        self._run("journal_add", at=self.now, actor=actor, event=event, item=item, **values)

    def journal(
        self,
        *,
        item: str | None = None,
        event: str | None = None,
        actor: str | None = None,
        since: int | None = None,
        after: int = 0,
        before: int = SEQ_MOST,
        limit: int = -1,
        newest: bool = False,
    ) -> list[JournalEntry]:
        """Entries with `after` < seq < `before`, oldest first; with `newest` the last `limit` of them.

        `actor`: with this in the name of who did it; `since`: wall time.
        """
        name = ("journal" if item is None else "journal_item") + ("_newest" if newest else "_after")
        scope: dict[str, Value] = {"event": event, "actor": actor, "since": since}
        if item is not None:
            scope["item"] = item
        found = self._records(JournalEntry, name, after=after, before=before, limit=limit, **scope)
        return found[::-1] if newest else found

    def journal_of(self, actor: str, events: Sequence[str], *, after: int) -> list[JournalEntry]:
        """What this actor has done of these kinds since the entry `after`."""
        return self._records(JournalEntry, "journal_of_actor", actor=actor, events=json.dumps(events), after=after)

    def journal_end(self) -> int:
        """The newest seq; 0 in an empty journal."""
        return self._value("journal_end") or 0

    def journal_count(self) -> int:
        count: int = self._value("journal_count")
        return count

    def journal_events(self) -> list[str]:
        """The kinds of event that this journal holds."""
        return [row[0] for row in self._all("journal_events")]


_FACTS = ("from_status", "to_status", "turn", "step", "agent", "decision", "elapsed_ms", "error", "detail")
