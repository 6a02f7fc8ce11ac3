"""`drafts`, `approve`, `reject`, `edit`: what agents suggest as new items, and people decide."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import click

from deespec.backlog import drafts as deciding
from deespec.cli import editor, options, output, shapes, views
from deespec.cli.commands.sbi_edit import kept
from deespec.clock import local
from deespec.errors import InvalidInput, UsageError
from deespec.model.asking import DraftStatus
from deespec.model.items import Kind
from deespec.model.spec import NewItem, parse_spec, render
from deespec.workspace.branches import commit_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.cli.session import Session
    from deespec.model.asking import Draft

NUMBER_DIGITS = 9
HINT = "Drafts are called as in SBI-12/1: deespec drafts"


@click.command(name="drafts")
@click.argument("item_id", required=False, metavar="[ID]")
@click.option("--all", "everything", is_flag=True, help="Decided ones, too.")
@options.as_json
@options.session
def drafts(session: Session, item_id: str | None, everything: bool, as_json: bool) -> int:
    """List drafts that wait for a decision: of one item, of all, or one draft in full."""
    if item_id is not None and _is_draft(item_id):
        return _show(session, item_id, as_json=as_json)
    parent = session.item_id(item_id, None) if item_id else None
    with session.app.store.read() as tx:
        if parent is not None:
            tx.item(parent)  # raises NotFound
        known = tx.drafts(parent, decided=True)
    shown = [one for one in known if everything or one.status is DraftStatus.OPEN]
    if as_json:
        output.emit(items=[shapes.draft(one) for one in shown])
        return 0
    rows = [(one.id, _state(one), one.severity, one.place, one.title) for one in shown]
    for text in output.table(("ID", "STATUS", "SEVERITY", "WHERE", "TITLE"), rows, session.style, elastic=3):
        output.say(text)
    if not shown:
        output.say("No draft waits for a decision.")
    if len(known) > len(shown):
        output.say(f"… and {len(known) - len(shown)} decided (--all)")
    return 0


@click.command(name="approve")
@options.ids
@click.option("--hold", is_flag=True, help="Registered, but not taken until unheld.")
@options.as_json
@options.session
def approve(session: Session, ids: Sequence[str], hold: bool, as_json: bool) -> int:
    """Register drafts as SBIs, beside the items they come from: same parent, same labels."""
    app = session.app_for_writing()
    wanted = _ids(session, ids)
    base = commit_of(app.settings.root, app.settings.base) if app.settings.workspace_mode == "worktree" else None
    uids = [app.clock.uid() for _ in wanted]
    done = deciding.approve(app.store, wanted, uids=uids, owner=app.person, hold=hold, base=base)
    if as_json:
        output.emit(items=[{**shapes.draft(one.draft), "fresh": one.fresh} for one in done])
        return 0
    for one in done:
        if one.fresh:
            output.say(f"✓ {one.draft.id} registered as {one.draft.registered}{', held' if hold else ''}")
        else:
            output.say(f"{one.draft.id} is registered already as {one.draft.registered}.")
    return 0


@click.command(name="reject")
@options.ids
@click.option("--reason", "-m", required=True, help="Why; it is kept with the draft.")
@options.as_json
@options.session
def reject(session: Session, ids: Sequence[str], reason: str, as_json: bool) -> int:
    """Reject drafts. They are kept with the reason, and are not suggested again."""
    if not reason.strip():
        raise UsageError("The reason is empty.")
    app = session.app_for_writing()
    done = deciding.reject(app.store, _ids(session, ids), reason=reason.strip(), owner=app.person)
    if as_json:
        output.emit(items=[shapes.draft(one) for one in done])
        return 0
    for one in done:
        output.say(f"✓ {one.id} rejected")
    return 0


@click.command(name="edit")
@options.one_id
@click.option("-f", "--file", metavar="FILE", help="The new text, from a file instead of an editor.")
@options.as_json
@options.session
def edit(session: Session, item_id: str, file: str | None, as_json: bool) -> int:
    """Edit a draft's title and text in VISUAL or EDITOR, before it is approved."""
    app = session.app_for_writing()
    if not _is_draft(item_id) and session.item_id(item_id, None).startswith(Kind.SBI):
        raise UsageError("This is for drafts.", hint=f"deespec sbi edit {session.item_id(item_id, None)}")
    parent, number = _id(session, item_id)
    with app.store.read() as tx:
        seen = tx.draft(parent, number)
    deciding.refuse_decided(seen)
    if file is not None:
        return _rewritten(session, seen, views.read_text(file), place=file, as_json=as_json)
    words = render(NewItem(kind=Kind.SBI, title=seen.title, spec=seen.spec))
    text = editor.edit(session, words, instead=f"deespec edit {seen.id} -f FILE")
    if text is None:
        return _rewritten(session, seen, None, place="", as_json=as_json)
    with kept(session, seen.id, text, then=f"deespec edit {seen.id} -f") as path:
        return _rewritten(session, seen, text, place=str(path), as_json=as_json)


