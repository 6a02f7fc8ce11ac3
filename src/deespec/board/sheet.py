"""The figures page: every chart with a table of its numbers, so that `stats --html` and the board show the same.

All of it comes from one snapshot. What the reader's language has another word for goes through `words`, a translator
that is given the English.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board import sheet_tables as tables
from deespec.board.draw.areas import areas
from deespec.board.draw.bars import Series, bars
from deespec.board.draw.gantt import gantt as run_drawn
from deespec.board.draw.lines import lines
from deespec.board.draw.rows import Row, rows
from deespec.board.draw.svg import say
from deespec.board.figures import Mark, figures_of, source
from deespec.board.figures import tables as tables_of
from deespec.board.gantt import gantt_of, ran
from deespec.board.history import Place, history_of
from deespec.board.history import past as past_of
from deespec.model.money import counted
from deespec.records import record, replace
from deespec.text import ago

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.app import App
    from deespec.board.draw.svg import Words
    from deespec.board.figures import Figures, Group, Spread, Table
    from deespec.board.gantt import Gantt
    from deespec.board.history import Bucket, History
    from deespec.board.sheet_tables import Cells, Period

ROWS_MOST = 100
"""Of a table on the page; a chart shows fewer of them anyway."""
SHORTEST_MS = 1_000
LOOKS = {Place.DONE: 0, Place.STOPPED: 1, Place.CANCELLED: 2, Place.IN_WORK: 3, Place.WAITING: 5}
"""Of the flow: as in the throughput, where FAILED comes second and CANCELLED third."""


@record
class Chart:
    name: str
    """Its own on the page: ids and addresses are made of it."""
    part: str
    """The heading it belongs below; those of one part follow each other."""
    title: str
    note: str
    """What it says, or how it is counted."""
    svg: str
    head: tuple[str, ...]
    rows: Cells
    """Its numbers as people read them; the first of a row names it."""
    rows_left_out: int = 0
    command: str = ""
    """What prints all rows; empty: nothing does."""


@record
class Fact:
    """One of the figures at the top."""

    name: str
    value: str
    note: str = ""


@record
class Sheet:
    since_at: int
    """0: from the beginning."""
    until_at: int
    facts: tuple[Fact, ...]
    charts: tuple[Chart, ...]


@record
class _Read:
    """All that the page is made of."""

    seen: Figures
    past: History
    run: Gantt
    by_model: Table
    by_item: Table
    by_pbi: Table
    periods: tuple[Period, ...]
    words: Words

    @property
    def labels(self) -> list[str]:
        return tables.labels([one.name for one in self.periods])

    @property
    def period(self) -> str:
        """What the first column of a table by period is called."""
        weekly = len(self.periods) < len(self.past.days)
        return self.words("Week from") if weekly else self.words("Day")

    def series(self, name: str, field: str) -> Series:
        return Series(name=name, values=tuple(one.sum(field) for one in self.periods))


def whole(app: App, *, since: int = 0, run: str | None = None, words: Words = say) -> Sheet:
    """The facts and the charts, as of now; of the newest run, or of that worker's. Raises NotFound."""
    with app.store.read() as tx:
        read = tx.figures()
        found = source(read, since=since)
        marks = (Mark.AGENT, Mark.MODEL, Mark.ITEM, Mark.PBI)
        by_agent, by_model, by_item, by_pbi = tables_of(app, read, marks, since=since, ended=found.ended)
        days = past_of(read, found)
        claims = ran(tx, worker=run)
    past = history_of(days)
    one = _Read(
        seen=figures_of(app, found, by_agent),
        past=past,
        run=gantt_of(claims),
        by_model=by_model,
        by_item=by_item,
        by_pbi=by_pbi,
        periods=tables.periods(past.days),
        words=words,
    )
    charts = (_throughput(one), _flow(one), _arrivals(one), *_times(one), _waiting(one), *_quality(one), *_spent(one))
    return Sheet(
        since_at=since,
        until_at=past.until_at,
        facts=_facts(one),
        charts=tuple(map(_bounded, (*charts, _run(one)))),
    )


def _bounded(chart: Chart) -> Chart:
    rest = max(0, len(chart.rows) - ROWS_MOST)
    return replace(chart, rows=chart.rows[:ROWS_MOST], rows_left_out=rest) if rest else chart


# --- at the top -----------------------------------------------------------------------------------------------------


