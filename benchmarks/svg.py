"""Drawing: plots with axes as SVG text, readable on light and on dark pages. What is drawn stands in `chart`."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from benchmarks.table import number_text
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence

STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
.head { font-size: 17px; font-weight: 600; }
.name { font-size: 13px; font-weight: 600; }
.small { font-size: 11px; fill: #59636e; }
.page { fill: #ffffff; }
.grid { stroke: #d8dee4; stroke-width: 1; }
.axis { stroke: #818b98; stroke-width: 1; }
.s0 { stroke: #0b5cad; fill: #0b5cad; }
.s1 { stroke: #b64a00; fill: #b64a00; }
.s2 { stroke: #6639ba; fill: #6639ba; }
.line { fill: none; stroke-width: 2; }
.mark { stroke: none; }
.usual { stroke-width: 1.5; stroke-dasharray: 4 3; fill: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .small { fill: #9da7b3; }
  .page { fill: #0d1117; }
  .grid { stroke: #2f363f; }
  .axis { stroke: #7d8590; }
  .s0 { stroke: #6cb6ff; fill: #6cb6ff; }
  .s1 { stroke: #ffa657; fill: #ffa657; }
  .s2 { stroke: #d2a8ff; fill: #d2a8ff; }
  .line, .usual { fill: none; }
  .mark { stroke: none; }
}
"""
MARK = 4
"""Half the size of a mark, in pixels like all lengths here."""
LEGEND_GAP = 16
CHARACTER = 6.4
"""How wide one is, about; only legends depend on it."""


@record
class Series:
    """Values by name of their place, drawn alike."""

    name: str
    values: tuple[float, ...]


@record
class Box:
    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height


class Scale:
    """From values to pixels, with round ticks: from nothing on, or logarithmic if the values differ by much."""

    def __init__(self, values: Sequence[float], start: float, end: float, *, log: bool) -> None:
        self.start, self.end = start, end
        self.log = log
        if log:
            low, high = _round_below(min(values)), _round_above(max(values) * 1.01)
            self.ticks = [step for step in _steps(low, high) if low <= step <= high]
        else:
            unit = _round_above(max(values) * 1.02 / 5)
            self.ticks = [unit * count for count in range(math.ceil(max(values) * 1.02 / unit) + 1)]

    def at(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        share = math.log(value / low) / math.log(high / low) if self.log else (value - low) / (high - low)
        return self.start + share * (self.end - self.start)


class Drawing:
    def __init__(self, width: float, height: float, *, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self.parts: list[str] = []

    def text(
        self, x: float, y: float, words: str, *, look: str = "", anchor: str = "start", turned: bool = False
    ) -> None:
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
        attributes = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{turn}'
        self.parts.append(f"<text class={quoteattr(look)} {attributes}>{escape(words)}</text>")

    def line(self, look: str, *points: tuple[float, float]) -> None:
        where = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline class="{look}" points="{where}"/>')

    def mark(self, kind: int, x: float, y: float) -> None:
        """A shape of its own for each kind, for those who do not see the colours."""
        look = f'class="mark s{kind}"'
        if kind == 0:
            self.parts.append(f'<circle {look} cx="{x:.1f}" cy="{y:.1f}" r="{MARK}"/>')
        elif kind == 1:
            side = 2 * MARK - 1
            self.parts.append(
                f'<rect {look} x="{x - side / 2:.1f}" y="{y - side / 2:.1f}" width="{side}" height="{side}"/>'
            )
        else:
            corners = f"{x:.1f},{y - MARK - 1:.1f} {x + MARK:.1f},{y + MARK - 1:.1f} {x - MARK:.1f},{y + MARK - 1:.1f}"
            self.parts.append(f'<polygon {look} points="{corners}"/>')

    def legend(self, x: float, y: float, names: Sequence[str]) -> None:
        for kind, name in enumerate(names):
            self.mark(kind, x + MARK, y - MARK)
            self.text(x + 3 * MARK, y, name, look="small")
            x += 3 * MARK + CHARACTER * len(name) + LEGEND_GAP

    def svg(self) -> str:
        size = f'width="{self.width:g}" height="{self.height:g}" viewBox="0 0 {self.width:g} {self.height:g}"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
                f"<title>{escape(self.title)}</title>",
                f"<style>{STYLE}</style>",
                '<rect class="page" width="100%" height="100%"/>',
                *self.parts,
                "</svg>\n",
            ]
        )


def lines(on: Drawing, box: Box, series: Sequence[Series], *, places: Sequence[str], x: str, y: str, log: bool) -> None:
    """Series over places that stand at equal distances."""
    scale = Scale([value for one in series for value in one.values], box.bottom, box.top, log=log)
    for tick in scale.ticks:
        on.line("grid", (box.left, scale.at(tick)), (box.right, scale.at(tick)))
        on.text(box.left - 6, scale.at(tick) + 4, number_text(tick), look="small", anchor="end")
    step = box.width / len(places)
    middle = [box.left + step * (index + 0.5) for index in range(len(places))]
    on.line("axis", (box.left, box.bottom), (box.right, box.bottom))
    for at, place in zip(middle, places, strict=True):
        on.text(at, box.bottom + 16, place, look="small", anchor="middle")
    on.text((box.left + box.right) / 2, box.bottom + 33, x, look="small", anchor="middle")
    on.text(box.left - 46, (box.top + box.bottom) / 2, y, look="small", anchor="middle", turned=True)
    for kind, one in enumerate(series):
        points = [(at, scale.at(value)) for at, value in zip(middle, one.values, strict=True)]
        on.line(f"line s{kind}", *points)
        for point in points:
            on.mark(kind, *point)


def ranges(
    on: Drawing, box: Box, series: Sequence[Series], *, places: Sequence[str], x: str, usual: float | None
) -> None:
    """A row for each place, from its first value to its last, on a logarithmic scale; `usual` is marked in all rows."""
    values = [value for one in series for value in one.values] + [usual or series[0].values[0]]
    scale = Scale(values, box.left, box.right, log=True)
    for tick in scale.ticks:
        on.line("grid", (scale.at(tick), box.top), (scale.at(tick), box.bottom))
        on.text(scale.at(tick), box.bottom + 16, number_text(tick), look="small", anchor="middle")
    on.line("axis", (box.left, box.bottom), (box.right, box.bottom))
    on.text((box.left + box.right) / 2, box.bottom + 33, x, look="small", anchor="middle")
    if usual is not None:
        on.line("usual axis", (scale.at(usual), box.top), (scale.at(usual), box.bottom))
    step = box.height / len(places)
    for index, place in enumerate(places):
        y = box.top + step * (index + 0.5)
        points = [(scale.at(one.values[index]), y) for one in series]
        on.text(box.left - 8, y + 4, place, look="small", anchor="end")
        for kind, (one, other) in enumerate(pairwise(points)):
            on.line(f"line s{kind + 1}", one, other)
        for kind, point in enumerate(points):
            on.mark(kind, *point)


def _steps(low: float, high: float) -> list[float]:
    """1, 2, 5, 10 ..., or only powers of ten where these would be many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if high / low <= 200 else (1,)
    steps = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
    return sorted({low, high, *steps}) if len(factors) == 1 else steps


def _round_above(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * 0.999_999)


def _round_below(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= value * 1.000_001)
