"""What came of a PBI's last decomposition beside its drafts: the agent's words, and what it suggested in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.model.ids import decomposition_of
from deespec.model.lifecycle import Event
from deespec.model.proposal import PROPOSAL_FILE, own_words
from deespec.records import record

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.model.asking import Draft
    from deespec.model.items import Pbi, Turn
    from deespec.store.base import Transaction


@record
class Decomposed:
    """The last turn's."""

    turn: int | None = None
    words: str = ""
    """How it has cut the PBI, and why."""
    left_out: tuple[Draft, ...] = ()
    """Earlier drafts that were suggested once more; nothing came of that."""
    faulty: str | None = None
    """Where the proposal lies that was not taken."""


def decomposed(tx: Transaction, pbi: Pbi, home: Path) -> Decomposed:
    turns = tx.turns(decomposition_of(pbi.number))
    if not turns:
        return Decomposed()
    last = turns[-1]
    entries = tx.journal(item=pbi.id, event="draft_repeated")
    repeated = {(one.detail or "").partition(" ")[0] for one in entries if one.turn == last.number}
    return Decomposed(
        turn=last.number,
        words=own_words(last.report or "") if last.outcome == Event.DECOMPOSED else "",
        left_out=tuple(one for one in tx.drafts(pbi.id, decided=True) if one.id in repeated),
        faulty=_faulty(last, pbi, home),
    )


def _faulty(last: Turn, pbi: Pbi, home: Path) -> str | None:
    if last.outcome != Event.FINDINGS:
        return None
    path = home / "turns" / pbi.id / f"{last.number}.{last.token}" / PROPOSAL_FILE
    return str(path.relative_to(home.parent)) if path.is_file() else None
