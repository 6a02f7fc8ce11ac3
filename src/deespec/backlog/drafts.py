"""What people decide about the drafts of agents: approve, reject, edit. Each is one transaction, all or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.backlog.register import Order, Twice, register_in
from deespec.errors import NotPossible
from deespec.model.asking import DraftStatus
from deespec.model.items import Epic, Kind, Priority
from deespec.model.spec import NewItem
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.model.asking import Draft
    from deespec.store.base import Store, Transaction
    from deespec.store.items import Item

DraftId = tuple[str, int]
"""The item it comes from, and its number there: ("SBI-12", 1)."""


@record
class Approved:
    draft: Draft
    """As it is now."""
    fresh: bool
    """False: it was approved before, and nothing was done."""


def approve(
    store: Store,
    ids: Sequence[DraftId],
    *,
    uids: Sequence[str],
    owner: str,
    hold: bool = False,
    base: str | None = None,
) -> list[Approved]:
    """Registers drafts as SBIs beside the items they come from; each once, however often and by whom it is approved.

    Raises NotFound, and NotPossible for one that was rejected; then none of them is registered.
    """
    with store.transaction() as tx:
        return [_approve(tx, one, uid, owner, hold=hold, base=base) for one, uid in zip(ids, uids, strict=True)]


def reject(store: Store, ids: Sequence[DraftId], *, reason: str, owner: str) -> list[Draft]:
    """Keeps drafts as rejected, so that nobody suggests them again. Raises NotFound, and NotPossible if decided."""
    with store.transaction() as tx:
        done = []
        for one in ids:
            draft = _open(tx, one)
            decided = _decided(tx, draft, DraftStatus.REJECTED, owner)
            done.append(replace(decided, reason=reason))
            tx.change_draft(done[-1])
            tx.note(owner, "draft_rejected", item=draft.parent, detail=f"{draft.id}: {reason}")
        return done


def rewrite(store: Store, seen: Draft, *, title: str, spec: str, owner: str) -> Draft:
    """Gives a draft other words. Raises NotPossible if it was decided, or changed since it was `seen`."""
    with store.transaction() as tx:
        draft = _open(tx, (seen.parent, seen.number))
        if (draft.title, draft.spec) != (seen.title, seen.spec):
            raise NotPossible(f"Somebody else has changed {draft.id} meanwhile.", hint=f"deespec drafts {draft.id}")
        changed = replace(draft, title=title, spec=spec, updated_at=tx.now)
        tx.change_draft(changed)
        tx.note(owner, "draft_edited", item=draft.parent, detail=draft.id)
        return changed


def refuse_decided(draft: Draft) -> None:
    """Raises NotPossible, saying what was decided."""
    if draft.status is DraftStatus.APPROVED:
        raise NotPossible(f"{draft.id} is registered already as {draft.registered}.", hint=_elsewhere(draft))
    if draft.status is DraftStatus.REJECTED:
        why = f"{draft.id} was rejected by {draft.decided_by}: {draft.reason}"
        raise NotPossible(why, hint=f"deespec drafts {draft.id} has its text; deespec register sbi takes it.")


def _elsewhere(draft: Draft) -> str:
    return f"deespec sbi edit {draft.registered}, or deespec sbi cancel {draft.registered}"


def _open(tx: Transaction, one: DraftId) -> Draft:
    draft = tx.draft(*one)
    refuse_decided(draft)
    return draft


def _decided(tx: Transaction, draft: Draft, status: DraftStatus, owner: str) -> Draft:
    return replace(draft, status=status, decided_by=owner, decided_at=tx.now, updated_at=tx.now)


def _approve(tx: Transaction, one: DraftId, uid: str, owner: str, *, hold: bool, base: str | None) -> Approved:
    draft = tx.draft(*one)
    if draft.status is DraftStatus.APPROVED:
        return Approved(draft=draft, fresh=False)
    refuse_decided(draft)
    parent = tx.item(draft.parent) if tx.exists(draft.parent) else None
    order = Order(kind=Kind.SBI, new=_new(draft, parent), source=draft.id, hold=hold)
    [made] = register_in(tx, [order], uids=[uid], owner=owner, twice=Twice.AGAIN, base=base)
    approved = replace(_decided(tx, draft, DraftStatus.APPROVED, owner), registered=made.item.id)
    tx.change_draft(approved)
    tx.note(owner, "draft_approved", item=draft.parent, detail=f"{draft.id} is {made.item.id}")
    return Approved(draft=approved, fresh=True)


def _new(draft: Draft, found_in: Item | None) -> NewItem:
    """A finding of an SBI's review becomes another child of that SBI's parent."""
    new = NewItem(kind=Kind.SBI, title=draft.title, spec=draft.spec, priority=Priority(draft.severity))
    if found_in is None or isinstance(found_in, Epic):
        return new
    above = found_in.parent if draft.parent.startswith(Kind.SBI) else found_in.id
    return replace(new, parent=above, labels=found_in.labels)
