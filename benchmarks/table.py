"""Figures as rows: what was measured, the floor it stands on, their ratio, the bar, and whether it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD = ("what", "measured", "floor", "ratio", "bar", "")
WIDTHS = (49, 14, 30, 6, 24, 4)


@record
class Point:
    """What a chart needs to know of a row: one place of a series, with its figures by name (the unit is their end)."""

    series: str
    at: int | str
    figures: tuple[tuple[str, float], ...]


@record
class Row:
    """One line of the table. `kept` is None where there is no bar."""

    what: str
    value: float
    unit: str
    floor: str = ""
    """What it is compared with, or made of, in words."""
    ratio: float | None = None
    bar: str = ""
    kept: bool | None = None
    point: Point | None = None

    @property
    def measured(self) -> str:
        return time_text(self.value) if self.unit == "s" else f"{number_text(self.value)} {self.unit}".rstrip()


def against_floor(
    what: str, seconds: float, *, floor: float, named: str, most: float | None = None, point: Point | None = None
) -> Row:
    """A time as a multiple of its floor, both in seconds; `most` is the bar of the multiple."""
    ratio = seconds / floor
    return Row(
        what=what,
        value=seconds,
        unit="s",
        floor=f"{named} {time_text(floor)}",
        ratio=ratio,
        bar="" if most is None else f"≤ {most:g} ×",
        kept=None if most is None else ratio <= most,
        point=point,
    )


def within(what: str, seconds: float, *, most: float, note: str = "") -> Row:
    """A time against a time, both in seconds; `note` says what it is made of."""
    return Row(what=what, value=seconds, unit="s", floor=note, bar=f"≤ {time_text(most)}", kept=seconds <= most)


def none_of(what: str, bad: int, total: int) -> Row:
    """A number of failures, of which none is allowed."""
    return Row(what=what, value=bad, unit=f"of {total}", bar="0", kept=bad == 0)


def time_text(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if abs(seconds) * factor >= 1:
            return f"{number_text(seconds * factor)} {unit}"
    return f"{number_text(seconds * 1e6)} µs"


def number_text(value: float) -> str:
    """Three digits of it, but never fewer than stand before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def head() -> str:
    return line(HEAD)


def line_of(row: Row) -> str:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    verdict = {True: "ok", False: "over", None: ""}[row.kept]
    return line((row.what, row.measured, row.floor, ratio, row.bar, verdict))


def line(cells: Sequence[str]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()
