"""What people have written into the files of drafts and decided there, taken in one transaction, all or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.backlog.drafts import EDITABLE, Decided, approve_in, refuse_decided, reject_in, rewrite_in
from deespec.errors import DeespecError, InvalidInput, NotPossible
from deespec.model.asking import DraftStatus
from deespec.model.draft_file import changed_by, stamp
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.backlog.drafts import Decider, DraftId
    from deespec.model.asking import Draft
    from deespec.model.draft_file import Written
    from deespec.store.base import Store, Transaction


@record
class Wish:
    """What one file says."""

    file: str
    """For messages."""
    id: DraftId
    written: Written


@record
class Came:
    """What a file comes to."""

    file: str
    draft: str
    changed: tuple[str, ...] = ()
    """Its fields that are other ones now."""
    decision: str | None = None
    """approve or reject, unless that was decided before."""


@record
class Result:
    files: tuple[Came, ...]
    decided: tuple[Decided, ...]
    """What became of the drafts by their decisions."""


def take(store: Store, wishes: Sequence[Wish], by: Decider) -> Result:
    """Does what the files say: first all edits, then what is rejected, then what is approved.

    Raises NotFound, InvalidInput and NotPossible, naming the file: for one that the draft has changed under, or whose
    draft is decided in another way.
    """
    with store.transaction() as tx:
        return _take(tx, wishes, by)


def rehearse(store: Store, wishes: Sequence[Wish], by: Decider) -> Result:
    """What `take` would do or refuse, found without doing it (`--dry-run`)."""
    done: list[Result] = []
    try:
        with store.transaction() as tx:
            done.append(_take(tx, wishes, by))
            raise _UndoneError
    except _UndoneError:
        return done[0]


class _UndoneError(Exception):
    """Rolls a rehearsal back."""


def _take(tx: Transaction, wishes: Sequence[Wish], by: Decider) -> Result:
    came = []
    decided: list[Decided] = []
    for wish in wishes:
        try:
            one, followed = _written(tx, wish, by)
        except DeespecError as error:
            error.message = f"{wish.file}: {error.message}"
            raise
        came.append(one)
        decided += followed
    by_id = {one.draft: wish for one, wish in zip(came, wishes, strict=True)}
    for one in came:
        if one.decision == "reject":
            wish = by_id[one.draft]
            decided += reject_in(tx, [wish.id], reason=wish.written.reason or "", owner=by.owner)
    approved = [by_id[one.draft].id for one in came if one.decision == "approve"]
    decided += approve_in(tx, approved, by) if approved else []
    return Result(files=tuple(came), decided=tuple(decided))


def _written(tx: Transaction, wish: Wish, by: Decider) -> tuple[Came, list[Decided]]:
    """Writes what is other words than the draft has."""
    seen = tx.draft(*wish.id)
    after = changed_by(seen, wish.written)
    decision = _decision(seen, wish)
    if after == seen:
        return Came(file=wish.file, draft=seen.id, decision=decision), []
    refuse_decided(seen)
    if wish.written.seen is not None and wish.written.seen != stamp(seen):
        raise NotPossible(
            f"{seen.id} was changed since this file was written.",
            hint="Export it into another folder and compare; without the line `seen:` the file wins.",
        )
    [first, *followed] = rewrite_in(tx, seen, after, by)
    changed = tuple(name for name in EDITABLE if getattr(first.draft, name) != getattr(seen, name))
    return Came(file=wish.file, draft=seen.id, changed=changed, decision=decision), followed


def _decision(seen: Draft, wish: Wish) -> str | None:
    """What is still to be decided."""
    written = wish.written
    if written.decision is None:
        if written.reason is not None:
            raise InvalidInput(f"{wish.file} gives a reason and no decision.", hint="Add a line: decision: reject")
        return None
    same = DraftStatus.APPROVED if written.decision == "approve" else DraftStatus.REJECTED
    if seen.status is same:
        return None
    refuse_decided(seen)
    return written.decision
