"""Everything a backlog holds, page by page and in a fixed order, so that an export never holds all of it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from deespec.model.asking import Draft, Question
from deespec.model.items import JournalEntry, Sbi, Turn
from deespec.model.money import Spend
from deespec.store.journal import SEQ_MOST
from deespec.store.unit import Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deespec.store.rows import Value

T = TypeVar("T")

PAGE = 500
"""Rows read at once."""
FIRST = -(2**62)
COUNTERS = ("epic", "pbi", "sbi")


class ExportVerbs(Unit):
    __slots__ = ()

    def every_sbi(self) -> Iterator[Sbi]:
        """Those of decompositions first, then the SBIs; by number."""
        return self._paged(Sbi, "export_sbis", lambda last: {"after": last.number if last else FIRST})

    def every_draft(self) -> Iterator[Draft]:
        return self._paged(
            Draft,
            "export_drafts",
            lambda last: {"parent": last.parent if last else "", "after": last.number if last else 0},
        )

    def every_turn(self) -> Iterator[Turn]:
        return self._paged(
            Turn, "export_turns", lambda last: {"sbi": last.sbi if last else FIRST, "after": last.number if last else 0}
        )

    def every_question(self) -> Iterator[Question]:
        return self._paged(
            Question,
            "export_questions",
            lambda last: {"sbi": last.sbi if last else FIRST, "after": last.turn if last else 0},
        )

    def every_spend(self) -> Iterator[Spend]:
        return self._paged(Spend, "export_spend", lambda last: {"after": last.token if last else 0})

    def every_entry(self) -> Iterator[JournalEntry]:
        every: dict[str, Value] = {"event": None, "actor": None, "since": None, "before": SEQ_MOST}
        return self._paged(JournalEntry, "journal_after", lambda last: {**every, "after": last.seq if last else 0})

    def titles(self) -> list[tuple[str, int, str]]:
        """Kind, number and title of all items, drafts of items by their parents: what files are named after."""
        return [(kind, number, title) for kind, number, title in self._all("export_titles")]

    def draft_titles(self) -> list[tuple[str, int, str]]:
        """Parent, number and title of every draft."""
        return [(parent, number, title) for parent, number, title in self._all("export_draft_titles")]

    def archived_items_at(self) -> dict[str, int]:
        """When each archived item was archived, by id."""
        return {f"{kind}-{number}": at for kind, number, at in self._all("export_archived")}

    def calls_in_order(self) -> dict[int, int]:
        """The claims of which there are turns or costs, by token: the how many-th each was."""
        return {row[0]: rank for rank, row in enumerate(self._all("export_tokens"), 1)}

    def counters(self) -> dict[str, int]:
        """The newest number of each kind that was given."""
        return {name: self._value("counter_get", name=name) or 0 for name in COUNTERS}

    def _paged(self, cls: type[T], name: str, values: Callable[[T | None], dict[str, Any]]) -> Iterator[T]:
        last: T | None = None
        while True:
            page = self._records(cls, name, limit=PAGE, **values(last))
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1]
