"""How drafts and what became of them look: lists, one in full, one against the earlier one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deespec.board.drafted import difference, state
from deespec.board.told import decided
from deespec.cli import output, shapes
from deespec.clock import local
from deespec.model.items import Kind
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.backlog.drafts import Decided
    from deespec.cli.session import Session
    from deespec.model.asking import Draft

DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def say_one(session: Session, draft: Draft, *, earlier: Draft | None) -> None:
    """A draft in full; against the one in whose place it stands."""
    by = f", by {draft.decided_by} at {local(draft.decided_at)}" if draft.decided_at else ""
    brought = f"{local(draft.created_at)} by {draft.agent}" if draft.agent else local(draft.created_at)
    facts = {
        "status": f"{state(draft)}{by}",
        "reason": draft.reason or "",
        "severity": draft.severity if draft.parent.startswith(Kind.SBI) else "",
        "where": draft.place,
        "needs": ", ".join(draft.needs),
        "labels": ", ".join(draft.labels),
        "paths": ", ".join(draft.paths),
        "estimate": f"{draft.estimate_hours:g} h" if draft.estimate_hours is not None else "",
        "review": "none (only_implement)" if draft.only_implement else "",
        "found": brought + (f", turn {draft.turn}" if draft.turn else ""),
        "edited": "by a person" if draft.edited else "",
        "instead of": f"{earlier.id}  {earlier.title}" if earlier is not None else "",
    }
    output.say(f"{output.paint(draft.id, 'bold', session.style)}  {clean(draft.title)}")
    output.say()
    for name, value in facts.items():
        if value:
            output.say(f"{name:11} {clean(value)}")
    output.say()
    output.say(clean(draft.spec, lines=True).rstrip())
    if earlier is not None:
        output.say()
        say_difference(session, earlier, draft)


def say_difference(session: Session, earlier: Draft, draft: Draft) -> None:
    """Title and text of both as a unified diff."""
    lines = difference(earlier, draft)
    if not lines:
        output.say(f"Title and text are those of {earlier.id}.")
    for line in lines:
        colour = None if line.startswith(("---", "+++")) else DIFF_COLOURS.get(line[:1])
        output.say(output.paint(clean(line), colour, session.style))


def say_decided(done: Sequence[Decided], *, titles: bool) -> None:
    """What became of each; `titles` where they were not named one by one."""
    for one in done:
        output.say(str(decided(one)) + (f"  {clean(one.draft.title)}" if titles or one.why else ""))


def decided_json(one: Decided) -> dict[str, Any]:
    """A draft, and what a command made of it."""
    return {
        **shapes.draft(one.draft),
        "fresh": one.fresh,
        "waits_for": list(one.waits_for),
        "without": list(one.without),
        "held": one.held,
        "why": one.why or None,
    }
