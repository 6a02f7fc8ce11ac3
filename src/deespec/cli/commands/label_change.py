"""`label update|rename|delete|attach|detach`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from deespec.backlog.labels import Carriers, attach, change_label, delete_label, detach, rename_label
from deespec.cli import options, output
from deespec.cli.commands.draft_ids import is_draft
from deespec.cli.commands.label_look import shape
from deespec.cli.commands.label_register import copy, fields, said, taken_in
from deespec.errors import NotFound, UsageError
from deespec.labels import Label, checked_name, own_text, read_label
from deespec.records import fields as fields_of
from deespec.records import replace
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.cli.session import Session

CLEARABLE = ("description", "priority", "parent", "templates", "text")


@click.command(name="update")
@click.argument("name")
@fields
@click.option("--add-template", "add", multiple=True, metavar="FILE", help="One more.")
@click.option("--remove-template", "gone", multiple=True, metavar="FILE", help="One less; the file stays.")
@click.option("--clear", multiple=True, type=click.Choice(CLEARABLE), help="Forget this.")
@copy
@options.yes
@options.as_json
@options.session
def label_update(
    session: Session,
    /,
    name: str,
    *,
    add: tuple[str, ...],
    gone: tuple[str, ...],
    clear: tuple[str, ...],
    copy: bool,
    yes: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Change what a label is and says. It counts from the next turn on."""
    if not (add or gone or clear) and all(value is None or value is False for value in given.values()):
        raise UsageError("There is nothing to change.", hint="deespec label update --help")
    app = session.app_for_writing()
    blank = Label(name=read_label(app.settings.home, name).name)
    words = said(session, blank.name, **given)  # standard input is read once, and not while the backlog is locked
    new = taken_in(session, add, copy=copy or yes, dry_run=False)

    def change(label: Label) -> Label:
        label = replace(label, **{**{one: getattr(blank, one) for one in clear}, **words})
        if "text" in words:
            own_text(label)
        kept = _without(label, gone)
        return replace(label, templates=tuple(dict.fromkeys((*kept, *new))))

    before, after = change_label(app.store, app.settings.home, name, change)
    found = [one for one in fields_of(Label) if getattr(before, one) != getattr(after, one)]
    if as_json:
        output.emit(**shape(app, after), text=after.text, changed=found)
    elif found:
        output.say(f"✓ label {after.name} changed: {', '.join(found)}")
    else:
        output.say(f"label {after.name} is like that already; nothing was changed.")
    return 0


@click.command(name="rename")
@click.argument("old")
@click.argument("new")
@options.as_json
@options.session
def label_rename(session: Session, old: str, new: str, as_json: bool) -> int:
    """Give a label another name, in all items, drafts and labels that name it.

    If it is cut off, `label check` says so, and the same command completes it.
    """
    app = session.app_for_writing()
    ids = rename_label(app.store, app.settings.home, old, new, actor=app.person)
    if as_json:
        drafts = sum(map(is_draft, ids))
        output.emit(old=checked_name(old), new=checked_name(new), items=len(ids) - drafts, drafts=drafts)
    else:
        output.say(f"✓ label {clean(old)} is {clean(new)} now, in {_count(ids)}")
    return 0


@click.command(name="delete")
@click.argument("name")
@click.option("--detach", "take", is_flag=True, help="Take it away from all that carry it.")
@click.option("--force", is_flag=True, help="Leave it with those that carry it; it brings them nothing then.")
@options.yes
@options.dry_run
@options.as_json
@options.session
def label_delete(
    session: Session, name: str, *, take: bool, force: bool, yes: bool, dry_run: bool, as_json: bool
) -> int:
    """Delete a label and its file. Templates stay, but for copies that no other label has."""
    if take and force:
        raise UsageError("--detach and --force exclude each other.")
    how = Carriers.DETACH if take else Carriers.KEEP if force else Carriers.REFUSE
    app = session.app_for_writing()
    home, root = app.settings.home, app.settings.root
    found = delete_label(app.store, home, root, name, actor=app.person, carriers=how, dry_run=True)
    if not dry_run:
        session.confirm(f"{found.label}: delete it and its file for good?", yes=yes)
        found = delete_label(app.store, home, root, name, actor=app.person, carriers=how)
    if as_json:
        output.emit(
            dry_run=dry_run,
            name=found.label,
            carriers=list(found.carriers),
            children=list(found.children),
            copies=list(found.copies),
        )
        return 0
    output.say(f"would delete label {found.label}" if dry_run else f"✓ label {found.label} deleted")
    if found.carriers:
        does = "is taken away from" if take else "stays with"
        output.say(f"  it {does} {_count(found.carriers)}")
    if found.children:
        keeps = "has it as its parent still" if force else "has no parent then"
        for child in found.children:
            output.say(f"  label {clean(child)} {keeps}")
    for copy_gone in found.copies:
        output.say(f"  its copy {clean(copy_gone)} is deleted, too")
    return 0


@click.command(name="attach")
@click.argument("label")
@options.ids
@options.as_json
@options.session
def label_attach(session: Session, label: str, ids: Sequence[str], as_json: bool) -> int:
    """Give items a label: SBIs, PBIs or EPICs, all or none."""
    app = session.app_for_writing()
    every = [session.item_id(one, None) for one in ids]
    done = attach(app.store, app.settings.home, label, every, actor=app.person)
    return _show(label, every, done, "carries", as_json=as_json)


@click.command(name="detach")
@click.argument("label")
@options.ids
@options.as_json
@options.session
def label_detach(session: Session, label: str, ids: Sequence[str], as_json: bool) -> int:
    """Take a label away from items: SBIs, PBIs or EPICs, all or none. It need not be registered."""
    app = session.app_for_writing()
    every = [session.item_id(one, None) for one in ids]
    done = detach(app.store, app.settings.home, label, every, actor=app.person)
    return _show(label, every, done, "does not carry", as_json=as_json)


# --- below ----------------------------------------------------------------------------------------------------------


def _without(label: Label, gone: tuple[str, ...]) -> tuple[str, ...]:
    """By the path as the label has it, or as it is from here."""
    kept = list(label.templates)
    for one in gone:
        found = next((known for known in kept if os.path.normpath(one) == known), None)
        if found is None:
            raise NotFound(f"{label.name} has no template {one}.", hint=f"It has: {', '.join(kept) or 'none'}")
        kept.remove(found)
    return tuple(kept)


def _show(label: str, every: Sequence[str], done: Sequence[str], now: str, *, as_json: bool) -> int:
    if as_json:
        output.emit(label=checked_name(label), items=[{"id": one, "changed": one in done} for one in every])
        return 0
    for one in every:
        told = f"{one} {now} {clean(label)}"
        output.say(f"✓ {told} now" if one in done else f"{told} anyway; nothing was changed.")
    return 0


def _count(ids: Sequence[str]) -> str:
    drafts = sum(map(is_draft, ids))
    items = len(ids) - drafts
    told = [f"{items} item{'' if items == 1 else 's'}"] if items or not drafts else []
    return " and ".join((*told, *([f"{drafts} draft{'' if drafts == 1 else 's'}"] if drafts else [])))
