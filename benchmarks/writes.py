"""Durable writes by many processes at once: none may fail or be lost, and none may wait long for its turn."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.crowd import Group, crowd
from benchmarks.place import quantile, sync_floor
from benchmarks.table import against_floor, none_of, within
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.crowd import Done
    from benchmarks.place import Place
    from benchmarks.table import Row
    from deespec.app import App

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


def _write(place: Place, app: App, what: str, processes: int, count: int) -> Done:
    with crowd(place, app, Group(act=what, processes=processes, count=count)) as writers:
        writers.go()
        return writers.end()[0]


def _rows(name: str, written: Done, *, kept: int, floor: float) -> Iterator[Row]:
    asked = len(written.took) + written.failed
    yield none_of(f"{name}, failed", written.failed, asked)
    yield none_of(f"{name}, lost", len(written.took) - kept, asked)
    yield against_floor(f"{name}, median", statistics.median(written.took), floor=floor, named="fdatasync")
    yield within(f"{name}, p99", quantile(written.took, 0.99), most=P99_MOST_S)
    yield within(f"{name}, longest", max(written.took), most=MAX_MOST_S)
