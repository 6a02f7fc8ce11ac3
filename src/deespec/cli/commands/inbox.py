"""`inbox`: all that waits for a person, of items, agents and the project."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from deespec.board.landable import to_land
from deespec.board.snapshot import snapshot
from deespec.board.waiting import Waiting
from deespec.cli import options, output, shapes
from deespec.cli.stdin import is_terminal
from deespec.errors import UsageError, WorkspaceError
from deespec.model.asking import DraftStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.app import App
    from deespec.board.landable import ToLand
    from deespec.board.snapshot import AgentNow
    from deespec.cli.session import Session
    from deespec.model.asking import Draft
    from deespec.model.items import Line
    from deespec.model.work import Notice

SHOWN_ITEMS = 10
STOPPED = ("parked", "failed")


@click.command()
@click.option("-i", "--interactive", is_flag=True, help="Walk through it on this terminal, deciding one by one.")
@options.as_json
@click.pass_context
def inbox(ctx: click.Context, interactive: bool, as_json: bool) -> int:
    """Show all that waits for a person: questions, stopped items, drafts, paused agents, work to land, and more."""
    session: Session = ctx.obj
    if interactive:
        session.app_for_writing()
        if as_json:
            raise UsageError("--interactive and --json exclude each other.")
        return _walk(ctx, session)
    seen = snapshot(session.app)
    asked = [(line, why) for line, why in seen.waiting if why.person]
    held = [line for line, why in seen.waiting if why.reason == "held"]
    paused = _paused(seen.agents)
    landable = _to_land(session.app)
    with session.app.store.read() as tx:
        drafts = [one for one in tx.drafts() if one.status is DraftStatus.OPEN]
    if as_json:
        output.emit(
            items=[
                {
                    "id": line.id,
                    "title": line.title,
                    "status": line.status,
                    "question": line.question,
                    **shapes.why(why),
                }
                for line, why in asked
            ],
            held=[line.id for line in held],
            drafts=[shapes.draft(one) for one in drafts],
            agents=[shapes.agent(agent) for agent in paused],
            notices=[shapes.notice(one) for one in seen.notices],
            to_land=None if landable is None else shapes.to_land(landable),
        )
        return 0
    if not (asked or held or drafts or paused or seen.notices or landable):
        output.say("Nothing waits for you.")
    for notice in seen.notices:
        _show_notice(notice)
    for line, why in asked:
        if why.reason in STOPPED:
            _show_item(line, why)
    _show_barred([one for one in asked if one[1].reason not in STOPPED])
    if held:
        _show_held(held)
    if drafts:
        _show_drafts(drafts)
    for agent in paused:
        _show_agent(agent)
    if landable is not None:
        _show_landable(landable)
    return 0


def _walk(ctx: click.Context, session: Session) -> int:
    """The same, in the same order, one at a time. Raises UsageError where nobody can be asked."""
    from deespec.cli.commands.inbox_stops import Stops
    from deespec.cli.commands.inbox_walk import walk

    if not (is_terminal() and sys.stdout.isatty()):
        raise UsageError("There is no terminal to walk through it.", hint="deespec inbox")
    seen = snapshot(session.app)
    make = Stops(ctx, session)
    asked = [(line, why) for line, why in seen.waiting if why.person]
    held = [line for line, why in seen.waiting if why.reason == "held"]
    landable = _to_land(session.app)
    with session.app.store.read() as tx:
        drafts = [one for one in tx.drafts() if one.status is DraftStatus.OPEN]
    stops = [
        *(make.notice(one) for one in seen.notices),
        *(make.stopped(line) if why.reason in STOPPED else make.barred(line, why) for line, why in asked),
        *make.held(held),
        *(make.draft(one) for one in drafts),
        *(make.agent(one) for one in _paused(seen.agents)),
        *([make.landing(landable)] if landable is not None else []),
    ]
    if not stops:
        output.say("Nothing waits for you.")
        return 0
    return walk(stops)


def _to_land(app: App) -> ToLand | None:
    try:
        return to_land(app)
    except WorkspaceError as error:
        output.tell(f"Whether there is work to land cannot be told: {output.clean(error.message)}")
        return None


def _show_item(line: Line, why: Waiting) -> None:
    output.say(f"{line.id}  {output.clean(line.title)}")
    output.say(f"  {line.status} ({line.reason})")
    if line.question:
        output.say("  " + output.clean(line.question.strip(), lines=True).replace("\n", "\n  "))
    if why.remedy:
        output.say(f"  → {why.remedy}")


def _show_barred(barred: list[tuple[Line, Waiting]]) -> None:
    """Items that have not stopped and that nobody but a person brings on."""
    for line, why in barred[:SHOWN_ITEMS]:
        output.say(f"{line.id}  {output.clean(line.title)}")
        output.say(f"  {line.status}: {output.clean(why.text)}")
        if why.remedy:
            output.say(f"  → {output.clean(why.remedy)}")
    if len(barred) > SHOWN_ITEMS:
        output.say(f"… and {len(barred) - SHOWN_ITEMS} more → deespec why")


def _show_held(held: list[Line]) -> None:
    for kind, of_kind in (("pbi", True), ("sbi", False)):
        ids = [line.id for line in held if line.decomposes is of_kind]
        if ids:
            more = ", …" if len(ids) > 1 else ""
            output.say(f"{len(ids)} held: {ids[0]}{more} → deespec {kind} unhold {ids[0]}")


def _show_drafts(drafts: list[Draft]) -> None:
    output.say(f"{len(drafts)} draft{'s wait' if len(drafts) > 1 else ' waits'} for a decision")
    for one in drafts[:SHOWN_ITEMS]:
        output.say(f"  {one.id}  {output.clean(one.title)}")
    if len(drafts) > SHOWN_ITEMS:
        output.say(f"  … and {len(drafts) - SHOWN_ITEMS} more")
    first = drafts[0].id
    output.say(f'  → deespec drafts {first}, then deespec approve {first} or deespec reject {first} --reason "…"')


def _paused(agents: Sequence[AgentNow]) -> list[AgentNow]:
    """Agents that wait for a person; of an account that is paused only one, the one that it came of if it is there."""
    found: dict[tuple[str, str], AgentNow] = {}
    for agent in agents:
        if (pause := agent.pause) is not None and pause.until_at is None:
            key = pause.account, pause.only_agent
            if key not in found or pause.agent == agent.name:
                found[key] = agent
    return list(found.values())


def _show_agent(agent: AgentNow) -> None:
    assert agent.pause is not None
    output.say(f"agent {agent.name} is paused ({agent.pause.reason}): {output.clean(agent.pause.message)}")
    output.say(f"  → deespec agent resume {agent.name}")


def _show_notice(notice: Notice) -> None:
    output.say(f"{notice.name.replace('_', ' ')}: {output.clean(notice.text)}")
    if notice.remedy:
        output.say(f"  → {output.clean(notice.remedy)}")


def _show_landable(one: ToLand) -> None:
    commits = f"{one.commits} commits" if one.commits > 1 else "a commit"
    output.say(f"to land: {one.base} does not have {commits} of {one.target}")
    for title in one.items[:SHOWN_ITEMS]:
        output.say(f"  {output.clean(title)}")
    if len(one.items) > SHOWN_ITEMS:
        output.say(f"  … and {len(one.items) - SHOWN_ITEMS} more")
    if one.obstacle:
        output.say(f"  {output.clean(one.obstacle)}")
    if one.remedy:
        output.say(f"  → {output.clean(one.remedy)}")
