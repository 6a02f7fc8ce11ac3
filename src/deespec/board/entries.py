"""Entries of the journal as people and programs get them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deespec.clock import iso

if TYPE_CHECKING:
    from deespec.model.items import JournalEntry


_SLOTS = re.compile(r", (\d+) slots?$")


def entry_json(one: JournalEntry) -> dict[str, object]:
    """For programs: the line of `journal export`."""
    return {
        "seq": one.seq,
        "at": iso(one.at),
        "actor": one.actor,
        "item": one.item,
        "event": one.event,
        "from": one.from_status,
        "to": one.to_status,
        "turn": one.turn,
        "step": one.step,
        "agent": one.agent,
        "decision": one.decision,
        "elapsed_ms": one.elapsed_ms,
        "error": one.error,
        "detail": one.detail,
    }


def slots_of(detail: str | None) -> int | None:
    """How many a worker has, by the entry of its start (store/leases.py); None: an older version has not said it."""
    found = _SLOTS.search(detail or "")
    return int(found[1]) if found else None


def moved(one: JournalEntry) -> str:
    """From which status to which; only the one where it stayed; empty where none belongs to it."""
    if one.from_status and one.to_status and one.from_status != one.to_status:
        return f"{one.from_status} → {one.to_status}"
    return one.to_status or ""


def note_of(one: JournalEntry) -> str:
    """What else it says, for people: of changed settings there is only a digest."""
    return one.error or ("" if one.event == "settings_changed" else one.detail) or ""
