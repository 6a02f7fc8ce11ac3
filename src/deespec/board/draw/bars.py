"""Columns side by side, of one series or of several on top of each other: per day, and as a histogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.draw.scale import Frame, figure, label_axis, path_of_columns, ticks, value_axis
from deespec.board.draw.svg import fill, legend, nothing, patterns, picture, say, series, text
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.board.draw.svg import Words

HEIGHT = 222
WRITTEN_MOST = 31
"""So many columns have their value above them."""


@record
class Series:
    """Values of one kind, one for each column or point; None: there is none."""

    name: str
    values: tuple[float | None, ...]
    look: int | None = None
    """The colour and pattern it has; None: by its place. What is one thing looks alike in every chart."""


def bars(
    name: str, title: str, labels: Sequence[str], stacked: Sequence[Series], *, desc: str = "", words: Words = say
) -> str:
    """A column a label, in it the series on top of each other in their order."""
    sums = [sum(one.values[at] or 0 for one in stacked) for at in range(len(labels))]
    if not any(sums):
        return nothing(name, title, words)
    several = len(stacked) > 1
    looks = [look_of(one, at) for at, one in enumerate(stacked)]
    frame = Frame(top=30 if several else 18)
    marks = ticks(max(sums))
    low = [0.0] * len(labels)
    drawn = []
    for number, one in enumerate(stacked):
        spans = [(at, low[at], low[at] + value) for at, value in enumerate(one.values) if value]
        low = [below + (value or 0) for below, value in zip(low, one.values, strict=True)]
        if spans:
            path = path_of_columns(frame, spans, count=len(labels), top=marks[-1])
            drawn.append(series(looks[number], f'<path d="{path}" {fill(name, looks[number])}/>'))
    return picture(
        name,
        title,
        desc or _desc(labels, stacked, words),
        height=HEIGHT,
        parts=[
            patterns(name, looks),
            legend(name, [(one.name, look) for one, look in zip(stacked, looks, strict=True)], x=frame.left, y=12)
            if several
            else "",
            value_axis(frame, marks),
            label_axis(frame, labels),
            *drawn,
            _written(frame, sums, top=marks[-1]),
        ],
    )


def look_of(one: Series, number: int) -> int:
    return number if one.look is None else one.look


def _written(frame: Frame, sums: Sequence[float], *, top: float) -> str:
    if len(sums) > WRITTEN_MOST:
        return ""
    each = frame.width / len(sums)
    return "".join(
        text(frame.left + each * (at + 0.5), frame.y(value, top) - 4, figure(value), anchor="middle")
        for at, value in enumerate(sums)
        if value
    )


def _desc(labels: Sequence[str], stacked: Sequence[Series], words: Words) -> str:
    sums = ", ".join(f"{one.name} {figure(sum(value or 0 for value in one.values))}" for one in stacked)
    span = labels[0] if len(labels) == 1 else f"{labels[0]} – {labels[-1]}"
    return f"{span}. {words('In all')}: {sums}."
