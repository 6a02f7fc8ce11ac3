"""What the target has and the database does not know of, as after a restore: such items are not done a second time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.model.ids import number_in
from deespec.model.lifecycle import Status
from deespec.records import record
from deespec.workspace.messages import merge_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.app import App

UNDO = "Undo "
"""How the subject of a commit begins that takes an item back (engine/undoing.py); others begin with the item's id."""


@record
class _Made:
    """A commit that was made for an item."""

    uid: str
    old: str
    new: str
    is_undo: bool


def mark_merged(app: App, *, actor: str) -> list[str]:
    """Brings the items up to what the target says of them; the ids of those that were behind."""
    with app.store.read() as tx:
        merges, uid = tx.merges(), tx.backlog_uid()
    target = app.target
    if target.tip() is None:
        return []
    known = merges[-1].new if merges and merges[-1].target == target.name else ""
    since = known if known and target.contains(known) else target.mark(uid)
    newest = {one.uid: one for one in _made(app, since)}
    marked = []
    for made in newest.values():
        with app.store.transaction() as tx:
            for item in tx.by_uid(made.uid):
                sbi = tx.sbi(number_in(item)) if item.startswith("SBI-") else None
                if sbi is None or (sbi.status is Status.DONE) is not made.is_undo:
                    continue
                if tx.integration(sbi.number) is not None:  # whoever claims it, or repeats the undo, settles it
                    continue
                if made.is_undo:
                    tx.undone(sbi.number, actor=actor)
                else:
                    tx.found_merged(sbi.number, target=target.name, old=made.old, new=made.new, actor=actor)
                marked.append(item)
    return marked


def _made(app: App, since: str) -> Iterator[_Made]:
    """Commits of the target that were made for items, oldest first."""
    code, said, _ = app.repository.git.call(
        "log", "--first-parent", "--reverse", "-z", "--format=%H %P%n%B", f"{since}..{app.target.ref}"
    )
    for text in said.split("\0") if code == 0 else []:
        ids, _, message = text.partition("\n")
        owner = merge_of(message)
        if owner is not None:
            new, old = ids.split()[:2]
            yield _Made(uid=owner, old=old, new=new, is_undo=message.startswith(UNDO))
