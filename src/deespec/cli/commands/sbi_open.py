"""`sbi open`: the folder in which an item is worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.board.places import place_of
from deespec.cli import editor, options, output
from deespec.errors import NotPossible

if TYPE_CHECKING:
    from deespec.board.places import ItemPlace
    from deespec.cli.session import Session
    from deespec.model.items import Sbi
    from deespec.model.work import Merge, Work


@click.command(name="open")
@options.one_id
@click.option("--edit", is_flag=True, help="Open it with $VISUAL or $EDITOR.")
@options.as_json
@options.session
def sbi_open(session: Session, *, item_id: str, edit: bool, as_json: bool) -> int:
    """Print the folder of an item's worktree: cd "$(deespec sbi open SBI-3)"."""
    app = session.app
    number = session.number(item_id)
    with app.store.read() as tx:
        sbi, line, merges = tx.sbi(number), tx.line(number), tx.merges(number)
        work = tx.work(number)
    place = place_of(app, work, uid=sbi.uid)
    if place.folder is None:
        raise _gone(sbi, work, place, merges)
    if as_json:
        output.emit(id=sbi.id, folder=str(place.folder), branch=place.branch)
    elif not edit:
        output.say(str(place.folder))
    if edit:
        if line.lease_token is not None and not session.quiet:
            output.tell(f"{sbi.id} is being worked on by {line.lease_agent}: what you change there becomes its work.")
        app.close()
        editor.open_folder(session, place.folder)
    return 0


def _gone(sbi: Sbi, work: Work, place: ItemPlace, merges: list[Merge]) -> NotPossible:
    """Where its work is, if not in a folder."""
    if merges and merges[-1].kind == "merge":
        commit = merges[-1].new[:12]
        text = f"{sbi.id} is merged into {merges[-1].target} as {commit}; its worktree is gone."
        return NotPossible(text, hint=f"deespec sbi diff {sbi.id}, or: git show {commit}")
    if place.branch is not None:
        text = f"{sbi.id} has no worktree any more; its work is on {place.branch}."
        return NotPossible(text, hint=f"git worktree add ../{place.name} {place.branch}")
    if work.start is not None:
        kept = f"refs/deespec/{place.name}"
        text = f"{sbi.id} is {sbi.status} and has no worktree any more; what it had is kept below {kept}."
        return NotPossible(text, hint=f"git log --all --grep {sbi.uid}")
    text = f"{sbi.id} has no worktree yet: it gets one when a worker takes it."
    return NotPossible(text, hint=f"deespec why {sbi.id}")