def _facts(one: _Read) -> tuple[Fact, ...]:
    seen, words = one.seen, one.words
    ended = seen.ended
    first = seen.first_pass
    spent = seen.table.total.spent
    others = ", ".join(f"{ended[status]:,} {status}" for status in ("FAILED", "CANCELLED") if ended[status])
    tokens = (spent.tokens_in or 0) + (spent.tokens_out or 0)
    each = "-" if seen.turns_each is None else f"{seen.turns_each:.1f}"
    return (
        Fact(name=words("DONE"), value=f"{ended['DONE']:,}", note=others),
        Fact(
            name=words("First pass"),
            value=f"{100 * first.passed / first.judged:.0f} %" if first.judged else "-",
            note=words("{passed} of {judged}").format(passed=first.passed, judged=first.judged) if first.judged else "",
        ),
        Fact(name=words("Turns per item"), value=each, note=words("of items that are DONE")),
        _spread_fact(words("Lead time"), seen.lead, words),
        _spread_fact(words("Cycle time"), seen.cycle, words),
        Fact(
            name=words("Spent"),
            value=tables.cost(seen.table.total),
            note=words("{tokens} tokens").format(tokens=counted(tokens)) if tokens else "",
        ),
    )


def _spread_fact(name: str, found: Spread | None, words: Words) -> Fact:
    if found is None:
        return Fact(name=name, value="-")
    note = words("median; 90 % within {time}").format(time=ago(found.inner_ms))
    return Fact(name=name, value=ago(found.median_ms), note=note)


# --- what came out --------------------------------------------------------------------------------------------------


def _throughput(one: _Read) -> Chart:
    words, fields = one.words, ("done", "failed", "cancelled")
    title = words("Throughput")
    names = ("DONE", "FAILED", "CANCELLED")
    stacked = [one.series(name, field) for name, field in zip(names, fields, strict=True)]
    left = one.past.left_out
    note = words("Items by what they became, each time they became it.")
    if left:
        note += " " + words("{count} earlier days are left out.").format(count=f"{left:,}")
    return Chart(
        name="throughput",
        part=words("What came out"),
        title=title,
        note=note,
        svg=bars("throughput", title, one.labels, stacked, words=words),
        head=(one.period, *names),
        rows=tables.by_period(one.periods, *fields),
    )


def _flow(one: _Read) -> Chart:
    words, days = one.words, one.past.days
    title = words("Cumulative flow")
    order = {place: at for at, place in enumerate(Place)}
    stacked = [
        Series(name=words(name), values=tuple(day.stood[order[place]] for day in days), look=LOOKS[place])
        for place, name in tables.PLACES.items()
    ]
    return Chart(
        name="flow",
        part=words("What came out"),
        title=title,
        note=words("Where all items stood at the end of each day, by the journal; stopped is FAILED or PARKED."),
        svg=areas("flow", title, tables.labels([day.name for day in days]), stacked, words=words),
        head=(one.period, *(words(name) for name in tables.PLACES.values()), words("registered")),
        rows=tables.flow(one.periods),
    )


def _arrivals(one: _Read) -> Chart:
    words, fields = one.words, ("registered", "begun")
    title = words("Registered and begun")
    names = (words("registered"), words("begun"))
    drawn = [one.series(name, field) for name, field in zip(names, fields, strict=True)]
    return Chart(
        name="arrivals",
        part=words("What came out"),
        title=title,
        note=words("Begun is each entry into work from PENDING; an item that was reset begins again."),
        svg=lines("arrivals", title, one.labels, drawn, words=words),
        head=(one.period, *names),
        rows=tables.by_period(one.periods, *fields),
    )


# --- how long and how well ------------------------------------------------------------------------------------------


def _times(one: _Read) -> tuple[Chart, ...]:
    words, past, seen = one.words, one.past, one.seen
    lead, cycle = words("Lead time"), words("Cycle time")
    turns = words("Turns per item")
    of_lead = words("From registration to DONE.") + _spread_words(seen.lead, words)
    of_cycle = words("From the first claim to DONE.") + _spread_words(seen.cycle, words)
    of_turns = words("Of items that became DONE; turns before a reset count.")
    return (
        _histogram(one, "lead", lead, past.lead, names=tables.time_names(past.lead), note=of_lead),
        _histogram(one, "cycle", cycle, past.cycle, names=tables.time_names(past.cycle), note=of_cycle),
        _histogram(one, "turns", turns, past.turns_each, names=tables.count_names(past.turns_each), note=of_turns),
    )


def _spread_words(found: Spread | None, words: Words) -> str:
    if found is None:
        return ""
    told = words("Median {median}, 90 % within {inner}.")
    return " " + told.format(median=ago(found.median_ms), inner=ago(found.inner_ms))


def _histogram(one: _Read, name: str, title: str, found: Sequence[Bucket], *, names: Sequence[str], note: str) -> Chart:
    words = one.words
    items = Series(name=words("items"), values=tuple(bucket.count for bucket in found))
    return Chart(
        name=name,
        part=words("How long it took"),
        title=title,
        note=note,
        svg=bars(name, title, names, [items], words=words),
        head=(title, words("items"), words("share")),
        rows=tables.bucket_rows(found, names),
    )


