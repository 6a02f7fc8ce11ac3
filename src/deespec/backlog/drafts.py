"""What people decide about the drafts of agents: approve, reject, edit. Each is one transaction, all or none."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.backlog.draft_needs import Board, refuse_circle
from deespec.backlog.register import Order, Twice, register_in
from deespec.errors import InvalidInput, NotPossible
from deespec.labels import find
from deespec.model.asking import Draft, DraftStatus
from deespec.model.items import Epic, Kind, Pbi, Priority
from deespec.model.spec import NewItem
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from deespec.store.base import Store, Transaction

DraftId = tuple[str, int]
"""The item it comes from, and its number there: ("SBI-12", 1)."""

EDITABLE = ("title", "spec", "labels", "paths", "needs", "estimate_hours", "only_implement")
"""What a person may change of a draft."""


class Needs(StrEnum):
    """What becomes of a draft that needs another which nobody has decided."""

    WAIT = "wait"
    WITH = "with"
    """That one is approved, too."""
    WITHOUT = "without"
    """It is registered at once, without the needs that are no items."""


@record
class Decider:
    """Who decides, and what an item begins with that is registered by that."""

    owner: str
    uid: Callable[[], str]
    """A new one at each call."""
    labels: frozenset[str] | None = None
    """Those that there are; None: any will do."""
    base: str | None = None
    """The base's commit now."""


@record
class Decided:
    """What became of one draft."""

    draft: Draft
    """As it is now."""
    fresh: bool
    """False: it was like that before."""
    waits_for: tuple[str, ...] = ()
    """The drafts that keep it from being registered."""
    without: tuple[str, ...] = ()
    """Needs that it was registered without."""
    held: bool = False
    why: str = ""
    """Of one that nobody named: why something became of it."""


# --- deciding -------------------------------------------------------------------------------------------------------


def approve(
    store: Store,
    ids: Sequence[DraftId],
    by: Decider,
    *,
    needs: Needs = Needs.WAIT,
    hold: bool = False,
    again: bool = False,
) -> list[Decided]:
    """Registers drafts as SBIs, each once, however often and by whom it is approved, and what has waited for them.

    First those that were named, in order, then what followed. `again`: rejected ones, too. Raises NotFound, NotPossible
    and InvalidInput; then nothing is registered.
    """
    with store.transaction() as tx:
        return approve_in(tx, ids, by, needs=needs, hold=hold, again=again)


def approve_in(
    tx: Transaction,
    ids: Sequence[DraftId],
    by: Decider,
    *,
    needs: Needs = Needs.WAIT,
    hold: bool = False,
    again: bool = False,
) -> list[Decided]:
    """The same, as part of a transaction."""
    board = Board(tx)
    done: dict[str, Decided] = {}
    wanted: dict[str, Draft] = {}
    for parent, number in dict.fromkeys(ids):
        draft = board.draft(parent, number)
        if draft.status is DraftStatus.APPROVED:
            done[draft.id] = Decided(draft=draft, fresh=False)
            continue
        wanted[draft.id] = _wanted(tx, board, draft, hold=hold, again=again)
    if needs is Needs.WITH:
        for one in board.needed_by(wanted.values()):
            wanted.setdefault(one.id, replace(one, hold=one.hold or hold))
    for draft in wanted.values():
        obstacle = None if needs is Needs.WITHOUT else board.obstacle(draft)
        if obstacle is not None:
            raise NotPossible(obstacle, hint=_instead(draft, board.rejected(draft)))
        _refuse_labels(draft, by.labels)
    done |= _register_ready(tx, board, wanted, by, without=needs is Needs.WITHOUT)
    for draft in wanted.values():
        if draft.id not in done:
            refuse_circle(board, draft)
            done[draft.id] = _wait(tx, board, draft, by)
    named = [done.pop(f"{parent}/{number}") for parent, number in dict.fromkeys(ids)]
    return [*named, *done.values()]


def approve_willing_in(tx: Transaction, ids: Sequence[DraftId], by: Decider) -> list[Decided]:
    """Approves those of these drafts that are open, as their agent made them, and nothing is wrong with; what a person
    must look at stays open."""
    board = Board(tx)
    willing = []
    for one in [board.draft(*each) for each in ids]:
        fine = (
            one.status is DraftStatus.OPEN and not one.edited and board.obstacle(one) is None and not board.circle(one)
        )
        if fine and not _unknown(one, by.labels):
            willing.append((one.parent, one.number))
    return approve_in(tx, willing, by)


def reject(store: Store, ids: Sequence[DraftId], *, reason: str, owner: str) -> list[Decided]:
    """Keeps drafts as rejected, so that nobody suggests them again. Approved ones that waited for them are open again.

    Raises NotFound, and NotPossible if decided.
    """
    with store.transaction() as tx:
        return reject_in(tx, ids, reason=reason, owner=owner)


