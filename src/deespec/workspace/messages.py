"""What our commits say: a title, a report and whose work it is. Titles and reports are hostile.

Git takes the last paragraph for trailers, but first cuts off what follows a line of scissors. So no line that looks
like either reaches a message from outside, and the owner is read from the very last line only.
"""

from __future__ import annotations

import re

TRAILER = "Deespec-Item"
MERGE_TRAILER = "Deespec-Merge"
"""Of commits that bring an item's work into the target, or take it back: a branch in work has none."""
SUBJECT_CHARACTERS = 250
BODY_CHARACTERS = 20_000

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_POSING = re.compile(rf"^(?=[ \t]*(?:{TRAILER}|{MERGE_TRAILER})\b)|^(?=---(?:\s|$)|.*>8)", re.IGNORECASE | re.MULTILINE)
"""Where a line begins that claims an owner, divides a message from a patch, or looks like scissors."""
_OWNED = re.compile(rf"{TRAILER}: (\S+)")
_MERGED = re.compile(rf"{MERGE_TRAILER}: (\S+)")


def message(*, subject: str, body: str, uid: str | None, is_merge: bool = False) -> str:
    """A commit's message. The subject is one line, the item's trailer the last; without uid it is nobody's."""
    trailers = [f"{MERGE_TRAILER}: {uid}"] if is_merge else []
    trailers += [f"{TRAILER}: {uid}"] if uid else []
    line = " ".join(_CONTROL.sub(" ", subject).split())[:SUBJECT_CHARACTERS].rstrip() or "(no title)"
    text = _CONTROL.sub("", body.replace("\r\n", "\n")).strip()
    if len(text) > BODY_CHARACTERS:
        text = text[:BODY_CHARACTERS] + "\n…"
    parts = (_POSING.sub("| ", line), _POSING.sub("| ", text), "\n".join(trailers))
    return "\n\n".join(part for part in parts if part) + "\n"


def merge_of(text: str) -> str | None:
    """The uid of the item that this message says to bring into the target, or to take back."""
    lines = text.rstrip().rpartition("\n\n")[2].split("\n")
    found = _MERGED.fullmatch(lines[0])
    return found[1] if found is not None and found[1] == owner_of(text) else None


def owner_of(text: str) -> str | None:
    """The uid of the item that this message names as its own."""
    lines = text.rstrip().rpartition("\n\n")[2].split("\n")
    found = _OWNED.fullmatch(lines[-1])
    return found[1] if found else None
