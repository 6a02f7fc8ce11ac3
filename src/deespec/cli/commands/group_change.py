"""`pbi update|edit`, `epic update|edit`: their fields and text; `pbi move`, `sbi move`: what they are below."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import click

from deespec.backlog import groups
from deespec.cli import options, output
from deespec.cli.commands.sbi_edit import edit_item
from deespec.cli.commands.sbi_update import changes_of, update
from deespec.errors import InvalidInput
from deespec.model.items import Epic, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.cli.session import Session
    from deespec.store.items import Item

NOWHERE = "none"


@click.command(name="update")
@options.one_id
@options.pbi_fields
@changes_of(Kind.PBI)
@options.session
def pbi_update(session: Session, /, **given: Any) -> int:
    """Change fields of a PBI. Its status follows from its SBIs and cannot be set.

    The text and labels count from the next turn of its decomposition on. SBIs that are there keep their own text and
    priority. With --auto it is decomposed by `run`, if it never was. With -f the PBI becomes what registering the file
    would make of it; other options count on top.
    """
    return update(session, Kind.PBI, **given)


@click.command(name="update")
@options.one_id
@options.group_fields
@changes_of(Kind.EPIC)
@options.session
def epic_update(session: Session, /, **given: Any) -> int:
    """Change fields of an EPIC. Its status follows from what is below it and cannot be set.

    PBIs and SBIs below keep their own priority. With -f the EPIC becomes what registering the file would make of it;
    other options count on top.
    """
    return update(session, Kind.EPIC, **given)


@click.command(name="edit")
@options.one_id
@options.as_json
@options.session
def pbi_edit(session: Session, item_id: str, as_json: bool) -> int:
    """Edit the text with its fields in VISUAL or EDITOR. Only what you change is changed."""
    return edit_item(session, Kind.PBI, item_id, as_json=as_json)


@click.command(name="edit")
@options.one_id
@options.as_json
@options.session
def epic_edit(session: Session, item_id: str, as_json: bool) -> int:
    """Edit the text with its fields in VISUAL or EDITOR. Only what you change is changed."""
    return edit_item(session, Kind.EPIC, item_id, as_json=as_json)


@click.command(name="move")
@options.ids
@click.option("--to", required=True, metavar="EPIC-N|none", help="The EPIC they are to be below; or none.")
@options.as_json
@options.session
def pbi_move(session: Session, ids: Sequence[str], to: str, as_json: bool) -> int:
    """Put PBIs below another EPIC, or below none. All of them or none; below one that is held they are held, too."""
    return _move(session, Kind.PBI, ids, to, as_json=as_json)


@click.command(name="move")
@options.ids
@click.option("--to", required=True, metavar="PBI-N|EPIC-N|none", help="What they are to be below; or none.")
@options.as_json
@options.session
def sbi_move(session: Session, ids: Sequence[str], to: str, as_json: bool) -> int:
    """Put SBIs below another PBI or EPIC, or below none, finished ones too.

    All of them or none; below one that is held they are held, too.
    """
    return _move(session, Kind.SBI, ids, to, as_json=as_json)


# --- below ----------------------------------------------------------------------------------------------------------


def _move(session: Session, kind: Kind, ids: Sequence[str], to: str, *, as_json: bool) -> int:
    app = session.app_for_writing()
    items = list(dict.fromkeys(session.item_id(one, kind) for one in ids))
    done = groups.move(app.store, items, to=_target(session, kind, to), actor=app.person)
    if as_json:
        moved = [{"id": now.id, "from": _parent(before), "to": _parent(now), "held": now.held} for before, now in done]
        output.emit(items=moved)
        return 0
    for before, now in done:
        if _parent(before) == _parent(now):
            output.say(f"{now.id} is {_place(now)} already; nothing was changed.")
        else:
            held = ", held with it" if now.held and not before.held else ""
            output.say(f"✓ {now.id} is {_place(now)} now{held}")
    return 0


def _target(session: Session, kind: Kind, to: str) -> str | None:
    """What `--to` names: for PBIs a bare number is an EPIC's, for SBIs a PBI's."""
    plain = unicodedata.normalize("NFKC", to).strip()
    if plain.casefold() == NOWHERE:
        return None
    if not plain:
        raise InvalidInput("--to takes an ID, or none.")
    bare = plain.isascii() and plain.isdigit()
    return session.item_id(plain, (Kind.PBI if kind is Kind.SBI else Kind.EPIC) if bare else None)


def _parent(item: Item) -> str | None:
    return None if isinstance(item, Epic) else item.parent


def _place(item: Item) -> str:
    parent = _parent(item)
    return f"below {parent}" if parent else "below nothing"
