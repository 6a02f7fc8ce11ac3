"""What people decide about PBIs and EPICs with all that is below them: move, hold, cancel, delete.

Each is one transaction. What it would do is a value that a person is shown first; it is found anew when it is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.backlog import drafts, edit
from deespec.errors import InvalidInput, NotPossible
from deespec.model.ids import number_in
from deespec.model.items import Epic, Pbi, Sbi
from deespec.model.lifecycle import ENDED, Event, GroupStatus, Status
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.store.base import Store, Transaction
    from deespec.store.items import Item

NAMED_MOST = 20
"""Reasons against an act that are named one by one; of more, only how many they are is said."""


@record
class Family:
    """A PBI or EPIC with all below it."""

    groups: tuple[Pbi | Epic, ...]
    """Itself first, then the PBIs of an EPIC."""
    sbis: tuple[Sbi, ...]
    decompositions: tuple[Sbi, ...]
    reopened: tuple[tuple[str, str], ...] = ()
    """Drafts elsewhere that wait for what goes with it and are open again then, and why."""

    @property
    def top(self) -> Pbi | Epic:
        return self.groups[0]


@record
class Effect:
    """What an act changes, by id, and what it leaves as it is."""

    item: str
    """The PBI or EPIC itself."""
    groups: tuple[str, ...] = ()
    """That become held or free."""
    sbis: tuple[str, ...] = ()
    decompositions: tuple[str, ...] = ()
    """The PBIs whose decomposition is cancelled."""
    stopped: tuple[str, ...] = ()
    """Those of them whose agent is stopped."""
    left: tuple[tuple[str, str], ...] = ()
    """What is not touched, and why."""
    blocked: tuple[str, ...] = ()
    """SBIs elsewhere that need what is cancelled."""

    @property
    def below(self) -> bool:
        """Whether it concerns more than the item itself."""
        return bool(self.sbis or self.decompositions) or any(group != self.item for group in self.groups)


def family(tx: Transaction, item_id: str) -> Family:
    """Raises NotFound."""
    top = tx.item(item_id)
    assert not isinstance(top, Sbi)
    groups: list[Pbi | Epic] = [top]
    sbis: list[Sbi] = []
    for group in groups:  # grows meanwhile: the PBIs of an EPIC come behind it
        for child in map(tx.item, tx.children(group.id)):
            if isinstance(child, Sbi):
                sbis.append(child)
            else:
                groups.append(child)
    asked = (tx.decomposition(group.number) for group in groups if isinstance(group, Pbi))
    return Family(
        groups=tuple(groups),
        sbis=tuple(sorted(sbis, key=lambda one: one.number)),
        decompositions=tuple(one for one in asked if one),
    )


# --- what it would do -----------------------------------------------------------------------------------------------


def to_hold(tx: Transaction, item_id: str, *, now: bool) -> Effect:
    """Itself, and everything below that is not over and not held yet; with `now` all running agents are stopped."""
    whole = family(tx, item_id)
    running = {one.number for one in (*whole.sbis, *whole.decompositions) if now and _runs(tx, one)}
    concerned = [one for one in whole.sbis if not one.held or one.number in running]
    sbis, left = _not_merging(tx, [one for one in concerned if one.status not in ENDED])
    groups = [one for one in whole.groups if one is whole.top or one.status is not GroupStatus.DONE]
    return Effect(
        item=item_id,
        groups=tuple(one.id for one in groups if not one.held),
        sbis=_ids([one for one in sbis if not one.held]),
        stopped=_ids([one for one in (*sbis, *whole.decompositions) if one.number in running]),
        left=left,
    )


def to_unhold(tx: Transaction, item_id: str) -> Effect:
    """Everything that is held, whoever held it and however."""
    whole = family(tx, item_id)
    return Effect(
        item=item_id,
        groups=tuple(one.id for one in whole.groups if one.held),
        sbis=_ids([one for one in whole.sbis if one.held and one.status is not Status.DONE]),
    )


def to_cancel(tx: Transaction, item_id: str) -> Effect:
    """Everything that is not over. The groups become held, so that nothing is decomposed or taken anew."""
    whole = family(tx, item_id)
    sbis, left = _not_merging(tx, [one for one in whole.sbis if one.status not in ENDED])
    asked = [one for one in whole.decompositions if one.status not in ENDED]
    done = tuple((one.id, "is DONE") for one in whole.sbis if one.status is Status.DONE)
    if not sbis and not asked and done and not left:
        raise NotPossible(f"{item_id} has nothing to cancel: what is below it is over.")
    cancelled = set(_ids(sbis))
    needing = dict.fromkeys(other for one in sbis for other in tx.dependents(one.number) if other not in cancelled)
    return Effect(
        item=item_id,
        groups=tuple(one.id for one in whole.groups if not one.held),
        sbis=_ids(sbis),
        decompositions=_ids(asked),
        stopped=_ids([one for one in (*sbis, *asked) if one.in_work]),
        left=(*left, *done),
        blocked=tuple(other for other in needing if tx.item(other).status not in ENDED),
    )


def to_delete(tx: Transaction, item_id: str, *, cascade: bool) -> Family:
    """What goes. Raises NotPossible with the list of what stands in the way."""
    whole = family(tx, item_id)
    if not cascade:
        _refuse_what_is_below(tx, whole.top)
    against = [f"{one.id} is being decomposed" for one in whole.decompositions if one.in_work]
    gone = {one.number for one in whole.sbis}
    for one in whole.sbis:
        needing = [other for other in tx.dependents(one.number) if number_in(other) not in gone]
        if one.status not in (Status.PENDING, Status.CANCELLED):
            against.append(f"{one.id} is {one.status}")
        elif one.turn:
            against.append(f"{one.id} has {one.turn} turns of history")
        elif needing:
            against.append(f"{one.id} is needed by {', '.join(needing)}")
    if against:
        more = f", and {len(against) - NAMED_MOST} more" if len(against) > NAMED_MOST else ""
        raise NotPossible(
            f"{item_id} cannot be deleted: {', '.join(against[:NAMED_MOST])}{more}.",
            hint=f"deespec {_kind(item_id)} cancel {item_id} ends what is open and keeps the history.",
        )
    return replace(whole, reopened=drafts.losing(tx, _all_ids(whole)))


def _refuse_what_is_below(tx: Transaction, group: Pbi | Epic) -> None:
    hint = f"deespec {_kind(group.id)} delete {group.id} --cascade deletes all below it, too."
    children = tx.children(group.id)
    if children:
        more = f" and {len(children) - NAMED_MOST} more" if len(children) > NAMED_MOST else ""
        raise NotPossible(f"{group.id} has below it: {', '.join(children[:NAMED_MOST])}{more}.", hint=hint)
    undecided = tx.drafts(group.id)
    if undecided:
        raise NotPossible(
            f"{group.id} has drafts that nobody has decided: {', '.join(one.id for one in undecided[:NAMED_MOST])}.",
            hint=hint,
        )


def _runs(tx: Transaction, one: Sbi) -> bool:
    return one.in_work and tx.line(one.number).lease_token is not None


def _not_merging(tx: Transaction, sbis: Sequence[Sbi]) -> tuple[list[Sbi], tuple[tuple[str, str], ...]]:
    """Those that nobody is moving the target for, and the others."""
    merging = {one.id for one in sbis if tx.integration(one.number) is not None}
    return [one for one in sbis if one.id not in merging], tuple((one, "is being merged") for one in sorted(merging))


# --- doing it -------------------------------------------------------------------------------------------------------


def hold(store: Store, item_id: str, *, actor: str, now: bool = False) -> Effect:
    """Keeps all below a PBI or EPIC from being taken, also what is registered there later."""
    with store.transaction() as tx:
        effect = to_hold(tx, item_id, now=now)
        for one in map(tx.item, effect.stopped):
            if isinstance(one, Pbi):
                edit.revoke_decomposition(tx, one, actor=actor)
            elif isinstance(one, Sbi):
                tx.revoke(one, actor=actor)
        for item in map(tx.item, (*effect.groups, *effect.sbis)):
            tx.set_held(item, held=True, actor=actor)
        return effect


def unhold(store: Store, item_id: str, *, actor: str) -> Effect:
    with store.transaction() as tx:
        effect = to_unhold(tx, item_id)
        for item in map(tx.item, (*effect.groups, *effect.sbis)):
            tx.set_held(item, held=False, actor=actor)
        return effect


def cancel(store: Store, item_id: str, *, actor: str, reason: str | None = None) -> Effect:
    """Cancels all below that is not over; agents are stopped. Drafts stay for a person to decide."""
    with store.transaction() as tx:
        effect = to_cancel(tx, item_id)
        for group in effect.groups:
            tx.set_held(tx.item(group), held=True, actor=actor)
        for pbi in map(tx.item, effect.decompositions):
            assert isinstance(pbi, Pbi)
            edit.cancel_decomposition(tx, pbi, actor=actor, reason=reason)
        for sbi in map(tx.item, effect.sbis):
            assert isinstance(sbi, Sbi)
            tx.revoke(sbi, actor=actor)
            tx.move(sbi, Event.CANCELLED, actor=actor, reason=reason or f"with {item_id}, by a person")
        return effect


def delete(store: Store, item_id: str, *, actor: str, cascade: bool = False) -> Family:
    """Removes a PBI or EPIC; with `cascade` all below it, or nothing. Drafts that waited for it are open again."""
    with store.transaction() as tx:
        whole = to_delete(tx, item_id, cascade=cascade)
        drafts.reopen_losing(tx, _all_ids(whole))
        for sbi in whole.sbis:  # among themselves they may need each other
            tx.set_needs(sbi.number, ())
        for item_now in map(tx.item, (*_ids(whole.sbis), *_ids(whole.groups)[::-1])):
            tx.delete(item_now)
            tx.note(actor, "deleted", item=item_now.id, from_status=item_now.status, detail=item_now.title)
        return whole


def move(store: Store, ids: Sequence[str], *, to: str | None, actor: str) -> list[tuple[Item, Item]]:
    """Puts PBIs below an EPIC, or SBIs below a PBI or EPIC; None: below nothing. Each as it was and as it is.

    Both parents are rolled up. What comes below a held one is held, too.
    """

    def change(item: Item) -> dict[str, object]:
        if isinstance(item, Epic):
            raise InvalidInput(f"{item.id} is an EPIC: it is below nothing.")
        return {} if item.parent == to else {"parent": to}

    with store.transaction() as tx:
        if to is not None:
            tx.item(to)  # raises NotFound
        return [(tx.item(one), edit.update_in(tx, one, change, actor=actor)) for one in ids]


# --- below ----------------------------------------------------------------------------------------------------------


def _ids(items: Sequence[Item]) -> tuple[str, ...]:
    return tuple(one.id for one in items)


def _all_ids(whole: Family) -> tuple[str, ...]:
    return _ids((*whole.sbis, *whole.groups))


def _kind(item_id: str) -> str:
    return item_id.partition("-")[0].lower()
