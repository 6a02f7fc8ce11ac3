"""What a `run` costs that has nothing to do: memory and processor time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil

from benchmarks.place import fill
from benchmarks.table import Row
from deespec.backlog import edit
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.place import Place

SLOTS = 3
MEMORY_MOST_MB = 60
CPU_MOST_PERCENT = 0.5
WARM_S = 3
MB = 1_000_000


@record
class Sizes:
    seconds: float
    items: int
    """Items that wait, all of them held."""


SHORT = Sizes(seconds=5, items=100)
FULL = Sizes(seconds=20, items=1_000)


def measure(place: Place, sizes: Sizes) -> Iterator[Row]:
    with place.backlog("idle", agent=place.script("never", "exit 1\n")) as app:
        items = fill(app, [{"title": f"Item {index}"} for index in range(sizes.items)])
        edit.hold(app.store, range(1, len(items) + 1), actor="benchmark")
        with place.child(*place.command(), "--quiet", "run", "--parallel", str(SLOTS), cwd=app.settings.root) as run:
            process = psutil.Process(run.pid)
            time.sleep(WARM_S)
            before, began = process.cpu_times(), time.monotonic()
            time.sleep(sizes.seconds)
            after, ended = process.cpu_times(), time.monotonic()
            memory = process.memory_info().rss / MB
            peak = _peak_mb(run.pid)
    used = after.user + after.system - before.user - before.system
    percent = 100 * used / (ended - began)
    yield _row(f"memory of an idle run, {SLOTS} slots", memory, "MB", most=MEMORY_MOST_MB)
    if peak is not None:
        yield _row("its highest so far", peak, "MB", most=MEMORY_MOST_MB)
    yield _row(f"processor, over {sizes.seconds:g} s", percent, "%", most=CPU_MOST_PERCENT)


def _row(what: str, value: float, unit: str, *, most: float) -> Row:
    return Row(what=what, value=value, unit=unit, bar=f"≤ {most:g} {unit}", kept=value <= most)


def _peak_mb(pid: int) -> float | None:
    """The kernel's high-water mark of resident memory (proc_pid_status(5)); None where there is no /proc."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            line = next(line for line in file if line.startswith("VmHWM:"))
    except OSError:
        return None
    return int(line.split()[1]) * 1024 / MB
