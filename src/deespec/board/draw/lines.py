"""Lines over time: what is compared, or a rate. Where there is no value there is no line; a value alone is a tick."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.draw.scale import Frame, figure, label_axis, ticks, value_axis
from deespec.board.draw.svg import LETTER_PX, TEXT_PX, WIDTH, columns, n, nothing, picture, say, series, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.board.draw.bars import Series
    from deespec.board.draw.svg import Words

HEIGHT = 222
DASHES = ("", ' stroke-dasharray="5 3"', ' stroke-dasharray="1.5 3"', ' stroke-dasharray="8 3 2 3"')
DOTS_MOST = 62
DOT_PX = 2.4
TICK_LEAST_PX, TICK_MOST_PX = 6.0, 46.0
"""Of a value that has no neighbour to be joined with; else as wide as a column."""


def lines(
    name: str,
    title: str,
    labels: Sequence[str],
    drawn: Sequence[Series],
    *,
    unit: str = "",
    top: float | None = None,
    desc: str = "",
    words: Words = say,
) -> str:
    """A line a series, named at its end; `top` is where the axis ends, if not at the largest value."""
    known = [value for one in drawn for value in one.values if value is not None]
    if not known or (top is None and not any(known)):
        return nothing(name, title, words)
    names = [_name(one, unit) for one in drawn]
    room = max(map(columns, names)) * LETTER_PX + 42
    frame = Frame(right=WIDTH - min(160.0, room), top=14)
    marks = ticks(top if top is not None else max(known), whole=top is None)
    parts = [value_axis(frame, marks, unit=unit), label_axis(frame, labels)]
    ends: list[tuple[float, int]] = []
    for number, one in enumerate(drawn):
        points = _points(frame, one, count=len(labels), top=marks[-1])
        parts.append(series(number, _line(points, number, each=frame.width / max(1, len(labels)))))
        last = next((point for point in reversed(points) if point is not None), None)
        ends.append((last[1] if last else frame.bottom, number))
    return picture(
        name,
        title,
        desc or _desc(labels, drawn, unit),
        height=HEIGHT,
        parts=[*parts, _named(frame, names, ends)],
    )


_Point = tuple[float, float] | None


def _points(frame: Frame, one: Series, *, count: int, top: float) -> list[_Point]:
    each = frame.width / max(1, count)
    return [
        None if value is None else (frame.left + each * (at + 0.5), frame.y(value, top))
        for at, value in enumerate(one.values)
    ]


def _line(points: Sequence[_Point], number: int, *, each: float) -> str:
    """`each`: the width of a column."""
    path, tick = [], min(max(TICK_LEAST_PX, each * 0.72), TICK_MOST_PX)
    for before, point, after in zip((None, *points), points, (*points[1:], None), strict=False):
        if point is None:
            continue
        if before is None and after is None:
            path.append(f"M{n(point[0] - tick / 2)} {n(point[1])}h{n(tick)}")
        else:
            path.append(f"{'M' if before is None else 'L'}{n(point[0])} {n(point[1])}")
    stroke = _stroke("".join(path), number)
    if len(points) > DOTS_MOST:
        return stroke
    shown = (point for point in points if point is not None)
    dots = (f'<circle cx="{n(x)}" cy="{n(y)}" r="{DOT_PX}" fill="currentColor"/>' for x, y in shown)
    return stroke + "".join(dots)


def _stroke(path: str, number: int) -> str:
    dash = DASHES[number % len(DASHES)]
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.8"{dash}/>'


def _name(one: Series, unit: str) -> str:
    """With its value, if it has only one: no line leads the eye to the axis."""
    known = [value for value in one.values if value is not None]
    return f"{one.name} {figure(round(known[0], 1))}{unit}" if len(known) == 1 else one.name


def _named(frame: Frame, names: Sequence[str], ends: list[tuple[float, int]]) -> str:
    parts, free = [], frame.top
    for below, (middle, number) in zip(range(len(ends) - 1, -1, -1), sorted(ends), strict=True):
        y = min(max(middle + 4, free), frame.bottom + 4 - below * (TEXT_PX + 3))
        free = y + TEXT_PX + 3
        x = frame.right + 8
        if len(names) > 1:
            parts.append(series(number, _stroke(f"M{n(x)} {n(y - 4)}h20", number)))
            x += 26
        parts.append(text(x, y, names[number]))
    return "".join(parts)


def _desc(labels: Sequence[str], drawn: Sequence[Series], unit: str) -> str:
    ends = []
    for one in drawn:
        known = [value for value in one.values if value is not None]
        ends.append(f"{one.name} {figure(min(known))}{unit} – {figure(max(known))}{unit}" if known else one.name)
    return f"{labels[0]} – {labels[-1]}. {'; '.join(ends)}."
