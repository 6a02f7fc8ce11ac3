"""Lines over time: what is compared, or a rate. Where there is no value there is no line."""

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
    room = max(columns(one.name) for one in drawn) * LETTER_PX + 42
    frame = Frame(right=WIDTH - min(160.0, room), top=14)
    marks = ticks(top if top is not None else max(known), whole=top is None)
    parts = [value_axis(frame, marks, unit=unit), label_axis(frame, labels)]
    ends: list[tuple[float, int]] = []
    for number, one in enumerate(drawn):
        points = _points(frame, one, count=len(labels), top=marks[-1])
        parts.append(series(number, _line(points, number)))
        last = next((point for point in reversed(points) if point is not None), None)
        ends.append((last[1] if last else frame.bottom, number))
    return picture(
        name,
        title,
        desc or _desc(labels, drawn, unit),
        height=HEIGHT,
        parts=[*parts, _named(frame, drawn, ends)],
    )


_Point = tuple[float, float] | None


def _points(frame: Frame, one: Series, *, count: int, top: float) -> list[_Point]:
    each = frame.width / max(1, count)
    return [
        None if value is None else (frame.left + each * (at + 0.5), frame.y(value, top))
        for at, value in enumerate(one.values)
    ]


def _line(points: Sequence[_Point], number: int) -> str:
    path, pen_down = [], False
    for point in points:
        if point is not None:
            path.append(f"{'L' if pen_down else 'M'}{n(point[0])} {n(point[1])}")
        pen_down = point is not None
    stroke = _stroke("".join(path), number)
    if len(points) > DOTS_MOST:
        return stroke
    shown = (point for point in points if point is not None)
    dots = (f'<circle cx="{n(x)}" cy="{n(y)}" r="{DOT_PX}" fill="currentColor"/>' for x, y in shown)
    return stroke + "".join(dots)


def _stroke(path: str, number: int) -> str:
    dash = DASHES[number % len(DASHES)]
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.8"{dash}/>'


def _named(frame: Frame, drawn: Sequence[Series], ends: list[tuple[float, int]]) -> str:
    parts, free = [], frame.top
    for below, (middle, number) in zip(range(len(ends) - 1, -1, -1), sorted(ends), strict=True):
        y = min(max(middle + 4, free), frame.bottom + 4 - below * (TEXT_PX + 3))
        free = y + TEXT_PX + 3
        x = frame.right + 8
        if len(drawn) > 1:
            parts.append(series(number, _stroke(f"M{n(x)} {n(y - 4)}h20", number)))
            x += 26
        parts.append(text(x, y, drawn[number].name))
    return "".join(parts)


def _desc(labels: Sequence[str], drawn: Sequence[Series], unit: str) -> str:
    ends = []
    for one in drawn:
        known = [value for value in one.values if value is not None]
        ends.append(f"{one.name} {figure(min(known))}{unit} – {figure(max(known))}{unit}" if known else one.name)
    return f"{labels[0]} – {labels[-1]}. {'; '.join(ends)}."