# --- below ----------------------------------------------------------------------------------------------------------


def _rewritten(session: Session, seen: Draft, text: str | None, *, place: str, as_json: bool) -> int:
    now = seen if text is None else _written(session, seen, parse_spec(text, kind=Kind.SBI, file=place), place)
    changed = [name for name in ("title", "spec") if getattr(now, name) != getattr(seen, name)]
    if as_json:
        output.emit(**shapes.draft(now), changed=changed)
    elif changed:
        output.say(f"✓ {now.id} changed: {', '.join(changed)}")
    else:
        output.say(f"{now.id} is like that already; nothing was changed.")
    return 0


def _written(session: Session, seen: Draft, new: NewItem, place: str) -> Draft:
    if new != NewItem(kind=Kind.SBI, title=new.title, spec=new.spec):
        raise InvalidInput(
            f"{place}: a draft has a title and a text, and no other fields.",
            hint="Approve it, and then: deespec sbi update",
        )
    if (new.title, new.spec) == (seen.title, seen.spec):
        return seen
    app = session.app
    return deciding.rewrite(app.store, seen, title=new.title, spec=new.spec, owner=app.person)


def _show(session: Session, text: str, *, as_json: bool) -> int:
    parent, number = _id(session, text)
    with session.app.store.read() as tx:
        draft = tx.draft(parent, number)
    if as_json:
        output.emit(**shapes.draft(draft))
        return 0
    by = f", by {draft.decided_by} at {local(draft.decided_at)}" if draft.decided_at else ""
    facts = {
        "status": f"{_state(draft)}{by}",
        "reason": draft.reason or "",
        "severity": draft.severity,
        "where": draft.place,
        "found": f"{local(draft.created_at)} by {draft.agent}" + (f", turn {draft.turn}" if draft.turn else ""),
    }
    output.say(f"{output.paint(draft.id, 'bold', session.style)}  {output.clean(draft.title)}")
    output.say()
    for name, value in facts.items():
        if value:
            output.say(f"{name:11} {output.clean(value)}")
    output.say()
    output.say(output.clean(draft.spec, lines=True).rstrip())
    if draft.status is DraftStatus.OPEN:
        output.say()
        output.say(f'→ deespec approve {draft.id}, or deespec reject {draft.id} --reason "…"')
    return 0


def _state(draft: Draft) -> str:
    return f"{draft.status} as {draft.registered}" if draft.registered else draft.status


def _is_draft(text: str) -> bool:
    return "/" in unicodedata.normalize("NFKC", text)


def _ids(session: Session, texts: Sequence[str]) -> list[deciding.DraftId]:
    """Each once, in order."""
    return list(dict.fromkeys(_id(session, one) for one in texts))


def _id(session: Session, text: str) -> deciding.DraftId:
    """(`SBI-12`, 1) from any case and width."""
    item, _, number = unicodedata.normalize("NFKC", text).strip().rpartition("/")
    if not item or not (number.isascii() and number.isdigit() and len(number) <= NUMBER_DIGITS):
        raise InvalidInput(f'"{text}" is no draft.', hint=HINT)
    return session.item_id(item, None), int(number)
