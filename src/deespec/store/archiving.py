"""What lists and counts leave out: finished items, which keep everything else. Nothing here changes an item.

A group is archived only while all that is below it is: whatever comes back, or comes anew, brings its parents back.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deespec.model.items import Kind
from deespec.records import record
from deespec.store.journal import JournalVerbs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ARCHIVE_STEP = 250
"""Items archived or brought back in one transaction, so that none is longer than 20 ms."""


@record
class Archived:
    """An item of the archive as lists show it."""

    kind: str
    number: int
    uid: str
    title: str
    status: str
    parent: str | None
    finished_at: int | None
    """None for groups: they end with what is below them."""
    at: int

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.number}"


class ArchiveVerbs(JournalVerbs):
    __slots__ = ()

    # --- looking ---

    def archived_at(self, item_id: str) -> int | None:
        """When it was archived, in ms; None: it was not."""
        kind, number = _parts(item_id)
        at: int | None = self._value("archived_get", kind=kind, number=number)
        return at

    def archived_count(self, kind: Kind) -> int:
        count: int = self._value("archived_count", kind=kind)
        return count

    def archived_below(self, item_id: str) -> list[str]:
        """What is archived of this item and all below it."""
        kind, number = _parts(item_id)
        return _ids(self._all("archived_below", kind=kind, number=number))

    def archived_last(self) -> list[str]:
        """What the newest act archived, as far as it still is."""
        return _ids(self._all("archived_last"))

    def archived_all(self) -> list[str]:
        return _ids(self._all("archived_all"))

    def archivable(self, *, before: int | None) -> list[int]:
        """The SBIs that have ended, no later than `before`, and are not archived."""
        return [row[0] for row in self._all("archivable", before=before)]

    def archivable_groups(self, numbers: Sequence[int]) -> list[str]:
        """The PBIs and EPICs that are DONE and of which nothing would be left once these SBIs are archived."""
        return _ids(self._all("archivable_groups", numbers=json.dumps(numbers)))

    def cancelled_needed(self) -> dict[int, int]:
        """The CANCELLED SBIs that are not archived and that an open one needs, each with the first of those."""
        return dict(self._all("cancelled_needed"))

    # --- doing ---

    def archive(self, items: Sequence[str], *, at: int, actor: str) -> list[str]:
        """Archives at most ARCHIVE_STEP items of one kind at the time of the act; those that could be and were not."""
        assert len(items) <= ARCHIVE_STEP
        [(kind, numbers)] = _by_kind(items).items()
        done = _ids((kind, *row) for row in self._all(f"{kind.lower()}_archive", numbers=json.dumps(numbers), at=at))
        for item in done:
            self.note(actor, "archived", item=item)
        return done

    def unarchive(self, items: Sequence[str], *, actor: str) -> list[str]:
        """Brings items back into lists, and with them all that is above them. The ids of those that came back."""
        done = []
        for kind, numbers in _by_kind([*items, *self._above(items)]).items():
            found = self._all("archived_remove", kind=kind, numbers=json.dumps(numbers))
            done += _ids((kind, *row) for row in found)
        for item in done:
            self.note(actor, "unarchived", item=item)
        return done

    def show_again(self, group: str) -> None:
        """Brings an archived group back if not all that is below it is archived any more."""
        if self.archived_at(group) is not None and self._value("child_shown", parent=group) is not None:
            self.unarchive([group], actor="deespec")

    def forget_archived(self, item_id: str) -> None:
        """For an item that is about to be deleted."""
        kind, number = _parts(item_id)
        self._run("archived_remove", kind=kind, numbers=json.dumps([number]))

    # --- below ---

    def _above(self, items: Sequence[str]) -> list[str]:
        above: list[str] = []
        for kind in (Kind.SBI, Kind.PBI):
            numbers = _by_kind([*items, *above]).get(kind, [])
            above += [row[0] for row in self._all(f"{kind.lower()}_parents", numbers=json.dumps(numbers))]
        return above


def _parts(item_id: str) -> tuple[str, int]:
    kind, _, number = item_id.partition("-")
    return kind, int(number)


def _by_kind(items: Sequence[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for kind, number in map(_parts, items):
        found.setdefault(kind, []).append(number)
    return found


def _ids(rows: Iterable[tuple[object, ...]]) -> list[str]:
    """The ids of (kind, number), EPICs first, by number."""
    return [f"{kind}-{number}" for kind, number in sorted(rows)]
