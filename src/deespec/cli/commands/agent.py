"""`agent list|check|pause|resume`: who works, whether they are ready, and who rests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.agents.base import Looked
from deespec.agents.registry import LOOKED_FOR
from deespec.board.snapshot import agents_now
from deespec.board.waiting import Situation
from deespec.cli import options, output, shapes
from deespec.clock import iso, local
from deespec.errors import DeespecError, NoAgent, NotFound
from deespec.model.items import AgentPause
from deespec.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.app import App
    from deespec.board.snapshot import AgentNow
    from deespec.cli.session import Session


@click.command(name="list")
@options.as_json
@options.session
def agent_list(session: Session, as_json: bool) -> int:
    """List the agents that the settings name: what they are for, their limits and pauses."""
    agents = _agents(session.app)
    if as_json:
        output.emit(agents=[{**shapes.agent(one), "steps": _steps(session.app, one.name)} for one in agents])
        return 0
    rows = [
        (
            one.name,
            one.kind,
            ", ".join(_steps(session.app, one.name)) or "by name",
            f"{one.running} of {one.limit or 'any'}",
            _state(one),
        )
        for one in agents
    ]
    for text in output.table(("NAME", "KIND", "FOR", "RUNNING", "STATE"), rows, session.style):
        output.say(text)
    if not agents:
        output.say(f"No agent is set up (known: {', '.join(LOOKED_FOR)}) → deespec config set run.implement claude")
    return 0


@click.command(name="check")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@options.as_json
@options.session
def agent_check(session: Session, names: tuple[str, ...], as_json: bool) -> int:
    """Look whether agents are installed and ready; nothing is asked of any model.

    Exit 1 if one that was named here or that run.implement or run.review names is not.
    """
    app = session.app
    for name in names:
        _must_be_there(app, name)
    asked = names or tuple(one.name for one in _agents(app))
    if not asked:
        raise NoAgent(f"No agent set up. Looked for {', '.join(LOOKED_FOR)}.", hint="Install one, or deespec demo.")
    found = {name: look(app, name) for name in asked}
    counted = names or (*app.settings.implement, *app.settings.review)
    if as_json:
        output.emit(agents=[_looked_json(app, name, one) for name, one in found.items()])
    else:
        _show_looked(found)
    return 1 if any(not found[name].ready for name in counted) else 0


@click.command(name="pause")
@click.argument("name")
@click.option(
    "--for", "for_ms", type=options.Duration(), metavar="DURATION", help="Until then (default: until resumed)."
)
@click.option("--reason", "-m", help="Why; `status` and `why` show it.")
@options.as_json
@options.session
def agent_pause(session: Session, name: str, for_ms: int | None, reason: str | None, as_json: bool) -> int:
    """Let an agent take no new turns. Those that run go on; other agents of its account pause with it."""
    app = session.app_for_writing()
    _must_be_there(app, name)
    account = app.account(name)
    with app.store.transaction() as tx:
        asked = AgentPause(
            account=account,
            agent=name,
            reason="person",
            message=reason or f"by {app.person}",
            until_at=tx.now + for_ms if for_ms is not None else None,
            by_person=True,
        )
        tx.pause(asked, actor=app.person)
        now = next(pause for pause in tx.pauses() if pause.account == account)
        fresh = now.since_at == tx.now
    until = f"until {local(now.until_at)}" if now.until_at else f"until deespec agent resume {now.agent}"
    if as_json:
        output.emit(name=name, paused=True, reason=now.reason, message=now.message, until_at=iso(now.until_at))
    elif fresh:
        output.say(f"✓ {name} is paused {until}")
    else:
        output.say(f"{name} is paused already, {until}: {output.clean(now.message)}")
    return 0


@click.command(name="resume")
@click.argument("name")
@options.as_json
@options.session
def agent_resume(session: Session, name: str, as_json: bool) -> int:
    """Let a paused agent go on, with all other agents of its account."""
    app = session.app_for_writing()
    with app.store.read() as tx:
        pauses = tx.pauses()
    if all(pause.agent != name for pause in pauses):
        _must_be_there(app, name)
    account = app.account(name)
    paused = {pause.agent for pause in pauses if name == pause.agent or account == pause.account}
    with app.store.transaction() as tx:
        count = sum(tx.resume_agent(one, actor=app.person) for one in sorted(paused | {name}))
    if as_json:
        output.emit(name=name, resumed=count > 0)
    else:
        output.say(f"✓ {name} goes on" if count else f"{name} was not paused.")
    return 0


# --- looking --------------------------------------------------------------------------------------------------------


def look(app: App, name: str) -> Looked:
    """A look at one agent; settings that it cannot live with are found here, too."""
    try:
        return app.agent(name).look()
    except DeespecError as error:
        return Looked(ready=False, problem=error.message, remedy=error.hint)


def _agents(app: App) -> Sequence[AgentNow]:
    with app.store.read() as tx:
        return agents_now(app, Situation(app, tx))


def _must_be_there(app: App, name: str) -> None:
    if app.settings.agent(name) is not None:
        return
    known = [one.name for one in _agents(app)]
    near = closest(name, known)
    hint = f"Did you mean {near}?" if near else f"Agents: {', '.join(known) or 'none is set up'}"
    raise NotFound(f"There is no agent {name}.", hint=hint)


def _steps(app: App, name: str) -> list[str]:
    steps = {"implement": app.settings.implement, "review": app.settings.review}
    return [step for step, names in steps.items() if name in names]


def _state(one: AgentNow) -> str:
    if one.pause is None:
        return "free" if not one.limit or one.running < one.limit else "at its limit"
    until = f"until {local(one.pause.until_at)}" if one.pause.until_at else "until resumed"
    return f"paused {until}: {one.pause.message}"


def _looked_json(app: App, name: str, one: Looked) -> dict[str, object]:
    section = app.settings.agent(name)
    return {
        "name": name,
        "kind": section.kind if section else None,
        "ready": one.ready,
        "version": one.version,
        "program": one.program,
        "problem": one.problem,
        "remedy": one.remedy,
    }


def _show_looked(found: dict[str, Looked]) -> None:
    for name, one in found.items():
        if one.ready:
            words = " ".join(part for part in (one.version, f"({one.program})" if one.program else None) if part)
            output.say(f"✓ {name} {output.clean(words)}".rstrip())
            continue
        output.say(f"✗ {name}: {output.clean(one.problem or 'not ready')}")
        if one.remedy:
            output.say(f"  → {output.clean(one.remedy)}")
