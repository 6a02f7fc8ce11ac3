"""`inbox`: all that waits for a person, of items, agents and the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.board.landable import to_land
from deespec.board.snapshot import snapshot
from deespec.board.waiting import Waiting
from deespec.cli import options, output, shapes
from deespec.errors import WorkspaceError

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.board.landable import ToLand
    from deespec.board.snapshot import AgentNow
    from deespec.cli.session import Session
    from deespec.model.items import Line
    from deespec.model.work import Notice

SHOWN_ITEMS = 10


@click.command()
@options.as_json
@options.session
def inbox(session: Session, as_json: bool) -> int:
    """Show all that waits for a person: questions, stopped items, paused agents, a broken base, work to land."""
    seen = snapshot(session.app)
    asked = [(line, why) for line, why in seen.waiting if why.reason in ("parked", "failed")]
    paused = [agent for agent in seen.agents if agent.pause is not None and agent.pause.until_at is None]
    landable = _to_land(session.app)
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
            agents=[shapes.agent(agent) for agent in paused],
            notices=[shapes.notice(one) for one in seen.notices],
            to_land=None if landable is None else shapes.to_land(landable),
        )
        return 0
    if not (asked or paused or seen.notices or landable):
        output.say("Nothing waits for you.")
    for notice in seen.notices:
        _show_notice(notice)
    for line, why in asked:
        _show_item(line, why)
    for agent in paused:
        _show_agent(agent)
    if landable is not None:
        _show_landable(landable)
    return 0


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
