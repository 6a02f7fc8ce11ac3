"""What came out of the work and what it took: one source for `stats` and whatever else shows figures. It only reads.

Times are wall time in ms; "since" counts what ended then or later, and of waiting what fell into that time.
"""

from __future__ import annotations

import re
from collections import Counter
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from deespec.agents.registry import slot_of
from deespec.board.waited import Cause, waited
from deespec.clock import local
from deespec.model.lifecycle import Event, Status, Step
from deespec.model.money import price_of
from deespec.model.wanted import MERGE_QUEUE
from deespec.records import record
from deespec.store.figures import Spent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deespec.app import App
    from deespec.store.figures import Ended, FigureVerbs, First, Happened, OpenItem

INNER_PERCENT = 90
"""So many of a hundred items took no longer than the second figure of a spread."""
ENDINGS = (Status.DONE, Status.FAILED, Status.CANCELLED)


class Mark(StrEnum):
    """By what calls, turns and items are put together."""

    AGENT = "agent"
    ACCOUNT = "account"
    MODEL = "model"
    STEP = "step"
    DAY = "day"
    PBI = "pbi"
    ITEM = "item"
    TURN = "turn"


_DIGITS = re.compile(r"([0-9]+)")
_COUNTS_DONE = (Mark.DAY, Mark.PBI)
_TITLED = (Mark.ITEM, Mark.PBI)


@record
class Group:
    """What has one mark in common; of all together the key is empty."""

    key: str
    spent: Spent
    turns: int
    done: int | None = None
    """Items that became DONE, of a day or a PBI; None where that cannot be said of a mark."""
    title: str | None = None
    """Of an item, a PBI or an EPIC."""


@record
class Spread:
    """How long items took: the value that half of them did not exceed, and the one that INNER_PERCENT did not."""

    items: int
    median_ms: int
    inner_ms: int


@record
class FirstPass:
    """How many items went through at the first try.

    Of an item, since it was last started anew, the first implement turn and the first review count. It passes if that
    turn was without findings (evidence, paths, gates and checks in order) and, unless the item asks for no review, the
    review SUCCEEDED. It is judged when the turn that decides it ends, and counts in that time; one whose first review
    has not ended is not judged. Conflicts while merging change nothing of it.
    """

    judged: int = 0
    passed: int = 0


@record
class Unpriced:
    """Metered calls whose tokens had no price when they were made."""

    model: str
    """Empty where the client names none."""
    agent: str
    priced_now: bool
    """The settings have a price by now; it counts for calls from then on."""


@record
class Table:
    """What was spent, by one mark. Of calls that were spent before turns were kept with them, the marks are empty."""

    mark: Mark
    since_at: int
    """0: from the beginning."""
    until_at: int
    groups: tuple[Group, ...]
    """Days in order, everything else the dearest first."""
    total: Group
    unpriced: tuple[Unpriced, ...]


@record
class Figures:
    table: Table
    ended: dict[str, int]
    """Items that have ended since then and are so now, by status: DONE, FAILED, CANCELLED."""
    outcomes: dict[str, int]
    """Turns by what they came to."""
    first_pass: FirstPass
    turns_each: float | None
    """Turns of an item that became DONE, on average; those before a reset count, for they were made."""
    lead: Spread | None
    """Of items that became DONE: from their registration."""
    cycle: Spread | None
    """Of items that became DONE: from their first claim since they were last started anew."""
    waited: dict[Cause, int]
    """Ms that items waited, all of them together (board/waited.py says how that is known)."""


@record
class Source:
    """What several figures are made of, read once; the journal alone may have hundreds of thousands of entries."""

    since: int
    now: int
    happened: Sequence[Happened]
    ended: Sequence[Ended]
    first: Sequence[First]
    outcomes: dict[str, int]
    open_items: Sequence[OpenItem]
    needed_by: Sequence[tuple[int, int]]


def source(read: FigureVerbs, *, since: int) -> Source:
    return Source(
        since=since,
        now=read.now,
        happened=read.happened(),
        ended=read.ended(since=since),
        first=read.first_turns(),
        outcomes=read.outcomes(since=since),
        open_items=read.open_items(),
        needed_by=read.needed_by(),
    )


def figures(app: App, *, mark: Mark, since: int = 0) -> Figures:
    """All of it from one snapshot; never waits for a writer."""
    with app.store.read() as tx:
        read = tx.figures()
        found = source(read, since=since)
        [by_mark] = tables(app, read, (mark,), since=since, ended=found.ended)
    return figures_of(app, found, by_mark)


def figures_of(app: App, found: Source, by_mark: Table) -> Figures:
    """The same of what was read."""
    done = [one for one in found.ended if one[0] == Status.DONE]
    return Figures(
        table=by_mark,
        ended={status: sum(one[0] == status for one in found.ended) for status in ENDINGS},
        outcomes=found.outcomes,
        first_pass=first_pass(found.first, since=found.since),
        turns_each=sum(one[4] for one in done) / len(done) if done else None,
        lead=spread([finished - registered for _, registered, _, finished, _, _ in done]),
        cycle=spread([finished - started for _, _, started, finished, _, _ in done if started is not None]),
        waited=_waited(app, found),
    )


