"""What the figures are made of: sums of the ledger and of turns, when items ended, and what the journal tells in order.

All of it only reads, and what is archived counts like everything else: what was spent is spent. What comes by the
hundred thousand comes as plain tuples.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from deespec.records import record
from deespec.store.unit import Unit

if TYPE_CHECKING:
    from collections.abc import Collection

Ended = tuple[str, int, int | None, int, int, str]
"""Status, registered_at, started_at (None: it was never begun), finished_at, turns, and parent or "", of an item."""
First = tuple[int, str, str, int, int]
"""Item, step, outcome and end of a turn, and whether the item asks for no review."""
Happened = tuple[int, str, int | None, str | None, str | None, str | None, str | None]
"""Time, event, item, the status it led to, agent, worker and detail of an entry."""

RunEntry = tuple[int, int, str, str, str | None]
"""Seq, time, event, name of the worker ("": all of them) and, of one that started, where and with how many slots."""
ClaimEntry = tuple[int, str, str, str, str | None, str | None, int | None]
"""Time, event, item, actor, agent, step and turn of an entry with which a claim begins or ends."""


@record
class Spent:
    """What calls have used together. None: none of them has said."""

    key: str = ""
    calls: int = 0
    items: int = 0
    """SBIs."""
    tokens_in: int | None = None
    """Cached ones included."""
    tokens_cached: int | None = None
    tokens_out: int | None = None
    usd: float | None = None
    """What metered calls cost, as far as that is known."""
    subscription_tokens: int = 0
    """Of all tokens, those of calls that a subscription pays."""
    nominal_usd: float | None = None
    """What the clients say such calls would have cost. It counts nowhere."""
    unpriced_calls: int = 0
    """Metered calls that said how many tokens they used, and nobody knows what those cost."""
    unpriced_tokens: int = 0
    silent_calls: int = 0
    """Calls that said neither tokens nor cost."""


@record
class OpenItem:
    """An item that has not ended, as far as waiting goes by it."""

    number: int
    status: str
    stopped_in: str | None
    held: bool
    refused_at: int | None
    """When it was first refused for paths, if it was since it last entered work."""
    agent: tuple[str, ...]
    reviewer: tuple[str, ...]


class FigureVerbs(Unit):
    __slots__ = ()

    def spent_by(self, mark: str, *, since: int) -> list[Spent]:
        """Sums of the ledger by agent, account, model, step, item, turn, pbi or day; by "" one for all of it."""
        return self._records(Spent, "figures_spend", mark=mark, since=since, worker=None)

    def spent_in_run(self, worker: str) -> Spent:
        """What the calls of this worker have used."""
        found = self._records(Spent, "figures_spend", mark="", since=0, worker=worker)
        return found[0] if found else Spent()

    def unpriced(self, *, since: int) -> list[tuple[str, str]]:
        """(model or "", agent) of the metered calls that said tokens and have no price."""
        return [(model, agent) for model, agent in self._all_alike("figures_unpriced", since=since)]

    def turns_by(self, mark: str, *, since: int) -> dict[str, int]:
        """The number of turns that ended, by the same marks."""
        return dict(self._all_alike("figures_turns", mark=mark, since=since))

    def outcomes(self, *, since: int) -> dict[str, int]:
        """The number of turns that ended, by what they came to."""
        return dict(self._all_alike("figures_outcomes", since=since))

    def ended(self, *, since: int) -> list[Ended]:
        """Items that are DONE, FAILED or CANCELLED since then."""
        return self._all_alike("figures_ended", since=since)

    def first_turns(self) -> list[First]:
        """The first implement turn and the first review of each item since it was last started anew, in order."""
        return self._all_alike("figures_first")

    def titles(self, items: Collection[str]) -> dict[str, str]:
        return dict(self._all_alike("figures_titles", items=json.dumps(sorted(items))))

    def happened(self) -> list[Happened]:
        """What items, workers and agents went through, oldest first."""
        return self._all_alike("figures_journal")

    def open_items(self) -> list[OpenItem]:
        return self._records_alike(OpenItem, "figures_open")

    def needed_by(self) -> list[tuple[int, int]]:
        """(item, who needs it), all of them."""
        return [(needed, sbi) for needed, sbi in self._all_alike("figures_needs")]

    # --- what became of it by day, and who worked when ---

    def gate_failures(self, *, since: int, until: int | None) -> Counter[str]:
        """How many turns each gate or check has sent back."""
        found = Counter(name for (name,) in self._all_alike("figures_gates", since=since, until=until))
        return Counter({json.loads(f'"{name}"'): count for name, count in found.items()})

    def merge_gate_failures(self, *, since: int, until: int | None) -> Counter[str]:
        """How many merges each of them has stopped."""
        return Counter(name for (name,) in self._all_alike("figures_merge_gates", since=since, until=until))

    def ended_before(self) -> dict[int, int]:
        """When items ended that came in afterwards, by number."""
        return dict(self._all_alike("figures_imported"))

    def done_at(self, *, since: int) -> list[int]:
        """When items became DONE that are so now; cheap whatever the number of items."""
        return [at for (at,) in self._all_alike("figures_done_at", since=since)]

    def runs(self) -> list[RunEntry]:
        """What workers went through, oldest first."""
        return self._all_alike("figures_runs")

    def claims(
        self, seq: int, *, since: int, until: int, begins: Collection[str], ends: Collection[str]
    ) -> list[ClaimEntry]:
        """Where claims begin and end in that time, from an entry on, oldest first.

        With the beginnings of those that had not ended before, and what follows for each item afterwards.
        """
        kinds = {"begins": json.dumps(sorted(begins)), "ends": json.dumps(sorted(ends))}
        return self._all_alike("figures_claims", seq=seq, since=since, until=until, **kinds)

    def worker_name(self, uid: str) -> str | None:
        """What the journal calls a worker, if that has ever taken a turn; None: nobody knows."""
        found: str | None = self._value("figures_worker_name", uid=uid)
        return found
