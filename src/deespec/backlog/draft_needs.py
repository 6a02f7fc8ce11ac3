"""What drafts wait for: the drafts of a decision as they are in its transaction, and what became of their needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.errors import InvalidInput, NotFound, NotPossible
from deespec.model.asking import UNDECIDED, DraftStatus
from deespec.model.drafting import successors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from deespec.model.asking import Draft
    from deespec.store.base import Transaction


class Board:
    """The drafts of the items that a decision concerns. What is changed goes by way of it, so that it stays right."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._drafts: dict[str, Draft] = {}
        self._heirs: dict[str, tuple[str, ...]] = {}
        self._read: set[str] = set()
        self._waiting = [one.id for one in tx.drafts() if one.status is DraftStatus.WAITING]

    # --- the drafts ---

    def of(self, parent: str) -> list[Draft]:
        """All drafts of an item, by number."""
        if parent not in self._read:
            self._read.add(parent)
            found = self._tx.drafts(parent, decided=True)
            self._drafts |= {one.id: one for one in found}
            self._heirs |= successors(found)
        return sorted((one for one in self._drafts.values() if one.parent == parent), key=lambda one: one.number)

    def draft(self, parent: str, number: int) -> Draft:
        """Raises NotFound."""
        self.of(parent)
        return self._drafts.get(f"{parent}/{number}") or self._tx.draft(parent, number)

    def waiting(self) -> list[Draft]:
        """All that are approved and wait for another, of whatever item."""
        found = [self._find(one) for one in self._waiting]
        return [one for one in found if one is not None and one.status is DraftStatus.WAITING]

    def heirs(self, draft_id: str) -> tuple[str, ...]:
        """What stands in the place of a replaced one."""
        self._find(draft_id)
        return self._heirs.get(draft_id, ())

    def change(self, draft: Draft) -> None:
        self._tx.change_draft(draft)
        self.take(draft)

    def take(self, draft: Draft) -> None:
        """Knows it as it is now."""
        self._drafts[draft.id] = draft

    def _find(self, draft_id: str) -> Draft | None:
        self.of(draft_id.rpartition("/")[0])
        return self._drafts.get(draft_id)

    # --- their needs ---

    def needs(self, draft: Draft) -> tuple[str, ...]:
        """What it needs now: of a replaced draft those in its place."""
        found: dict[str, None] = {}
        for need in draft.needs:
            found |= dict.fromkeys((self.heirs(need) or (need,)) if "/" in need else (need,))
        found.pop(draft.id, None)
        return tuple(found)

    def undecided(self, draft: Draft) -> tuple[str, ...]:
        """The drafts that it has to wait for."""
        return tuple(one.id for one in self._needed(draft) if one.status in UNDECIDED)

    def met(self, draft: Draft) -> tuple[str, ...]:
        """The items that it needs."""
        items = (self._item(need) for need in self.needs(draft))
        return tuple(dict.fromkeys(item for item in items if item is not None))

    def unmet(self, draft: Draft) -> tuple[str, ...]:
        """Needs that are no items."""
        return tuple(need for need in self.needs(draft) if self._item(need) is None)

    def obstacle(self, draft: Draft) -> str | None:
        """Why it can never be registered with all that it needs; None: it can."""
        for need in self.needs(draft):
            one = self._find(need) if "/" in need else None
            if one is not None and one.status in UNDECIDED:
                continue
            if one is not None and one.status is DraftStatus.REJECTED:
                return f"{draft.id} needs {one.id}, which was rejected by {one.decided_by}: {one.reason}"
            if self._item(need) is None:
                gone = one.registered if one is not None and one.registered else need
                return f"{draft.id} needs {gone}, which is not there any more."
        return None

    def lost(self, draft: Draft, gone: Collection[str]) -> tuple[str, ...]:
        """What it needs of these items and of their drafts."""
        found: dict[str, None] = {}
        for need in self.needs(draft):
            one = self._find(need) if "/" in need else None
            if need.partition("/")[0] in gone:
                found[need] = None
            elif one is not None and one.registered is not None and one.registered in gone:
                found[one.registered] = None
        return tuple(found)

    def rejected(self, draft: Draft) -> tuple[str, ...]:
        """The drafts that it needs and that were rejected."""
        return tuple(one.id for one in self._needed(draft) if one.status is DraftStatus.REJECTED)

    def needed_by(self, drafts: Iterable[Draft]) -> list[Draft]:
        """The undecided ones that these need, and those need in turn."""
        found: dict[str, Draft] = {}
        looked = list(drafts)
        for one in looked:  # grows meanwhile
            for need in self._needed(one):
                if need.status in UNDECIDED and need.id not in found:
                    found[need.id] = need
                    looked.append(need)
        return list(found.values())

    def circle(self, draft: Draft) -> list[str]:
        """The way from a draft back to itself along needs that nobody has decided; empty: there is none."""
        came: dict[str, str] = {}
        looked = [draft]
        for one in looked:  # grows meanwhile: breadth first, so the way is the shortest
            for need in self._needed(one):
                if need.status not in UNDECIDED or need.id in came:
                    continue
                came[need.id] = one.id
                looked.append(need)
            if draft.id in came:
                break
        else:
            return []
        way = [draft.id, came[draft.id]]
        while way[-1] != draft.id:
            way.append(came[way[-1]])
        return way[::-1]

    def refuse_new_needs(self, draft: Draft, new: tuple[str, ...]) -> None:
        """Raises NotFound or InvalidInput for a need that somebody wrote and that can never be met."""
        for need in new:
            one = self._find(need) if "/" in need else None
            if need == draft.id:
                raise InvalidInput(f"{draft.id} cannot need itself.")
            if one is None and ("/" in need or not self._tx.exists(need)):
                raise NotFound(f"{draft.id} needs {need}, which is not there.", hint="deespec drafts --all")
            if one is not None and one.status is DraftStatus.REJECTED:
                why = f"{draft.id} is to need {one.id}, which was rejected by {one.decided_by}: {one.reason}"
                raise InvalidInput(why, hint=f"deespec approve --again {one.id}")
        way = self.circle(draft) if new else []
        if way:
            raise InvalidInput(f"These needs form a circle: {' → '.join(way)}.", hint="Leave one of them out.")

    def _needed(self, draft: Draft) -> list[Draft]:
        found = (self._find(need) for need in self.needs(draft) if "/" in need)
        return [one for one in found if one is not None]

    def _item(self, need: str) -> str | None:
        """The item that a need is by now."""
        one = self._find(need) if "/" in need else None
        item = need if "/" not in need else one.registered if one is not None else None
        return item if item is not None and self._tx.exists(item) else None


def refuse_circle(board: Board, draft: Draft) -> None:
    """Raises NotPossible where waiting would never end."""
    for one in [draft, *board.needed_by([draft])]:
        way = board.circle(one)
        if way:
            why = f"{draft.id} would wait for ever: {' → '.join(way)}."
            raise NotPossible(why, hint=f"deespec approve {draft.id} --without-needs, or: deespec edit {draft.id}")
