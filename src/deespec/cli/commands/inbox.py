"""`inbox`: all that waits for a person, of items, agents and the project."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from deespec.board.inbox import inbox as look
from deespec.board.snapshot import FOR_A_PERSON
from deespec.cli import options, output, shapes
from deespec.cli.stdin import is_terminal
from deespec.errors import UsageError
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.app import App
    from deespec.board.inbox import Inbox
    from deespec.board.landable import ToLand
    from deespec.board.snapshot import AgentNow
    from deespec.board.waiting import Waiting
    from deespec.cli.session import Session
    from deespec.model.asking import Draft
    from deespec.model.items import Line
    from deespec.model.work import Notice

SHOWN_ITEMS = 10


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
    found = _look(session.app)
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
                for line, why in found.asked
            ],
            held=[line.id for line in found.held],
            drafts=[shapes.draft(one) for one in found.drafts],
            agents=[shapes.agent(agent) for agent in found.agents],
            notices=[shapes.notice(one) for one in found.notices],
            to_land=None if found.to_land is None else shapes.to_land(found.to_land),
        )
        return 0
    if found.empty:
        output.say("Nothing waits for you.")
    for notice in found.notices:
        _show_notice(notice)
    for line, why in found.stopped:
        _show_item(line, why)
    _show_barred(found.barred)
    if found.held:
        _show_held(found.held)
    if found.drafts:
        _show_drafts(found.drafts)
    for agent in found.agents:
        _show_agent(agent)
    if found.to_land is not None:
        _show_landable(found.to_land)
    return 0


def _walk(ctx: click.Context, session: Session) -> int:
    """The same, in the same order, one at a time. Raises UsageError where nobody can be asked."""
    from deespec.cli.commands.inbox_stops import Stops
    from deespec.cli.commands.inbox_walk import walk

    if not (is_terminal() and sys.stdout.isatty()):
        raise UsageError("There is no terminal to walk through it.", hint="deespec inbox")
    found = _look(session.app)
    make = Stops(ctx, session)
    stops = [
        *(make.notice(one) for one in found.notices),
        *(make.stopped(line) if why.reason in FOR_A_PERSON else make.barred(line, why) for line, why in found.asked),
        *make.held(found.held),
        *(make.draft(one) for one in found.drafts),
        *(make.agent(one) for one in found.agents),
        *([make.landing(found.to_land)] if found.to_land is not None else []),
    ]
    if not stops:
        output.say("Nothing waits for you.")
        return 0
    return walk(stops)


def _look(app: App) -> Inbox:
    found = look(app)
    if found.land_problem is not None:
        output.tell(f"Whether there is work to land cannot be told: {clean(found.land_problem)}")
    return found


def _show_item(line: Line, why: Waiting) -> None:
    output.say(f"{line.id}  {clean(line.title)}")
    output.say(f"  {line.status} ({line.reason})")
    if line.question:
        output.say("  " + clean(line.question.strip(), lines=True).replace("\n", "\n  "))
    if why.remedy:
        output.say(f"  → {why.remedy}")


def _show_barred(barred: Sequence[tuple[Line, Waiting]]) -> None:
    """Items that have not stopped and that nobody but a person brings on."""
    for line, why in barred[:SHOWN_ITEMS]:
        output.say(f"{line.id}  {clean(line.title)}")
        output.say(f"  {line.status}: {clean(why.text)}")
        if why.remedy:
            output.say(f"  → {clean(why.remedy)}")
    if len(barred) > SHOWN_ITEMS:
        output.say(f"… and {len(barred) - SHOWN_ITEMS} more → deespec why")


def _show_held(held: Sequence[Line]) -> None:
    for kind, of_kind in (("pbi", True), ("sbi", False)):
        ids = [line.id for line in held if line.decomposes is of_kind]
        if ids:
            more = ", …" if len(ids) > 1 else ""
            output.say(f"{len(ids)} held: {ids[0]}{more} → deespec {kind} unhold {ids[0]}")


def _show_drafts(drafts: Sequence[Draft]) -> None:
    output.say(f"{len(drafts)} draft{'s wait' if len(drafts) > 1 else ' waits'} for a decision")
    for one in drafts[:SHOWN_ITEMS]:
        output.say(f"  {one.id}  {clean(one.title)}")
    if len(drafts) > SHOWN_ITEMS:
        output.say(f"  … and {len(drafts) - SHOWN_ITEMS} more")
    first = drafts[0].id
    output.say(f'  → deespec drafts {first}, then deespec approve {first} or deespec reject {first} --reason "…"')


def _show_agent(agent: AgentNow) -> None:
    assert agent.pause is not None
    output.say(f"agent {agent.name} is paused ({agent.pause.reason}): {clean(agent.pause.message)}")
    output.say(f"  → deespec agent resume {agent.name}")


def _show_notice(notice: Notice) -> None:
    output.say(f"{notice.name.replace('_', ' ')}: {clean(notice.text)}")
    if notice.remedy:
        output.say(f"  → {clean(notice.remedy)}")


def _show_landable(one: ToLand) -> None:
    commits = f"{one.commits} commits" if one.commits > 1 else "a commit"
    output.say(f"to land: {one.base} does not have {commits} of {one.target}")
    for title in one.items[:SHOWN_ITEMS]:
        output.say(f"  {clean(title)}")
    if len(one.items) > SHOWN_ITEMS:
        output.say(f"  … and {len(one.items) - SHOWN_ITEMS} more")
    if one.obstacle:
        output.say(f"  {clean(one.obstacle)}")
    if one.remedy:
        output.say(f"  → {clean(one.remedy)}")
