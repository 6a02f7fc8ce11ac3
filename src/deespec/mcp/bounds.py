"""How much one answer may be: clients refuse or cut what is too long, and do not say where."""

from __future__ import annotations

import json
from typing import Any

ANSWER_CHARACTERS = 60_000
"""Of JSON; about the 25,000 tokens that a client takes of one answer."""
ERROR_CHARACTERS = 2_000
STEPS = ((20_000, 1_000), (4_000, 300), (1_000, 100), (300, 50), (100, 20), (40, 5))
"""(characters of a text, entries of a list) that are left; the first with which all of it fits."""


def bounded(values: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The values, and whether they had to be cut to fit."""
    if _fits(values):
        return values, False
    for characters, entries in STEPS:
        cut = {name: _cut(value, characters, entries) for name, value in values.items()}
        if _fits(cut):
            break
    return cut, True


def shortened(text: str, most: int) -> str:
    """The text, or its beginning and how much there was."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def as_text(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _fits(values: dict[str, Any]) -> bool:
    return len(as_text(values)) <= ANSWER_CHARACTERS


def _cut(value: object, characters: int, entries: int) -> object:
    match value:
        case str():
            return shortened(value, characters)
        case list():
            return [_cut(one, characters, entries) for one in value[:entries]]
        case dict():
            return {name: _cut(one, characters, entries) for name, one in value.items()}
        case _:
            return value