def reject_in(tx: Transaction, ids: Sequence[DraftId], *, reason: str, owner: str) -> list[Decided]:
    """The same, as part of a transaction."""
    board = Board(tx)
    done = []
    for parent, number in dict.fromkeys(ids):
        draft = board.draft(parent, number)
        refuse_decided(draft, board)
        rejected = replace(_decided(tx, draft, DraftStatus.REJECTED, owner), reason=reason, hold=False)
        board.change(rejected)
        tx.note(owner, "draft_rejected", item=draft.parent, detail=f"{draft.id}: {reason}")
        done.append(Decided(draft=rejected, fresh=True))
    gone = {one.draft.id for one in done}
    for one in board.waiting():
        lost = [need for need in board.needs(one) if need in gone]
        if lost:
            done.append(_reopen(tx, board, one, f"it needs {', '.join(lost)}, which was rejected"))
    return done


def losing(tx: Transaction, gone: Collection[str]) -> tuple[tuple[str, str], ...]:
    """The ids of the drafts that wait for something that goes with these items, and why each will be open again."""
    return tuple((one.id, why) for one, why in _losing(Board(tx), gone))


def reopen_losing(tx: Transaction, gone: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Opens them again, before these items are deleted in the same transaction."""
    board = Board(tx)
    return tuple((_reopen(tx, board, one, why).draft.id, why) for one, why in _losing(board, gone))


def rewrite(store: Store, seen: Draft, written: Draft, by: Decider) -> list[Decided]:
    """Gives a draft other words and fields; first it, then what follows if it has waited for a need that it has not any
    more. Raises NotPossible if it was decided, or changed since it was `seen`; InvalidInput for a need or label that is
    not there."""
    with store.transaction() as tx:
        return rewrite_in(tx, seen, written, by)


def rewrite_in(tx: Transaction, seen: Draft, written: Draft, by: Decider) -> list[Decided]:
    """The same, as part of a transaction."""
    board = Board(tx)
    draft = board.draft(seen.parent, seen.number)
    refuse_decided(draft, board)
    if fields_of(draft) != fields_of(seen):
        raise NotPossible(f"Somebody else has changed {draft.id} meanwhile.", hint=f"deespec drafts {draft.id}")
    changed = replace(draft, **dict(zip(EDITABLE, fields_of(written), strict=True)), edited=True, updated_at=tx.now)
    board.change(changed)
    board.refuse_new_needs(changed, tuple(need for need in changed.needs if need not in seen.needs))
    _refuse_labels(replace(changed, labels=tuple(set(changed.labels) - set(seen.labels))), by.labels)
    tx.note(by.owner, "draft_edited", item=draft.parent, detail=draft.id)
    followed = _register_ready(tx, board, {}, by, without=False) if draft.status is DraftStatus.WAITING else {}
    first = followed.pop(changed.id, Decided(draft=changed, fresh=True))
    return [first, *followed.values()]


def fields_of(draft: Draft) -> tuple[object, ...]:
    """What a person may change of it, in the order of EDITABLE."""
    return tuple(getattr(draft, name) for name in EDITABLE)


def refuse_decided(draft: Draft, board: Board | None = None) -> None:
    """Raises NotPossible, saying what was decided."""
    if draft.status is DraftStatus.APPROVED:
        raise NotPossible(f"{draft.id} is registered already as {draft.registered}.", hint=_elsewhere(draft))
    if draft.status is DraftStatus.REJECTED:
        why = f"{draft.id} was rejected by {draft.decided_by}: {draft.reason}"
        raise NotPossible(why, hint=f"deespec approve --again {draft.id} takes that back.")
    if draft.status is DraftStatus.REPLACED:
        heirs = board.heirs(draft.id) if board is not None else ()
        why = f"{draft.id} was replaced" + (f" by {', '.join(heirs)}." if heirs else " by a later decomposition.")
        raise NotPossible(why, hint=f"deespec pbi drafts {draft.parent}")


# --- below ----------------------------------------------------------------------------------------------------------


def _elsewhere(draft: Draft) -> str:
    return f"deespec sbi edit {draft.registered}, or deespec sbi cancel {draft.registered}"


def _instead(draft: Draft, rejected: Sequence[str]) -> str:
    ways = [f"deespec approve {draft.id} --without-needs", f"take the need away: deespec edit {draft.id}"]
    ways += [f"approve it after all: deespec approve --again {' '.join((*rejected, draft.id))}"] if rejected else []
    return ", or ".join(ways)


def _wanted(tx: Transaction, board: Board, draft: Draft, *, hold: bool, again: bool) -> Draft:
    """The draft as it is to be registered or to wait."""
    if again and draft.status is DraftStatus.REJECTED:
        draft = tx.reopen_draft(draft)
        board.take(draft)
    refuse_decided(draft, board)
    return replace(draft, hold=draft.hold or hold)


def _decided(tx: Transaction, draft: Draft, status: DraftStatus, owner: str) -> Draft:
    return replace(draft, status=status, decided_by=owner, decided_at=tx.now, updated_at=tx.now)


def _register_ready(
    tx: Transaction, board: Board, wanted: dict[str, Draft], by: Decider, *, without: bool
) -> dict[str, Decided]:
    """Registers what no need keeps of the wanted ones and of all that wait, until there is no more of that."""
    done: dict[str, Decided] = {}
    found = True
    while found:
        found = False
        followers = [one for one in board.waiting() if one.id not in wanted]
        for draft in [*(one for one in wanted.values() if one.id not in done), *followers]:
            named = draft.id in wanted
            if board.undecided(draft) and not (without and named):
                continue
            why = "" if named else board.obstacle(draft) or _unknown(draft, by.labels)
            done[draft.id] = _reopen(tx, board, draft, why) if why else _register(tx, board, draft, by, named=named)
            found = True
    return done


def _register(tx: Transaction, board: Board, draft: Draft, by: Decider, *, named: bool) -> Decided:
    owner = (draft.decided_by or by.owner) if draft.status is DraftStatus.WAITING else by.owner
    met, unmet = board.met(draft), board.unmet(draft)
    new, held = _new(tx, draft)
    held = held or draft.hold
    order = Order(kind=Kind.SBI, new=replace(new, depends_on=met), source=draft.id, hold=held)
    [made] = register_in(tx, [order], uids=[by.uid()], owner=owner, twice=Twice.AGAIN, base=by.base)
    decided = draft if draft.status is DraftStatus.WAITING else _decided(tx, draft, DraftStatus.WAITING, owner)
    approved = replace(decided, status=DraftStatus.APPROVED, registered=made.item.id, hold=False, updated_at=tx.now)
    board.change(approved)
    words = f"{draft.id} is {made.item.id}" + (f", without {', '.join(unmet)}" if unmet else "")
    tx.note(by.owner, "draft_approved", item=draft.parent, detail=words)
    return Decided(draft=approved, fresh=True, without=unmet, held=held, why="" if named else "what it needs is there")


def _wait(tx: Transaction, board: Board, draft: Draft, by: Decider) -> Decided:
    """Approved, and registered when what it needs is."""
    waits_for = board.undecided(draft)
    before = board.draft(draft.parent, draft.number)
    if before.status is DraftStatus.WAITING and before.hold == draft.hold:
        return Decided(draft=before, fresh=False, waits_for=waits_for, held=before.hold)
    waiting = _decided(tx, draft, DraftStatus.WAITING, by.owner)
    board.change(waiting)
    words = f"{draft.id} waits for {', '.join(waits_for)}"
    tx.note(by.owner, "draft_approved", item=draft.parent, detail=words)
    return Decided(draft=waiting, fresh=True, waits_for=waits_for, held=draft.hold)


def _losing(board: Board, gone: Collection[str]) -> list[tuple[Draft, str]]:
    needing = [(one, board.lost(one, gone)) for one in board.waiting() if one.parent not in gone]
    return [(one, f"it needs {', '.join(lost)}, which was deleted") for one, lost in needing if lost]


def _reopen(tx: Transaction, board: Board, draft: Draft, why: str) -> Decided:
    opened = tx.reopen_draft(draft)
    board.take(opened)
    tx.note("deespec", "draft_reopened", item=draft.parent, detail=f"{draft.id}: {why}")
    return Decided(draft=opened, fresh=True, why=why)


def _refuse_labels(draft: Draft, known: frozenset[str] | None) -> None:
    unknown = _unknown(draft, known)
    if unknown:
        from deespec.suggest import closest

        name = next(label for label in draft.labels if find(known or (), label) is None)
        near = closest(name, sorted(known or ()))
        hint = f"Did you mean {near}? deespec edit {draft.id}" if near else f"deespec label register {name}"
        raise InvalidInput(f"{draft.id}: {unknown}.", hint=hint)


def _unknown(draft: Draft, known: frozenset[str] | None) -> str:
    """Which of its labels is not there (any more); empty: none."""
    missing = [] if known is None else [label for label in draft.labels if find(known, label) is None]
    return f"there is no label {missing[0]}" if missing else ""


def _new(tx: Transaction, draft: Draft) -> tuple[NewItem, bool]:
    """The item to make of it, and whether it is held because what it belongs to is.

    A finding of an SBI's review becomes another child of that SBI's parent; a draft of a PBI becomes a child of it.
    """
    new = NewItem(
        kind=Kind.SBI,
        title=draft.title,
        spec=draft.spec,
        priority=Priority(draft.severity),
        labels=draft.labels,
        paths=draft.paths,
        estimate_hours=draft.estimate_hours,
        only_implement=draft.only_implement,
    )
    found_in = tx.item(draft.parent) if tx.exists(draft.parent) else None
    if found_in is None or isinstance(found_in, Epic):
        return new, False
    if isinstance(found_in, Pbi):
        return replace(new, parent=found_in.id, priority=found_in.priority), found_in.held
    above = found_in.parent
    held = above is not None and tx.item(above).held
    return replace(new, parent=above, labels=_together(found_in.labels, draft.labels)), held


def _together(*some: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order."""
    return tuple(dict.fromkeys(one for these in some for one in these))
