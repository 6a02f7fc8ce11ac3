"""The lives of SBI, PBI and EPIC as tables, and the one function that moves an SBI. All else is derived from here."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.errors import IllegalMove
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deespec.model.items import Sbi


class Status(StrEnum):
    PENDING = "PENDING"
    PICKED = "PICKED"
    IMPLEMENTING = "IMPLEMENTING"
    REVIEWING = "REVIEWING"
    RESOLVING = "RESOLVING"
    INTEGRATING = "INTEGRATING"
    PARKED = "PARKED"
    FAILED = "FAILED"
    DONE = "DONE"
    CANCELLED = "CANCELLED"


class Event(StrEnum):
    CLAIMED = "claimed"
    WORKSPACE_READY = "workspace_ready"
    RELEASED = "released"
    IMPLEMENTED = "implemented"
    IMPLEMENTED_ONLY = "implemented_only"
    FINDINGS = "findings"
    ASKED_AGAIN = "asked_again"
    SUCCEEDED = "succeeded"
    NEEDS_CHANGES = "needs_changes"
    REJECTED = "rejected"
    MERGED = "merged"
    CONFLICTED = "conflicted"
    LIMIT_REACHED = "limit_reached"
    NEEDS_PERSON = "needs_person"
    RESUMED = "resumed"
    CANCELLED = "cancelled"
    RESET = "reset"
    UNDONE = "undone"
    FOUND_MERGED = "found_merged"


class Step(StrEnum):
    """What an agent is asked for. It follows from the status and is never stored beside it."""

    PREPARE = "prepare"
    IMPLEMENT = "implement"
    REVIEW = "review"
    RESOLVE = "resolve"
    INTEGRATE = "integrate"


@record
class Move:
    """One row of the life: where the event leads, and the bookkeeping that goes with it."""

    to: Status | None = None
    """None: it stays where it is, or with `back` goes to where it stopped."""
    back: bool = False
    starts: bool = False
    """Sets started_at if it is not set."""
    ends: bool = False
    """Sets finished_at."""
    stops: bool = False
    """Remembers in stopped_in where it was."""
    renews: bool = False
    """Forgets why it stopped and grants turns, attempts and review rounds anew."""
    clears: bool = False
    """Forgets everything that belongs to the work so far; what history needs is in turns and journal."""
    note: str = ""


S, E = Status, Event

IN_WORK = (S.PICKED, S.IMPLEMENTING, S.REVIEWING, S.RESOLVING, S.INTEGRATING)
STOPPED = (S.FAILED, S.PARKED)
ENDED = (S.DONE, S.CANCELLED)

STEPS: dict[Status, Step] = {
    S.PENDING: Step.IMPLEMENT,
    S.PICKED: Step.PREPARE,
    S.IMPLEMENTING: Step.IMPLEMENT,
    S.REVIEWING: Step.REVIEW,
    S.RESOLVING: Step.RESOLVE,
    S.INTEGRATING: Step.INTEGRATE,
}

MOVES: dict[tuple[Status, Event], Move] = {
    (S.PENDING, E.CLAIMED): Move(to=S.PICKED, starts=True, note="needs met, no path conflict, agent free, not held"),
    (S.PICKED, E.WORKSPACE_READY): Move(to=S.IMPLEMENTING, note="no agent call"),
    (S.IMPLEMENTING, E.IMPLEMENTED): Move(to=S.REVIEWING, note="there is evidence; gates and checks passed"),
    (S.IMPLEMENTING, E.IMPLEMENTED_ONLY): Move(to=S.INTEGRATING, note="only_implement"),
    (S.IMPLEMENTING, E.FINDINGS): Move(note="gate failed, paths left or no evidence: the next turn gets the findings"),
    (S.REVIEWING, E.SUCCEEDED): Move(to=S.INTEGRATING),
    (S.REVIEWING, E.NEEDS_CHANGES): Move(to=S.IMPLEMENTING, note="the next turn gets the review"),
    (S.REVIEWING, E.REJECTED): Move(to=S.FAILED, stops=True, ends=True, note="cannot be done as specified"),
    (S.INTEGRATING, E.MERGED): Move(to=S.DONE, ends=True, note="dependents become ready"),
    (S.INTEGRATING, E.CONFLICTED): Move(to=S.RESOLVING, note="conflict, or a gate failed on the merged result"),
    (S.INTEGRATING, E.NEEDS_CHANGES): Move(to=S.IMPLEMENTING, note="changes are requested of its pull request"),
    (S.RESOLVING, E.IMPLEMENTED): Move(to=S.REVIEWING),
    (S.RESOLVING, E.IMPLEMENTED_ONLY): Move(to=S.INTEGRATING, note="only_implement"),
    (S.RESOLVING, E.FINDINGS): Move(note="the next turn gets the findings"),
    **{
        (s, E.ASKED_AGAIN): Move(note="that was answered before: the next turn gets the answer")
        for s in (S.IMPLEMENTING, S.REVIEWING, S.RESOLVING)
    },
    **{(s, E.RELEASED): Move(note="worker stopped or died: resumes at the same step") for s in IN_WORK},
    **{(s, E.LIMIT_REACHED): Move(to=S.FAILED, stops=True, ends=True, note="reason says which") for s in IN_WORK},
    **{(s, E.NEEDS_PERSON): Move(to=S.PARKED, stops=True, note="inbox shows it") for s in IN_WORK},
    **{(s, E.RESUMED): Move(back=True, renews=True, note="retried or answered") for s in STOPPED},
    **{
        (s, E.CANCELLED): Move(to=S.CANCELLED, ends=True, note="a claim is revoked, the agent stopped")
        for s in (S.PENDING, *IN_WORK, *STOPPED)
    },
    **{
        (s, E.RESET): Move(to=S.PENDING, renews=True, clears=True, note="from the start")
        for s in (*STOPPED, S.CANCELLED)
    },
    **{
        (s, E.FOUND_MERGED): Move(to=S.DONE, starts=True, ends=True, note="the target has it, as after a restore")
        for s in (S.PENDING, *IN_WORK, *STOPPED, S.CANCELLED)
    },
    (S.DONE, E.UNDONE): Move(to=S.PENDING, renews=True, clears=True, note="held; the reverting commit was merged"),
}


def step_of(status: Status) -> Step | None:
    """What is done next at this status; None where nothing is done."""
    return STEPS.get(status)


def can(status: Status, event: Event) -> bool:
    return (status, event) in MOVES


def apply(sbi: Sbi, event: Event, *, now: int, reason: str | None = None) -> Sbi:
    """The item after the event at wall time `now` (ms).

    Raises IllegalMove, naming id, status and event, where the table has no such row.
    """
    move = MOVES.get((sbi.status, event))
    if move is None:
        raise IllegalMove(f"{sbi.id} is {sbi.status}: {event} is not possible there.")
    to = sbi.stopped_in if move.back else move.to
    if move.back and to is None:
        raise IllegalMove(f"{sbi.id} is {sbi.status} and does not know where it stopped: {event} is not possible.")
    changes: dict[str, object] = {"status": to or sbi.status, "reason": reason, "updated_at": now}
    if move.starts and sbi.started_at is None:
        changes["started_at"] = now
    if move.ends:
        changes["finished_at"] = now
    if move.stops:
        changes |= {"stopped_in": sbi.status, "resume": False}
    if move.renews:
        changes |= {"stopped_in": None, "resume": False, "finished_at": None, "not_before": None}
        changes |= {"attempts": 0, "setbacks": 0, "reviews": 0, "turns_before": sbi.turn, "manifest": None}
    if move.clears:
        changes |= {"started_at": None, "hint": None, "question": None, "manifest": None, "turns_reset": sbi.turn}
    if event is E.UNDONE:
        changes["held"] = True
    return replace(sbi, **changes)


# --- PBI and EPIC: their status follows from their children ---------------------------------------------------------


class GroupStatus(StrEnum):
    PENDING = "PENDING"
    PLANNING = "PLANNING"
    PLANNED = "PLANNED"
    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"
    FAILED = "FAILED"


G = GroupStatus
_OPEN = frozenset({*IN_WORK, S.PENDING, S.PARKED, G.PENDING, G.PLANNING, G.PLANNED, G.IN_PROGRESS})
_BEGUN = frozenset({*IN_WORK, *STOPPED, S.DONE, G.IN_PROGRESS, G.DONE, G.FAILED})

ROLL_UP: tuple[tuple[str, GroupStatus], ...] = (
    ("nothing below it, or all of it cancelled", G.PENDING),
    ("all of it done or cancelled", G.DONE),
    ("nothing open, something failed", G.FAILED),
    ("something begun", G.IN_PROGRESS),
    ("all of it waits", G.PLANNED),
)
"""In order; the first that holds is the status of a PBI or EPIC. PLANNING is set while it is decomposed."""


def roll_up(counts: Mapping[str, int]) -> GroupStatus:
    """The status of a PBI or EPIC from the number of its children by status."""
    present = {status for status, count in counts.items() if count and status != S.CANCELLED}
    if not present:
        return ROLL_UP[0][1]
    if present == {"DONE"}:
        return ROLL_UP[1][1]
    if not present & _OPEN:
        return ROLL_UP[2][1]
    if present & _BEGUN:
        return ROLL_UP[3][1]
    return ROLL_UP[4][1]


def mermaid() -> str:
    """The life of an SBI as a Mermaid state diagram; what holds for all states in work is drawn once."""
    inside = [(s, e, m) for (s, e), m in MOVES.items() if s in IN_WORK and m.to in IN_WORK]
    leaving = [(s, e, m) for (s, e), m in MOVES.items() if s in IN_WORK and m.to not in (*IN_WORK, None)]
    shared = {(e, m.to) for s, e, m in leaving if all((other, e) in MOVES for other in IN_WORK)}
    outside = [(s, e, m) for (s, e), m in MOVES.items() if s not in IN_WORK]
    lines = ["stateDiagram-v2", "    [*] --> PENDING", "    state in_work {"]
    lines += [f"        {s} --> {m.to} : {e}" for s, e, m in inside]
    lines += ["    }"]
    lines += [f"    in_work --> {to} : {e}" for e, to in sorted(shared, key=str)]
    lines += [f"    {s} --> {m.to} : {e}" for s, e, m in leaving if (e, m.to) not in shared]
    lines += [f"    {s} --> {'in_work' if m.back else m.to} : {e}" for s, e, m in outside]
    return "\n".join(lines)
