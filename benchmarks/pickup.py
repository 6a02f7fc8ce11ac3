"""From a registration to its agent: how long an idle `run` takes to notice, to claim and to start the program."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.place import fill, quantile, timed
from benchmarks.table import against_floor, within
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.place import Place
    from benchmarks.table import Row
    from deespec.app import App
    from deespec.store.base import Transaction

P95_MOST_S = 0.2
LIMIT_S = 30
WAIT_MS = 100

AGENT = """\
"{python}" -I -S -c 'import time; print(time.clock_gettime(time.CLOCK_MONOTONIC))' > ".deespec/$DEESPEC_ITEM.started"
echo done > "$DEESPEC_ITEM"
echo "DECISION: DONE at once"
"""


@record
class Sizes:
    registrations: int


SHORT = Sizes(registrations=5)
FULL = Sizes(registrations=20)


def measure(place: Place, sizes: Sizes) -> Iterator[Row]:
    # A worker's own rhythm is a second; registrations come at any point of it.
    dice = random.Random(1)
    script = place.script("clock", AGENT.format(python=sys.executable))
    run = (*place.command(), "--quiet", "run", "--parallel", "1")
    with place.backlog("pickup", agent=script) as app, place.child(*run, cwd=app.settings.root):
        _until(app, lambda tx: len(tx.workers()) == 1)
        _pickup(app, rest_s=0)  # its first turn loads what all later ones find loaded
        taken = [_pickup(app, rest_s=dice.uniform(0.2, 1.2)) for _ in range(sizes.registrations)]
    floor = statistics.median(timed(_start_python) for _ in range(sizes.registrations))
    name = "registered → agent runs"
    yield against_floor(f"{name}, median", statistics.median(taken), floor=2 * floor, named="two starts of Python")
    yield within(f"{name}, p95", quantile(taken, 0.95), most=P95_MOST_S)


def _pickup(app: App, *, rest_s: float) -> float:
    """From the end of the registration's transaction to the first thing that the agent does, in seconds."""
    time.sleep(rest_s)
    (item_id,) = fill(app, [{"title": "Start at once", "only_implement": True}])
    registered = time.clock_gettime(time.CLOCK_MONOTONIC)
    _until(app, lambda tx: tx.item(item_id).status == "DONE")
    started = float((app.settings.home / f"{item_id}.started").read_text(encoding="ascii"))
    return started - registered


def _until(app: App, reached: Callable[[Transaction], bool]) -> None:
    """Waits until the backlog says so."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        with app.store.read() as tx:
            if reached(tx):
                return
        app.store.wait(WAIT_MS)
    raise AssertionError(f"not reached within {LIMIT_S} s")


def _start_python() -> None:
    """The guard is one, and the clock of this agent is one."""
    subprocess.run((sys.executable, "-I", "-S", "-c", "pass"), check=True)
