"""What becomes of a proposal: new drafts, held against those that are there. Pure; no decision of a person changes.

Titles are compared as questions are, so that another width or case is no other draft.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.errors import InvalidInput
from deespec.model.asking import Draft, DraftStatus, question_key
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deespec.model.proposal import Proposed

ORDER = (DraftStatus.APPROVED, DraftStatus.WAITING, DraftStatus.REJECTED, DraftStatus.OPEN)
"""Which of several drafts that a proposed one might repeat is meant: one that somebody has decided."""


@record
class Taken:
    """What a proposal comes to."""

    added: tuple[Draft, ...] = ()
    replaced: tuple[Draft, ...] = ()
    """Open ones in whose place another stands now, as they are to be written."""
    known: tuple[Draft, ...] = ()
    """Earlier ones that are only repeated: nothing comes of that."""


def against(
    known: Sequence[Draft],
    proposed: Sequence[Proposed],
    *,
    parent: str,
    turn: int | None,
    agent: str,
    now: int,
) -> Taken:
    """The drafts of a proposal for `parent`, whose earlier drafts are all in `known`.

    What repeats a decided or edited draft, or an open one word for word, adds nothing. What stands against another open
    one replaces it. Raises InvalidInput for a need by a number that the proposal does not have.
    """
    earlier = [meant(one, known) for one in proposed]
    stays = [one is not None and _stays(one, at, proposed, earlier, known) for at, one in enumerate(earlier)]
    numbers = _numbers(known, proposed, earlier, stays)
    added = {}
    for at, one in enumerate(proposed):
        number = numbers[at]
        if stays[at] or number in added:
            continue
        needs = _ids(one.needs, [f"{parent}/{each}" for each in numbers], _heirs(parent, earlier, stays, numbers))
        before = earlier[at]
        added[number] = Draft(
            parent=parent,
            number=number,
            title=one.title,
            spec=one.spec,
            turn=turn,
            agent=agent,
            labels=one.labels,
            paths=one.paths,
            needs=tuple(need for need in needs if need != f"{parent}/{number}"),
            estimate_hours=one.estimate_hours,
            only_implement=one.only_implement,
            replaces=None if before is None else before.number,
            created_at=now,
            updated_at=now,
        )
    gone = {one.replaces for one in added.values()}
    repeated = {one.number for one, same in zip(earlier, stays, strict=True) if one is not None and same}
    return Taken(
        added=tuple(added.values()),
        replaced=tuple(
            replace(one, status=DraftStatus.REPLACED, updated_at=now) for one in known if one.number in gone - repeated
        ),
        known=tuple(one for one in known if one.number in repeated),
    )


def meant(one: Proposed, known: Sequence[Draft]) -> Draft | None:
    """The earlier draft that a proposed one stands against, by its number or its title."""
    key = question_key(one.title)
    found = [each for each in known if each.number == one.replaces or question_key(each.title) == key]
    live = sorted((each for each in found if each.status in ORDER), key=lambda each: ORDER.index(each.status))
    return live[0] if live else None


def successors(drafts: Sequence[Draft]) -> dict[str, tuple[str, ...]]:
    """Of each replaced draft the ids of those that stand in its place now, however often that was replaced."""
    status = {one.id: one.status for one in drafts}
    direct: dict[str, list[str]] = {}
    for one in drafts:
        if one.replaces is not None:
            direct.setdefault(f"{one.parent}/{one.replaces}", []).append(one.id)

    def follow(one: str) -> tuple[str, ...]:
        if status.get(one) is not DraftStatus.REPLACED:
            return (one,)
        return tuple(dict.fromkeys(last for heir in direct.get(one, ()) for last in follow(heir)))

    return {one: follow(one) for one, its in status.items() if its is DraftStatus.REPLACED}


# --- below ----------------------------------------------------------------------------------------------------------


def _stays(
    earlier: Draft, at: int, proposed: Sequence[Proposed], others: Sequence[Draft | None], known: Sequence[Draft]
) -> bool:
    """Whether nothing comes of it: that was decided, a person has given it other words, or it says just the same."""
    if earlier.status is not DraftStatus.OPEN or earlier.edited:
        return True
    one = proposed[at]
    names = ("title", "spec", "labels", "paths", "estimate_hours", "only_implement")
    if any(getattr(one, name) != getattr(earlier, name) for name in names):
        return False
    heirs = successors(known)
    before = [last for need in earlier.needs for last in heirs.get(need, (need,))]
    ids = [each.id if each is not None else "" for each in others]
    return sorted(before) == sorted(_ids(one.needs, ids, {}))


def _numbers(
    known: Sequence[Draft], proposed: Sequence[Proposed], earlier: Sequence[Draft | None], stays: Sequence[bool]
) -> list[int]:
    """The number of the draft that each proposed one is; new ones go on behind all there were."""
    following = max((one.number for one in known), default=0) + 1
    fresh: dict[str, int] = {}
    numbers = []
    for one, before, same in zip(proposed, earlier, stays, strict=True):
        if same and before is not None:
            numbers.append(before.number)
        else:
            numbers.append(fresh.setdefault(question_key(one.title), following + len(fresh)))
    return numbers


def _heirs(
    parent: str, earlier: Sequence[Draft | None], stays: Sequence[bool], numbers: Sequence[int]
) -> dict[str, tuple[str, ...]]:
    """Of each draft that is replaced now those in its place."""
    heirs: dict[str, list[str]] = {}
    for before, same, number in zip(earlier, stays, numbers, strict=True):
        if before is not None and not same:
            heirs.setdefault(before.id, []).append(f"{parent}/{number}")
    return {one: tuple(dict.fromkeys(its)) for one, its in heirs.items()}


def _ids(needs: Sequence[str], ids: Sequence[str], heirs: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Needs as ids, each once; `ids` are those of the proposed ones in order."""
    found: dict[str, None] = {}
    for need in needs:
        if not (need.isascii() and need.isdigit()):
            found |= dict.fromkeys(heirs.get(need, (need,)))
            continue
        if not 1 <= int(need) <= len(ids):
            raise InvalidInput(f"There is no draft {need} in the proposal, which has {len(ids)}.")
        found[ids[int(need) - 1]] = None
    return tuple(found)
