"""What an item's work changes: the two commits that it lies between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.errors import NotFound, NotPossible
from deespec.model.lifecycle import Status, Step
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.model.items import Sbi, Turn
    from deespec.model.work import Merge
    from deespec.workspace.git import Git

FILES = "files:"
"""What the state of a folder outside Git begins with."""


@record
class Change:
    """From one commit to another."""

    old: str
    new: str
    what: str
    """In words, for people."""
    turns: tuple[Turn, ...] = ()
    """Those that made it; none: it is the merge."""


def change_of(git: Git, sbi: Sbi, *, start: str | None, turns: Sequence[Turn], merges: Sequence[Merge]) -> Change:
    """All of the item's work: its merge, else all from its start to its newest kept turn. Raises NotPossible.

    `start` is a commit that its branch goes on from; None in a folder that items share, where a turn's commit stands on
    what is checked out.
    """
    if sbi.status is Status.DONE and merges and merges[-1].kind == "merge":
        last = merges[-1]
        return _there(git, sbi, Change(old=last.old, new=last.new, what=f"as merged into {last.target}"))
    kept = [turn for turn in _kept(turns) if turn.number > sbi.turns_reset]
    if not kept:
        cut_off = f"What was cut off in the middle of a turn: git for-each-ref 'refs/deespec/{sbi.id}/cut-*'"
        hint = f"deespec sbi open {sbi.id}" if sbi.in_work else f"deespec why {sbi.id}"
        hint = cut_off if sbi.status is Status.CANCELLED else hint
        raise NotPossible(f"{sbi.id} has no kept work yet.", hint=hint)
    first, new = kept[0].number, _commit(sbi, kept[-1])
    old = _before(git, _commit(sbi, kept[0])) if start is None else _together(git, start, new)
    what = f"turn {first}" if len(kept) == 1 else f"turns {first} to {kept[-1].number}"
    return _there(git, sbi, Change(old=old or "", new=new, what=what, turns=tuple(kept)))


def change_of_turn(git: Git, sbi: Sbi, number: int, *, start: str | None, turns: Sequence[Turn]) -> Change:
    """One turn's, against the kept turn before it, else against the start. Raises NotFound, NotPossible."""
    turn = next((one for one in turns if one.number == number), None)
    if turn is None:
        raise NotFound(f"{sbi.id} has no turn {number}.", hint=f"deespec sbi show {sbi.id}")
    kept = _kept(turns)
    if turn not in kept:
        reason = "it is a review" if turn.step is Step.REVIEW else f"it ended with {turn.outcome}"
        known = ", ".join(str(one.number) for one in kept)
        hint = f"There is something of: {known}" if known else f"deespec sbi show {sbi.id}"
        raise NotPossible(f"Turn {number} of {sbi.id} has kept no work: {reason}.", hint=hint)
    since = sbi.turns_reset if number > sbi.turns_reset else 0
    before = [one for one in kept if since < one.number < number]
    new = _commit(sbi, turn)
    first = _before(git, new) if start is None else _together(git, start, new)
    old = _commit(sbi, before[-1]) if before else first
    return _there(git, sbi, Change(old=old or "", new=new, what=f"turn {number}", turns=(turn,)))


def _kept(turns: Sequence[Turn]) -> list[Turn]:
    return [turn for turn in turns if turn.tree is not None and turn.step is not Step.REVIEW]


def _commit(sbi: Sbi, turn: Turn) -> str:
    """Raises NotPossible for a folder outside Git, of which only names, sizes and hashes of files are known."""
    if turn.tree is None or turn.tree.startswith(FILES):
        raise NotPossible(
            f"Turn {turn.number} of {sbi.id} was done in a folder outside Git: what it changed is known by name only.",
            hint=f"deespec sbi log {sbi.id} --turn {turn.number}",
        )
    return turn.tree


def _before(git: Git, commit: str) -> str | None:
    """What a commit stands on; the empty tree for the first one."""
    return git.resolve(f"{commit}^") or git.run("hash-object", "-t", "tree", "--stdin", stdin="").strip()


def _together(git: Git, start: str, commit: str) -> str | None:
    """Where both come from: the start may have been moved on to commits that this one does not have."""
    return git.call("merge-base", start, commit)[1].strip() or None


def _there(git: Git, sbi: Sbi, change: Change) -> Change:
    """Raises NotPossible if Git does not have the commits any more."""
    if not change.old or git.resolve(change.new) is None:
        hint = f"deespec sbi show {sbi.id}"
        raise NotPossible(f"What {sbi.id} changed ({change.what}) is not kept any more.", hint=hint)
    return change
