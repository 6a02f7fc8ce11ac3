"""Choosing the next item: what it costs must depend on what is ready and in work, not on the size of the backlog.

Claims are measured without the disk (a light transaction), so that it does not hide what the search costs.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.place import fill, quantile
from benchmarks.table import against_floor, within
from deespec.backlog import edit
from deespec.engine.pulse import LifeLock
from deespec.model.items import Claim
from deespec.model.wanted import AgentSlot, Idle, Wanted
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.place import Place
    from benchmarks.table import Row
    from deespec.app import App

RATIO_MOST = 1.5
TRANSACTION_MOST_S = 0.020
LEASE_MS = 3_600_000


@record
class Sizes:
    small: int
    large: int
    times: int
    """Claims, of which the median counts."""


SHORT = Sizes(small=100, large=3_000, times=40)
FULL = Sizes(small=100, large=100_000, times=300)


def measure(place: Place, sizes: Sizes) -> Iterator[Row]:
    for name, fields in SHAPES.items():
        with place.backlog(f"{name}-small") as small, place.backlog(f"{name}-large") as large:
            claims = [_Claims(app) for app in (small, large)]
            for one, number in zip(claims, (sizes.small, sizes.large), strict=True):
                one.prepare([fields(index, number) for index in range(1, number + 1)])
            for _ in range(sizes.times):
                for one in claims:
                    one.claim_and_release()
            low, high = (statistics.median(one.times) for one in claims)
            what = f"{name}, {sizes.large} items: claim + release"
            yield against_floor(what, high, floor=low, named=f"{sizes.small} items", most=RATIO_MOST)
            longest = max(claims[1].transactions)
            yield within(f"{name}: longest transaction", longest, most=TRANSACTION_MOST_S, note=claims[1].remark())


def _free(index: int, number: int) -> dict[str, object]:
    return {"title": f"Item {index}", "paths": (f"part-{index}/**",)}


def _behind_needs(index: int, number: int) -> dict[str, object]:
    """A chain: only its first item is ready."""
    needs = (f"SBI-{index - 1}",) if index > 1 else ()
    return {**_free(index, number), "depends_on": needs}


def _behind_paths(index: int, number: int) -> dict[str, object]:
    """All overlap the first, which is in work, but the last."""
    return {"title": f"Item {index}", "paths": ("docs/**",) if index == number else ("src/**", f"part-{index}/**")}


SHAPES: dict[str, Callable[[int, int], dict[str, object]]] = {
    "all free": _free,
    "need-blocked but one": _behind_needs,
    "path-blocked but one": _behind_paths,
}
