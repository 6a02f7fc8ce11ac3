"""The shapes of JSON answers: fields are added, never renamed within a schema. Times are RFC 3339 UTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deespec.clock import iso

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deespec.board.landable import ToLand
    from deespec.board.places import ItemPlace
    from deespec.board.snapshot import AgentNow
    from deespec.board.waiting import Waiting
    from deespec.model.asking import Draft, Question, Remark
    from deespec.model.items import Call, Epic, Line, Pbi, Sbi, Turn, Worker
    from deespec.model.locks import Lock
    from deespec.model.work import Merge, Notice, Work
    from deespec.store.groups import GroupLine, Progress


def line(one: Line, waiting: Iterable[Waiting]) -> dict[str, Any]:
    """An SBI as lists give it. `turn` counts the turns that have ended."""
    return {
        "id": one.id,
        "uid": one.uid,
        "title": one.title,
        "status": one.status,
        "step": one.step,
        "priority": one.priority,
        "turn": one.turn,
        "attempts": one.attempts,
        "held": one.held,
        "waiting": [waiting_json(each) for each in waiting],
        "parent": one.parent,
        "labels": list(one.labels),
        "paths": list(one.paths),
        "agent": list(one.agent),
        "reviewer": list(one.reviewer),
        "owner": one.owner,
        "reason": one.reason,
        "stopped_in": one.stopped_in,
        "resume": one.resume,
        "running": one.lease_agent,
        "updated_at": iso(one.updated_at),
        "finished_at": iso(one.finished_at),
    }


def waiting_json(one: Waiting) -> dict[str, Any]:
    return {"reason": one.reason, "by": list(one.by), "until_at": iso(one.until_at)}


def why(one: Waiting) -> dict[str, Any]:
    return {**waiting_json(one), "text": one.text, "remedy": one.remedy}


def running(one: Line, workers: Iterable[Worker]) -> dict[str, Any]:
    """An item with a claim. `turn` is the one that is under way."""
    names = {worker.uid: worker.name for worker in workers}
    return {
        "id": one.id,
        "title": one.title,
        "status": one.status,
        "step": one.step,
        "turn": one.turn + 1,
        "agent": one.lease_agent,
        "worker": names.get(one.lease_worker or "", one.lease_worker),
        "started_at": iso(one.lease_at),
    }


def decomposition(one: Sbi) -> dict[str, Any]:
    """The decomposition of a PBI, under its id."""
    return {
        "id": one.id,
        "uid": one.uid,
        "kind": "PBI",
        "title": one.title,
        "status": one.status,
        "reason": one.reason,
        "resume": one.resume,
        "agent": list(one.agent),
        "turn": one.turn,
        "attempts": one.attempts,
        "updated_at": iso(one.updated_at),
    }


def sbi(one: Sbi) -> dict[str, Any]:
    """An SBI in full, without its turns."""
    return {
        "id": one.id,
        "uid": one.uid,
        "kind": "SBI",
        "title": one.title,
        "status": one.status,
        "step": one.step,
        "priority": one.priority,
        "spec": one.spec,
        "parent": one.parent,
        "labels": list(one.labels),
        "depends_on": list(one.depends_on),
        "paths": list(one.paths),
        "agent": list(one.agent),
        "reviewer": list(one.reviewer),
        "only_implement": one.only_implement,
        "estimate_hours": one.estimate_hours,
        "max_turns": one.max_turns,
        "checks": list(one.checks),
        "owner": one.owner,
        "key": one.key,
        "source": one.source,
        "held": one.held,
        "turn": one.turn,
        "attempts": one.attempts,
        "reason": one.reason,
        "question": one.question,
        "stopped_in": one.stopped_in,
        "resume": one.resume,
        "hint": one.hint,
        "registered_at": iso(one.registered_at),
        "updated_at": iso(one.updated_at),
        "started_at": iso(one.started_at),
        "finished_at": iso(one.finished_at),
    }


def group(one: Pbi | Epic, counts: dict[str, int]) -> dict[str, Any]:
    """A PBI or EPIC; `counts` are its children by status."""
    values: dict[str, Any] = {
        "id": one.id,
        "uid": one.uid,
        "kind": one.id.partition("-")[0],
        "title": one.title,
        "status": one.status,
        "priority": one.priority,
        "labels": list(one.labels),
        "owner": one.owner,
        "held": one.held,
        "counts": counts,
        "registered_at": iso(one.registered_at),
        "updated_at": iso(one.updated_at),
    }
    for key, name in _OF_PBIS.items():
        if hasattr(one, name):
            values[key] = getattr(one, name)
    return values


_OF_PBIS = {
    "parent": "parent",
    "story_points": "story_points",
    "auto": "auto",
    "auto_approve": "auto_approve",
    "drafts_min": "drafts_least",
    "drafts_max": "drafts_most",
}


def group_line(one: GroupLine) -> dict[str, Any]:
    """A PBI or EPIC as lists give it: without its text, with how far it has come."""
    own = _OF_PBIS if one.kind == "PBI" else {}
    return {
        "id": one.id,
        "uid": one.uid,
        "kind": one.kind,
        "title": one.title,
        "status": one.status,
        "priority": one.priority,
        "labels": list(one.labels),
        "owner": one.owner,
        "held": one.held,
        **progress(one.progress),
        "drafts_waiting": one.drafts,
        "decomposition": {"status": one.decomposition} if one.decomposition else None,
        "registered_at": iso(one.registered_at),
        "updated_at": iso(one.updated_at),
        **{key: getattr(one, name) for key, name in own.items()},
    }


def progress(one: Progress) -> dict[str, Any]:
    """`counts` are its children by status, `sbis` all SBIs below it."""
    return {
        "counts": dict(one.children),
        "sbis": dict(one.sbis),
        "pbis": dict(one.pbis),
        "progress": {"done": one.done, "total": one.total},
    }


def item(one: Sbi | Pbi | Epic, counts: dict[str, int]) -> dict[str, Any]:
    from deespec.model.items import Sbi

    return sbi(one) if isinstance(one, Sbi) else group(one, counts)


def turn(one: Turn) -> dict[str, Any]:
    return {
        "number": one.number,
        "step": one.step,
        "agent": one.agent,
        "outcome": one.outcome,
        "decision": one.decision,
        "report": one.report,
        "findings": list(one.findings),
        "remarks": [remark(each) for each in one.remarks],
        "error": one.error,
        "attempt": one.attempt,
        "worker": one.worker,
        "session": one.session,
        "model": one.model,
        "cost_usd": one.cost_usd,
        "metered": one.metered,
        "tokens_in": one.tokens_in,
        "tokens_out": one.tokens_out,
        "tree": one.tree,
        "started_at": iso(one.started_at),
        "finished_at": iso(one.finished_at),
        "elapsed_ms": one.finished_at - one.started_at,
    }


def remark(one: Remark) -> dict[str, Any]:
    """One thing that a review has found."""
    return {
        "text": one.text,
        "file": one.file,
        "line": one.line,
        "severity": one.severity,
        "must_fix": one.must_fix,
        "in_scope": one.in_scope,
    }


def question(one: Question) -> dict[str, Any]:
    return {
        "turn": one.turn,
        "agent": one.agent,
        "text": one.text,
        "asked_at": iso(one.asked_at),
        "answer": one.answer,
        "answered_by": one.answered_by,
        "answered_at": iso(one.answered_at),
    }


def draft(one: Draft) -> dict[str, Any]:
    return {
        "id": one.id,
        "item": one.parent,
        "status": one.status,
        "title": one.title,
        "spec": one.spec,
        "file": one.file,
        "line": one.line,
        "severity": one.severity,
        "turn": one.turn,
        "agent": one.agent,
        "labels": list(one.labels),
        "paths": list(one.paths),
        "needs": list(one.needs),
        "estimate_hours": one.estimate_hours,
        "only_implement": one.only_implement,
        "replaces": None if one.replaces is None else f"{one.parent}/{one.replaces}",
        "edited": one.edited,
        "hold": one.hold,
        "reason": one.reason,
        "registered": one.registered,
        "decided_by": one.decided_by,
        "decided_at": iso(one.decided_at),
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
    }


def work(one: Work, place: ItemPlace) -> dict[str, Any]:
    """Its side in Git; where it has none, with nulls."""
    return {
        "folder": None if place.folder is None else str(place.folder),
        "branch": place.branch,
        "registered": one.registered,
        "start": one.start,
        "touched": list(one.touched),
        "conflict": one.conflict,
        "request": one.request,
    }


def merge(one: Merge) -> dict[str, Any]:
    return {"kind": one.kind, "target": one.target, "old": one.old, "new": one.new, "at": iso(one.at)}


def notice(one: Notice) -> dict[str, Any]:
    return {"name": one.name, "text": one.text, "remedy": one.remedy, "detail": one.detail, "since_at": iso(one.at)}


def to_land(one: ToLand) -> dict[str, Any]:
    return {
        "base": one.base,
        "target": one.target,
        "commits": one.commits,
        "items": list(one.items),
        "obstacle": one.obstacle,
        "remedy": one.remedy,
    }


def worker(one: Worker) -> dict[str, Any]:
    return {
        "name": one.name,
        "uid": one.uid,
        "host": one.host,
        "pid": one.pid,
        "slots": one.slots,
        "workflows": one.workflows.split(","),
        "state": one.state,
        "stop": one.stop,
        "started_at": iso(one.started_at),
        "seen_at": iso(one.seen_at),
    }


def agent(one: AgentNow) -> dict[str, Any]:
    pause = None
    if one.pause is not None:
        pause = {
            "reason": one.pause.reason,
            "message": one.pause.message,
            "until_at": iso(one.pause.until_at),
            "since_at": iso(one.pause.since_at),
        }
    return {
        "name": one.name,
        "kind": one.kind,
        "account": one.account,
        "running": one.running,
        "limit": one.limit,
        "paused": pause,
    }


def lock(one: Lock) -> dict[str, Any]:
    return {
        "name": one.name,
        "owner": one.owner,
        "token": one.token,
        "host": one.host,
        "pid": one.pid,
        "acquired_at": iso(one.acquired_at),
        "expires_at": iso(one.expires_at),
    }


def claim(one: Line, calls: Iterable[Call], workers: Iterable[Worker]) -> dict[str, Any]:
    """A claim, with the guard that stands over its agent."""
    guard = next((call.guard for call in calls if call.token == one.lease_token), None)
    return {**running(one, workers), "token": one.lease_token, "guard_pid": guard.pid if guard else None}
