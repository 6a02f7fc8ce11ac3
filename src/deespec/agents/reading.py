"""Reading what clients print as JSON: nothing of it is taken on trust, and no broken line is an error. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, object]

RESET_MS = (1_000_000_000_000, 10_000_000_000_000)
"""Reset times from 2001 to 2286: anything else is no time in seconds."""
NUMBER_MOST = 10**15
"""More than any count, cost or time in seconds can be."""


def parse(line: bytes | str) -> Json:
    """A line that is no JSON object says nothing: clients print warnings among their events."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def clean(text: str) -> str:
    """Without half characters and NUL, which a database refuses."""
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def word(event: Json, key: str) -> str | None:
    found = event.get(key)
    return clean(found) if isinstance(found, str) else None


def number(event: Json, key: str) -> float | None:
    """Only what can be counted with: JSON allows NaN and 1e308, and Python takes true for 1."""
    found = event.get(key)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return found if 0 <= found < NUMBER_MOST else None


def count(event: Json, key: str) -> int | None:
    found = number(event, key)
    return None if found is None else int(found)


def listed(event: Json, key: str) -> list[object]:
    found = event.get(key)
    return found if isinstance(found, list) else []


def below(event: Json, *keys: str) -> Json:
    """The object that lies under these keys, one in the other; empty where there is none."""
    for key in keys:
        found = event.get(key)
        event = found if isinstance(found, dict) else {}
    return event


def objects(event: Json, key: str) -> Iterator[Json]:
    return (found for found in listed(event, key) if isinstance(found, dict))


def time_ms(seconds: float | None) -> int | None:
    """A time in seconds since 1970 as ms, if it can be one."""
    found = int((seconds or 0) * 1000)
    return found if RESET_MS[0] < found < RESET_MS[1] else None
