"""What the engine adds to a turn: everything from one outcome to the next, less the agent's own time.

The agent answers at once; there is no Git and there are no gates.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from benchmarks.place import fill, sync_floor, timed
from benchmarks.table import Row, against_floor, time_text
from deespec.engine.worker import Crew, Orders
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    sync = sync_floor(place.folder)
    script = place.script("at-once", AGENT)
    with place.backlog("turns", agent=script) as app:
        fill(app, [{"title": f"Item {index}", "only_implement": True} for index in range(sizes.turns + 1)])
        alone = _median(sizes, ("/bin/sh", str(script)), app)
        python = _median(sizes, (sys.executable, "-I", "-S", "-c", "pass"), app)
        whole = statistics.median(_turns(app))
    overhead, most = whole - alone, OVERHEAD_S + SYNCS * sync
    yield Row(
        what="engine overhead of a turn",
        value=overhead,
        unit="s",
        floor=f"bar {time_text(most)}",
        ratio=overhead / most,
        bar=f"≤ {time_text(OVERHEAD_S)} + {SYNCS} × fdatasync",
        kept=overhead <= most,
    )
    yield against_floor("engine overhead of a turn", overhead, floor=python, named="one start of Python")


def _turns(app: App) -> list[float]:
    """The times from one outcome to the next, in seconds."""
    ends: list[float] = []

    def tell(outcome: Outcome) -> None:
        assert outcome.what == "implemented", outcome
        ends.append(time.perf_counter())

    Crew(app, Orders(drain=True), tell=tell).run()
    return [after - before for before, after in pairwise(ends)]


def _median(sizes: Sizes, argv: tuple[str, ...], app: App) -> float:
    """How long this program takes by itself, its output read, in the workspace of the turns."""
    env = {"DEESPEC_ITEM": "SBI-0", "PATH": "/usr/bin:/bin"}
    call = partial(subprocess.run, argv, env=env, cwd=app.settings.root, capture_output=True, check=True)
    return statistics.median(timed(call) for _ in range(sizes.turns))
