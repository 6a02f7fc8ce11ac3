"""The lives of SBI, PBI and EPIC as tables, and the one function that moves an item. All else is derived from here."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.errors import IllegalMove
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deespec.model.items import Sbi


class Status(StrEnum):
    PENDING = "PENDING"
    PICKED = "PICKED"
    IMPLEMENTING = "IMPLEMENTING"
    REVIEWING = "REVIEWING"
    RESOLVING = "RESOLVING"
    INTEGRATING = "INTEGRATING"
    DECOMPOSING = "DECOMPOSING"
    PARKED = "PARKED"
    FAILED = "FAILED"
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    DECOMPOSED = "DECOMPOSED"


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
    FOLDER_READY = "folder_ready"
    DECOMPOSED = "decomposed"


class Step(StrEnum):
    """What an agent is asked for. It follows from the status and is never stored beside it."""

    PREPARE = "prepare"
    IMPLEMENT = "implement"
    REVIEW = "review"
    RESOLVE = "resolve"
    INTEGRATE = "integrate"
    DECOMPOSE = "decompose"


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

IN_WORK = (S.PICKED, S.IMPLEMENTING, S.REVIEWING, S.RESOLVING, S.INTEGRATING, S.DECOMPOSING)
STOPPED = (S.FAILED, S.PARKED)
ENDED = (S.DONE, S.CANCELLED, S.DECOMPOSED)
DECOMPOSES = (S.DECOMPOSING, S.DECOMPOSED)
"""Only the decomposition of a PBI comes here, which otherwise lives like an SBI."""

STEPS: dict[Status, Step] = {
    S.PENDING: Step.IMPLEMENT,
    S.PICKED: Step.PREPARE,
    S.IMPLEMENTING: Step.IMPLEMENT,
    S.REVIEWING: Step.REVIEW,
    S.RESOLVING: Step.RESOLVE,
    S.INTEGRATING: Step.INTEGRATE,
    S.DECOMPOSING: Step.DECOMPOSE,
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
        for s in (S.IMPLEMENTING, S.REVIEWING, S.RESOLVING, S.DECOMPOSING)
    },
    (S.PICKED, E.FOLDER_READY): Move(to=S.DECOMPOSING, note="of a PBI: there is a checkout to read"),
    (S.DECOMPOSING, E.DECOMPOSED): Move(to=S.DECOMPOSED, ends=True, note="its drafts wait for a person"),
    (S.DECOMPOSING, E.FINDINGS): Move(note="the drafts are faulty: the next turn gets the findings"),
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
        for s in (*STOPPED, S.CANCELLED, S.DECOMPOSED)
    },
    **{
        (s, E.FOUND_MERGED): Move(to=S.DONE, starts=True, ends=True, note="the target has it, as after a restore")
        for s in (S.PENDING, *IN_WORK, *STOPPED, S.CANCELLED)
        if s not in DECOMPOSES
    },
    (S.DONE, E.UNDONE): Move(to=S.PENDING, renews=True, clears=True, note="held; the reverting commit was merged"),
}


def step_of(status: Status, *, decomposes: bool = False) -> Step | None:
    """What is done next at this status; None where nothing is done."""
    step = STEPS.get(status)
    return Step.DECOMPOSE if decomposes and step is Step.IMPLEMENT else step


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


@record
class Below:
    """What the status of a PBI or EPIC follows from."""

    children: frozenset[str]
    """The statuses there are among its children, but for CANCELLED."""
    plans: bool = False
    """It is being decomposed, or has drafts that nobody has decided."""
    asked: bool = False
    """It is to be decomposed: nobody has begun, or a decomposition that has stopped is to go on."""
    plan_failed: bool = False

    @property
    def begun(self) -> bool:
        return bool(self.children & _BEGUN)

    @property
    def open(self) -> bool:
        return self.plans or self.asked or bool(self.children & _OPEN)


ROLL_UP: tuple[tuple[str, Callable[[Below], bool], GroupStatus], ...] = (
    ("it is decomposed or has undecided drafts; nothing begun", lambda b: b.plans and not b.begun, G.PLANNING),
    ("nothing below it, and its decomposition FAILED", lambda b: not b.children and b.plan_failed, G.FAILED),
    ("nothing below it, or all of it cancelled", lambda b: not b.children, G.PENDING),
    (
        "all of it done or cancelled, every draft decided, no decomposition asked for",
        lambda b: not b.open and b.children == {"DONE"},
        G.DONE,
    ),
    ("nothing open, something failed", lambda b: not b.open, G.FAILED),
    ("something begun", lambda b: b.begun, G.IN_PROGRESS),
    ("all of it waits", lambda _: True, G.PLANNED),
)
"""In order; the first that holds is the status of a PBI or EPIC. Nothing else sets it."""


def roll_up(
    counts: Mapping[str, int], *, decomposition: str | None = None, resume: bool = False, drafts: int = 0
) -> GroupStatus:
    """The status of a PBI or EPIC from the number of its children by status, the status of its decomposition if there
    was one and whether that is to go on, and the number of its drafts that nobody has decided."""
    below = Below(
        children=frozenset(status for status, count in counts.items() if count and status != S.CANCELLED),
        plans=drafts > 0 or decomposition in (*IN_WORK, S.PARKED),
        asked=decomposition == S.PENDING or (resume and decomposition in STOPPED),
        plan_failed=decomposition == S.FAILED and not resume,
    )
    return next(status for _, holds, status in ROLL_UP if holds(below))


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
