"""What people decide about items: change, hold, cancel, retry, answer, reset, delete. Each is one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.backlog.decompose import ask_in
from deespec.backlog.drafts import reopen_losing
from deespec.backlog.register import check_references, held_above, refuse_cycle
from deespec.errors import NotPossible
from deespec.labels import refuse_unknown
from deespec.model.asking import Question, question_key
from deespec.model.fields import FIELDS
from deespec.model.items import Epic, Pbi, Sbi
from deespec.model.lifecycle import ENDED, Event, Status
from deespec.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from deespec.store.base import Store, Transaction
    from deespec.store.items import Item


# --- one or several SBIs at once: all or none -----------------------------------------------------------------------


def hold(store: Store, numbers: Sequence[int], *, actor: str, now: bool = False) -> list[Sbi]:
    """Keeps items from being taken; with `now` a running agent is stopped. The same items, as they are then."""
    with store.transaction() as tx:
        for number in numbers:
            sbi = tx.sbi(number)
            _must_not_have_ended(sbi)
            refuse_while_merged(tx, sbi)
            if now:
                tx.revoke(sbi, actor=actor)
            tx.set_held(sbi, held=True, actor=actor)
        return [tx.sbi(number) for number in numbers]


def unhold(store: Store, numbers: Sequence[int], *, actor: str) -> list[Sbi]:
    with store.transaction() as tx:
        for number in numbers:
            tx.set_held(tx.sbi(number), held=False, actor=actor)
        return [tx.sbi(number) for number in numbers]


def cancel(store: Store, numbers: Sequence[int], *, actor: str, reason: str | None = None) -> list[Sbi]:
    """Cancels items; the claim of one in work is revoked, and its worker stops the agent."""
    with store.transaction() as tx:
        moved = []
        for number in numbers:
            sbi = tx.sbi(number)
            refuse_while_merged(tx, sbi)
            tx.revoke(sbi, actor=actor)
            moved.append(tx.move(sbi, Event.CANCELLED, actor=actor, reason=reason or "by a person"))
        return moved


def reset(store: Store, numbers: Sequence[int], *, actor: str) -> list[Sbi]:
    """FAILED, PARKED or CANCELLED items start again from the beginning; their turns stay in the history."""
    with store.transaction() as tx:
        moved = []
        for number in numbers:
            sbi = tx.sbi(number)
            refuse_while_merged(tx, sbi)
            if sbi.reason == "leftovers":
                tx.calls_forgotten(number)
            moved.append(tx.move(sbi, Event.RESET, actor=actor))
            tx.begins_anew(number)
            tx.set_needs(number, sbi.depends_on)
        return [tx.sbi(number) for number in numbers]


def retry(
    store: Store,
    numbers: Sequence[int],
    *,
    actor: str,
    hint: str | None = None,
    max_turns: int | None = None,
    agent: tuple[str, ...] = (),
) -> list[Sbi]:
    """FAILED or PARKED items go on where they stopped, with turns and attempts granted anew, when next claimed."""
    with store.transaction() as tx:
        return [
            _resume(tx, tx.sbi(number), "retried", actor=actor, hint=hint, max_turns=max_turns, agent=agent)
            for number in numbers
        ]


def answer(store: Store, number: int, text: str, *, actor: str, turn: int | None = None) -> Sbi:
    """Answers what a PARKED item asks; it goes on in the same session and workspace when next claimed.

    One that is parked for another reason gets the words as a hint, as `retry` gives it. `turn`: as it was when it was
    looked at; raises NotPossible where somebody else has decided since.
    """
    with store.transaction() as tx:
        sbi = tx.sbi(number)
        if turn is not None and sbi.stopped and (sbi.resume or sbi.turn != turn):
            what = "asks something else" if sbi.turn != turn else "goes on"
            raise NotPossible(f"{name_of(sbi)} {what} by now: somebody else has decided.", hint=show(sbi.id))
        if sbi.status is not Status.PARKED:
            raise NotPossible(f"{name_of(sbi)} is {sbi.status}: it asks nothing.", hint=show(sbi.id))
        return _resume(tx, sbi, "answer", actor=actor, hint=text)


def show(item_id: str) -> str:
    """The command that shows this item."""
    return f"deespec {item_id.partition('-')[0].lower()} show {item_id}"


# --- the decomposition of a PBI, which follows it -------------------------------------------------------------------


def cancel_decomposition(tx: Transaction, pbi: Pbi, *, actor: str, reason: str | None = None) -> Sbi | None:
    """Cancels the decomposition that is asked for, in work or stopped, as `cancel` does; None: there is none.

    Its drafts stay as they are.
    """
    known = tx.decomposition(pbi.number)
    if known is None or known.status in ENDED:
        return None
    tx.revoke(known, actor=actor)
    return tx.move(known, Event.CANCELLED, actor=actor, reason=reason or "by a person")


def revoke_decomposition(tx: Transaction, pbi: Pbi, *, actor: str) -> Sbi | None:
    """Stops the agent that decomposes this PBI, as `hold` does with `now`; None: there is none in work."""
    known = tx.decomposition(pbi.number)
    if known is None or not known.in_work:
        return None
    tx.revoke(known, actor=actor)
    return known


# --- removing -------------------------------------------------------------------------------------------------------


def delete(store: Store, item_id: str, *, actor: str) -> tuple[tuple[str, str], ...]:
    """Removes an item that nothing builds on: PENDING or CANCELLED, without dependents, children or turns.

    A PBI goes with its drafts and its decomposition, unless that is in work. Drafts elsewhere that have waited for what
    goes are open again: their ids, each with the reason.
    """
    with store.transaction() as tx:
        item = tx.item(item_id)
        refuse_delete(tx, item)
        reopened = reopen_losing(tx, [item.id])
        tx.delete(item)
        tx.note(actor, "deleted", item=item.id, from_status=item.status, detail=item.title)
        return reopened


def refuse_delete(tx: Transaction, item: Item) -> None:
    """Raises NotPossible, naming what stands in the way."""
    if isinstance(item, Sbi):
        if item.status not in (Status.PENDING, Status.CANCELLED):
            raise NotPossible(f"{item.id} is {item.status}.", hint=f"deespec sbi cancel {item.id} keeps its history.")
        dependents = tx.dependents(item.number)
        if dependents:
            raise NotPossible(
                f"{item.id} is needed by {', '.join(dependents)}.",
                hint=f"deespec sbi update {dependents[0]} --remove-need {item.id}",
            )
        if item.turn:
            raise NotPossible(f"{item.id} has {item.turn} turns of history.", hint="A cancelled item does no harm.")
    else:
        children = tx.children(item.id)
        if children:
            raise NotPossible(f"{item.id} has children: {', '.join(children[:10])}.")
        if isinstance(item, Pbi) and (known := tx.decomposition(item.number)) is not None and known.in_work:
            raise NotPossible(f"{item.id} is being decomposed.", hint=f"deespec pbi cancel {item.id}, then again")


def refuse_while_merged(tx: Transaction, sbi: Sbi) -> None:
    """Raises NotPossible while a move of the target is recorded for the item and may have been made."""
    record = tx.integration(sbi.number)
    if record is not None:
        what = "merged into" if record.kind == "merge" else "taken back from"
        hint = "Look again in a moment. If no worker is running, deespec run completes it."
        raise NotPossible(f"{sbi.id} is being {what} {record.target}.", hint=hint)


# --- changing fields ------------------------------------------------------------------------------------------------


def update(store: Store, item_id: str, change: Callable[[Item], dict[str, object]], *, actor: str) -> Item:
    """Sets the fields that `change` names for the item as it is in this very transaction; none: nothing happens.

    What is changed counts from the next claim, the spec from the next turn. Needs of an item that has begun cannot be
    added. Raises NotPossible, NotFound, InvalidInput; nothing is changed then.
    """
    with store.transaction() as tx:
        return update_in(tx, item_id, change, actor=actor)


def update_in(tx: Transaction, item_id: str, change: Callable[[Item], dict[str, object]], *, actor: str) -> Item:
    """The same, as part of a transaction."""
    item = tx.item(item_id)
    changes = change(item)
    if not changes:
        return item
    changed = replace(item, **changes, updated_at=tx.now)
    check_references(tx, changed)
    if isinstance(item, Sbi) and isinstance(changed, Sbi):
        _update_sbi(tx, item, changed)
    else:
        assert not isinstance(changed, Sbi)
        tx.save_group(changed)
    tx.note(actor, "updated", item=item.id, detail=", ".join(sorted(changes)))
    if isinstance(item, Pbi) and isinstance(changed, Pbi) and changed.auto and not item.auto:
        _ask_once(tx, changed, actor=actor)
    _move_parents(tx, item, changed, actor=actor)
    return tx.item(item_id)


def change(
    store: Store, item_id: str, changes: Callable[[Item], dict[str, object]], *, home: Path, actor: str
) -> tuple[Item, Item]:
    """The same, and the item before and after. Raises InvalidInput for a label that is none, unless it has it already.

    `home`: the folder with the labels.
    """
    seen: list[Item] = []

    def remember(item: Item) -> dict[str, object]:
        seen.append(item)
        changed = changes(item)
        labels = changed.get("labels", ())
        assert isinstance(labels, tuple), "a field that was read"
        refuse_unknown(home, (one for one in labels if one not in item.labels))
        return changed

    after = update(store, item_id, remember, actor=actor)
    return seen[0], after


def refuse_overtaken(item_id: str, mine: Collection[str], others: Collection[str]) -> None:
    """Raises NotPossible where somebody else has changed a field, too, while a person wrote."""
    both = set(mine) & set(others)
    if both:
        called = ", ".join(sorted(FIELDS[name].key for name in both))
        raise NotPossible(f"Somebody else has changed {item_id} meanwhile: {called}.", hint=show(item_id))


def is_final(item: Item) -> bool:
    """Whether its text and fields stay as they are."""
    return isinstance(item, Sbi) and item.status in ENDED


def refuse_final(item: Item) -> None:
    """Raises NotPossible for what has ended: its text says what was done, or was not to be."""
    if is_final(item):
        raise NotPossible(f"{item.id} is {item.status}: it cannot be changed.", hint=show(item.id))


def _ask_once(tx: Transaction, pbi: Pbi, *, actor: str) -> None:
    """What is to be decomposed by itself from now on, and never was, is asked for."""
    if tx.decomposition(pbi.number) is None:
        ask_in(tx, pbi, actor=actor)


def _update_sbi(tx: Transaction, item: Sbi, changed: Sbi) -> None:
    if is_final(item) and replace(changed, parent=item.parent, updated_at=item.updated_at) == item:
        tx.save(item, changed)
        return
    refuse_final(item)
    added = set(changed.depends_on) - set(item.depends_on)
    if added and item.in_work:
        raise NotPossible(f"{item.id} has begun: it cannot wait for {', '.join(sorted(added))} any more.")
    # Another path or agent may free it: it is tested anew at the next claim.
    tx.save(item, replace(changed, rank=changed.priority.rank, waits_on=None, waits_for=None))
    tx.set_needs(item.number, changed.depends_on)
    refuse_cycle(tx, item.number, hint=_way_out)
    tx.rank(item.number)
    tx.rank_needs(item.number)


def _way_out(way: Sequence[str]) -> str:
    """The first need of the circle is the new one: leave it out, or take the next away."""
    return f"Leave it out, or take another away: deespec sbi update {way[1]} --remove-need {way[2]}"


def _move_parents(tx: Transaction, item: Item, changed: Item, *, actor: str) -> None:
    """Both parents roll up; what comes below a held one is held, with all below it."""
    if isinstance(item, Epic) or isinstance(changed, Epic) or item.parent == changed.parent:
        return
    for parent in (item.parent, changed.parent):
        if parent:
            tx.roll_up(parent)
    if held_above(tx, changed):
        for one in map(tx.item, (item.id, *(tx.children(item.id) if isinstance(item, Pbi) else ()))):
            if not one.held and one.status not in ENDED:
                tx.set_held(one, held=True, actor=actor)


# --- below ----------------------------------------------------------------------------------------------------------


def _resume(
    tx: Transaction,
    sbi: Sbi,
    event: str,
    *,
    actor: str,
    hint: str | None,
    max_turns: int | None = None,
    agent: tuple[str, ...] = (),
) -> Sbi:
    if not sbi.stopped:
        again = f"deespec pbi decompose {sbi.id}" if sbi.decomposes else f"deespec sbi reset {sbi.id}"
        raise NotPossible(
            f"{name_of(sbi)} is {sbi.status}: only FAILED and PARKED items can go on.",
            hint=again if sbi.status is Status.CANCELLED else f"deespec why {sbi.id}",
        )
    if sbi.reason == "leftovers":
        tx.calls_forgotten(sbi.number)  # a person's word that nothing of them runs any more
    if (work := tx.work(sbi.number)).restarts:
        tx.keep_work(replace(work, restarts=0))
    if hint is not None and sbi.reason == "question":
        _keep_answer(tx, sbi, hint, actor=actor)
    elif hint is not None:
        tx.answers_forgotten(sbi.number)  # it was given before the person spoke
    words = "\n\n".join(one for one in (sbi.hint, hint) if one) or None
    changed = replace(sbi, resume=True, not_before=None, hint=words, updated_at=tx.now, finished_at=None)
    if max_turns is not None:
        changed = replace(changed, max_turns=max_turns)
    if changed.max_turns is not None and changed.max_turns < changed.turns_needed:
        raise NotPossible(
            f"{sbi.id} needs {changed.turns_needed} turns at least, implement and review, and is to have "
            f"{changed.max_turns}: it would be FAILED again.",
            hint=f"deespec sbi update {sbi.id} --max-turns {changed.turns_needed}, then again",
        )
    if agent:
        role = "reviewer" if sbi.stopped_in is Status.REVIEWING else "agent"
        changed = replace(changed, **{role: agent})
    tx.save(sbi, changed)
    statuses = {} if sbi.decomposes else {"from_status": sbi.status, "to_status": sbi.status}
    tx.note(actor, event, item=sbi.id, detail=hint, **statuses)
    return changed


def name_of(sbi: Sbi) -> str:
    """How a sentence about it begins."""
    return f"The decomposition of {sbi.id}" if sbi.decomposes else sbi.id


def _keep_answer(tx: Transaction, sbi: Sbi, text: str, *, actor: str) -> None:
    """So that what was answered once is not asked again."""
    if tx.answer_question(sbi.number, turn=sbi.turn, answer=text, by=actor) or sbi.question is None:
        return
    asked = Question(  # it was asked before deespec remembered questions
        sbi=sbi.number,
        turn=sbi.turn,
        text=sbi.question,
        key=question_key(sbi.question),
        agent="",
        asked_at=sbi.updated_at,
    )
    tx.add_question(asked)
    tx.answer_question(sbi.number, turn=sbi.turn, answer=text, by=actor)


def _must_not_have_ended(item: Sbi | Pbi) -> None:
    if item.status in (Status.DONE, Status.CANCELLED):
        raise NotPossible(f"{item.id} is {item.status}.")
