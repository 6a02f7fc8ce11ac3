"""`stats`: what came out of the work, how long it took, and what it cost."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import click

from deespec.board.figures import Mark, figures, figures_of, source, table, tables
from deespec.board.gantt import ran
from deespec.board.history import past
from deespec.board.sheet_tables import CAUSES as SHORT_CAUSES
from deespec.board.waited import Cause
from deespec.cli import options, output
from deespec.cli.commands.stats_history import by_day, past_json
from deespec.clock import from_local, iso, local
from deespec.config_keys import HOUR_MS, UNITS_MS
from deespec.errors import InvalidInput, UsageError
from deespec.model.money import counted, usd
from deespec.records import as_dict
from deespec.text import ago, clean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deespec.app import App
    from deespec.board.figures import Figures, Group, Spread, Table, Unpriced
    from deespec.cli.output import Style
    from deespec.cli.session import Session

SHOWN_GROUPS = 30
SHOWN_MODELS = 5
LONGEST = {"d": 24 * HOUR_MS, "w": 7 * 24 * HOUR_MS, **UNITS_MS}
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for the beginning of a formula: titles are not to be one."""
CAUSES = {**SHORT_CAUSES, Cause.OTHER: "left alone: no run was told to take it, or a budget was used up"}
NAMELESS = {Mark.MODEL: "(not said)", Mark.PBI: "(no PBI)"}


@click.command()
@click.option("--since", metavar="TIME", help="Only what ended since then: 7d, 12h, 2026-01-31, or with a time of day.")
@click.option("--by", type=click.Choice([str(mark) for mark in Mark]), help="What was spent, by this alone.")
@click.option("--csv", "as_csv", is_flag=True, help="The table as CSV, in full.")
@click.option(
    "--html", "html", metavar="FILE", help="Charts and tables as one page, into a file; - is standard output."
)
@click.option("--force", is_flag=True, help="With --html: write over a file that is no such page.")
@options.as_json
@options.session
def stats(
    session: Session, *, since: str | None, by: str | None, as_csv: bool, html: str | None, force: bool, as_json: bool
) -> int:
    """Show what came out of the work: items, first-pass rate, times, waiting by cause, tokens and cost.

    With --by only what was spent, by that mark. Cost is what metered agents said or what the settings' prices make of
    their tokens when a call ends; what subscriptions pay counts as tokens. Archived items count like all others.

    Waiting is summed over items: two that wait an hour side by side have waited two. Left alone means that nothing
    else is known to have kept an item: runs were told to take others (as by --label), or a budget was used up.

    The page of --html shows it by day, with the newest run as a chart of its slots. It is one file that needs no
    network; a page of before is written over, any other file only with --force.
    """
    _must_fit(as_csv=as_csv, as_json=as_json, html=html, force=force, by=by)
    app = session.app
    since_at = _since(since, now=app.clock.now_ms()) if since is not None else 0
    mark = Mark(by or Mark.AGENT)
    if html is not None:
        from deespec.cli.commands.stats_page import write_page

        for line in write_page(app, html, since=since_at, force=force):
            output.say(line)
    elif as_csv:
        output.say(_csv(table(app, mark=mark, since=since_at)))
    elif as_json:
        _emit(app, mark, since=since_at)
    elif by:
        _say(None, table(app, mark=mark, since=since_at), session.style)
    else:
        seen = figures(app, mark=mark, since=since_at)
        _say(seen, seen.table, session.style, days=None if since_at else by_day(app))
    return 0


def _must_fit(*, as_csv: bool, as_json: bool, html: str | None, force: bool, by: str | None) -> None:
    if as_csv and as_json:
        raise UsageError("Say either --csv or --json.")
    if html is not None and (as_csv or as_json or by):
        raise UsageError("--html goes without --csv, --json and --by: the page has all of it.")
    if force and html is None:
        raise UsageError("--force goes with --html.")


def _since(text: str, *, now: int) -> int:
    """A moment that is over, ms. Raises InvalidInput for what is none."""
    at = _moment(text, now=now)
    hint = "Say how long ago, as 7d or 12h, or a date, as 2026-01-31 or '2026-01-31 08:00'."
    if at is None:
        raise InvalidInput(f"--since {text!r} is no time.", hint=hint)
    if at >= now:
        raise InvalidInput(f"--since {text!r} is not before now.", hint=hint)
    return at


def _moment(text: str, *, now: int) -> int | None:
    number, unit = text.strip().rstrip("dwhmins ").strip(), text.strip().lstrip("0123456789. ")
    if unit in LONGEST and number.replace(".", "", 1).isdigit():
        return max(0, round(now - float(number) * LONGEST[unit]))
    return from_local(text.strip())


