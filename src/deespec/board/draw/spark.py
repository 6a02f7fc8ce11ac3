"""A row of numbers as small as a word, for terminals; and the numbers that `watch` shows so."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from deespec.clock import midnight, next_midnight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.app import App

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.-:=+*#"


def spark(values: Sequence[float], *, ascii_only: bool = False) -> str:
    """A sign a value; the lowest one is that of 0, and every other value has a higher one."""
    signs = ASCII if ascii_only else BLOCKS
    most = max(values, default=0)
    if most <= 0:
        return signs[0] * len(values)
    highest = len(signs) - 1
    return "".join(signs[ceil(max(0, value) * highest / most)] for value in values)


def throughput(app: App, days: int = 14) -> list[int]:
    """How many items that are DONE became so on each of the last days, today last. From an index, so it is cheap."""
    today = midnight(app.clock.now_ms())
    starts = [today]
    for _ in range(days - 1):
        starts.append(midnight(starts[-1] - 1))
    starts.reverse()
    counts = [0] * days
    with app.store.read() as tx:
        done = tx.figures().done_at(since=starts[0])
    at = 0
    end = next_midnight(starts[0])
    for when in sorted(done):
        while when >= end and at < days - 1:
            at += 1
            end = next_midnight(starts[at])
        counts[at] += 1
    return counts