def _quality(one: _Read) -> tuple[Chart, Chart]:
    words, part = one.words, one.words("How well")
    title, gates_title = words("First-pass rate"), words("Gate failures")
    rate = Series(
        name=words("passed"),
        values=tuple(
            100 * period.sum("passed") / judged if (judged := period.sum("judged")) else None for period in one.periods
        ),
    )
    turns, merges = words("turns sent back"), words("merges stopped")
    failed = [
        Row(name=gate.name, value=gate.turns, more=gate.merges, told=f"{gate.turns + gate.merges:,}")
        for gate in one.past.gates
    ]
    passing = Chart(
        name="first-pass",
        part=part,
        title=title,
        note=words("Items whose first turn had no finding and whose first review SUCCEEDED, of those judged then."),
        svg=lines("first-pass", title, one.labels, [rate], unit=" %", top=100, words=words),
        head=(one.period, words("judged"), words("passed"), words("rate")),
        rows=tables.passing(one.periods),
    )
    gates = Chart(
        name="gates",
        part=part,
        title=gates_title,
        note=words("Which gate or check sent a turn back, or stopped a merge on the merged result."),
        svg=rows("gates", gates_title, failed, second=(turns, merges), words=words),
        head=(words("Gate"), turns, merges),
        rows=tuple((gate.name, f"{gate.turns:,}", f"{gate.merges:,}") for gate in one.past.gates),
        command=tables.command(one.past.since_at, "--json"),
    )
    return passing, gates


def _waiting(one: _Read) -> Chart:
    words = one.words
    title = words("Waiting by cause")
    waited = [(cause, ms) for cause, ms in one.seen.waited.items() if ms >= SHORTEST_MS]
    found = [
        Row(name=words(tables.CAUSES[cause]), value=ms, told=ago(ms))
        for cause, ms in sorted(waited, key=lambda each: -each[1])
    ]
    return Chart(
        name="waiting",
        part=words("How long it took"),
        title=title,
        note=words("Summed over items: two that wait an hour side by side have waited two."),
        svg=rows("waiting", title, found, words=words),
        head=(words("Cause"), words("time")),
        rows=tuple((row.name, row.told) for row in found),
    )


# --- what it took ---------------------------------------------------------------------------------------------------


def _spent(one: _Read) -> tuple[Chart, ...]:
    words = one.words
    shown = (
        ("cost-agent", words("Cost by agent"), one.seen.table, words("Agent"), words("(not kept)")),
        ("cost-model", words("Cost by model"), one.by_model, words("Model"), words("(not said)")),
        ("cost-pbi", words("Cost by PBI"), one.by_pbi, words("PBI"), words("(no PBI)")),
        ("cost-item", words("Cost by item"), one.by_item, words("Item"), words("(not kept)")),
    )
    return tuple(_cost(one, name, title, found, of=of, nameless=nameless) for name, title, found, of, nameless in shown)


def _cost(one: _Read, name: str, title: str, found: Table, *, of: str, nameless: str) -> Chart:
    """By what it cost; where nothing is known to have cost anything, by tokens."""
    words = one.words
    by_usd = any(group.spent.usd for group in found.groups)
    drawn = [
        Row(
            name=f"{group.key or nameless} {group.title or ''}".rstrip(),
            value=(group.spent.usd or 0.0) if by_usd else _tokens(group),
            told=_told(group, words),
        )
        for group in found.groups
    ]
    titled = (words("title"),) if any(group.title for group in found.groups) else ()
    numbers = (words("calls"), words("turns"), words("tokens in"), words("tokens out"), words("cost"))
    return Chart(
        name=name,
        part=words("What it took"),
        title=title,
        note=words("What metered agents cost; what a subscription pays counts as tokens only."),
        svg=rows(name, title, drawn, words=words),
        head=(of, *titled, *numbers),
        rows=tables.spent(found, nameless),
        command=tables.command(found.since_at, f"--by {found.mark} --csv"),
    )


def _told(group: Group, words: Words) -> str:
    tokens = words("{tokens} tokens").format(tokens=counted(_tokens(group))) if _tokens(group) else ""
    cost = tables.cost(group) if group.spent.usd is not None or group.spent.unpriced_calls else ""
    return " · ".join(one for one in (cost, tokens) if one) or "-"


def _tokens(group: Group) -> int:
    return (group.spent.tokens_in or 0) + (group.spent.tokens_out or 0)


def _run(one: _Read) -> Chart:
    words = one.words
    title = words("A run")
    note = words(
        "Each strip is a slot; a bar is a turn, a merge or a try. Used: time of all bars by time of all slots."
    )
    if any(not group.slots_known for group in one.run.groups):
        note += " " + words("Where a worker's slots are not known, it had as many as were taken at once.")
    if one.run.left_out:
        note += " " + words("{count} earlier bars are left out.").format(count=f"{one.run.left_out:,}")
    names = ("Turn", "step", "agent", "outcome", "from", "time", "worker")
    return Chart(
        name="run",
        part=words("Who worked when"),
        title=title,
        note=note,
        svg=run_drawn("run", title, one.run, words=words),
        head=tuple(words(name) for name in names),
        rows=tables.claims(one.run, words),
    )
