"""Who worked on what and when: the claims of a run as bars in the lanes of its slots. It only reads.

A bar lasts from the entry of the journal with which a claim begins to the one with which it ends, so tries that came to
nothing and merges are there beside the turns: each of them takes a slot. Which slot it was, nothing remembers; bars are
put into the first lane that is free. How many slots a worker has had stands in the entry of its start. Where it does
not (that of an older version), the worker counts as having had as many as were ever taken at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.entries import slots_of
from deespec.board.waited import BEGINS
from deespec.config_keys import DAY_MS
from deespec.errors import NotFound
from deespec.model.lifecycle import Event
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from deespec.app import App
    from deespec.store.base import Transaction
    from deespec.store.figures import ClaimEntry, RunEntry

SPAN_MOST_MS = DAY_MS
"""Of the newest run so much is shown if nobody says more."""
BARS_MOST = 2_000
"""The newest so many of a span; more is nothing that a person can look at."""
REVOKED = "revoked"
_GOES_ON = frozenset(map(str, (Event.WORKSPACE_READY, Event.FOLDER_READY, Event.RESET, Event.UNDONE)))
ENDS = (frozenset(map(str, Event)) | {REVOKED}) - BEGINS - _GOES_ON
"""The first of these after a claim's beginning is how it ended."""


@record
class Bar:
    """One claim: a turn, a merge, or a try that came to neither."""

    item: str
    step: str
    """implement, review, resolve, integrate (a merge), decompose; empty where no entry says it."""
    agent: str
    """Empty of a merge."""
    turn: int | None
    start_at: int
    end_at: int
    """Of one that still runs: the end of the span."""
    outcome: str | None
    """The event that ended it, as implemented, findings, merged, released; None: it runs."""
    lane: int = 0


@record
class Group:
    """One worker in the span."""

    worker: str
    start_at: int
    """When it was there, within the span."""
    end_at: int
    runs: bool
    slots: int
    slots_known: bool
    """False: as many as were taken at once."""
    bars: tuple[Bar, ...]
    busy_ms: int
    """Sum of all bars within the span."""
    utilisation: float
    """busy_ms / (slots * (end_at - start_at)): 1.0 where each slot worked all the time that the worker was there."""
    idle: tuple[tuple[int, int], ...]
    """(from, to) where the worker was there and none of its slots worked, in order."""


@record
class Gantt:
    since_at: int
    until_at: int
    groups: tuple[Group, ...]
    """In the order in which they started; empty: no worker has ever run in that time."""
    left_out: int = 0
    """Bars before the newest BARS_MOST; the sums count them."""


@record
class _Run:
    """A worker from its start to its end."""

    worker: str
    seq: int
    start_at: int
    end_at: int | None
    """None: no entry says that it ended."""
    slots: int | None


@record
class Ran:
    """What the bars are made of, read once."""

    since_at: int
    until_at: int
    runs: tuple[_Run, ...] = ()
    entries: tuple[ClaimEntry, ...] = ()
    live: frozenset[str] = frozenset()
    """The names of the workers that are there now."""


def gantt(app: App, *, worker: str | None = None, since: int | None = None, until: int | None = None) -> Gantt:
    """Of this worker (its uid, or its name as the journal has it), or the newest run and all that ran beside it.

    Without a time: that of the newest such run, of a long one its last SPAN_MOST_MS. Raises NotFound for a worker that
    nobody knows.
    """
    with app.store.read() as tx:
        found = ran(tx, worker=worker, since=since, until=until)
    return gantt_of(found)


def ran(tx: Transaction, *, worker: str | None = None, since: int | None = None, until: int | None = None) -> Ran:
    read = tx.figures()
    end = tx.now if until is None else min(until, tx.now)
    live = {one.name for one in tx.workers()}
    runs = _runs(read.runs(), live=live)
    if worker is not None:
        name = read.worker_name(worker) or worker
        runs = [run for run in runs if run.worker == name]
        if not runs:
            raise NotFound(
                f"The journal knows no worker {worker!r}.", hint="deespec journal list --event worker_started"
            )
    runs = [run for run in runs if run.start_at <= end and (since is None or _end_of(run, end) >= since)]
    if not runs:
        return Ran(since_at=end if since is None else since, until_at=end)
    if since is None:
        newest = runs[-1]
        end = _end_of(newest, end) if until is None else end
        since = max(newest.start_at, end - SPAN_MOST_MS)
    shown = [run for run in runs if run.start_at <= end and _end_of(run, end) >= since]
    entries = read.claims(min(run.seq for run in shown), since=since, until=end, begins=BEGINS, ends=ENDS)
    return Ran(since_at=since, until_at=end, runs=tuple(shown), entries=tuple(entries), live=frozenset(live))


def gantt_of(found: Ran) -> Gantt:
    """The same of what was read."""
    bars, last = _bars(found.entries, found.until_at)
    groups = [_group(run, bars.get(run.worker, []), last_at=last.get(run.worker), found=found) for run in found.runs]
    return _bounded(Gantt(since_at=found.since_at, until_at=found.until_at, groups=tuple(groups)))


