"""Backups while others write: how long one takes, and what it costs the writers beside it.

Eight processes register at a bounded rate; first nothing disturbs them, then backups are made one after another.
"""

from __future__ import annotations

import statistics
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.crowd import Group, crowd, figures, in_words
from benchmarks.place import fill, quantile
from benchmarks.table import Point, Row, against_floor, none_of, number_text
from deespec.records import record
from deespec.store.opener import FILE
from deespec.store.upkeep.backup import back_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.place import Place
    from deespec.app import App

WRITERS = 8
EVERY_MS = 40
MB = 1_000_000
SPEC = "Do it well.\n" * 20


@record
class Sizes:
    backlogs: tuple[tuple[int, int], ...]
    """Items, and how many backups are made of them."""
    alone: int
    """Writes of each writer before."""


@record
class Copied:
    took: float
    bytes: int
    restarts: int


SHORT = Sizes(backlogs=((1_000, 5),), alone=12)
FULL = Sizes(backlogs=((10_000, 20), (100_000, 3)), alone=75)


def measure(place: Place, sizes: Sizes) -> Iterator[Row]:
    for items, times in sizes.backlogs:
        with place.backlog(f"{items} items") as app:
            fill(app, [{"title": f"Item {index}", "spec": SPEC} for index in range(items)])
            with crowd(place, app, _writers(sizes.alone)) as busy:
                busy.go()
                [before] = busy.end()
            with crowd(place, app, _writers(0)) as busy:
                busy.go()
                copied = [_copied(app, place.folder) for _ in range(times)]
                [during] = busy.end()
        yield from _rows(items, copied, before.took, during.took)
        failed = before.failed + during.failed
        yield none_of(f"{items} items: writes failed", failed, failed + len(before.took) + len(during.took))


def _writers(count: int) -> Group:
    return Group(act="register", processes=WRITERS, count=count, every_ms=EVERY_MS)


def _copied(app: App, folder: Path) -> Copied:
    """A verified backup, which is removed again."""
    left: list[int] = []
    began = time.perf_counter()
    made = back_up(
        str(app.settings.home / FILE),
        str(folder),
        clock=app.clock,
        busy_ms=app.settings.busy_timeout_ms,
        progress=lambda done, whole: left.append(whole - done),
    )
    took = time.perf_counter() - began
    Path(made.path).unlink()
    again = sum(after >= before for before, after in pairwise(left))
    return Copied(took=took, bytes=made.bytes, restarts=again)


def _rows(items: int, copied: Sequence[Copied], before: Sequence[float], during: Sequence[float]) -> Iterator[Row]:
    took = statistics.median(one.took for one in copied)
    size, rate = copied[-1].bytes / MB, statistics.median(one.bytes / one.took for one in copied) / MB
    found = (
        ("duration_s", took),
        ("size_mb", size),
        ("mb_per_s", rate),
        *((f"before_{name}", value) for name, value in figures(before)),
        *((f"during_{name}", value) for name, value in figures(during)),
    )
    yield Row(
        what=f"{items} items: a verified backup, of {len(copied)}",
        value=took,
        unit="s",
        floor=f"{number_text(size)} MB, {number_text(rate)} MB/s",
        point=Point(series="backups", at=items, figures=found),
    )
    restarts = sum(one.restarts for one in copied)
    yield Row(what=f"{items} items: restarts", value=restarts, unit="", bar="0", kept=restarts == 0)
    for when, times in (("before", before), ("during one", during)):
        yield Row(what=f"{items} items: a write {when}", value=quantile(times, 0.5), unit="s", floor=in_words(times))
    slow, usual = quantile(during, 0.99), quantile(before, 0.99)
    yield against_floor(f"{items} items: p99 of a write during one", slow, floor=usual, named="before")
