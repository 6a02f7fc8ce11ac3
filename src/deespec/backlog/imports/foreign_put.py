"""Puts what another tool's file brings into the backlog, in one transaction: each item once, by its key.

Open items come in held. DONE means merged here, which nothing of another tool is; so what is done there is left out,
or with `finished` comes in as CANCELLED, for its text. Who needs something done needs it no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.backlog.imports.foreign import State
from deespec.backlog.label_files import create
from deespec.backlog.register import Order, refuse_cycle, register_in
from deespec.labels import Label, names_in, path_of, text_of
from deespec.model.items import Kind, Sbi
from deespec.model.lifecycle import Event
from deespec.model.spec import NewItem
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from deespec.backlog.imports.foreign import Foreign, ForeignPlan
    from deespec.store.base import Store, Transaction
    from deespec.store.items import Item


@record
class Arrived:
    """One item that is new here."""

    foreign: Foreign
    item: Item


@record
class Put:
    arrived: tuple[Arrived, ...]
    known: int
    """Items that an earlier import brought; they stay as they are."""
    left_out: tuple[Foreign, ...]
    labels: tuple[str, ...]
    """Those that are new: empty files."""
    notes: tuple[str, ...]


def bring(
    store: Store,
    home: Path,
    plan: ForeignPlan,
    *,
    finished: bool,
    actor: str,
    uid: Callable[[], str],
    base: str | None = None,
) -> Put:
    """All of it or nothing; the files of new labels are there before the items are (docs/adr/0017)."""
    plan = _labelled(plan, names_in(home))
    with store.transaction() as tx:
        done = put(tx, plan, finished=finished, actor=actor, uid=uid, base=base)
        fresh = _new_labels(plan, done, names_in(home))
        for name in fresh:
            create(home, path_of(home, name), text_of(Label(name=name, description=f"Came with {plan.tool}.")))
    return replace(done, labels=fresh)


def rehearse(store: Store, home: Path, plan: ForeignPlan, *, finished: bool, actor: str, uid: Callable[[], str]) -> Put:
    """The same, found out without changing anything."""
    plan = _labelled(plan, names_in(home))
    found: list[Put] = []
    try:
        with store.transaction() as tx:
            found.append(put(tx, plan, finished=finished, actor=actor, uid=uid))
            raise _UndoneError
    except _UndoneError:
        return replace(found[0], labels=_new_labels(plan, found[0], names_in(home)))


class _UndoneError(Exception):
    """Rolls a rehearsal back."""


def put(
    tx: Transaction,
    plan: ForeignPlan,
    *,
    finished: bool,
    actor: str,
    uid: Callable[[], str],
    base: str | None = None,
) -> Put:
    ids: dict[str, str] = {}
    arrived, left_out, known = [], [], 0
    notes: list[str] = []
    wanted = _wanted(plan, finished=finished)
    for one in plan.items:
        there = next((found for kind in Kind if (found := tx.by_key(kind, one.key)) is not None), None)
        if there is not None:
            ids[one.key] = there.id
            known += 1
        elif one.key not in wanted:
            left_out.append(one)
        else:
            item = _register(tx, _below(one, ids, notes), ids, actor=actor, uid=uid(), base=base)
            ids[one.key] = item.id
            arrived.append(Arrived(foreign=one, item=item))
    states = {one.key: one for one in plan.items}
    for new in arrived:
        if isinstance(new.item, Sbi) and new.foreign.state is State.OPEN:
            _tie(tx, new, ids, states, notes)
            if known:  # those of the file alone form no circle
                refuse_cycle(tx, new.item.number, hint=lambda _: "Take one of these needs away here, or there.")
    done = [_ended(tx, new, actor) for new in arrived]
    return Put(arrived=tuple(done), known=known, left_out=tuple(left_out), labels=(), notes=(*plan.notes, *notes))


def _wanted(plan: ForeignPlan, *, finished: bool) -> set[str]:
    """The keys of what is to come: what is open, what is above it, and with `finished` what is over."""
    by_key = {one.key: one for one in plan.items}
    parents = {one.parent for one in plan.items}
    wanted: set[str] = set()
    for one in plan.items:
        if one.state is State.OPEN or (finished and (one.kind is Kind.SBI or one.key not in parents)):
            above: Foreign | None = one
            while above is not None and above.key not in wanted:
                wanted.add(above.key)
                above = by_key.get(above.parent or "")
    return wanted


def _below(one: Foreign, ids: Mapping[str, str], notes: list[str]) -> Foreign:
    """Without a parent that is an SBI here, as it was one there when it came."""
    above = ids.get(one.parent or "")
    if above is None or not above.startswith(Kind.SBI):
        return one
    notes.append(f"{one.called} is below {above} there; here nothing can be below an SBI")
    return replace(one, parent=None)


def _register(tx: Transaction, one: Foreign, ids: Mapping[str, str], *, actor: str, uid: str, base: str | None) -> Item:
    new = NewItem(
        kind=one.kind,
        title=one.title,
        spec=one.text,
        parent=ids.get(one.parent) if one.parent else None,
        priority=one.priority,
        labels=one.labels,
        estimate_hours=one.estimate_hours if one.kind is Kind.SBI else None,
    )
    order = Order(kind=one.kind, new=new, key=one.key, hold=one.kind is Kind.SBI)
    [done] = register_in(tx, [order], uids=[uid], owner=actor, base=base)
    return done.item


def _tie(
    tx: Transaction, new: Arrived, ids: Mapping[str, str], states: Mapping[str, Foreign], notes: list[str]
) -> None:
    """Its needs; those that are done are met."""
    needs: dict[str, None] = {}
    for need in new.foreign.needs:
        if states[need].state is State.OPEN and need in ids:
            needs[ids[need]] = None
        elif states[need].state is State.DROPPED:
            notes.append(f"{new.foreign.called} needed {states[need].called}, which nobody will do there")
    if needs:
        assert isinstance(new.item, Sbi)
        tx.set_needs(new.item.number, tuple(needs))


def _ended(tx: Transaction, new: Arrived, actor: str) -> Arrived:
    if new.foreign.state is not State.OPEN and isinstance(new.item, Sbi):
        reason = "done before it came here" if new.foreign.state is State.DONE else "dropped before it came here"
        tx.move(tx.sbi(new.item.number), Event.CANCELLED, actor=actor, reason=reason)
    return replace(new, item=tx.item(new.item.id))


# --- labels -----------------------------------------------------------------------------------------------------------


def _labelled(plan: ForeignPlan, known: Iterable[str]) -> ForeignPlan:
    """Labels that differ from one here, or from one another, in upper and lower case only, are the same."""
    names: dict[str, str] = {name.casefold(): name for name in known}
    items = []
    for one in plan.items:
        labels = dict.fromkeys(names.setdefault(name.casefold(), name) for name in one.labels)
        items.append(replace(one, labels=tuple(labels)))
    return replace(plan, items=tuple(items))


def _new_labels(plan: ForeignPlan, done: Put, known: Iterable[str]) -> tuple[str, ...]:
    """Of all items, not only of the new ones: what an earlier import brought may have lost its files since."""
    there = {*known}
    left = {one.key for one in done.left_out}
    wanted = (name for one in plan.items if one.key not in left for name in one.labels)
    return tuple(dict.fromkeys(name for name in wanted if name not in there))