# --- for people -----------------------------------------------------------------------------------------------------


def _say(seen: Figures | None, found: Table, how: Style, *, days: str | None = None) -> None:
    for line in _lines(seen, found, how, days=days):
        output.say(line)


def _lines(seen: Figures | None, found: Table, how: Style, *, days: str | None) -> list[str]:
    when = f"since {local(found.since_at)[:16]}" if found.since_at else "from the beginning"
    lines = [output.paint(f"Figures {when}", "bold", how), ""]
    if seen is not None:
        lines += [_fact("by day", days)] if days else []
        lines += [*_facts(seen), *_spent_lines(found.total), *_waited_lines(seen), ""]
    if not found.groups:
        return [*lines, "No agent has been called yet." if not found.since_at else "No agent was called in that time."]
    lines += _table(found, how)
    notes = _notes(found)
    return [*lines, "", *notes] if notes else lines


def _facts(seen: Figures) -> list[str]:
    turns = seen.table.total.turns
    each = f", {seen.turns_each:.1f} for an item that is DONE" if seen.turns_each is not None else ""
    first = seen.first_pass
    rate = f"{100 * first.passed / first.judged:.0f} % ({first.passed} of {first.judged})" if first.judged else "-"
    return [
        _fact("items", ", ".join(f"{count} {status}" for status, count in seen.ended.items() if count) or "none ended"),
        _fact("turns", f"{turns:,}{each}"),
        _fact(
            "first pass", f"{rate} had no finding and a review that SUCCEEDED" if first.judged else "none judged yet"
        ),
        _fact("lead time", _spread(seen.lead, "registered to DONE")),
        _fact("cycle time", _spread(seen.cycle, "begun to DONE")),
    ]


def _fact(name: str, text: str) -> str:
    return f"{name:<12}{text}"


def _spread(one: Spread | None, what: str) -> str:
    if one is None:
        return "-"
    return f"median {ago(one.median_ms)}, 90 % within {ago(one.inner_ms)} ({what})"


def _spent_lines(total: Group) -> list[str]:
    spent = total.spent
    cost = "cost not known" if spent.usd is None else usd(spent.usd)
    if spent.usd is None and not spent.unpriced_calls:
        cost = "no cost" if spent.subscription_tokens else "not known"
    cached = f" ({_tokens(spent.tokens_cached)} cached)" if spent.tokens_cached else ""
    tokens = f"; {_tokens(spent.tokens_in)} tokens in{cached}, {_tokens(spent.tokens_out)} out"
    known = tokens if spent.tokens_in is not None or spent.tokens_out is not None else ""
    return [_fact("spent", f"{cost}{known}; {_count(spent.calls, 'call')}")]


def _waited_lines(seen: Figures) -> list[str]:
    causes = sorted(seen.waited.items(), key=lambda one: -one[1])
    told = [f"{ago(ms):<12}{CAUSES[cause]}" for cause, ms in causes if ms >= 1000]
    total = ago(sum(seen.waited.values()))
    told = [f"{total:<12}in all, summed over items:", *told] if told else ["-"]
    return [_fact("waited" if not at else "", text) for at, text in enumerate(told)]


def _table(found: Table, how: Style) -> list[str]:
    kept = found.groups[-SHOWN_GROUPS:] if found.mark is Mark.DAY else found.groups[:SHOWN_GROUPS]
    columns: list[tuple[str, Callable[[Group], str]]] = [
        ("CALLS", lambda one: f"{one.spent.calls:,}"),
        ("TURNS", lambda one: f"{one.turns:,}"),
        ("IN", lambda one: _tokens(one.spent.tokens_in)),
        ("CACHED", lambda one: _tokens(one.spent.tokens_cached)),
        ("OUT", lambda one: _tokens(one.spent.tokens_out)),
        ("USD", _usd),
    ]
    if found.mark not in (Mark.ITEM, Mark.TURN):
        columns.insert(2, ("ITEMS", lambda one: f"{one.spent.items:,}"))
    if any(one.done is not None for one in kept):
        columns.append(("DONE", lambda one: "" if one.done is None else f"{one.done:,}"))
    rows = [*kept, found.total] if len(found.groups) > 1 else [*kept]
    cells = [[_name(one, found) for one in rows]]
    head = [found.mark.upper()]
    for title, cell in columns:
        texts = [title, *map(cell, rows)]
        width = max(map(len, texts))
        head.append(texts[0].rjust(width))
        cells.append([text.rjust(width) for text in texts[1:]])
    if any(one.title for one in kept):
        head.append("TITLE")
        cells.append([one.title or "" for one in rows])
    lines = output.table(head, zip(*cells, strict=True), how, elastic=0)
    rest = len(found.groups) - len(kept)
    return [*lines, *([f"… and {rest:,} more (--csv, --json)"] if rest else [])]


