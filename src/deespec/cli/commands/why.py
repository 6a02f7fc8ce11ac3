"""`why`: which condition bars an item, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.board.waiting import Situation, Waiting
from deespec.cli import options, output, shapes
from deespec.cli.commands import why_paths
from deespec.cli.views import OPEN
from deespec.errors import UsageError
from deespec.model.wanted import Scope

if TYPE_CHECKING:
    from deespec.cli.session import Session
    from deespec.model.items import Line, Turn

SHOWN_TURNS = 2


@click.command()
@click.argument("item_id", required=False, metavar="[ID]")
@click.option("--paths", is_flag=True, help="Who waits for whom because of files: what each holds, and what meets it.")
@options.as_json
@options.session
def why(session: Session, *, item_id: str | None, paths: bool, as_json: bool) -> int:
    """Test every condition for starting an item, and name the remedy; without ID one line per reason."""
    if paths and item_id is not None:
        raise UsageError("--paths shows all items; it goes with no ID.", hint="deespec why --paths")
    if paths:
        return why_paths.show(session, as_json=as_json)
    if item_id is None:
        return _all(session, as_json=as_json)
    app = session.app
    number = session.number(item_id)
    with app.store.read() as tx:
        line = tx.line(number)
        situation = Situation(app, tx)
        waiting, workers = situation.waiting(line), situation.workers
        turns = tx.turns(number)
    if as_json:
        held, running = line.held, shapes.running(line, workers) if line.lease_token is not None else None
        output.emit(
            id=line.id, status=line.status, held=held, running=running, waiting=[shapes.why(one) for one in waiting]
        )
        return 0
    if not waiting:
        output.say(_goes_on(line))
    for one in waiting:
        output.say(_text(line, one))
    if waiting and waiting[0].reason in ("failed", "parked"):
        _say_turns(turns[-SHOWN_TURNS:])
    return 0


def _goes_on(line: Line) -> str:
    if line.lease_token is None:
        return f"{line.id} is {line.status}: it waits for nothing."
    works = f"{line.id} is being worked on by {line.lease_agent}"
    if not line.held:
        return f"{works}: it waits for nothing."
    free, stop = f"deespec sbi unhold {line.id}", f"deespec sbi hold --now {line.id}"
    return f"{works}; it is held, so nothing follows this turn → {free}; to stop it at once: {stop}"


def _say_turns(turns: list[Turn]) -> None:
    """What the last turns found, newest first: the reason behind `turns` or `review_rounds`."""
    for turn in reversed(turns):
        output.say(f"Turn {turn.number} ({turn.step} by {turn.agent}): {turn.outcome}")
        for words in turn.findings or ((turn.report,) if turn.report else ()):
            output.say("  " + output.clean(words.strip(), lines=True).replace("\n", "\n  "))


def _all(session: Session, *, as_json: bool) -> int:
    app = session.app
    with app.store.read() as tx:
        situation = Situation(app, tx)
        lines = tx.list_sbis(Scope(), statuses=OPEN).lines
        found = [(line, one) for line in lines for one in situation.waiting(line)[:1]]
    groups: dict[str, list[tuple[Line, Waiting]]] = {}
    for line, one in found:
        groups.setdefault(one.reason, []).append((line, one))
    if as_json:
        reasons = [
            {"reason": reason, "items": [line.id for line, _ in members], **shapes.why(members[0][1])}
            for reason, members in groups.items()
        ]
        output.emit(waiting=reasons)
        return 0
    if not groups:
        output.say("Nothing waits.")
    for reason, members in groups.items():
        line, one = members[0]
        count = f"{len(members)} item{'s' if len(members) > 1 else ''}"
        output.say(f"{reason}: {count}. {_text(line, one)}")
    if lines and not situation.workers and "slot" not in groups:
        output.say("No worker is running → deespec run")
    return 0


def _text(line: Line, one: Waiting) -> str:
    words = output.clean(one.text)
    remedy = f" → {one.remedy}" if one.remedy else ""
    return f"{line.id} waits: {words}{remedy}"
