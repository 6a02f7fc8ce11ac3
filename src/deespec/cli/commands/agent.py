"""`agent list|pause|resume`: who works, whether they are ready, what they spend, and who rests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec import acts
from deespec.agents.base import Login
from deespec.agents.registry import LOOKED_FOR
from deespec.board.agents import Standing, checked, look_at, paused
from deespec.board.snapshot import agents_now
from deespec.board.waiting import Situation
from deespec.cli import options, output, shapes
from deespec.clock import iso, local, midnight
from deespec.model.money import counted, usd
from deespec.records import record, replace
from deespec.store.figures import Spent
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.agents.base import Looked
    from deespec.app import App
    from deespec.board.agents import Checked
    from deespec.board.snapshot import AgentNow
    from deespec.cli.output import Style
    from deespec.cli.session import Session


@click.command(name="list")
@click.option("--no-look", is_flag=True, help="Start no client: nothing is said of versions and readiness.")
@options.as_json
@options.session
def agent_list(session: Session, *, no_look: bool, as_json: bool) -> int:
    """List the agents that the settings name: version and state, what they are for, what they have spent today.

    CALLS are those that run, of so many where there is a limit. TODAY counts USD and tokens from midnight. CHECKED says
    whether agent check found that the installed version behaves; another: only another version was checked.
    """
    rows = _rows(session.app, no_look=no_look)
    if as_json:
        output.emit(agents=[_json(session.app, row) for row in rows])
        return 0
    for text in _table(session.app, rows, session.style):
        output.say(text)
    for row in rows:
        for text in _remedies(row):
            output.say(clean(text))
    if not rows:
        output.say(f"No agent is set up (known: {', '.join(LOOKED_FOR)}) → deespec config set run.implement claude")
    return 0


@click.command(name="pause")
@click.argument("name")
@click.option(
    "--for", "for_ms", type=options.Duration(), metavar="DURATION", help="Until then (default: until resumed)."
)
@click.option("--account", "whole_account", is_flag=True, help="All agents of its account, too.")
@click.option("--reason", "-m", help="Why; `status` and `why` show it.")
@options.as_json
@options.session
def agent_pause(
    session: Session, *, name: str, for_ms: int | None, whole_account: bool, reason: str | None, as_json: bool
) -> int:
    """Let an agent, or with --account all that share its quota, take no new turns. Those that run go on."""
    app = session.app_for_writing()
    now, fresh = acts.pause_agent(app, name, for_ms=for_ms, reason=reason, whole_account=whole_account)
    until = f"until {local(now.until_at)}" if now.until_at else f"until deespec agent resume {name}"
    if as_json:
        output.emit(name=name, paused=True, reason=now.reason, message=now.message, until_at=iso(now.until_at))
    elif fresh:
        with_it = f", with all agents of account {now.account}," if whole_account else ""
        output.say(f"✓ {name}{clean(with_it)} is paused {until}")
    else:
        output.say(f"{name} is paused already, {until}: {clean(now.message)}")
    return 0


@click.command(name="resume")
@click.argument("name")
@options.as_json
@options.session
def agent_resume(session: Session, name: str, as_json: bool) -> int:
    """Let a paused agent go on, and if its account was paused, all other agents of that, too."""
    app = session.app_for_writing()
    resumed = acts.resume_agent(app, name)
    if as_json:
        output.emit(name=name, resumed=resumed)
    else:
        output.say(f"✓ {name} goes on" if resumed else f"{name} was not paused.")
    return 0


# --- listing --------------------------------------------------------------------------------------------------------


@record
class _Row:
    """One agent, from all sides."""

    now: AgentNow
    looked: Looked | None
    checked: Checked
    spent: Spent


def _rows(app: App, *, no_look: bool) -> list[_Row]:
    with app.store.read() as tx:
        agents = agents_now(app, Situation(app, tx))
        checks = tx.agent_checks(app.host)
        spent = {one.key: one for one in tx.figures().spent_by("agent", since=midnight(tx.now))}
    looked = {} if no_look else look_at(app, [one.name for one in agents])
    rows = []
    for one in agents:
        found = looked.get(one.name)
        known = checked(app.settings.agent(one.name), found.version if found else None, checks)
        rows.append(_Row(now=one, looked=found, checked=known, spent=spent.get(one.name, Spent(key=one.name))))
    return rows


def _json(app: App, row: _Row) -> dict[str, object]:
    looked, known, spent = row.looked, row.checked, row.spent
    return {
        **shapes.agent(row.now),
        "steps": _steps(app, row.now.name),
        "ready": looked.ready if looked else None,
        "login": looked.login if looked else None,
        "version": looked.version if looked else None,
        "problem": looked.problem if looked else None,
        "remedy": looked.remedy if looked else None,
        "today": {"tokens_in": spent.tokens_in or 0, "tokens_out": spent.tokens_out or 0, "usd": spent.usd or 0.0},
        "checked": {
            "standing": known.standing,
            "version": known.version,
            "at": iso(known.at),
            "differs": list(known.differs),
            "since": known.since,
        },
    }


def _table(app: App, rows: list[_Row], how: Style) -> list[str]:
    """Without the kinds, where these make it too wide."""
    head = ("NAME", "VERSION", "FOR", "CALLS", "STATE", "TODAY", "CHECKED")
    cells = [_cells(app, row) for row in rows]
    names = [row.now.name if row.now.name == row.now.kind else f"{row.now.name} ({row.now.kind})" for row in rows]
    full = [(name, *one[1:]) for name, one in zip(names, cells, strict=True)]
    plain = output.table(head, full, replace(how, colour=False), elastic=0)
    is_too_wide = how.width is not None and max(map(len, plain), default=0) > how.width
    return output.table(head, cells if is_too_wide else full, how, elastic=0)


def _cells(app: App, row: _Row) -> tuple[str, ...]:
    one, steps = row.now, _steps(app, row.now.name)
    return (
        one.name,
        (row.looked.version if row.looked else None) or "-",
        "both" if len(steps) > 1 else next(iter(steps), "by name"),
        f"{one.running} of {one.limit}" if one.limit else str(one.running),
        _state(row),
        _today(row.spent),
        _standing(row),
    )


def _steps(app: App, name: str) -> list[str]:
    steps = {"implement": app.settings.implement, "review": app.settings.review}
    return [step for step, names in steps.items() if name in names]


def _state(row: _Row) -> str:
    one, looked = row.now, row.looked
    if one.pause is not None:
        return "paused"
    if looked is not None and not looked.ready:
        return "not logged in" if looked.login is Login.OUT else "not ready"
    if one.limit and one.running >= one.limit:
        return "at its limit"
    return "login not known" if looked is not None and looked.login is Login.UNKNOWN else "free"


def _remedies(row: _Row) -> Iterator[str]:
    """Why one cannot work, or may work wrongly, and what helps."""
    one, looked, known = row.now, row.looked, row.checked
    if one.pause is not None:
        yield f"! {paused(one.pause, one.name)}"
        yield f"  → deespec agent resume {one.name}"
    if looked is not None and not looked.ready:
        yield f"✗ {one.name}: {(looked.problem or 'not ready').rstrip('.')}"
        yield f"  → {looked.remedy or f'deespec agent check {one.name}'}"
    if known.standing is Standing.DIFFERS:
        since = "" if known.since == known.version else f", as no version has since {known.since}"
        yield f"! {one.name} {known.version} does not behave as expected{since}"
        yield f"  → deespec agent check {one.name}"


def _today(spent: Spent) -> str:
    tokens = counted((spent.tokens_in or 0) + (spent.tokens_out or 0))
    if spent.usd:
        return f"{usd(spent.usd)}, {tokens}"
    return "-" if tokens == "0" else f"{tokens} tokens"


def _standing(row: _Row) -> str:
    known, looked = row.checked, row.looked
    which = "" if looked is not None and looked.version else f"{known.version} "
    match known.standing:
        case Standing.BEHAVES:
            return f"{which}behaves"
        case Standing.DIFFERS:
            return f"{which}differs"
        case Standing.NEW:
            return "another"
        case Standing.NEVER:
            return "never"
        case Standing.NOTHING:
            return "-"
