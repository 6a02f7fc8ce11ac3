"""`agent list|pause|resume`: who works, whether they are ready, what they spend, and who rests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.agents.registry import LOOKED_FOR
from deespec.board.agents import Standing, checked, look_at
from deespec.board.snapshot import agents_now
from deespec.board.waiting import Situation
from deespec.cli import options, output, shapes
from deespec.cli.agent_names import must_be_there
from deespec.clock import iso, local, midnight
from deespec.model.items import AgentPause
from deespec.records import record
from deespec.store.figures import Spent

if TYPE_CHECKING:
    from deespec.agents.base import Looked
    from deespec.app import App
    from deespec.board.agents import Checked
    from deespec.board.snapshot import AgentNow
    from deespec.cli.session import Session


@click.command(name="list")
@click.option("--no-look", is_flag=True, help="Start no client: nothing is said of versions and readiness.")
@options.as_json
@options.session
def agent_list(session: Session, *, no_look: bool, as_json: bool) -> int:
    """List the agents that the settings name: version and state, what they are for, what they have spent today.

    CHECKED says whether the installed version was found to behave by agent check. Tokens and USD count from midnight.
    """
    rows = _rows(session.app, no_look=no_look)
    if as_json:
        output.emit(agents=[_json(session.app, row) for row in rows])
        return 0
    head = ("NAME", "KIND", "VERSION", "FOR", "RUNNING", "STATE", "TODAY", "CHECKED")
    cells = [_cells(session.app, row) for row in rows]
    for text in output.table(head, cells, session.style, elastic=head.index("STATE")):
        output.say(text)
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
    must_be_there(app.settings, name)
    account = app.account(name)
    with app.store.transaction() as tx:
        asked = AgentPause(
            account=account,
            agent=name,
            reason="person",
            message=reason or f"by {app.person}",
            until_at=tx.now + for_ms if for_ms is not None else None,
            by_person=True,
            only_agent="" if whole_account else name,
        )
        tx.pause(asked, actor=app.person)
        now = next(one for one in tx.pauses() if (one.account, one.only_agent) == (account, asked.only_agent))
        fresh = now.since_at == tx.now
    until = f"until {local(now.until_at)}" if now.until_at else f"until deespec agent resume {name}"
    if as_json:
        output.emit(name=name, paused=True, reason=now.reason, message=now.message, until_at=iso(now.until_at))
    elif fresh:
        with_it = f", with all agents of account {account}," if whole_account else ""
        output.say(f"✓ {name}{output.clean(with_it)} is paused {until}")
    else:
        output.say(f"{name} is paused already, {until}: {output.clean(now.message)}")
    return 0


@click.command(name="resume")
@click.argument("name")
@options.as_json
@options.session
def agent_resume(session: Session, name: str, as_json: bool) -> int:
    """Let a paused agent go on, and if its account was paused, all other agents of that, too."""
    app = session.app_for_writing()
    with app.store.read() as tx:
        pauses = tx.pauses()
    if all(pause.agent != name for pause in pauses):
        must_be_there(app.settings, name)
    with app.store.transaction() as tx:
        count = tx.resume_agent(name, account=app.account(name), actor=app.person)
    if as_json:
        output.emit(name=name, resumed=count > 0)
    else:
        output.say(f"✓ {name} goes on" if count else f"{name} was not paused.")
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
        "version": looked.version if looked else None,
        "problem": looked.problem if looked else None,
        "today": {"tokens_in": spent.tokens_in or 0, "tokens_out": spent.tokens_out or 0, "usd": spent.usd or 0.0},
        "checked": {
            "standing": known.standing,
            "version": known.version,
            "at": iso(known.at),
            "differs": list(known.differs),
            "since": known.since,
        },
    }


def _cells(app: App, row: _Row) -> tuple[str, ...]:
    one = row.now
    return (
        one.name,
        one.kind,
        (row.looked.version if row.looked else None) or "-",
        ", ".join(_steps(app, one.name)) or "by name",
        f"{one.running} of {one.limit or 'any'}",
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
        until = f"until {local(one.pause.until_at)}" if one.pause.until_at else "until resumed"
        return f"paused {until}: {one.pause.message}"
    if looked is not None and not looked.ready:
        return looked.problem or "not ready"
    return "free" if not one.limit or one.running < one.limit else "at its limit"


def _today(spent: Spent) -> str:
    tokens = (spent.tokens_in or 0) + (spent.tokens_out or 0)
    usd = f"{spent.usd:.2f} USD" if spent.usd else None
    return ", ".join(filter(None, (usd, f"{tokens:,} tokens" if tokens else None))) or "-"


def _standing(row: _Row) -> str:
    known, looked = row.checked, row.looked
    which = "" if looked is not None and looked.version else f"{known.version} "
    match known.standing:
        case Standing.BEHAVES:
            return f"{which}behaves"
        case Standing.DIFFERS:
            return f"{which}differs" if known.since == known.version else f"{which}differs since {known.since}"
        case Standing.NEW:
            return f"only {known.version}"
        case Standing.NEVER:
            return "never"
        case Standing.NOTHING:
            return "-"
