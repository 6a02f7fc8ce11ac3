"""`label list|show|templates|check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deespec.board.health.findings import Level
from deespec.board.health.labels import check_labels
from deespec.cli import options, output
from deespec.errors import InvalidInput
from deespec.labels import FOLDER, find, names_in, read_label, read_template, shelf_of
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.app import App
    from deespec.cli.session import Session
    from deespec.labels import Label

PREVIEW_LINES = 40
MARKS = {Level.BROKEN: ("✗", "red"), Level.WARNING: ("!", "yellow")}


@click.command(name="list")
@options.as_json
@options.session
def label_list(session: Session, as_json: bool) -> int:
    """List labels: priority, parent, templates, and how many items and drafts carry them."""
    app = session.app
    shelf, carried = shelf_of(app.settings.home), carriers(app)
    if as_json:
        unreadable = [{"file": file, "error": fault.message} for file, fault in shelf.faults.items()]
        labels = [{**shape(app, one), "carriers": carried.get(one.name, 0)} for one in shelf.labels.values()]
        output.emit(labels=labels, unreadable=unreadable)
        return 0
    rows = [
        (
            one.name,
            str(one.priority),
            one.parent or "",
            str(len(one.templates)),
            str(carried.get(one.name, 0)),
            said(one),
        )
        for one in sorted(shelf.labels.values(), key=lambda one: (-one.priority, one.name))
    ]
    head = ("LABEL", "PRIORITY", "PARENT", "TEMPLATES", "CARRIED BY", "DESCRIPTION")
    for text in output.table(head, rows, session.style):
        output.say(text)
    for fault in shelf.faults.values():
        output.tell(f"✗ {clean(fault.message)}")
    if not shelf.labels and not shelf.faults:
        output.say("No labels → deespec label register NAME")
    return 0


@click.command(name="show")
@click.argument("name")
@options.as_json
@options.session
def label_show(session: Session, name: str, as_json: bool) -> int:
    """Show one label: what it is, what it brings along, who carries it, and its own text."""
    app = session.app
    label = read_label(app.settings.home, name)
    known = names_in(app.settings.home)
    with app.store.read() as tx:
        ids = [one.id for one in tx.labelled() if any(find(known, spelt) == label.name for spelt in one.labels)]
    if as_json:
        output.emit(**shape(app, label), text=label.text, carriers=ids)
        return 0
    output.say(clean(label.name))
    facts = {
        "description": label.description,
        "priority": str(label.priority),
        "parent": label.parent or "",
        "templates": ", ".join(label.templates),
        "carried by": _some(ids),
        "file": shape(app, label)["file"],
    }
    for key, value in facts.items():
        if value:
            output.say(f"{key:12} {clean(value)}")
    if label.text:
        output.say("")
        output.say(clean(label.text, lines=True))
    return 0


@click.command(name="templates")
@click.argument("name")
@click.option(
    "--lines", type=click.IntRange(1, options.MANY), default=PREVIEW_LINES, show_default=True, help="Of each text."
)
@options.as_json
@options.session
def label_templates(session: Session, name: str, lines: int, as_json: bool) -> int:
    """Show the texts of a label and of its parents as prompts take them, each with the label it comes from."""
    app = session.app
    found = list(_texts(app, name))
    if as_json:
        output.emit(texts=[{**one, "text": one["text"] and _head(one["text"], lines)} for one in found])
        return 0
    for one in found:
        source = one["template"] or "its own text"
        count = one["text"].count("\n") + 1 if one["text"] else 0
        output.say(f"── {clean(one['label'])}: {clean(source)}{f' ({count} lines)' if count > 1 else ''}")
        if one["error"]:
            output.say(f"✗ {clean(one['error'])}")
        elif one["text"]:
            output.say(clean(_head(one["text"], lines), lines=True))
            if count > lines:
                output.say(f"… and {count - lines} more lines (--lines {count})")
        output.say("")
    if not found:
        output.say(f"{clean(name)} has no text and no templates → deespec label update {clean(name)} -f FILE")
    return 0


@click.command(name="check")
@options.as_json
@options.session
def label_check(session: Session, as_json: bool) -> int:
    """Check labels and their templates, and whether all labels that items carry are registered.

    Exit 1 if a label cannot bring what it should; 0 with warnings.
    """
    app = session.app
    found = check_labels(app)
    if as_json:
        told = [{"level": one.level, "what": one.what, "why": one.why, "fix": one.fix} for one in found]
        output.emit(ok=not found, findings=told)
    for one in [] if as_json else found:
        mark, colour = MARKS[one.level]
        output.say(f"{output.paint(mark, colour, session.style)} {clean(one.what)}")
        output.say(f"  {clean(one.why)}")
        output.say(f"  → {clean(one.fix)}")
    if not found and not as_json:
        count = len(names_in(app.settings.home))
        output.say(f"✓ {count} label{'' if count == 1 else 's'}: all is well")
    return 1 if any(one.level is Level.BROKEN for one in found) else 0


# --- shared with the commands that change labels --------------------------------------------------------------------


def shape(app: App, label: Label) -> dict[str, Any]:
    file = names_in(app.settings.home).get(label.name)
    return {
        "name": label.name,
        "description": label.description,
        "priority": label.priority,
        "parent": label.parent,
        "templates": list(label.templates),
        "file": str(app.settings.home / FOLDER / file) if file else None,
    }


def carriers(app: App) -> dict[str, int]:
    """How many items and drafts carry each label."""
    known, found = names_in(app.settings.home), dict[str, int]()
    with app.store.read() as tx:
        for one in tx.labelled():
            for name in {find(known, label) or label for label in one.labels}:
                found[name] = found.get(name, 0) + 1
    return found


def said(label: Label) -> str:
    return label.description or label.text.partition("\n")[0].lstrip("# ")


# --- below ----------------------------------------------------------------------------------------------------------


def _texts(app: App, name: str) -> Iterator[dict[str, Any]]:
    settings, seen = app.settings, list[str]()
    above: str | None = name
    while above is not None and above not in seen:
        label = read_label(settings.home, above)
        seen += [above, label.name]
        if label.text:
            yield {"label": label.name, "template": None, "text": label.text, "error": None}
        for template in label.templates:
            text, error = None, None
            try:
                text = read_template(settings.home, settings.root, template)
            except InvalidInput as refused:
                error = refused.message
            yield {"label": label.name, "template": template, "text": text, "error": error}
        above = label.parent


def _head(text: str, lines: int) -> str:
    return "\n".join(text.split("\n")[:lines])


def _some(ids: list[str]) -> str:
    more = f" and {len(ids) - 10} more" if len(ids) > 10 else ""
    return f"{', '.join(ids[:10])}{more}"
