"""The chart of the guide, drawn from the result of a run: `python -m benchmarks --chart docs/wal-benchmarks.svg`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import svg, table
from benchmarks.svg import Box, Drawing, Series
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.result import Result

TITLE = "deespec's store in WAL mode, measured by make bench"
WIDTH = 880
HEAD = 66
CELL = (WIDTH / 2, 268)
MS = 1e3
US = 1e6
TAIL = {"p50_s": "median", "p99_s": "p99", "longest_s": "longest"}

DRAWN = ("locks", "mixed", "checkpoints", "backups")
"""The themes without which there is no chart."""


def missing(result: Result) -> list[str]:
    """Themes that the chart needs and this result has not."""
    return [name for name in DRAWN if name not in result.themes]


def draw(result: Result) -> str:
    """The chart as SVG."""
    columns, rows = 2, -(-len(PANELS) // 2)
    drawing = Drawing(WIDTH, HEAD + rows * CELL[1], title=TITLE)
    drawing.text(20, 28, TITLE, look="head")
    drawing.text(20, 48, result.surroundings.in_words(), look="small")
    for index, panel in enumerate(PANELS):
        left, top = index % columns * CELL[0], HEAD + index // columns * CELL[1]
        panel(drawing, Box(left=left, top=top, width=CELL[0], height=CELL[1]), result)
    return drawing.svg()


@record
class Points:
    """A series of the result."""

    at: tuple[str, ...]
    figures: dict[str, tuple[float, ...]]

    def times(self, factor: float, names: dict[str, str]) -> list[Series]:
        return [
            Series(name=shown, values=tuple(factor * value for value in self.figures[name]))
            for name, shown in names.items()
        ]


def _points(result: Result, theme: str, series: str) -> Points:
    rows = result.themes[theme].rows
    found = [row.point for row in rows if row.point is not None and row.point.series == series]
    figures = [dict(point.figures) for point in found]
    return Points(
        at=tuple(f"{point.at:,}" if isinstance(point.at, int) else point.at for point in found),
        figures={name: tuple(one[name] for one in figures) for name in figures[0]},
    )


def _writers(on: Drawing, cell: Box, result: Result) -> None:
    points = _points(result, "mixed", "writes")
    series = points.times(1, {"writes_per_s": "writes a second, all together"})
    inside = _panel(on, cell, "Writers at once: throughput", series)
    svg.lines(on, inside, series, places=points.at, x="processes that write", y="writes/s", log=False)


def _waiting(on: Drawing, cell: Box, result: Result) -> None:
    points = _points(result, "mixed", "writes")
    series = points.times(MS, TAIL)
    inside = _panel(on, cell, "Writers at once: one write, waiting included", series)
    svg.lines(on, inside, series, places=points.at, x="processes that write", y="ms (logarithmic)", log=True)


def _readers(on: Drawing, cell: Box, result: Result) -> None:
    points = _points(result, "mixed", "reads")
    beside = _points(result, "mixed", "writes beside readers")
    series = [
        *points.times(1, {"reads_per_s": "reads, all together"}),
        *beside.times(1, {"writes_per_s": "writes of the one writer"}),
    ]
    inside = _panel(on, cell, "Readers beside one writer: throughput", series)
    svg.lines(
        on, inside, series, places=points.at, x="processes that read (list and status)", y="per second", log=False
    )


def _locks(on: Drawing, cell: Box, result: Result) -> None:
    threads, processes = _points(result, "locks", "threads"), _points(result, "locks", "processes")
    series = [
        *threads.times(US, {"pair_s": "threads of one process"}),
        *processes.times(US, {"pair_s": "processes"}),
    ]
    inside = _panel(on, cell, "Named locks: acquire and release, time per pair", series)
    svg.lines(on, inside, series, places=threads.at, x="users at once, each with its own lock", y="µs", log=False)


def _checkpoints(on: Drawing, cell: Box, result: Result) -> None:
    points = _points(result, "checkpoints", "pauses")
    series = points.times(MS, TAIL)
    inside = _panel(on, cell, "Checkpoints: a write that meets one", series, labels=76)
    usual = MS * points.figures["usual_s"][0]
    svg.ranges(
        on, inside, series, places=points.at, x="ms (logarithmic); dashed: median of those that meet none", usual=usual
    )


def _backups(on: Drawing, cell: Box, result: Result) -> None:
    points = _points(result, "backups", "backups")
    places, found = [], []
    for index, items in enumerate(points.at):
        one = {name: values[index] for name, values in points.figures.items()}
        copied = f"{table.number_text(one['size_mb'])} MB in {table.time_text(one['duration_s'])}"
        for place, when in ((f"{items} items: before", "before"), (f"during ({copied})", "during")):
            places.append(place)
            found.append([MS * one[f"{when}_{name}"] for name in TAIL])
    series = [
        Series(name=name, values=values) for name, values in zip(TAIL.values(), zip(*found, strict=True), strict=True)
    ]
    inside = _panel(on, cell, "Backups: a write of eight processes", series, labels=176)
    svg.ranges(on, inside, series, places=places, x="ms (logarithmic)", usual=None)


def _panel(on: Drawing, cell: Box, name: str, series: list[Series], *, labels: float = 64) -> Box:
    """Its name and legend; what is left is for the plot, beside axis labels of this width."""
    on.text(cell.left + 20, cell.top + 20, name, look="name")
    on.legend(cell.left + 20, cell.top + 39, [one.name for one in series])
    width = cell.width - labels - 20 - 16
    return Box(left=cell.left + 20 + labels, top=cell.top + 54, width=width, height=cell.height - 54 - 52)


PANELS: tuple[Callable[[Drawing, Box, Result], None], ...] = (
    _writers,
    _waiting,
    _readers,
    _locks,
    _checkpoints,
    _backups,
)
