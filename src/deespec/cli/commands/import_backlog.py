"""`import backlog`: what `export` has written comes into this backlog."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deespec.backlog.imports.backlog import Imported, bring, missing_templates, rehearse
from deespec.backlog.imports.backlog_read import read_export
from deespec.cli import options, output
from deespec.model.items import Kind, Sbi
from deespec.model.lifecycle import ENDED
from deespec.records import replace
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deespec.backlog.imports.backlog_put import Came
    from deespec.cli.session import Session
    from deespec.store.items import Item

SHOWN = 20
GROUPS_SHOWN = 5


@click.command(name="backlog")
@click.argument("path", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--as-is", is_flag=True, help="Held only if it was held there; else what is open comes in held.")
@options.dry_run
@options.as_json
@options.session
def import_backlog(session: Session, path: Path, as_is: bool, dry_run: bool, as_json: bool) -> int:
    """Bring an exported backlog in: items, needs, drafts, labels, history.

    What is here already stays as it is. In an empty backlog all numbers are kept; elsewhere those that were given
    here are replaced, and what names the item follows.
    """
    app = session.app_for_writing()
    whole = read_export(path)
    act = rehearse if dry_run else bring
    done = act(app.store, app.settings.home, whole, as_is=as_is, actor=app.person)
    done = replace(done, missing=missing_templates(app.settings.home, app.settings.root, whole, done.labels))
    if as_json:
        output.emit(dry_run=dry_run, **_shape(done))
        return 0
    for line in _lines(session, done, dry_run=dry_run):
        output.say(line)
    return 0


def _lines(session: Session, done: Imported, *, dry_run: bool) -> Iterator[str]:
    brought = done.brought
    if not brought.came and not brought.drafts and not done.labels:
        yield f"✓ all {brought.known} items are here already: nothing {'would change' if dry_run else 'changed'}"
        return
    counts = Counter((one.item.id.partition("-")[0], str(one.item.status)) for one in brought.came)
    rows = [(kind, status, str(count)) for (kind, status), count in counts.items()]
    yield from output.table(("KIND", "STATUS", "ITEMS"), rows, session.style, colour=output.status_colour)
    yield f"drafts {brought.drafts} · turns {brought.turns} · history {brought.entries} entries"
    if done.labels:
        yield f"labels: {', '.join(clean(one) for one in done.labels)}"
    yield from _notes(done)
    if brought.known:
        yield f"{brought.known} items are here already and stay as they are"
    if dry_run:
        yield "Nothing was changed."
        return
    yield f"✓ {_counted(len(brought.came), 'item')} imported"
    yield from held_lines(one.item for one in brought.came)


def held_lines(items: Iterable[Item]) -> Iterator[str]:
    """How many SBIs are held and how they start; and which groups, that are freed one by one."""
    held = [one for one in items if one.held and one.status not in ENDED]
    sbis = sum(isinstance(one, Sbi) for one in held)
    if sbis:
        yield f"{_counted(sbis, 'SBI')} held. Start {'it' if sbis == 1 else 'them'}: deespec sbi unhold --all"
    for kind in (Kind.PBI, Kind.EPIC):
        groups = [one.id for one in held if one.id.startswith(kind)]
        if not groups:
            continue
        named = ", ".join(groups[:GROUPS_SHOWN]) + (" …" if len(groups) > GROUPS_SHOWN else "")
        each = "it" if len(groups) == 1 else "each"
        yield f"{_counted(len(groups), kind)} held ({named}). Free {each}: deespec {kind.lower()} unhold {groups[0]}"


def _notes(done: Imported) -> Iterator[str]:
    notes = [f"{one.was} is {one.item.id} here" for one in done.brought.renumbered]
    notes += done.brought.notes
    notes += [f"labels/{file} is here already with other words and was kept" for file in done.kept]
    notes += [f"the label {one.label} brings a template that no prompt can have: {one.why}" for one in done.missing]
    for note in notes[:SHOWN]:
        yield f"  note: {clean(note)}"
    if len(notes) > SHOWN:
        yield f"  … and {len(notes) - SHOWN} more notes (--json shows all)"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _shape(done: Imported) -> dict[str, Any]:
    brought = done.brought
    return {
        "items": _items(brought.came),
        "known": brought.known,
        "renumbered": [{"was": one.was, "id": one.item.id} for one in brought.renumbered],
        "drafts": brought.drafts,
        "turns": brought.turns,
        "history": brought.entries,
        "labels": list(done.labels),
        "labels_kept": list(done.kept),
        "templates_missing": [{"label": one.label, "template": one.template, "why": one.why} for one in done.missing],
        "notes": list(brought.notes),
    }


def _items(came: Sequence[Came]) -> list[dict[str, Any]]:
    return [
        {
            "id": one.item.id,
            "was": one.was,
            "uid": one.item.uid,
            "kind": one.item.id.partition("-")[0],
            "title": one.item.title,
            "status": str(one.item.status),
            "held": one.item.held,
        }
        for one in came
    ]
