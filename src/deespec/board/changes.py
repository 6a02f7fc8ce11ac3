"""What an item's work changes: the two commits that it lies between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.errors import NotFound, NotPossible
from deespec.model.lifecycle import Status, Step
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.model.items import Sbi, Turn
    from deespec.model.work import Merge, Work
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
    turn: int | None = None
    """The turn that it ends with; None: it was merged."""
    files: tuple[Turn, ...] = ()
    """In a folder that items share, the turns whose files count; without any, all files do."""


def change_of(git: Git, sbi: Sbi, work: Work, *, turns: Sequence[Turn], merges: Sequence[Merge]) -> Change:
    """All of the item's work: its merge, else from its start to its newest kept turn. Raises NotPossible."""
    if sbi.status is Status.DONE and merges and merges[-1].kind == "merge":
        last = merges[-1]
        found = Change(old=last.old, new=last.new, what=f"as merged into {last.target}")
        return _there(git, sbi, found)
    kept = [turn for turn in _kept(turns) if turn.number > sbi.turns_reset]
    if not kept:
        raise NotPossible(f"{sbi.id} has no kept work yet.", hint=f"deespec why {sbi.id}")
    new = _commit(sbi, kept[-1])
    last_turn = kept[-1].number
    what = f"turn {last_turn}" if len(kept) == 1 else f"turns {kept[0].number} to {last_turn}"
    if work.start is None:
        old = _before(git, _commit(sbi, kept[0]))
        return _there(git, sbi, Change(old=old, new=new, what=what, turn=last_turn, files=tuple(kept)))
    old = _together(git, work.start, new)
    return _there(git, sbi, Change(old=old, new=new, what=f"{what}, from {old[:12]}", turn=last_turn))


def change_of_turn(git: Git, sbi: Sbi, work: Work, *, number: int, turns: Sequence[Turn], target: str) -> Change:
    """One turn, against the kept turn before it, or against the start. Raises NotFound, NotPossible."""
    turn = next((one for one in turns if one.number == number), None)
    if turn is None:
        raise NotFound(f"{sbi.id} has no turn {number}.", hint=f"deespec sbi show {sbi.id}")
    kept = _kept(turns)
    if turn not in kept:
        known = ", ".join(str(one.number) for one in kept)
        reason = "a review changes nothing" if turn.step is Step.REVIEW else f"it ended with {turn.outcome}"
        hint = f"There is something of: {known}" if known else f"deespec sbi show {sbi.id}"
        raise NotPossible(f"Turn {number} of {sbi.id} has kept no work: {reason}.", hint=hint)
    new = _commit(sbi, turn)
    reset = sbi.turns_reset if number > sbi.turns_reset else 0
    before = [one for one in kept if reset < one.number < number]
    is_shared = _is_shared(git, new)
    if is_shared:
        old = _before(git, new)
        earlier = [one for one in before if not (one.tree or "").startswith(FILES)]
        old = _commit(sbi, earlier[-1]) if earlier else old
        return _there(git, sbi, Change(old=old, new=new, what=f"turn {number}", turn=number, files=(turn,)))
    old = _commit(sbi, before[-1]) if before else _together(git, work.start or f"refs/heads/{target}", new)
    return _there(git, sbi, Change(old=old, new=new, what=f"turn {number}", turn=number))
