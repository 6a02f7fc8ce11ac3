"""`sbi edit`: the item's spec in a person's editor. What was written there is never lost."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from deespec.backlog.edit import refuse_final, refuse_overtaken
from deespec.cli import options
from deespec.cli.commands.sbi_update import change, show, with_ids
from deespec.cli.editor import edit
from deespec.errors import DeespecError
from deespec.model.items import Kind
from deespec.model.spec import differences, draft_of, parse_spec, render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deespec.cli.session import Session
    from deespec.store.items import Item

FOLDER = "edited"


@click.command(name="edit")
@options.one_id
@options.as_json
@options.session
def sbi_edit(session: Session, item_id: str, as_json: bool) -> int:
    """Edit the spec with its fields in VISUAL or EDITOR. Only what you change is changed."""
    return edit_item(session, Kind.SBI, item_id, as_json=as_json)


# --- shared with PBIs and EPICs -------------------------------------------------------------------------------------


def edit_item(session: Session, kind: Kind, item_id: str, *, as_json: bool) -> int:
    """Changes what a person has changed in the editor, unless somebody else has changed just that meanwhile."""
    app = session.app_for_writing()
    item = session.item_id(item_id, kind)
    with app.store.read() as tx:
        seen = tx.item(item)
    refuse_final(seen)
    update = f"deespec {kind.lower()} update {seen.id} -f"
    text = edit(session, render(draft_of(seen)), instead=f"{update} FILE")
    if text is None:
        show(session, seen, seen, as_json=as_json)
        return 0
    with kept(session, seen.id, text, then=update) as path:
        new = with_ids(session, parse_spec(text, kind=kind, file=str(path)))
        changes = differences(draft_of(seen), new)
        before, after = change(session, seen.id, lambda now: _unless_overtaken(seen, now, changes))
    show(session, before, after, as_json=as_json)
    return 0


def _unless_overtaken(seen: Item, now: Item, changes: dict[str, object]) -> dict[str, object]:
    """Raises NotPossible where somebody else has changed the same field while the editor was open."""
    refuse_overtaken(now.id, changes, differences(draft_of(seen), draft_of(now)))
    return changes


# --- shared with others that take words from an editor --------------------------------------------------------------


@contextmanager
def kept(session: Session, item: str, text: str, *, then: str) -> Iterator[Path]:
    """Keeps the text in a file until the block has ended well; an error then tells where it is, and what takes it."""
    import tempfile

    folder = session.app.settings.home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    prefix = f"{item.replace('/', '-')}-"
    with tempfile.NamedTemporaryFile(
        "w", dir=folder, prefix=prefix, suffix=".md", encoding="utf-8", newline="", delete=False
    ) as file:
        file.write(text)
    path = folder / file.name
    try:
        yield path
    except DeespecError as error:
        words = f"your text is kept; mend it, then: {then} {shlex.quote(str(path))}"
        error.hint = f"{error.hint} — {words}" if error.hint else f"{words[0].upper()}{words[1:]}"
        raise
    path.unlink()
