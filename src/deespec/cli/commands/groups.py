"""`pbi list|show`, `epic list|show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.cli import options, output, shapes
from deespec.clock import iso, local
from deespec.errors import NotFound
from deespec.model.items import Kind, Sbi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.cli.session import Session
    from deespec.model.items import Epic, Pbi


@click.command(name="list")
@options.as_json
@options.session
def pbi_list(session: Session, as_json: bool) -> int:
    """List PBIs with their status and the progress of what is below them."""
    with session.app.store.read() as tx:
        found = [(one, tx.child_counts(one.id)) for one in tx.pbis()]
        archived = tx.archived_count(Kind.PBI)
    return _list(session, found, Kind.PBI, archived=archived, as_json=as_json)


@click.command(name="list")
@options.as_json
@options.session
def epic_list(session: Session, as_json: bool) -> int:
    """List EPICs with their status and the progress of what is below them."""
    with session.app.store.read() as tx:
        found = [(one, tx.child_counts(one.id)) for one in tx.epics()]
        archived = tx.archived_count(Kind.EPIC)
    return _list(session, found, Kind.EPIC, archived=archived, as_json=as_json)


@click.command(name="show")
@options.one_id
@options.as_json
@options.session
def pbi_show(session: Session, item_id: str, as_json: bool) -> int:
    """Show one PBI with its children."""
    return _show(session, session.item_id(item_id, Kind.PBI), as_json=as_json)


@click.command(name="show")
@options.one_id
@options.as_json
@options.session
def epic_show(session: Session, item_id: str, as_json: bool) -> int:
    """Show one EPIC with its children."""
    return _show(session, session.item_id(item_id, Kind.EPIC), as_json=as_json)


def _list(
    session: Session,
    found: Sequence[tuple[Pbi | Epic, dict[str, int]]],
    kind: Kind,
    *,
    archived: int,
    as_json: bool,
) -> int:
    if as_json:
        output.emit(items=[shapes.group(one, counts) for one, counts in found], total=len(found))
        return 0
    rows = [(one.id, one.status, _progress(counts), one.priority, one.title) for one, counts in found]
    head = ("ID", "STATUS", "DONE", "PRIORITY", "TITLE")
    for text in output.table(head, rows, session.style, colour=output.status_colour):
        output.say(text)
    if archived:
        output.say(f"… and {archived} archived (deespec archive list)")
    elif not found:
        output.say(f'Nothing here → deespec register {kind.lower()} --title "…"')
    return 0


def _show(session: Session, item_id: str, *, as_json: bool) -> int:
    with session.app.store.read() as tx:
        one = tx.item(item_id)
        if isinstance(one, Sbi):
            raise NotFound(f"{item_id} is an SBI.", hint=f"deespec sbi show {item_id}")
        counts = tx.child_counts(item_id)
        children = [(tx.item(child), tx.archived_at(child)) for child in tx.children(item_id)]
        archived_at = tx.archived_at(item_id)
    if as_json:
        below = [
            {"id": child.id, "title": child.title, "status": child.status, "archived_at": iso(at)}
            for child, at in children
        ]
        output.emit(**shapes.group(one, counts), archived_at=iso(archived_at), spec=one.spec, children=below)
        return 0
    output.say(f"{one.id}  {output.clean(one.title)}")
    output.say("")
    output.say(f"status      {one.status} ({_progress(counts)} done)")
    output.say(f"priority    {one.priority}")
    output.say(f"registered  {local(one.registered_at)} by {output.clean(one.owner)}")
    if archived_at is not None:
        output.say(f"archived    {local(archived_at)}")
    output.say("")
    output.say(output.clean(one.spec, lines=True).rstrip())
    if children:
        output.say("")
    rows = [(child.id, f"{child.status} archived" if at else child.status, child.title) for child, at in children]
    for text in output.table(("ID", "STATUS", "TITLE"), rows, session.style, colour=output.status_colour):
        output.say(text)
    return 0


def _progress(counts: dict[str, int]) -> str:
    counted = {status: count for status, count in counts.items() if status != "CANCELLED"}
    return f"{counted.get('DONE', 0)} of {sum(counted.values())}"
