"""What the prompt of a decomposition tells beside that of all turns: what is above the PBI, below it and suggested."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from deespec.engine.decomposing import bounds_of, last_proposal
from deespec.errors import InvalidInput
from deespec.labels import shelf_of
from deespec.model.asking import DraftStatus
from deespec.model.ids import number_in
from deespec.model.lifecycle import Event
from deespec.model.proposal import PROPOSAL_FILE
from deespec.model.spec import LARGE_ESTIMATE_HOURS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from deespec.labels import Label
    from deespec.model.asking import Draft
    from deespec.model.items import Epic, Sbi, Turn
    from deespec.store.base import Transaction

CHILDREN_MOST = 100
DRAFTS_MOST = 100
LABELS_MOST = 100
PROPOSAL_CHARACTERS = 100_000
EXAMPLE = {
    "report": "How you have cut it, and why.",
    "drafts": [
        {
            "title": "Keep tasks in a file",
            "spec": "What is to be different afterwards, and where; which tests show it.",
            "acceptance": [
                {"given": "an empty list", "when": "a task is added", "then": "it is in the file"},
                {"given": "a file that cannot be read", "when": "a task is added", "then": "the error names the file"},
            ],
            "estimate_hours": 3,
            "labels": [],
            "paths": ["src/store.py", "tests/test_store.py"],
            "needs": [],
            "only_implement": False,
            "replaces": None,
        },
    ],
}
"""The shape of a proposal; a test reads it as one."""


def values(
    tx: Transaction, sbi: Sbi, turns: Sequence[Turn], *, home: Path, outbox: str, by_hand: bool = False
) -> dict[str, Any]:
    """What `decompose.md` may name beside the values of all prompts. `sbi`: the decomposition, asked for or not."""
    pbi = tx.pbi(number_in(sbi.id))
    children = tx.children(pbi.id)
    drafts = tx.drafts(pbi.id, decided=True)
    least, most = bounds_of(pbi)
    last = turns[-1] if turns and turns[-1].outcome == Event.FINDINGS else None
    handed = last_proposal(home, sbi.id, last) if last else None
    return {
        "pbi": pbi,
        "epic": _epic(tx, pbi.parent),
        "children": [tx.sbi(number_in(one)) for one in children[:CHILDREN_MOST]],
        "more_children": max(0, len(children) - CHILDREN_MOST),
        "earlier": _told(drafts),
        "least": least,
        "most": most,
        "largest_hours": LARGE_ESTIMATE_HOURS,
        "labels": _labels(home),
        "handed_in": handed[:PROPOSAL_CHARACTERS] if handed else None,
        "by_hand": by_hand,
        "proposal_file": os.path.join(outbox, PROPOSAL_FILE),
        "example": _indented(json.dumps(EXAMPLE, indent=1)),
    }


def _epic(tx: Transaction, parent: str | None) -> Epic | None:
    return tx.epic(number_in(parent)) if parent and tx.exists(parent) else None


def _told(drafts: Sequence[Draft]) -> list[Draft]:
    """Without those in whose place others stand."""
    return [one for one in drafts if one.status is not DraftStatus.REPLACED][-DRAFTS_MOST:]


def _labels(home: Path) -> list[Label]:
    try:
        return list(shelf_of(home).labels.values())[:LABELS_MOST]
    except InvalidInput:  # doctor tells of a folder that cannot be read
        return []


def _indented(text: str) -> str:
    """Not fenced: a prompt that is said back must not be taken for an answer."""
    return "\n".join(f"    {line}" for line in text.split("\n"))