def run_names(tx: Transaction) -> list[str]:
    """Of all workers that have ever run, the newest first."""
    started = [name for _, _, event, name, _ in tx.figures().runs() if event == "worker_started"]
    return list(dict.fromkeys(reversed(started)))


# --- runs and their bars --------------------------------------------------------------------------------------------


def _runs(entries: Iterable[RunEntry], *, live: set[str]) -> list[_Run]:
    """In the order of their starts. A name may come again: a process number does."""
    found: list[_Run] = []
    running: dict[str, int] = {}
    for seq, at, event, name, detail in entries:
        if event == "worker_started":
            if name in running:
                found[running[name]] = replace(found[running[name]], end_at=at)
            running[name] = len(found)
            found.append(_Run(worker=name, seq=seq, start_at=at, end_at=None, slots=slots_of(detail)))
            continue
        # A database that was moved or restored has lost its workers without another word, but for those that live.
        for ended in [name] if name else [one for one in running if one not in live]:
            if (place := running.pop(ended, None)) is not None:
                found[place] = replace(found[place], end_at=max(at, found[place].start_at))
    return found


def _end_of(run: _Run, until: int) -> int:
    return until if run.end_at is None else min(run.end_at, until)


def _bars(entries: Iterable[ClaimEntry], until: int) -> tuple[dict[str, list[Bar]], dict[str, int]]:
    """Bars by the worker that began them, and when each worker was heard of last. What comes later only ends them."""
    found: dict[str, list[Bar]] = {}
    last: dict[str, int] = {}
    begun: dict[str, tuple[str, Bar]] = {}
    for at, event, item, actor, agent, step, turn in entries:
        worker, bar = begun.pop(item, ("", None))
        if bar is not None:
            outcome = event if event not in BEGINS else str(Event.RELEASED)
            end_at = min(max(at, bar.start_at), max(until, bar.start_at))
            ended = replace(bar, end_at=end_at, outcome=outcome, step=step or bar.step)
            found.setdefault(worker, []).append(ended)
            last[worker] = max(at, last.get(worker, 0))
        if event in BEGINS and at <= until:
            made = Bar(
                item=item,
                step=step or "",
                agent=agent or "",
                turn=turn,
                start_at=at,
                end_at=max(at, until),
                outcome=None,
            )
            begun[item] = (actor.removeprefix("worker "), made)
    for worker, bar in begun.values():
        found.setdefault(worker, []).append(bar)
    return found, last


def _group(run: _Run, bars: Sequence[Bar], *, last_at: int | None, found: Ran) -> Group:
    since, until = found.since_at, found.until_at
    runs = run.end_at is None and run.worker in found.live
    there_until = _end_of(run, until)
    if run.end_at is None and not runs:
        there_until = max(run.start_at, min(until, last_at or run.start_at))
    start, end = max(run.start_at, since), max(there_until, since)
    own = sorted(
        (one for one in bars if run.start_at <= one.start_at <= there_until and one.end_at >= since),
        key=lambda one: (one.start_at, one.item),
    )
    if not runs:
        own = [one if one.outcome else replace(one, end_at=max(there_until, one.start_at)) for one in own]
    placed, lanes = _placed(own)
    slots = max(run.slots or 1, lanes)
    busy = sum(max(0, min(one.end_at, end) - max(one.start_at, start)) for one in placed)
    there = slots * (end - start)
    return Group(
        worker=run.worker,
        start_at=start,
        end_at=end,
        runs=runs,
        slots=slots,
        slots_known=run.slots is not None,
        bars=tuple(placed),
        busy_ms=busy,
        utilisation=busy / there if there else 0.0,
        idle=tuple(_idle(placed, start, end)),
    )


def _placed(bars: Iterable[Bar]) -> tuple[list[Bar], int]:
    """Each in the first lane that is free when it starts; and how many lanes that takes."""
    free_at: list[int] = []
    placed = []
    for bar in bars:
        lane = next((at for at, free in enumerate(free_at) if free <= bar.start_at), len(free_at))
        if lane == len(free_at):
            free_at.append(0)
        free_at[lane] = bar.end_at
        placed.append(replace(bar, lane=lane))
    return placed, len(free_at)


def _idle(bars: Iterable[Bar], start: int, end: int) -> list[tuple[int, int]]:
    found, free = [], start
    for bar in bars:
        if bar.start_at > free:
            found.append((free, bar.start_at))
        free = max(free, bar.end_at)
    return [*found, (free, end)] if end > free else found


def _bounded(whole: Gantt) -> Gantt:
    """The same with no more bars than BARS_MOST."""
    starts = sorted((bar.start_at for group in whole.groups for bar in group.bars), reverse=True)
    if len(starts) <= BARS_MOST:
        return whole
    first = starts[BARS_MOST - 1]
    groups = [replace(one, bars=tuple(bar for bar in one.bars if bar.start_at >= first)) for one in whole.groups]
    kept = sum(len(one.bars) for one in groups)
    return replace(whole, groups=tuple(groups), left_out=len(starts) - kept)
