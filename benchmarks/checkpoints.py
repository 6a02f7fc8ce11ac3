"""How long a writer is held up while the log is moved into the database: by itself, and by a second process.

One process registers without a pause. The pause of a checkpoint is the longest write that it met.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.crowd import Done, Group, crowd, figures, in_words
from benchmarks.table import Point, Row
from deespec.records import record
from deespec.store.upkeep.checkpoint import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.place import Place

EVERY_MS = 50


@record
class Sizes:
    writes: int
    """Beside which checkpoints come by themselves."""
    checkpoints: int
    """Of each mode, by a second process."""


SHORT = Sizes(writes=800, checkpoints=20)
FULL = Sizes(writes=8_000, checkpoints=120)


def measure(place: Place, sizes: Sizes) -> Iterator[Row]:
    [alone] = _work(place, "automatic", Group(act="register", processes=1, count=sizes.writes))
    writes = list(zip(alone.took, alone.moved, strict=True))
    undisturbed = [took for took, moved in writes if not moved]
    usual = statistics.median(undisturbed)
    yield Row(what="a write that meets none", value=usual, unit="s", floor=in_words(undisturbed))
    yield _row("automatic", [took for took, moved in writes if moved], usual)
    for mode in Mode:
        second = Group(act=f"checkpoint {mode}", processes=1, count=sizes.checkpoints, every_ms=EVERY_MS)
        writer, checkpoints = _work(place, mode, Group(act="register", processes=1), second)
        assert checkpoints.failed == 0, f"a checkpoint {mode} failed"
        yield _row(mode, list(_met(writer, checkpoints)), usual)


def _work(place: Place, name: str, *groups: Group) -> list[Done]:
    with place.backlog(name) as app, crowd(place, app, *groups) as busy:
        busy.go()
        return busy.end()


def _met(writer: Done, checkpoints: Done) -> Iterator[float]:
    """For each checkpoint, the longest write that lay in it at least in part."""
    for began, took in zip(checkpoints.began, checkpoints.took, strict=True):
        writes = zip(writer.began, writer.took, strict=True)
        met = [long for start, long in writes if start < began + took and began < start + long]
        if met:
            yield max(met)


def _row(mode: str, pauses: list[float], usual: float) -> Row:
    assert pauses, f"no write met a checkpoint: {mode}"
    point = Point(series="pauses", at=mode, figures=(*figures(pauses), ("usual_s", usual)))
    median = statistics.median(pauses)
    return Row(
        what=f"{mode}: a write that meets one, of {len(pauses)}",
        value=median,
        unit="s",
        floor=in_words(pauses),
        ratio=median / usual,
        point=point,
    )
