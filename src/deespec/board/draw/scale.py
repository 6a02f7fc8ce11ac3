"""Where things go on an axis: ticks at round numbers, dates that do not overlap, times of day."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from deespec.board.draw.svg import LETTER_PX, TEXT_PX, WIDTH, columns, line, n, text
from deespec.clock import local, midnight, next_midnight
from deespec.config_keys import DAY_MS, HOUR_MS
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

TICKS_MOST = 5
EVERY = (1, 2, 4, 7, 14, 28, 56, 91, 182, 364)
"""Of labels on an axis each so many-th is written."""
TIME_STEPS = (
    *(seconds * 1_000 for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800)),
    *(hours * HOUR_MS for hours in (1, 2, 3, 6, 12)),
    *(days * DAY_MS for days in (1, 2, 7, 14, 28, 91, 364)),
)
MANY_COLUMNS = 100
"""Of more, heights are whole pixels."""
TIME_LABEL_PX = 80
"""A date has room there, and one that was moved in from the edge."""


@record
class Frame:
    """The part of a picture that data is drawn in."""

    left: float = 44
    right: float = WIDTH - 12
    top: float = 26
    bottom: float = 196

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def y(self, value: float, top: float) -> float:
        """Where a value is, of an axis that ends at `top`."""
        return self.bottom - self.height * value / top


def ticks(most: float, *, whole: bool = True) -> list[float]:
    """0 and up in steps of 1, 2 or 5 times a power of ten, until `most` is reached; at most TICKS_MOST steps."""
    if most <= 0:
        return [0.0, 1.0]
    least = most / TICKS_MOST
    power = 10.0 ** math.floor(math.log10(least))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    return [round(step * at, 10) for at in range(math.ceil(most / step - 1e-9) + 1)]


def figure(value: float) -> str:
    """A number as an axis has it: 1,200 and 0.5."""
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def value_axis(frame: Frame, marks: Sequence[float], *, unit: str = "") -> str:
    """Horizontal lines with their values at the left."""
    parts = []
    for mark in marks:
        y = frame.y(mark, marks[-1])
        parts.append(line(frame.left, y, frame.right, y, strong=mark == 0))
        parts.append(text(frame.left - 7, y + 4, f"{figure(mark)}{unit}", anchor="end", quiet=True))
    return "".join(parts)


def label_axis(frame: Frame, labels: Sequence[str]) -> str:
    """The labels of columns of the same width below them, as many as there is room for."""
    each = frame.width / max(1, len(labels))
    return _labels(frame, labels, start=frame.left + each / 2, each=each)


def point_axis(frame: Frame, labels: Sequence[str]) -> str:
    """The labels of points from edge to edge below them, as many as there is room for."""
    return _labels(frame, labels, start=frame.left, each=frame.width / max(1, len(labels) - 1))


def _labels(frame: Frame, labels: Sequence[str], *, start: float, each: float) -> str:
    widest = max((columns(label) for label in labels), default=0) * LETTER_PX + 8
    every = next((one for one in EVERY if one * each >= widest), len(labels))
    parts = []
    for at in range(0, len(labels), every):
        x, half = start + each * at, columns(labels[at]) * LETTER_PX / 2
        if x + half <= WIDTH:
            parts.append(_below(x, frame.bottom + TEXT_PX + 6, labels[at]))
    return "".join(parts)


def time_axis(frame: Frame, since: int, until: int) -> str:
    """Vertical lines at round times of day; the date stands where a day begins and at the first of all."""
    span = max(1, until - since)
    room = max(1, int(frame.width // TIME_LABEL_PX))
    step = next((one for one in TIME_STEPS if span / one <= room), TIME_STEPS[-1])
    parts, day = [], ""
    for at in _round_times(since, until, step):
        x = frame.left + frame.width * (at - since) / span
        shown = local(at)
        clock = shown[11:19] if step < 60_000 else shown[11:16]
        words = shown[:10] if step >= DAY_MS else clock
        parts.append(line(x, frame.top, x, frame.bottom))
        if x + TIME_LABEL_PX / 2 <= WIDTH:
            parts.append(_below(x, frame.bottom + TEXT_PX + 5, words))
            if step < DAY_MS and shown[:10] != day:
                day = shown[:10]
                parts.append(_below(x, frame.bottom + 2 * TEXT_PX + 8, day))
    return "".join(parts)


def _round_times(since: int, until: int, step: int) -> Iterator[int]:
    """From each midnight on, by the clock on the wall: a day may have 23 hours, or 25."""
    day, number = midnight(since), 0
    while day <= until:
        following = next_midnight(day)
        if step < DAY_MS:
            first = max(0, -(-(since - day) // step)) if step < HOUR_MS else 0
            times: Iterable[int] = range(day + first * step, min(following, until + 1), step)
            if step >= HOUR_MS:
                times = (found for at in range(0, DAY_MS, step) if (found := _at(day, at)) is not None)
        else:
            times = (day,) if number % (step // DAY_MS) == 0 else ()
        yield from (at for at in times if since <= at <= until)
        day, number = following, number + 1


def _at(day: int, clock_ms: int) -> int | None:
    """When the clock shows that on this day; None: it never does."""
    found = day + clock_ms
    found += (clock_ms - _shown(found) + DAY_MS // 2) % DAY_MS - DAY_MS // 2
    return found if _shown(found) == clock_ms else None


def _shown(at: int) -> int:
    """The time of day in ms."""
    hours, minutes, seconds = map(int, local(at)[11:19].split(":"))
    return hours * HOUR_MS + (minutes * 60 + seconds) * 1_000


def _below(x: float, y: float, words: str) -> str:
    """In the middle below x, and never outside at the left."""
    return text(max(x, columns(words) * LETTER_PX / 2), y, words, anchor="middle", quiet=True)


def path_of_columns(frame: Frame, spans: Sequence[tuple[int, float, float]], *, count: int, top: float) -> str:
    """One path of columns: (which of `count`, from value, to value)."""
    each = frame.width / max(1, count)
    wide = min(max(1.0, each * 0.72), 46.0)
    digits = 1 if count <= MANY_COLUMNS else 0
    parts = []
    for at, low, high in spans:
        x, y = frame.left + each * (at + 0.5) - wide / 2, round(frame.y(low, top), digits)
        tall = y - round(frame.y(high, top), digits)
        parts.append(f"M{n(x)} {n(y)}v{n(-tall)}h{n(wide)}v{n(tall)}z")
    return "".join(parts)
