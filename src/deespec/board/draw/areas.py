"""Areas on top of each other over time, each named at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.draw.bars import look_of
from deespec.board.draw.scale import Frame, figure, point_axis, ticks, value_axis
from deespec.board.draw.svg import TEXT_PX, WIDTH, fill, n, nothing, patterns, picture, say, series, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.board.draw.bars import Series
    from deespec.board.draw.svg import Words

POINTS_MOST = 180
LABELS_PX = 138
APART_PX = TEXT_PX + 3


def areas(name: str, title: str, labels: Sequence[str], stacked: Sequence[Series], *, words: Words = say) -> str:
    """The first series lies at the bottom."""
    frame = Frame(right=WIDTH - LABELS_PX, top=14, bottom=226)
    sums = [sum(one.values[at] or 0 for one in stacked) for at in range(len(labels))]
    if not any(sums):
        return nothing(name, title, words)
    marks = ticks(max(sums))
    chosen = _chosen(len(labels))
    looks = [look_of(one, at) for at, one in enumerate(stacked)]
    low = [0.0] * len(labels)
    drawn: list[str] = []
    middles: list[float] = []
    for number, one in enumerate(stacked):
        high = [below + (value or 0) for below, value in zip(low, one.values, strict=True)]
        middles.append(frame.y((low[-1] + high[-1]) / 2, marks[-1]))
        if any(one.values):
            path = _band(frame, chosen, low, high, count=len(labels), top=marks[-1])
            drawn.append(series(looks[number], f'<path d="{path}" {fill(name, looks[number])}/>'))
        low = high
    ends = [f"{one.name} {figure(one.values[-1] or 0)}" for one in stacked]
    return picture(
        name,
        title,
        f"{labels[-1]}: {', '.join(ends)}.",
        height=252,
        parts=[
            patterns(name, looks),
            value_axis(frame, marks),
            point_axis(frame, labels),
            *drawn,
            _named(name, frame, [*zip(ends, middles, looks, strict=True)]),
        ],
    )


def _chosen(count: int) -> list[int]:
    """The points that are drawn: with many only some of them, and always the last."""
    step = -(-count // POINTS_MOST)
    return sorted({*range(0, count, step), count - 1})


def _band(
    frame: Frame, chosen: Sequence[int], low: Sequence[float], high: Sequence[float], *, count: int, top: float
) -> str:
    """From the first day's middle to the last one's; a single day is as wide as all."""
    each = frame.width / max(1, count - 1)

    def point(at: int, value: float) -> str:
        return f"{n(frame.left + each * at)} {n(frame.y(value, top))}"

    if count == 1:
        upper, lower = n(frame.y(high[0], top)), n(frame.y(low[0], top))
        return f"M{n(frame.left)} {upper}H{n(frame.right)}V{lower}H{n(frame.left)}z"
    there = [point(at, high[at]) for at in chosen]
    back = [point(at, low[at]) for at in reversed(chosen)]
    return f"M{'L'.join([*there, *back])}z"


def _named(name: str, frame: Frame, ends: Sequence[tuple[str, float, int]]) -> str:
    """The names at the right, each beside its band as far as there is room, none over another."""
    order = sorted(ends, key=lambda one: -one[1])
    y, places = frame.bottom, []
    for _, middle, _ in order:
        y = min(y, middle + 4)
        places.append(y)
        y -= APART_PX
    over = max(0.0, frame.top + 4 - places[-1])
    x = frame.right + 10
    parts = []
    for (words, _, look), place in zip(order, places, strict=True):
        y = place + over
        parts.append(series(look, f'<rect x="{n(x)}" y="{n(y - 9)}" width="12" height="10" {fill(name, look)}/>'))
        parts.append(text(x + 17, y, words))
    return "".join(parts)
