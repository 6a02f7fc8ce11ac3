"""Choosing the next item: what it costs must depend on what is ready and in work, not on the size of the backlog.

Claims are measured without the disk (a light transaction), so that it does not hide what the search costs.
"""

from __future__ import annotations

import statistics
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.place import fill, timed
from benchmarks.table import against_floor, within
from deespec.backlog import edit
from deespec.model.items import Claim
from deespec.model.wanted import AgentSlot, Wanted
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.place import Place
    from benchmarks.table import Row
    from deespec.app import App

    Fields = Callable[[int, int], dict[str, object]]
    """The fields of the n-th item of so many."""

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
    for shape, fields in SHAPES.items():
        name = f"{shape}, {sizes.large}"
        with place.backlog(f"{shape} small") as small, place.backlog(f"{shape} large") as large:
            claims = _Claims(small, sizes.small, fields), _Claims(large, sizes.large, fields)
            for _ in range(sizes.times):
                for one in claims:
                    one.claim_and_release()
            claims[1].end_first()
            low, high = (statistics.median(one.pairs) for one in claims)
        yield against_floor(f"{name}: claim + release", high, floor=low, named=f"of {sizes.small}", most=RATIO_MOST)
        yield within(f"{name}: longest transaction", max(claims[1].transactions), most=TRANSACTION_MOST_S)


class _Claims:
    """A backlog in its steady state: all that can be found out about its items has been found out."""

    def __init__(self, app: App, number: int, fields: Fields) -> None:
        self.app = app
        self.wanted = _wanted(app)
        self.transactions: list[float] = []
        """What each took, in seconds."""
        self.pairs: list[float] = []
        fill(app, [fields(index, number) for index in range(1, number + 1)])
        self.first = self._claim()
        self.claim_and_release()
        self.pairs.clear()

    def claim_and_release(self) -> None:
        """Takes the next item, gives it back, and puts it where it was, which is not measured."""
        claim = self._claim()
        took = self.transactions[-1]

        def release() -> None:
            with self.app.store.light_transaction() as tx:
                tx.release(claim, actor="benchmark", why="measured")

        self.transactions.append(timed(release))
        self.pairs.append(took + self.transactions[-1])
        edit.cancel(self.app.store, [claim.sbi.number], actor="benchmark")
        edit.reset(self.app.store, [claim.sbi.number], actor="benchmark")

    def end_first(self) -> None:
        """The item that was in work all the time ends; what waited for it is released, step by step."""
        cancel = partial(edit.cancel, self.app.store, [self.first.sbi.number], actor="benchmark")
        self.transactions.append(timed(cancel))
        self._claim()

    def _claim(self) -> Claim:
        """The next item, after as many transactions as it takes to find it."""
        found = []

        def claim() -> None:
            with self.app.store.light_transaction() as tx:
                found.append(tx.claim_next(self.wanted))

        while True:
            self.transactions.append(timed(claim))
            last = found[-1]
            if isinstance(last, Claim):
                return last
            assert last.again, f"nothing could be claimed: {last}"


def _wanted(app: App) -> Wanted:
    return Wanted(
        worker="benchmark",
        actor="benchmark",
        agents=(AgentSlot(name="program", account="benchmark"),),
        implement=("program",),
        review=("program",),
        decompose=("program",),
        outboxes="",
        boot=app.clock.boot_id(),
        boot_ms=app.clock.boot_ms(),
        lease_ms=LEASE_MS,
        exclusive=True,
    )


def _free(index: int, number: int) -> dict[str, object]:
    return {"title": f"Item {index}", "paths": (f"part-{index}/**",)}


def _behind_needs(index: int, number: int) -> dict[str, object]:
    """A chain behind an item in work, and one that is free."""
    needs = (f"SBI-{index - 1}",) if 1 < index < number else ()
    return {**_free(index, number), "depends_on": needs}


def _behind_paths(index: int, number: int) -> dict[str, object]:
    """All but the last overlap the first, which is in work."""
    return {"title": f"Item {index}", "paths": ("docs/**",) if index == number else ("src/**", f"part-{index}/**")}


SHAPES: dict[str, Fields] = {
    "all free": _free,
    "need-blocked but one": _behind_needs,
    "path-blocked but one": _behind_paths,
}
