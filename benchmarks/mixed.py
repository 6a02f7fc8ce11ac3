"""Readers and writers together, each a process of its own.

A read is what `sbi list` and `status` read; a write is durable and registers or cancels an item, in turns.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.crowd import Group, crowd, figures, in_words
from benchmarks.place import fill
from benchmarks.table import Point, Row, none_of
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.crowd import Done
    from benchmarks.place import Place


@record
class Sizes:
    items: int
    """In the backlog before anything is measured."""
    together: tuple[int, ...]
    """So many readers beside one writer, and so many writers."""
    seconds: float


SHORT = Sizes(items=200, together=(1, 4), seconds=0.3)
FULL = Sizes(items=1_000, together=(1, 2, 4, 8, 16), seconds=3)


def measure(place: Place, sizes: Sizes) -> Iterator[Row]:
    asked = failed = 0
    for series, one_writer in (("readers", True), ("writers", False)):
        for number in sizes.together:
            writing = Group(act="turnover", processes=1 if one_writer else number)
            reading = Group(act="read", processes=number if one_writer else 0)
            writers, readers = _work(place, f"{series} {number}", sizes, writing, reading)
            if one_writer:
                yield _reads(number, readers)
            yield _writes("one writer beside them" if one_writer else _many(number, "writer"), series, number, writers)
            failed += writers.failed + readers.failed
            asked += sum(len(done.took) + done.failed for done in (writers, readers))
    yield none_of("failed", failed, asked)


def _work(place: Place, name: str, sizes: Sizes, *groups: Group) -> list[Done]:
    with place.backlog(name) as app:
        fill(app, [{"title": f"Item {index}", "paths": (f"part-{index}/**",)} for index in range(sizes.items)])
        with crowd(place, app, *groups) as busy:
            busy.go()
            time.sleep(sizes.seconds)
            return busy.end()


def _reads(number: int, done: Done) -> Row:
    found = (("reads_per_s", done.per_s), *figures(done.took))
    point = Point(series="reads", at=number, figures=found)
    return Row(what=_many(number, "reader"), value=done.per_s, unit="reads/s", floor=in_words(done.took), point=point)


def _writes(what: str, series: str, number: int, done: Done) -> Row:
    found = (("writes_per_s", done.per_s), *figures(done.took))
    point = Point(series=f"writes beside {series}" if series == "readers" else "writes", at=number, figures=found)
    return Row(what=what, value=done.per_s, unit="writes/s", floor=in_words(done.took), point=point)


def _many(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number > 1 else "")
