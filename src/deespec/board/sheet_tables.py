"""The numbers of the figures page in rows, and the names of their columns: periods, buckets, causes. Pure."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from deespec.board.history import MINUTE_MS, Place
from deespec.board.waited import Cause
from deespec.clock import local
from deespec.config_keys import DAY_MS, HOUR_MS
from deespec.model.money import counted, usd
from deespec.records import record
from deespec.text import ago

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.board.draw.svg import Words
    from deespec.board.figures import Group, Table
    from deespec.board.gantt import Gantt
    from deespec.board.history import Bucket, Day

Cells = tuple[tuple[str, ...], ...]
DAYS_APART = 62
"""So many days are shown one by one; more are put together by weeks, which begin on Mondays."""
CAUSES = {
    Cause.PERSON: "for a person",
    Cause.HELD: "held",
    Cause.NEEDS: "for needs",
    Cause.PATHS: "for paths",
    Cause.AGAIN: "for another try",
    Cause.NO_WORKER: "without a worker",
    Cause.AGENT_PAUSED: "for a paused agent",
    Cause.SLOT: "for a free slot",
    Cause.MERGE_QUEUE: "for the merge queue",
    Cause.AGENT_LIMIT: "for an agent's limit",
    Cause.OTHER: "left alone",
}
PLACES = {
    Place.DONE: "DONE",
    Place.CANCELLED: "CANCELLED",
    Place.STOPPED: "stopped",
    Place.IN_WORK: "in work",
    Place.WAITING: "waiting",
}
"""From the bottom of the flow to its top."""
_UNITS = ((7 * DAY_MS, "w"), (DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min"))


@record
class Period:
    """A day, or the days of a week, as far as they are shown."""

    name: str
    """Its first day."""
    days: tuple[Day, ...]

    def sum(self, field: str) -> int:
        return sum(getattr(day, field) for day in self.days)

    def stood(self, place: Place) -> int:
        """How many stood there at its end."""
        return self.days[-1].stood[[*Place].index(place)]


def periods(days: Sequence[Day]) -> tuple[Period, ...]:
    if len(days) <= DAYS_APART:
        return tuple(Period(name=day.name, days=(day,)) for day in days)
    weeks: list[list[Day]] = []
    for day in days:
        if not weeks or _is_monday(day):
            weeks.append([])
        weeks[-1].append(day)
    return tuple(Period(name=week[0].name, days=tuple(week)) for week in weeks)


def _is_monday(day: Day) -> bool:
    return date.fromisoformat(day.name).weekday() == 0


def labels(names: Sequence[str]) -> list[str]:
    """Days as an axis has them: without the year, where all are of one."""
    return [*names] if len({name[:4] for name in names}) > 1 else [name[5:] for name in names]


# --- rows -----------------------------------------------------------------------------------------------------------


def by_period(found: Sequence[Period], *fields: str) -> Cells:
    return tuple((one.name, *(f"{one.sum(field):,}" for field in fields)) for one in found)


def flow(found: Sequence[Period]) -> Cells:
    return tuple(
        (one.name, *(f"{one.stood(place):,}" for place in PLACES), f"{sum(map(one.stood, PLACES)):,}") for one in found
    )


def passing(found: Sequence[Period]) -> Cells:
    return tuple((one.name, *passing_cells(one)) for one in found if one.sum("judged"))


def passing_cells(one: Period) -> tuple[str, str, str]:
    judged, passed = one.sum("judged"), one.sum("passed")
    return f"{judged:,}", f"{passed:,}", f"{100 * passed / judged:.0f} %" if judged else "-"


def bucket_rows(found: Sequence[Bucket], names: Sequence[str]) -> Cells:
    total = sum(one.count for one in found)
    return tuple(
        (name, f"{one.count:,}", f"{100 * one.count / total:.0f} %") for one, name in zip(found, names, strict=True)
    )


def spent(found: Table, nameless: str) -> Cells:
    return tuple(
        (
            one.key or nameless,
            *((one.title or "",) if any(other.title for other in found.groups) else ()),
            f"{one.spent.calls:,}",
            f"{one.turns:,}",
            _tokens(one.spent.tokens_in),
            _tokens(one.spent.tokens_out),
            cost(one),
        )
        for one in found.groups
    )


def command(since_at: int, how: str) -> str:
    """What prints the figures since then."""
    since = f"--since {local(since_at)[:16].replace(' ', 'T')} " if since_at else ""
    return f"deespec stats {since}{how}"


def cost(one: Group) -> str:
    """`4.20 USD+`: more, but nobody knows how much; `?`: nothing of it is known; `-`: it costs nothing."""
    spent = one.spent
    if spent.usd is None:
        return "?" if spent.unpriced_calls else "-"
    return f"{usd(spent.usd)}{'+' if spent.unpriced_calls else ''}"


def _tokens(count: int | None) -> str:
    return "-" if count is None else counted(count)


def claims(found: Gantt, words: Words) -> Cells:
    """The newest first."""
    bars = sorted(
        ((bar, group.worker) for group in found.groups for bar in group.bars), key=lambda one: -one[0].start_at
    )
    return tuple(
        (
            f"{bar.item}/{bar.turn}" if bar.turn else bar.item,
            bar.step,
            bar.agent or "-",
            bar.outcome or words("runs now"),
            local(bar.start_at),
            ago(bar.end_at - bar.start_at),
            worker,
        )
        for bar, worker in bars
    )


# --- names of buckets -----------------------------------------------------------------------------------------------


def time_names(found: Sequence[Bucket]) -> list[str]:
    """`< 1 min`, `1–5 min`, `30–60 min`, `≥ 4 w`."""
    return [_between(one.low, one.high) for one in found]


def _between(low: int, high: int | None) -> str:
    size, unit = next(one for one in _UNITS if (low or high or 0) % one[0] == 0)
    if high is None:
        return f"≥ {low // size} {unit}"
    return f"{low // size}–{high // size} {unit}" if low else f"< {high // size} {unit}"


def count_names(found: Sequence[Bucket]) -> list[str]:
    """`1`, `6–7`, `≥ 21`."""
    return [
        f"≥ {one.low}"
        if one.high is None
        else str(one.high - 1)
        if one.high - one.low <= 1
        else f"{one.low}–{one.high - 1}"
        for one in found
    ]
