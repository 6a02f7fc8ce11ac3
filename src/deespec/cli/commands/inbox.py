"""`inbox`: all that waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.board.snapshot import snapshot
from deespec.board.waiting import Waiting
from deespec.cli import options, output, shapes

if TYPE_CHECKING:
    from deespec.board.snapshot import AgentNow
    from deespec.cli.session import Session
    from deespec.model.items import Line


@click.command()
@options.as_json
@options.session
def inbox(session: Session, as_json: bool) -> int:
    """Show all that waits for a person: questions, PARKED and FAILED items, paused agents."""
    seen = snapshot(session.app)
    asked = [(line, why) for line, why in seen.waiting if why.reason in ("parked", "failed")]
    paused = [agent for agent in seen.agents if agent.pause is not None and agent.pause.until_at is None]
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
        )
        return 0
    if not asked and not paused:
        output.say("Nothing waits for you.")
    for line, why in asked:
        _show_item(line, why)
    for agent in paused:
        _show_agent(agent)
    return 0


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
