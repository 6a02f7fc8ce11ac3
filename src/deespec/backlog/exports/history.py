"""`history.ndjson`: journal, turns, questions and costs, a JSON object a line, in the order that they happened in.

Sequence numbers and tokens mean something in one database only. So entries have none, and a claim is called by the
how many-th it was: `call` ties the costs of a claim to its turn.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deespec.clock import iso
from deespec.model.ids import id_of
from deespec.records import as_dict, fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.model.items import JournalEntry
    from deespec.store.base import Transaction

FILE = "history.ndjson"
OF_THE_DATABASE = ("moved", "copied", "restored")
"""Entries that tell of the database, not of the backlog."""
IMPORTED = "imported"
MARK = "an export"
"""In the detail of an entry of an item that came with one."""
TIMES = ("at", "started_at", "finished_at", "asked_at", "answered_at")


def lines(tx: Transaction) -> Iterator[bytes]:
    whole = tx.whole()
    calls = whole.calls_in_order()
    for entry in whole.every_entry():
        if not _of_the_database(entry):
            yield _line("journal", entry, {"seq": None})
    for turn in whole.every_turn():
        yield _line("turn", turn, {"token": None, "call": calls[turn.token]})
    for question in whole.every_question():
        yield _line("question", question, {})
    for spend in whole.every_spend():
        yield _line("spend", spend, {"token": None, "call": calls[spend.token]})


def _of_the_database(entry: JournalEntry) -> bool:
    imported = entry.event == IMPORTED and entry.detail == MARK and entry.to_status is None
    return imported or entry.event in OF_THE_DATABASE


def _line(what: str, one: Any, instead: dict[str, Any]) -> bytes:
    values: dict[str, Any] = {"what": what}
    for name in fields(type(one)):
        value = None if name in instead else getattr(one, name)
        if value is None or value == ():
            continue
        if name == "sbi":
            values["item"] = id_of(value)
        elif name in TIMES:
            values[name] = iso(value)
        else:
            values[name] = value
    if "call" in instead:
        values["call"] = instead["call"]
    return (json.dumps(values, ensure_ascii=False, default=as_dict, separators=(", ", ": ")) + "\n").encode()
