"""What came of a PBI's last decomposition, in words for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.text import clean

if TYPE_CHECKING:
    from deespec.model.asking import Draft

LINES_MOST = 8
CHARACTERS_MOST = 1_000
"""Of the agent's words, where other things are to be seen beside them."""


def bounded(words: str) -> str:
    """The words for a terminal, and no more of them than one reads there."""
    whole = clean(words.strip(), lines=True)
    short = "\n".join(whole.split("\n")[:LINES_MOST])[:CHARACTERS_MOST].rstrip()
    return short if short == whole else f"{short} …"


def left_out_line(draft: Draft) -> str:
    """`left out: Docs (rejected as PBI-9/5: not now)`."""
    why = f": {draft.reason}" if draft.reason else f", registered as {draft.registered}" if draft.registered else ""
    edited = ", edited by a person" if draft.edited and not why else ""
    return clean(f"left out: {draft.title} ({draft.status} as {draft.id}{why}{edited})")
