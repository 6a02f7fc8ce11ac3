"""Puts an exported backlog into this one, in one transaction: what is here already, by its uid, stays as it is.

In an empty backlog every number is kept. Elsewhere a number that was given here is not given again; what names the
item follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.backlog.exports.history import IMPORTED, MARK
from deespec.backlog.imports.backlog_files import Filed
from deespec.backlog.imports.backlog_past import put_history
from deespec.errors import InvalidInput
from deespec.model.asking import Draft, DraftStatus
from deespec.model.ids import decomposition_of, number_in
from deespec.model.items import Epic, Kind, Pbi, Sbi
from deespec.model.lifecycle import ENDED, IN_WORK, GroupStatus, Status
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deespec.backlog.imports.backlog_read import Whole
    from deespec.store.base import Transaction
    from deespec.store.items import Item


@record
class Came:
    """One item that is new here."""

    was: str
    """Its id there."""
    item: Item


@record
class Brought:
    """What has come, or would."""

    came: tuple[Came, ...]
    known: int
    """Items that were here already."""
    drafts: int
    entries: int
    """Of the journal."""
    turns: int
    notes: tuple[str, ...]

    @property
    def renumbered(self) -> tuple[Came, ...]:
        return tuple(one for one in self.came if one.was != one.item.id)


def put(tx: Transaction, whole: Whole, *, as_is: bool, actor: str) -> Brought:
    """Raises InvalidInput, and has changed nothing then, for what would break this backlog."""
    items = [one for one in whole.items if not (isinstance(one.item, Sbi) and one.item.decomposes)]
    known = tx.known_uids(one.item.uid for one in items)
    empty = tx.is_empty()
    before = set() if empty else {*tx.orphans()}
    if empty:
        tx.descend_from(whole.backlog)
    ids = {one.item.id: _same_kind(one, known[one.item.uid]) for one in items if one.item.uid in known}
    fresh = [one for one in items if one.item.uid not in known]
    ids |= _numbered(tx, fresh, whole.counters if empty else {})
    notes: list[str] = []
    coming = [_moved(one, ids) for one in (*fresh, *_decompositions(whole, fresh))]
    _refuse_circles(coming)
    asked = {one.item.parent for one in coming if isinstance(one.item, Sbi) and one.item.decomposes and _open(one.item)}
    ready = [_as_it_comes(tx, one, as_is=as_is, asked=asked, notes=notes) for one in coming]
    pbis = {item.id: item for item in ready if isinstance(item, Pbi)}
    ready = [_like_its_pbi(item, pbis) for item in ready]
    for item in ready:
        tx.add(item)
    for item in ready:
        if isinstance(item, Sbi) and item.depends_on:
            tx.set_needs(item.number, item.depends_on)
    drafts = _put_drafts(tx, whole, ids, {one.item.id for one in fresh}, empty=empty, notes=notes)
    past = put_history(tx, whole.path, ids, {one.item.id for one in fresh}, empty=empty)
    came = tuple(Came(was=one.item.id, item=item) for one, item in zip(fresh, ready, strict=False))
    _note(tx, came, past.led_to, actor)
    _settle(tx, came, fresh)
    _refuse_unsound(tx, before, whole)
    return Brought(
        came=came, known=len(known), drafts=drafts, entries=past.entries, turns=past.turns, notes=(*notes, *past.notes)
    )


# --- numbers and ties -------------------------------------------------------------------------------------------------


def _numbered(tx: Transaction, fresh: Sequence[Filed], counters: Mapping[str, int]) -> dict[str, str]:
    """The id that each new item has here. Who was first there is first here among those that keep their numbers."""
    ids: dict[str, str] = {}
    given = tx.whole().counters()
    for kind in Kind:
        own = [one.item for one in fresh if one.item.id.startswith(f"{kind}-")]
        kept = [item.number for item in own if item.number > given[kind.lower()]]
        last = max([given[kind.lower()], counters.get(kind.lower(), 0), *kept])
        for item in own:
            number = item.number
            if number <= given[kind.lower()]:
                last += 1
                number = last
            ids[item.id] = f"{kind}-{number}"
        tx.keep_numbers(kind, last)
    return ids


def _same_kind(one: Filed, here: str) -> str:
    if here.partition("-")[0] != one.item.id.partition("-")[0]:
        raise InvalidInput(f"{one.file}: its uid {one.item.uid} is that of {here} here.")
    return here


def _decompositions(whole: Whole, fresh: Sequence[Filed]) -> list[Filed]:
    new = {one.item.uid for one in fresh}
    return [one for one in whole.items if isinstance(one.item, Sbi) and one.item.decomposes and one.item.uid in new]


def _moved(one: Filed, ids: Mapping[str, str]) -> Filed:
    """The item with the numbers that it and what it names have here."""
    item = one.item
    number = number_in(ids[item.id])
    if isinstance(item, Epic):
        return replace(one, item=replace(item, number=number))
    parent = _named(item.parent, ids, one, "parent") if item.parent else None
    if isinstance(item, Pbi):
        return replace(one, item=replace(item, number=number, parent=parent))
    needs = tuple(_named(need, ids, one, "depends_on") for need in item.depends_on)
    if item.decomposes:
        number = decomposition_of(number)
    return replace(one, item=replace(item, number=number, parent=parent, depends_on=needs))


def _named(item_id: str, ids: Mapping[str, str], one: Filed, key: str) -> str:
    if item_id not in ids:
        raise InvalidInput(f"{one.file}: {key} names {item_id}, which is not in this export.")
    return ids[item_id]


def _refuse_circles(coming: Sequence[Filed]) -> None:
    """Raises InvalidInput if needs lead back to where they came from."""
    files = {one.item.id: one for one in coming if isinstance(one.item, Sbi)}
    done: set[str] = set()
    for start in files:
        way = [(start, iter(_needs(files, start)))] if start not in done else []
        on_way = {start: None}
        while way:
            one, rest = way[-1]
            other = next(rest, None)
            if other is None:
                way.pop()
                on_way.pop(one)
                done.add(one)
            elif other in on_way:
                circle = [*list(on_way)[list(on_way).index(other) :], other]
                raise InvalidInput(f"{files[other].file}: these needs form a circle: {' → '.join(circle)}.")
            elif other not in done:
                on_way[other] = None
                way.append((other, iter(_needs(files, other))))


def _needs(files: Mapping[str, Filed], item_id: str) -> tuple[str, ...]:
    found = files.get(item_id)
    return found.item.depends_on if found is not None and isinstance(found.item, Sbi) else ()


# --- items ------------------------------------------------------------------------------------------------------------


def _open(item: Sbi) -> bool:
    return item.status not in ENDED


def _as_it_comes(tx: Transaction, one: Filed, *, as_is: bool, asked: set[str | None], notes: list[str]) -> Item:
    """Held if it is open, unless it comes as it is; what was in work begins anew, as its folder is not here."""
    item = _with_free_key(tx, one, notes)
    if isinstance(item, Sbi):
        if item.status in IN_WORK:
            notes.append(f"{item.id} was {item.status}: it comes in PENDING, as its workspace is not here")
            item = _anew(item)
        return item if as_is or not _open(item) else replace(item, held=True)
    if isinstance(item, Pbi) and not as_is and (item.auto or item.id in asked) and item.status is not GroupStatus.DONE:
        return replace(item, held=True)
    return item


def _like_its_pbi(item: Item, pbis: Mapping[str, Pbi]) -> Item:
    """A decomposition has the words and the hold that its PBI comes in with."""
    if not isinstance(item, Sbi) or not item.decomposes:
        return item
    pbi = pbis[item.id]
    shared = {name: getattr(pbi, name) for name in ("title", "spec", "priority", "labels", "held")}
    return replace(item, rank=pbi.priority.rank, **shared)


def _with_free_key(tx: Transaction, one: Filed, notes: list[str]) -> Item:
    item = one.item
    if item.key is None:
        return item
    there = tx.by_key(Kind(item.id.partition("-")[0]), item.key)
    if there is None:
        return item
    notes.append(f"{item.id}: {there.id} has its key {item.key!r} here; it comes in without")
    return replace(item, key=None)


def _anew(sbi: Sbi) -> Sbi:
    """As `reset` leaves it."""
    return replace(
        sbi,
        status=Status.PENDING,
        turns_before=sbi.turn,
        turns_reset=sbi.turn,
        attempts=0,
        setbacks=0,
        reviews=0,
        reason=None,
        question=None,
        stopped_in=None,
        resume=False,
        hint=None,
        started_at=None,
        finished_at=None,
    )


# --- drafts -----------------------------------------------------------------------------------------------------------


def _put_drafts(
    tx: Transaction, whole: Whole, ids: Mapping[str, str], fresh: set[str], *, empty: bool, notes: list[str]
) -> int:
    """Those of new items, and those that items here have not got; how many."""
    there: dict[str, set[int]] = {}
    count = 0
    for filed in whole.drafts:
        draft = _draft_moved(filed.draft, ids, empty=empty)
        if draft is None:
            notes.append(f"{filed.draft.id} was left out: it names what is not in this export")
            continue
        if filed.draft.parent not in fresh:
            if draft.parent not in there:
                there[draft.parent] = {one.number for one in tx.drafts(draft.parent, decided=True)}
            if draft.number in there[draft.parent]:
                continue
        tx.add_past(draft)
        count += 1
    return count


def _draft_moved(draft: Draft, ids: Mapping[str, str], *, empty: bool) -> Draft | None:
    def here(item_id: str) -> str | None:
        return ids.get(item_id, item_id if empty else None)

    parent = here(draft.parent)
    registered = here(draft.registered) if draft.registered else None
    if parent is None or (draft.status is DraftStatus.APPROVED and registered is None):
        return None
    needs = []
    for need in draft.needs:
        above, slash, number = need.partition("/")
        found = here(above)
        if found is None:
            return None
        needs.append(f"{found}{slash}{number}")
    return replace(draft, parent=parent, registered=registered, needs=tuple(needs))


# --- what follows -----------------------------------------------------------------------------------------------------


def _note(tx: Transaction, came: Sequence[Came], led_to: Mapping[str, str], actor: str) -> None:
    """Tells in the journal where each comes from; its status where the history has led to another."""
    for one in came:
        item, last = one.item, led_to.get(one.item.id)
        if last is None:
            tx.note_past(item.registered_at, "registered", item=item.id, to_status="PENDING", detail=item.title)
            last = "PENDING"
        moved = {"from_status": last, "to_status": str(item.status)} if last != item.status else {}
        tx.note(actor, IMPORTED, item=item.id, detail=MARK, **moved)


def _settle(tx: Transaction, came: Sequence[Came], fresh: Sequence[Filed]) -> None:
    """The status of groups follows from what is below them; what was archived is archived."""
    groups: dict[str, None] = {}
    for one in came:
        if not isinstance(one.item, Sbi):
            groups[one.item.id] = None
        if not isinstance(one.item, Epic) and one.item.parent:
            groups[one.item.parent] = None
    for group in sorted(groups, key=lambda group: (group.startswith(Kind.EPIC), group)):
        tx.roll_up(group)
    for one, filed in zip(came, fresh, strict=True):
        status = tx.item(one.item.id).status if filed.archived_at is not None else None
        if filed.archived_at is not None and (
            status == Status.DONE or (status == Status.CANCELLED and isinstance(one.item, Sbi))
        ):
            tx.archive_past(one.item.id, filed.archived_at)


def _refuse_unsound(tx: Transaction, before: set[str], whole: Whole) -> None:
    wrong = next((text for text in tx.orphans() if text not in before), None)
    if wrong is not None:
        raise InvalidInput(
            f"What {whole.path} holds contradicts itself: {wrong}.",
            hint="Nothing was imported. Export once more, or look what was changed by hand.",
        )
