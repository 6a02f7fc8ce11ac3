"""Asking for the decomposition of a PBI: `run` and `pbi decompose` work on it then as on an SBI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.model.ids import decomposition_of
from deespec.model.items import Sbi
from deespec.model.lifecycle import ENDED, STOPPED, Event, Status
from deespec.records import replace

if TYPE_CHECKING:
    from deespec.model.items import Pbi
    from deespec.store.base import Transaction


def ask_in(tx: Transaction, pbi: Pbi, *, actor: str, agent: tuple[str, ...] = ()) -> Sbi:
    """Has a PBI decomposed, anew if that was done before; what is asked for, in work or answered goes on as it is.

    `agent`: who is to do it, in order of preference; empty: whom the settings name.
    """
    known = tx.decomposition(pbi.number)
    if known is not None and known.status is Status.PENDING and agent:
        tx.save(known, replace(known, agent=agent, updated_at=tx.now))
    if known is not None and (known.resume or known.status not in (*ENDED, *STOPPED)):
        return tx.sbi(known.number)
    tx.unarchive([pbi.id], actor=actor)
    tx.note(actor, "decomposition_asked", item=pbi.id)
    if known is None:
        tx.add(_fresh(pbi, agent, now=tx.now))
        tx.roll_up(pbi.id)
    else:
        if known.reason == "leftovers":
            tx.calls_forgotten(known.number)  # a person's word that nothing of them runs any more
        tx.move(replace(known, agent=agent), Event.RESET, actor=actor)
        tx.begins_anew(known.number)
    return tx.sbi(decomposition_of(pbi.number))


def _fresh(pbi: Pbi, agent: tuple[str, ...], *, now: int) -> Sbi:
    return Sbi(
        number=decomposition_of(pbi.number),
        uid=pbi.uid,
        title=pbi.title,
        spec=pbi.spec,
        priority=pbi.priority,
        rank=pbi.priority.rank,
        parent=pbi.id,
        labels=pbi.labels,
        agent=agent,
        owner=pbi.owner,
        held=pbi.held,
        registered_at=now,
        updated_at=now,
    )
