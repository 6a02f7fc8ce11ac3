"""How long a backlog takes in all, beside the same order of the same work done by slots that lose no time.

The agents sleep a fixed time each and write a file of their own, so three of them can work side by side.
"""

from __future__ import annotations

import heapq
import os
import random
from typing import TYPE_CHECKING

from benchmarks.place import fill
from benchmarks.table import against_floor, within
from deespec.model.wanted import Scope
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.place import Place
    from benchmarks.table import Row
    from deespec.app import App

SLOTS = 3
MAKESPAN_MOST = 1.05
IDLE_MOST_S = 0.050
LIMIT_S = 600

AGENT = """\
read -r seconds < ".deespec/durations/$DEESPEC_ITEM"
sleep "$seconds"
echo done > "$DEESPEC_ITEM"
echo "DECISION: DONE it slept"
"""


@record
class Sizes:
    items: int
    shortest_s: float
    longest_s: float


SHORT = Sizes(items=12, shortest_s=0.2, longest_s=0.5)
FULL = Sizes(items=12, shortest_s=1, longest_s=3)


@record
class Done:
    """When an item was taken and when it was done; wall time in seconds."""

    began: float
    ended: float


def measure(place: Place, sizes: Sizes) -> Iterator[Row]:
    # The same every time; below them lies the whole of what may differ between two runs.
    dice = random.Random(1)
    durations = [round(dice.uniform(sizes.shortest_s, sizes.longest_s), 2) for _ in range(sizes.items)]
    with place.backlog("makespan", agent=place.script("sleeper", AGENT)) as app:
        _work_off(place, app, [0.0])  # byte code and caches
        _work_off(place, app, durations)
        done = _done(app)[1:]
    took = max(one.ended for one in done) - min(one.began for one in done)
    name = f"{sizes.items} items of {sizes.shortest_s:g} to {sizes.longest_s:g} s, {SLOTS} slots"
    yield against_floor(name, took, floor=simulated(durations), named="simulated", most=MAKESPAN_MOST)
    yield within("slot idle before a start, longest", max(_gaps(done)), most=IDLE_MOST_S)


def simulated(durations: Sequence[float]) -> float:
    """The makespan of list scheduling: whoever is free takes the next, at once."""
    slots = [0.0] * SLOTS
    for duration in durations:
        heapq.heapreplace(slots, slots[0] + duration)
    return max(slots)


def _work_off(place: Place, app: App, durations: Sequence[float]) -> None:
    folder = app.settings.home / "durations"
    folder.mkdir(exist_ok=True)
    known = len(os.listdir(folder))
    ids = [f"SBI-{known + index}" for index in range(1, len(durations) + 1)]
    for item_id, duration in zip(ids, durations, strict=True):
        (folder / item_id).write_text(str(duration), encoding="utf-8")
    made = fill(app, [{"title": item_id, "only_implement": True, "paths": (item_id,)} for item_id in ids])
    assert made == ids
    words = ("--quiet", "run", "--parallel", str(SLOTS), "--drain")
    with place.child(*place.command(), *words, cwd=app.settings.root) as run:
        assert run.wait(LIMIT_S) == 0, "run --drain did not end with everything done"


def _done(app: App) -> list[Done]:
    with app.store.read() as tx:
        lines = tx.list_sbis(Scope()).lines
        turns = [turn for line in lines for turn in tx.turns(line.number)]
    assert all(line.status == "DONE" for line in lines)
    return [Done(began=turn.started_at / 1000, ended=turn.finished_at / 1000) for turn in turns]


def _gaps(done: Sequence[Done]) -> list[float]:
    """How long after a slot became free it was filled again, for every start but the first ones."""
    begins, ends = sorted(one.began for one in done), sorted(one.ended for one in done)
    return [began - ended for began, ended in zip(begins[SLOTS:], ends, strict=False)]