def _name(one: Group, found: Table) -> str:
    if one is found.total:
        return "total"
    return one.key or NAMELESS.get(found.mark, "(not kept)")


def _usd(one: Group) -> str:
    """`4.20+`: more, but nobody knows how much; `?`: nothing of it is known."""
    spent = one.spent
    if spent.usd is None:
        return "?" if spent.unpriced_calls else "-"
    return f"{spent.usd:,.2f}{'+' if spent.unpriced_calls else ''}"


def _tokens(count: int | None) -> str:
    return "-" if count is None else counted(count)


def _notes(found: Table) -> list[str]:
    """What the sums leave out."""
    spent, notes = found.total.spent, []
    if found.unpriced:
        unset = [one for one in found.unpriced if not one.priced_now]
        late = [one for one in found.unpriced if one.priced_now]
        words = []
        if unset:
            words.append(f"no price is set for {_models(unset)} → [[prices]] in config.toml")
        if late:
            words.append(f"the price of {_models(late)} counts from when it was set")
        notes.append(f"{_tokens(spent.unpriced_tokens)} tokens only: {'; '.join(reversed(words))}")
    if spent.subscription_tokens:
        nominal = f" ({usd(spent.nominal_usd)} as their clients count, not counted)" if spent.nominal_usd else ""
        notes.append(f"{_tokens(spent.subscription_tokens)} tokens were on subscriptions{nominal}")
    if spent.silent_calls:
        notes.append(f"{_count(spent.silent_calls, 'call')} of {spent.calls:,} said neither tokens nor cost")
    return notes


def _models(unpriced: list[Unpriced]) -> str:
    names = list(dict.fromkeys(one.model or f"the model of {one.agent}" for one in unpriced))
    more = f" and {len(names) - SHOWN_MODELS} more" if len(names) > SHOWN_MODELS else ""
    return clean(", ".join(names[:SHOWN_MODELS])) + more


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


# --- for programs ---------------------------------------------------------------------------------------------------


def _emit(app: App, mark: Mark, *, since: int) -> None:
    """All from one snapshot."""
    with app.store.read() as tx:
        read = tx.figures()
        found = source(read, since=since)
        [by_mark] = tables(app, read, (mark,), since=since, ended=found.ended)
        days, claims = past(read, found), ran(tx)
    output.emit(**_json(figures_of(app, found, by_mark)), **past_json(days, claims))


def _json(seen: Figures) -> dict[str, Any]:
    found, first = seen.table, seen.first_pass
    return {
        "since": iso(found.since_at) if found.since_at else None,
        "until": iso(found.until_at),
        "by": found.mark,
        "groups": [_group(one) for one in found.groups],
        "total": _group(found.total),
        "unpriced": [
            {"model": one.model or None, "agent": one.agent, "priced_now": one.priced_now} for one in found.unpriced
        ],
        "ended": seen.ended,
        "outcomes": seen.outcomes,
        "first_pass": {"judged": first.judged, "passed": first.passed},
        "turns_per_item": None if seen.turns_each is None else round(seen.turns_each, 3),
        "lead_ms": _spread_json(seen.lead),
        "cycle_ms": _spread_json(seen.cycle),
        "waited_ms": {cause: seen.waited.get(cause, 0) for cause in Cause},
    }


def _group(one: Group) -> dict[str, Any]:
    values = {**as_dict(one.spent), "turns": one.turns, "done": one.done, "title": one.title, "key": one.key or None}
    values = {"key": values.pop("key"), **values}
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in values.items()}


def _spread_json(one: Spread | None) -> dict[str, int] | None:
    return None if one is None else {"items": one.items, "median": one.median_ms, "p90": one.inner_ms}


def _csv(found: Table) -> str:
    rows = [_group(one) for one in found.groups]
    names: Sequence[str] = tuple(_group(found.total))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([str(found.mark) if name == "key" else name for name in names])
    writer.writerows([_cell(row[name]) for name in names] for row in rows)
    return text.getvalue().rstrip("\n")


def _cell(value: object) -> object:
    """Empty where nothing is known."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = clean(value)
    return f"'{text}" if text.startswith(FORMULA) else text
