"""`db check`: whether the backlog is sound, how bad it is if not, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.board.checkup import check_up
from deespec.cli import options, output
from deespec.store.invariants import Severity
from deespec.text import clean

if TYPE_CHECKING:
    from deespec.board.checkup import Checkup
    from deespec.cli.output import Style
    from deespec.cli.session import Session
    from deespec.store.upkeep.check import Part

SHOWN = 10
BADNESS = list(Severity)
MARKS = {None: "✓", Severity.NOTE: "✓", Severity.WRONG: "!", Severity.LOST: "✗", Severity.DAMAGED: "✗"}
COLOURS = {Severity.WRONG: "yellow", Severity.LOST: "red", Severity.DAMAGED: "red"}
MEANS = {
    Severity.DAMAGED: "damaged: the database, or part of it, cannot be read",
    Severity.LOST: "lost: work that was acknowledged is missing",
    Severity.WRONG: "wrong: it contradicts itself, and deespec may misbehave",
    Severity.NOTE: "sound; the notes are for your information",
}


@click.command(name="check")
@click.option("--quick", is_flag=True, help="Do not hold each index against its table.")
@options.as_json
@options.session
def db_check(session: Session, quick: bool, as_json: bool) -> int:
    """Check pages, references, schema, the rules of the model, the journal, and whether acknowledged work is missing.

    It only reads, one snapshot, while others work. Exit 0 if all is sound, 1 otherwise.
    """
    found = check_up(session.app, quick=quick)
    if as_json:
        output.emit(sound=found.sound, checks=[_json(part) for part in found.parts])
    else:
        _show(found, session.style)
    return 0 if found.sound else 1


def _json(part: Part) -> dict[str, object]:
    return {
        "name": part.name,
        "verdict": part.worst or "sound",
        "note": part.note,
        "findings": [
            {"severity": one.severity, "id": one.item, "text": one.text, "remedy": one.remedy} for one in part.found
        ],
    }


def _show(found: Checkup, how: Style) -> None:
    for part in found.parts:
        mark = output.paint(MARKS[part.worst], COLOURS.get(part.worst, "green") if part.worst else "green", how)
        note = f"  {part.note}" if part.note else ""
        output.say(f"{mark} {part.name:<11}{note}".rstrip())
        shown = sorted(part.found, key=lambda one: BADNESS.index(one.severity), reverse=True)[:SHOWN]
        for one in shown:
            output.say(f"    {one.severity}: {clean(one.text)}")
        if len(part.found) > SHOWN:
            output.say(f"    … and {len(part.found) - SHOWN:,} more (--json shows all)")
        for remedy in dict.fromkeys(one.remedy for one in shown if one.remedy):
            output.say(f"    → {clean(remedy)}")
    worst = max((part.worst for part in found.parts if part.worst), key=BADNESS.index, default=None)
    output.say(MEANS[worst] if worst else "sound")
