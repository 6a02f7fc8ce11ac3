"""What the engine adds to a turn: everything from one outcome to the next, less the agent's own time.

The agent answers at once; there is no Git and there are no gates.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from benchmarks.place import fill, sync_floor, timed
from benchmarks.table import Row, time_text
from deespec.engine.worker import Crew, Orders
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.place import Place
    from deespec.app import App
    from deespec.engine.bench import Outcome

OVERHEAD_S = 0.030
SYNCS = 3
"""The bar: OVERHEAD_S and so many times fdatasync."""

AGENT = """\
echo "$DEESPEC_ITEM" > file
echo "DECISION: DONE at once"
"""


@record
class Sizes:
    turns: int


SHORT = Sizes(turns=20)
FULL = Sizes(turns=200)


def measure(place: Place, sizes: Sizes) -> Iterator[Row]:
    floor = sync_floor(place.folder)
    script = place.script("at-once", AGENT)
    with place.backlog("turns", agent=script) as app:
        fill(app, [{"title": f"Item {index}", "only_implement": True} for index in range(sizes.turns + 1)])
        alone = _alone(script, app, sizes)
        whole = statistics.median(_turns(app))
    most = OVERHEAD_S + SYNCS * floor
    overhead = whole - alone
    yield Row(
        what="engine overhead of a turn",
        measured=time_text(overhead),
        floor=f"turn {time_text(whole)}, agent {time_text(alone)}",
        ratio=overhead / most,
        bar="≤ 30 ms + 3 × fdatasync",
        kept=overhead <= most,
    )


def _turns(app: App) -> list[float]:
    """The times from one outcome to the next, in seconds."""
    ends: list[float] = []

    def tell(outcome: Outcome) -> None:
        assert outcome.what == "implemented", outcome
        ends.append(time.perf_counter())

    Crew(app, Orders(drain=True), tell=tell).run()
    return [after - before for before, after in pairwise(ends)]


def _alone(script: Path, app: App, sizes: Sizes) -> float:
    """The agent's own time: the same program under subprocess, its output read."""
    env = {"DEESPEC_ITEM": "SBI-0", "PATH": "/usr/bin:/bin"}
    call = partial(subprocess.run, ("/bin/sh", str(script)), env=env, cwd=app.settings.root, capture_output=True)
    return statistics.median(timed(call) for _ in range(sizes.turns))
