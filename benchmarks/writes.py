"""Durable writes by many processes at once: none may fail or be lost, and none may wait long for its turn."""

from __future__ import annotations

import json
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.place import quantile, sync_floor
from benchmarks.table import against_floor, none_of, within
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.place import Place
    from benchmarks.table import Row
    from deespec.app import App

ROOT = Path(__file__).parents[1]
P99_MOST_S = 0.025
MAX_MOST_S = 0.250
INSIDE_MOST = 5.0


@record
class Sizes:
    registering: tuple[int, int] = (8, 50)
    """Processes, and what each of them writes."""
    writing: tuple[int, int] = (16, 500)


SHORT = Sizes(writing=(16, 50))
FULL = Sizes()


@record
class Written:
    """What all processes together have to say; times in seconds."""

    asked: int
    failed: int
    whole: tuple[float, ...]
    """Waiting for the turn included."""
    inside: tuple[float, ...]
    """From the turn to the end."""


def measure(place: Place, sizes: Sizes) -> Iterator[Row]:
    floor = sync_floor(place.folder)
    with place.backlog("registering") as app:
        processes, count = sizes.registering
        written = _write(place, app, "register", processes, count)
        with app.store.read() as tx:
            kept = sum(tx.counts().values()) - processes  # each writes once before it is measured
        yield from _rows(f"{processes} × {count} registrations", written, kept=kept, floor=floor)
    with place.backlog("writing") as app:
        processes, count = sizes.writing
        with app.store.read() as tx:
            before = tx.journal_end() + processes
        written = _write(place, app, "note", processes, count)
        with app.store.read() as tx:
            kept = tx.journal_end() - before
        name = f"{processes} × {count} writes"
        yield from _rows(name, written, kept=kept, floor=floor)
    inside = quantile(written.inside, 0.99)
    yield against_floor(f"{name}, inside the lock, p99", inside, floor=floor, named="fdatasync", most=INSIDE_MOST)


def _write(place: Place, app: App, what: str, processes: int, count: int) -> Written:
    argv = (sys.executable, "-m", "benchmarks.writer", str(app.settings.home), what, str(count))
    with ExitStack() as children:
        writers = [children.enter_context(place.child(*argv, cwd=ROOT)) for _ in range(processes)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n", "a writer broke"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        found = [json.loads(writer.communicate()[0]) for writer in writers]
    return Written(
        asked=processes * count,
        failed=sum(one["failed"] for one in found),
        whole=tuple(time for one in found for time in one["whole"]),
        inside=tuple(time for one in found for time in one["inside"]),
    )


def _rows(name: str, written: Written, *, kept: int, floor: float) -> Iterator[Row]:
    yield none_of(f"{name}, failed", written.failed, written.asked)
    yield none_of(f"{name}, lost", written.asked - written.failed - kept, written.asked)
    yield against_floor(f"{name}, median", statistics.median(written.whole), floor=floor, named="fdatasync")
    yield within(f"{name}, p99", quantile(written.whole, 0.99), most=P99_MOST_S)
    yield within(f"{name}, longest", max(written.whole), most=MAX_MOST_S)
