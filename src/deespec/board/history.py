"""What came out of the work day by day: flow, throughput, how long items took, what sent them back. It only reads.

Where items stood is replayed from the journal's moves, so an item that was retried, reset or undone is counted where it
was at each day's end. A move counts when its entry says; what another program did counts when it did it, as far as the
item says so, and no entry of an item counts before the one written earlier (a clock that was set back turns no time).
Days are those of the machine's time zone.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import StrEnum
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

from deespec.board.figures import judged, source
from deespec.clock import local, midnight, next_midnight
from deespec.config_keys import DAY_MS, HOUR_MS
from deespec.model.lifecycle import IN_WORK, STOPPED, Status
from deespec.records import record

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Mapping, Sequence

    from deespec.app import App
    from deespec.board.figures import Source
    from deespec.store.figures import FigureVerbs, Happened

DAYS_MOST = 400
"""So many days are told one by one; those before them are only counted together."""
MINUTE_MS = 60_000
TIME_EDGES = (
    *(minutes * MINUTE_MS for minutes in (1, 5, 15, 30)),
    *(hours * HOUR_MS for hours in (1, 2, 4, 8)),
    *(days * DAY_MS for days in (1, 2, 4, 7, 14, 28)),
)
"""Where one bucket of durations ends and the next begins."""
TURN_EDGES = (1, 2, 3, 4, 5, 6, 8, 11, 16, 21)


class Place(StrEnum):
    """Where an item stands; each stands in one. What was deleted counts as cancelled: it was registered once."""

    WAITING = "waiting"
    IN_WORK = "in_work"
    STOPPED = "stopped"
    DONE = "done"
    CANCELLED = "cancelled"


_PLACES: dict[str, Place] = {
    str(Status.PENDING): Place.WAITING,
    **{str(status): Place.IN_WORK for status in IN_WORK},
    **{str(status): Place.STOPPED for status in STOPPED},
    str(Status.DONE): Place.DONE,
    str(Status.CANCELLED): Place.CANCELLED,
}
_COUNTED = ("registered", "begun", "done", "failed", "cancelled", "judged", "passed")
Moves = list[tuple[int, int, str]]
"""Time, item and status that it came to, in the order of time."""


@record
class Day:
    """One day. What happened counts from `since` on, and each time: an item that FAILED twice has FAILED twice."""

    name: str
    """As 2026-01-31."""
    at: int
    """Its first ms."""
    registered: int = 0
    begun: int = 0
    """Items that entered work from PENDING."""
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    """CANCELLED, or deleted before they were."""
    judged: int = 0
    """Items whose first try was judged (figures.FirstPass), and of these those that passed."""
    passed: int = 0
    stood: tuple[int, ...] = (0,) * len(Place)
    """How many items stood in each Place, in their order, at its end; all of them together are those registered."""


@record
class Bucket:
    """How many values were not less than `low` and less than `high`."""

    low: int
    high: int | None
    """None: whatever was more."""
    count: int


@record
class GateFailures:
    """What one gate or check has sent back."""

    name: str
    """As `gate test`, or check with its command in backquotes."""
    turns: int
    """That would have been an implement or resolve turn without findings."""
    merges: int
    """Where it failed on the merged result only."""


@record
class History:
    since_at: int
    until_at: int
    days: tuple[Day, ...]
    """All of them in order, those without anything too; at least one."""
    left_out: int
    """Days before these that are in the span, too."""
    lead: tuple[Bucket, ...]
    """Items that became DONE, by ms from their registration; and from their first claim (figures.Figures)."""
    cycle: tuple[Bucket, ...]
    turns_each: tuple[Bucket, ...]
    """Items that became DONE, by their turns."""
    gates: tuple[GateFailures, ...]
    """The one that failed most often first."""


@record
class Past:
    """What the days are made of, read once."""

    found: Source
    until: int | None
    ended_before: dict[int, int]
    """When items ended that came in afterwards, by number."""
    turns: Counter[str]
    """How many turns each gate has sent back, and how many merges it has stopped."""
    merges: Counter[str]


def history(app: App, *, since: int = 0, until: int | None = None) -> History:
    """From one snapshot; from the first item on, or from `since`, until now or the time that is given."""
    with app.store.read() as tx:
        read = tx.figures()
        found = past(read, source(read, since=since), until=until)
    return history_of(found)


def past(read: FigureVerbs, found: Source, *, until: int | None = None) -> Past:
    return Past(
        found=found,
        until=until,
        ended_before=read.ended_before() if any(one[1] == "imported" for one in found.happened) else {},
        turns=read.gate_failures(since=found.since, until=until),
        merges=read.merge_gate_failures(since=found.since, until=until),
    )


def history_of(what: Past) -> History:
    """The same of what was read."""
    found, until = what.found, what.until
    since = found.since
    moves = _moves(found.happened, what.ended_before)
    end = found.now if until is None else until
    first = max(since, moves[0][0] if moves else end)
    days, left_out = _days(min(first, end), end)
    tally = _Tally(days, since=since, until=end)
    tally.replay(moves)
    tally.judge(judged(found.first))
    done = [one for one in found.ended if one[0] == Status.DONE and one[3] <= end]
    return History(
        since_at=since,
        until_at=end,
        days=tally.told(),
        left_out=left_out,
        lead=buckets([one[3] - one[1] for one in done], TIME_EDGES),
        cycle=buckets([one[3] - one[2] for one in done if one[2] is not None], TIME_EDGES),
        turns_each=buckets([one[4] for one in done], TURN_EDGES),
        gates=_gates(what),
    )


def buckets(values: Iterable[int], edges: Sequence[int]) -> tuple[Bucket, ...]:
    """The values by these edges, from the first bucket that holds one to the last."""
    bounds = [*pairwise((0, *edges, None))]
    counts = [0] * len(bounds)
    for value in values:
        counts[next(at for at, (_, high) in enumerate(bounds) if high is None or value < high)] += 1
    held = [at for at, count in enumerate(counts) if count]
    if not held:
        return ()
    return tuple(
        Bucket(low=bounds[at][0] or 0, high=bounds[at][1], count=counts[at]) for at in range(held[0], held[-1] + 1)
    )


def _gates(what: Past) -> tuple[GateFailures, ...]:
    turns, merges = what.turns, what.merges
    found = [
        GateFailures(name=name, turns=turns[name], merges=merges[name]) for name in dict.fromkeys((*turns, *merges))
    ]
    return tuple(sorted(found, key=lambda one: (-one.turns - one.merges, one.name)))


# --- the replay -----------------------------------------------------------------------------------------------------


def _moves(happened: Sequence[Happened], ended_before: Mapping[int, int]) -> Moves:
    found: Moves = []
    latest: dict[int, int] = {}
    cancelled = str(Status.CANCELLED)
    for at, event, sbi, status, _, _, _ in happened:
        if sbi is None or (status is None and event != "deleted"):
            continue
        when = ended_before.get(sbi, at) if event == "imported" else at
        when = max(when, latest.get(sbi, when))
        latest[sbi] = when
        found.append((when, sbi, status or cancelled))
    found.sort(key=itemgetter(0))
    return found


def _days(first: int, until: int) -> tuple[list[int], int]:
    """The midnights from that of `first` to that of `until`, the newest DAYS_MOST; and how many are left out."""
    starts = [midnight(first)]
    while (after := next_midnight(starts[-1])) <= until:
        starts.append(after)
    left_out = max(0, len(starts) - DAYS_MOST)
    return starts[left_out:], left_out


class _Tally:
    """Counts moves into days as they come in the order of time."""

    def __init__(self, starts: list[int], *, since: int, until: int) -> None:
        self.starts = starts
        self.ends = [*starts[1:], until + 1]
        self.since = since
        self.until = until
        self.counts = [dict.fromkeys(_COUNTED, 0) for _ in starts]
        self.stood: list[tuple[int, ...]] = []

    def replay(self, moves: Moves) -> None:
        now = dict.fromkeys(Place, 0)
        places: dict[int, Place] = {}
        day = 0
        for at, sbi, status in moves:
            if at > self.until:
                break
            while at >= self.ends[day]:
                self.stood.append(tuple(now.values()))
                day += 1
            before, after = places.get(sbi), _PLACES.get(status)
            if after is None or before is after:
                continue
            if before is not None:
                now[before] -= 1
            now[after] += 1
            places[sbi] = after
            if at >= self.since and at >= self.starts[0]:
                self._count(self.counts[day], before, after, status)
        while len(self.stood) < len(self.starts):
            self.stood.append(tuple(now.values()))

    def _count(self, counts: dict[str, int], before: Place | None, after: Place, status: str) -> None:
        if before is None:
            counts["registered"] += 1
        if after is Place.IN_WORK and before in (None, Place.WAITING):
            counts["begun"] += 1
        elif after is Place.DONE:
            counts["done"] += 1
        elif after is Place.CANCELLED:
            counts["cancelled"] += 1
        elif status == Status.FAILED:
            counts["failed"] += 1

    def judge(self, found: Iterable[tuple[int, bool]]) -> None:
        for at, passed in found:
            if max(self.since, self.starts[0]) <= at <= self.until:
                counts = self.counts[bisect_right(self.starts, at) - 1]
                counts["judged"] += 1
                counts["passed"] += passed

    def told(self) -> tuple[Day, ...]:
        return tuple(
            Day(name=local(at)[:10], at=at, stood=stood, **counts)
            for at, stood, counts in zip(self.starts, self.stood, self.counts, strict=True)
        )
