"""`drafts`: what agents suggest as new items, and what was decided about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.board.drafted import state
from deespec.cli import options, output, shapes
from deespec.cli.commands.draft_ids import draft_id, is_draft
from deespec.cli.commands.draft_views import say_one
from deespec.model.asking import UNDECIDED, DraftStatus
from deespec.model.items import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.cli.session import Session
    from deespec.model.asking import Draft


@click.command(name="drafts")
@click.argument("item_id", required=False, metavar="[ID]")
@click.option("--all", "everything", is_flag=True, help="Decided ones, too.")
@options.as_json
@options.session
def drafts(session: Session, item_id: str | None, everything: bool, as_json: bool) -> int:
    """List drafts that wait for a decision: of one item, of all, or one draft in full."""
    if item_id is not None and is_draft(item_id):
        return show_draft(session, item_id, as_json=as_json)
    parent = session.item_id(item_id.removesuffix("/*"), None) if item_id else None
    with session.app.store.read() as tx:
        if parent is not None:
            tx.item(parent)  # raises NotFound
        known = tx.drafts(parent, decided=True)
    shown = [one for one in known if everything or one.status in UNDECIDED]
    if as_json:
        output.emit(items=[shapes.draft(one) for one in shown])
        return 0
    for text in _table(session, shown):
        output.say(text)
    if not shown:
        output.say("No draft waits for a decision.")
    if len(known) > len(shown):
        output.say(f"… and {len(known) - len(shown)} decided (--all)")
    return 0


def _table(session: Session, shown: Sequence[Draft]) -> list[str]:
    """Severity and place are of findings, hours of what a decomposition suggests: only columns that say something."""
    columns: dict[str, list[str]] = {
        "ID": [one.id for one in shown],
        "STATUS": [state(one) for one in shown],
        "SEVERITY": [one.severity if one.parent.startswith(Kind.SBI) else "" for one in shown],
        "WHERE": [one.place for one in shown],
        "HOURS": ["" if one.estimate_hours is None else f"{one.estimate_hours:g}" for one in shown],
        "NEEDS": [", ".join(one.needs) for one in shown],
        "TITLE": [one.title for one in shown],
    }
    known = {name: texts for name, texts in columns.items() if any(texts)}
    elastic = list(known).index("WHERE" if "WHERE" in known else "TITLE") if known else 0
    return output.table(tuple(known), list(zip(*known.values(), strict=True)), session.style, elastic=elastic)


def show_draft(session: Session, text: str, *, as_json: bool) -> int:
    """One draft in full, against the one in whose place it stands."""
    parent, number = draft_id(session, text)
    with session.app.store.read() as tx:
        draft = tx.draft(parent, number)
        earlier = tx.draft(parent, draft.replaces) if draft.replaces is not None else None
    if as_json:
        output.emit(**shapes.draft(draft))
        return 0
    say_one(session, draft, earlier=earlier)
    _say_next(draft)
    return 0


def _say_next(draft: Draft) -> None:
    if draft.status is DraftStatus.OPEN:
        output.say()
        output.say(f'→ deespec approve {draft.id}, or deespec reject {draft.id} --reason "…"')
    elif draft.status is DraftStatus.REJECTED:
        output.say()
        output.say(f"→ deespec approve --again {draft.id} takes that back")
