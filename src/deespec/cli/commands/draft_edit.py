"""`edit`: a draft in a person's editor, its title, text and fields, before it is approved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.backlog import drafts as deciding
from deespec.cli import editor, options, output, views
from deespec.cli.commands.draft_ids import decider, draft_id, is_draft
from deespec.cli.commands.draft_views import decided_json, say_decided
from deespec.cli.commands.sbi_edit import kept
from deespec.errors import InvalidInput, UsageError
from deespec.model.draft_file import changed_by, has_front_matter, parse_draft, render_draft
from deespec.model.items import Kind
from deespec.records import replace

if TYPE_CHECKING:
    from deespec.backlog.drafts import Decided
    from deespec.cli.session import Session
    from deespec.model.asking import Draft


@click.command(name="edit")
@options.one_id
@click.option("-f", "--file", metavar="FILE", help="The new text, from a file instead of an editor.")
@options.as_json
@options.session
def edit(session: Session, item_id: str, file: str | None, as_json: bool) -> int:
    """Edit a draft in VISUAL or EDITOR, before it is approved: its title, text, labels, paths and needs."""
    session.app_for_writing()
    _refuse_item(session, item_id)
    seen = seen_draft(session, item_id)
    done = edited(session, seen) if file is None else _rewritten(session, seen, views.read_text(file), place=file)
    changed = [name for name in deciding.EDITABLE if getattr(done[0].draft, name) != getattr(seen, name)]
    if as_json:
        output.emit(**decided_json(done[0]), changed=changed, followed=[decided_json(one) for one in done[1:]])
        return 0
    if not changed:
        output.say(f"{seen.id} is like that already; nothing was changed.")
        return 0
    output.say(f"✓ {seen.id} changed: {', '.join(changed)}")
    say_decided([one for one in done if one.why], titles=False)
    return 0


def seen_draft(session: Session, item_id: str) -> Draft:
    """The draft as it is now. Raises NotFound, and NotPossible if it was decided."""
    with session.app.store.read() as tx:
        seen = tx.draft(*draft_id(session, item_id))
    deciding.refuse_decided(seen)
    return seen


def edited(session: Session, seen: Draft) -> list[Decided]:
    """What became of a draft in the editor; what was written there is never lost."""
    text = editor.edit(session, render_draft(seen), instead=f"deespec edit {seen.id} -f FILE")
    if text is None:
        return [deciding.Decided(draft=seen, fresh=False)]
    with kept(session, seen.id, text, then=f"deespec edit {seen.id} -f") as path:
        if not has_front_matter(text):
            why = f"{path}:1: the line --- that it began with is gone, so what was a field would be text."
            raise InvalidInput(why, hint="Put --- above the fields again")
        return _rewritten(session, seen, text, place=str(path))


def _rewritten(session: Session, seen: Draft, text: str, *, place: str) -> list[Decided]:
    written = parse_draft(text, place)
    if written.decision is not None or written.reason is not None:
        raise InvalidInput(f"{place}: this changes a draft; it decides nothing.", hint=f"deespec approve {seen.id}")
    if written.id not in (None, seen.id):
        raise InvalidInput(f"{place} is {written.id}, not {seen.id}.", hint=f"deespec edit {written.id} -f FILE")
    changed = changed_by(seen, written)
    if not has_front_matter(text):  # words alone say nothing of the fields
        changed = replace(seen, title=changed.title, spec=changed.spec)
    if changed == seen:
        return [deciding.Decided(draft=seen, fresh=False)]
    return deciding.rewrite(session.app.store, seen, changed, decider(session))


def _refuse_item(session: Session, item_id: str) -> None:
    if is_draft(item_id):
        return
    item = session.item_id(item_id, None)
    kind = item.partition("-")[0]
    if kind in (Kind.SBI, Kind.PBI, Kind.EPIC):
        raise UsageError("This is for drafts.", hint=f"deespec {kind.lower()} edit {item}")
