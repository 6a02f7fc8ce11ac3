"""How drafts and what became of them look: lists, one in full, one against the earlier one."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from deespec.cli import output, shapes
from deespec.clock import local
from deespec.model.asking import DraftStatus
from deespec.model.items import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.backlog.drafts import Decided
    from deespec.cli.session import Session
    from deespec.model.asking import Draft

DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def state(draft: Draft) -> str:
    """`approved as SBI-9`."""
    return f"{draft.status} as {draft.registered}" if draft.registered else draft.status


def decision(draft: Draft) -> str:
    """Who has decided, when and why; empty: nobody has."""
    if draft.decided_at is None:
        return ""
    why = f": {draft.reason}" if draft.reason else ""
    what = "approved, and waits," if draft.status is DraftStatus.WAITING else state(draft)
    return f"{what} by {draft.decided_by} at {local(draft.decided_at)}{why}"


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
    output.say(f"{output.paint(draft.id, 'bold', session.style)}  {output.clean(draft.title)}")
    output.say()
    for name, value in facts.items():
        if value:
            output.say(f"{name:11} {output.clean(value)}")
    output.say()
    output.say(output.clean(draft.spec, lines=True).rstrip())
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
        output.say(output.paint(output.clean(line), colour, session.style))


def difference(earlier: Draft, draft: Draft) -> list[str]:
    """The lines of a unified diff; none: they say the same."""
    old, new = ([one.title, "", *one.spec.splitlines()] for one in (earlier, draft))
    return list(difflib.unified_diff(old, new, fromfile=earlier.id, tofile=draft.id, lineterm=""))


def say_decided(done: Sequence[Decided], *, titles: bool) -> None:
    """What became of each; `titles` where they were not named one by one."""
    for one in done:
        output.say(_decided_line(one) + (f"  {output.clean(one.draft.title)}" if titles or one.why else ""))


def _decided_line(one: Decided) -> str:
    draft = one.draft
    match draft.status:
        case DraftStatus.APPROVED if not one.fresh:
            return f"{draft.id} is registered already as {draft.registered}."
        case DraftStatus.APPROVED:
            held = ", held" if one.held else ""
            without = f", without {', '.join(one.without)}" if one.without else ""
            why = f" ({one.why})" if one.why else ""
            return f"✓ {draft.id} registered as {draft.registered}{held}{without}{why}"
        case DraftStatus.WAITING if one.waits_for:
            ids = one.waits_for
            both = f"with what it needs: deespec approve {draft.id} --with-needs"
            return f"{draft.id} waits for {', '.join(ids)}: deespec approve {' '.join(ids)}; {both}"
        case DraftStatus.OPEN if one.why:
            return f"{draft.id} is open again: {output.clean(one.why)}"
        case DraftStatus.REJECTED:
            return f"✓ {draft.id} rejected"
        case _:
            return f"✓ {draft.id} changed"


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
