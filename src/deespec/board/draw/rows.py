"""Bars from left to right, each beside its name and its value in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.draw.svg import (
    LETTER_PX,
    WIDTH,
    columns,
    fill,
    legend,
    n,
    nothing,
    patterns,
    picture,
    say,
    series,
    text,
)
from deespec.records import record
from deespec.text import clean, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.board.draw.svg import Words

ROW_PX = 22
NAMES_MOST = 34
"""Columns of a name; the rest is cut off."""
ROWS_MOST = 12


@record
class Row:
    name: str
    value: float
    told: str
    """The value in words."""
    more: float = 0
    """What comes behind the value in a second pattern."""


def rows(
    name: str, title: str, found: Sequence[Row], *, second: tuple[str, str] | None = None, words: Words = say
) -> str:
    """The first ROWS_MOST in their order; the last line says how many more there are. `second` names both patterns."""
    if not any(one.value or one.more for one in found):
        return nothing(name, title, words)
    shown = found[:ROWS_MOST]
    names = [cut(clean(one.name), NAMES_MOST, 1) for one in shown]
    left = max(columns(one) for one in names) * LETTER_PX + 12
    right = WIDTH - max(columns(one.told) for one in shown) * LETTER_PX - 12
    most = max(one.value + one.more for one in shown) or 1
    parts = [patterns(name, (0, 1))] if second else []
    for at, one in enumerate(shown):
        y = at * ROW_PX
        long, behind = ((right - left) * value / most for value in (one.value, one.more))
        parts.append(text(left - 8, y + 15, names[at], anchor="end"))
        if long:
            parts.append(series(0, _bar(left, y, max(long, 1), fill(name, 0))))
        if behind:
            parts.append(series(1, _bar(left + long, y, max(behind, 1), fill(name, 1))))
        parts.append(text(left + long + behind + 6, y + 15, one.told, quiet=True))
    rest = len(found) - len(shown)
    if rest:
        more = words("… and {count} more").format(count=f"{rest:,}")
        parts.append(text(left, len(shown) * ROW_PX + 15, more, quiet=True))
    told = "; ".join(f"{one.name}: {one.told}" for one in shown)
    height = (len(shown) + bool(rest)) * ROW_PX + 6
    if second:
        parts.append(legend(name, [(second[0], 0), (second[1], 1)], x=left, y=height + 12))
        height += 20
    return picture(name, title, f"{told}.", height=height, parts=parts)


def _bar(x: float, y: float, long: float, filled: str) -> str:
    return f'<rect x="{n(x)}" y="{n(y + 4)}" width="{n(long)}" height="{ROW_PX - 8}" {filled}/>'
