"""Puts what a project of the Go program brings into a backlog, in one transaction; what is there stays as it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deespec.model.items import Kind, Sbi
from deespec.model.lifecycle import Status
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deespec.backlog.imports.legacy_history import Past
    from deespec.backlog.imports.legacy_items import Coming
    from deespec.backlog.imports.legacy_plan import Plan
    from deespec.store.base import Transaction

SOURCE = "go-deespec"
DECISIONS_SHOWN = ("SUCCEEDED", "NEEDS_CHANGES", "FAILED")

Entry = tuple[int, str, str | None, dict[str, Any]]
"""Time, event, item, and further fields of an entry of the past."""


@record
class Put:
    """What a transaction has put in."""

    items: tuple[str, ...]
    """The ids of those that are new."""
    entries: int = 0
    """Of the history."""


def put(tx: Transaction, plan: Plan, *, actor: str) -> Put:
    """Everything that is not here yet; nothing at all if all of it is."""
    ids = tx.known_uids(one.found.uid for one in plan.coming)
    known = set(ids)
    fresh = []
    for one in plan.coming:
        if one.found.uid in known:
            continue
        item = replace(one.item, number=tx.next_number(one.found.kind))
        if one.parent is not None:
            item = replace(item, parent=ids[one.parent])
        ids[one.found.uid] = item.id
        tx.add(item)
        fresh.append(replace(one, item=item))
    if not fresh and tx.was_imported(plan.mark):
        return Put(items=())
    entries = sorted(_entries(plan, fresh, first=not tx.was_imported(plan.mark)), key=lambda entry: entry[0])
    for at, event, item_id, facts in entries:
        tx.note_past(at, event, item=item_id, **facts)
    _add_turns(tx, fresh)
    _tie(tx, fresh, ids)
    for one in fresh:
        _note_imported(tx, one, actor)
    return Put(items=tuple(one.item.id for one in fresh), entries=sum(event == "history" for _, event, _, _ in entries))


def _entries(plan: Plan, fresh: Sequence[Coming], *, first: bool) -> Iterator[Entry]:
    """The history in our words: registrations, turns, and every line of its journals as it was."""
    ids: dict[str, str] = {}
    for one in fresh:
        ids.setdefault(one.found.id if one.found.kind is Kind.SBI else "", one.item.id)
        yield one.item.registered_at, "registered", one.item.id, {"to_status": "PENDING", "detail": one.item.title}
        for old in one.turns:
            turn = old.turn
            facts = {"turn": turn.number, "step": turn.step, "agent": turn.agent, "decision": turn.decision}
            facts |= {"elapsed_ms": turn.finished_at - turn.started_at, "error": turn.error}
            yield turn.finished_at, turn.outcome, one.item.id, {**facts, "detail": _json({"source": old.source})}
    ids.pop("", None)
    known = {one.found.id for one in plan.coming}
    latest: dict[str, int] = {}
    for past in plan.past:
        at = past.at if past.at is not None else latest.get(past.source.partition(":")[0], 0)
        latest[past.source.partition(":")[0]] = at
        if past.sbi in ids:
            yield at, "history", ids[past.sbi], _said(past)
        elif first and past.sbi not in known:
            gone = {"sbi_id": past.sbi} if past.sbi else {}
            yield at, "history", None, _said(past, **gone)


def _said(past: Past, **more: str) -> dict[str, Any]:
    """A line of its journals; what was empty in it is left out."""
    decision = past.said.get("decision")
    said = {key: value for key, value in past.said.items() if value not in ("", None, [], [""])}
    return {
        "decision": decision if decision in DECISIONS_SHOWN else None,
        "error": past.error or None,
        "detail": _json({"source": ""} | more | said | {"source": past.source}),
    }


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(", ", ": "))


def _add_turns(tx: Transaction, fresh: Sequence[Coming]) -> None:
    turns = [replace(old.turn, sbi=one.item.number) for one in fresh for old in one.turns]
    for turn in sorted(turns, key=lambda turn: (turn.finished_at, turn.sbi, turn.number)):
        tx.add_past_turn(turn)


def _tie(tx: Transaction, fresh: Sequence[Coming], ids: Mapping[str, str]) -> None:
    for one in fresh:
        needs = tuple(ids[need] for need in one.needs if need in ids)
        if needs:
            tx.set_needs(one.item.number, needs)
    parents = dict.fromkeys(ids[one.parent] for one in fresh if one.parent is not None)
    for parent in sorted(parents, key=lambda parent: parent.startswith("EPIC")):
        tx.roll_up(parent)


def _note_imported(tx: Transaction, one: Coming, actor: str) -> None:
    detail = _json({"source": SOURCE, "id": one.found.id, "status": one.found.status})
    moved: dict[str, str] = {}
    if isinstance(one.item, Sbi):
        moved = {"from_status": Status.PENDING, "to_status": one.item.status}
    tx.note(actor, "imported", item=one.item.id, detail=detail, **moved)