def table(app: App, *, mark: Mark, since: int = 0) -> Table:
    """Only what was spent, by a mark; from one snapshot, too."""
    with app.store.read() as tx:
        read = tx.figures()
        ended = read.ended(since=since) if mark in _COUNTS_DONE else []
        [found] = tables(app, read, (mark,), since=since, ended=ended)
        return found


def tables(app: App, read: FigureVerbs, marks: Sequence[Mark], *, since: int, ended: Sequence[Ended]) -> list[Table]:
    """What was spent by each of these marks, as part of a snapshot."""
    total = read.spent_by("", since=since)
    unpriced = tuple(
        Unpriced(model=model, agent=agent, priced_now=price_of(model or None, app.settings.prices) is not None)
        for model, agent in read.unpriced(since=since)
    )
    found = []
    for mark in marks:
        groups = _groups(read, mark, since=since, ended=ended)
        turns = sum(one.turns for one in groups)
        found.append(
            Table(
                mark=mark,
                since_at=since,
                until_at=read.now,
                groups=groups,
                total=Group(key="", spent=total[0] if total else Spent(), turns=turns),
                unpriced=unpriced,
            )
        )
    return found


def _groups(read: FigureVerbs, mark: Mark, *, since: int, ended: Sequence[Ended]) -> tuple[Group, ...]:
    spent = {one.key: one for one in read.spent_by(mark, since=since)}
    turns = read.turns_by(mark, since=since)
    done = _done_by(mark, ended) if mark in _COUNTS_DONE else {}
    keys = dict.fromkeys((*spent, *turns, *done))
    titles = read.titles([key for key in keys if key]) if mark in _TITLED else {}
    found = [
        Group(
            key=key,
            spent=spent.get(key, Spent(key=key)),
            turns=turns.get(key, 0),
            done=done.get(key, 0) if mark in _COUNTS_DONE else None,
            title=titles.get(key),
        )
        for key in keys
    ]
    return tuple(sorted(found, key=_by_day if mark is Mark.DAY else _dearest_first))


def _done_by(mark: Mark, ended: Sequence[Ended]) -> Counter[str]:
    """Items that became DONE, by the day of that or by what they belong to."""
    done = (one for one in ended if one[0] == Status.DONE)
    return Counter(local(one[3])[:10] if mark is Mark.DAY else one[5] for one in done)


def _by_day(one: Group) -> tuple[str, ...]:
    return (one.key,)


def _dearest_first(one: Group) -> tuple[float, int, tuple[str | int, ...]]:
    spent = one.spent
    tokens = (spent.tokens_in or 0) + (spent.tokens_out or 0)
    return -(spent.usd or 0), -tokens, _natural(one.key)


def _natural(key: str) -> tuple[str | int, ...]:
    """Names by the alphabet, the numbers in them by their size: SBI-9 before SBI-10."""
    parts = _DIGITS.split(key.casefold())
    return (*(int(part) if at % 2 else part for at, part in enumerate(parts)), key)


def _waited(app: App, found: Source) -> dict[Cause, int]:
    settings = app.settings

    @cache
    def limited(name: str) -> bool:
        section = settings.agent(name)
        if section is None:
            return False
        slot = slot_of(section, settings, account=app.account(name))
        return slot.alone or slot.limit > 0 or slot.account_limit > 0

    def agent_of(item: OpenItem) -> str:
        if Status.INTEGRATING in (item.status, item.stopped_in):
            return MERGE_QUEUE
        if Status.REVIEWING in (item.status, item.stopped_in):
            return next(iter((*item.reviewer, *settings.review, *settings.implement)), "")
        return next(iter((*item.agent, *settings.implement)), "")

    return waited(
        found.happened,
        open_items={item.number: item for item in found.open_items},
        needed_by=found.needed_by,
        since=found.since,
        now=found.now,
        account=cache(app.account),
        limited=limited,
        agent_of=agent_of,
    )


def first_pass(turns: Sequence[First], *, since: int) -> FirstPass:
    """As FirstPass says; `turns` are the first ones of each item, in order."""
    found = [passed for at, passed in judged(turns) if at >= since]
    return FirstPass(judged=len(found), passed=sum(found))


def judged(turns: Sequence[First]) -> Iterator[tuple[int, bool]]:
    """When each item's first try was judged, and whether it passed."""
    fine: int | None = None
    """The item whose first implement turn was without findings, and whose review is to come."""
    for sbi, step, outcome, at, only_implement in turns:
        if step == Step.IMPLEMENT:
            is_fine = outcome == Event.IMPLEMENTED
            fine = sbi if is_fine and not only_implement else None
            if fine is None:
                yield at, is_fine
        elif sbi == fine:
            yield at, outcome == Event.SUCCEEDED


def spread(took_ms: Sequence[int]) -> Spread | None:
    """By the nearest rank: both are times that an item really took."""
    if not took_ms:
        return None
    ordered = sorted(took_ms)

    def rank(percent: int) -> int:
        return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]

    return Spread(items=len(ordered), median_ms=rank(50), inner_ms=rank(INNER_PERCENT))
