"""What is below PBIs and EPICs, in a few words each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.model.asking import NEEDS_WORDS
from deespec.model.lifecycle import IN_WORK, STOPPED, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deespec.store.base import Transaction
    from deespec.store.groups import GroupLine


def open_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """How many are not DONE, by what they are, the most urgent first; what nothing is, is left out."""
    shown = {
        "FAILED": counts.get(Status.FAILED, 0),
        "PARKED": counts.get(Status.PARKED, 0),
        "in work": sum(counts.get(status, 0) for status in IN_WORK),
        "PENDING": counts.get(Status.PENDING, 0),
        "CANCELLED": counts.get(Status.CANCELLED, 0),
    }
    return {name: count for name, count in shown.items() if count}


def stopped_below(tx: Transaction, found: Sequence[GroupLine]) -> dict[str, str]:
    """What the decompositions among them that have stopped wait for."""
    words = {}
    for one in found:
        asked = tx.decomposition(one.number) if one.decomposition in STOPPED else None
        if asked is not None and not asked.resume:
            waits = "waits for an answer" if asked.reason in NEEDS_WORDS else "waits for you"
            words[one.id] = "decomposition FAILED" if asked.status is Status.FAILED else waits
    return words
