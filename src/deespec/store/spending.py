"""The ledger: what the calls of each claim have used, and what of it counts against which budget."""

from __future__ import annotations

from deespec.model.budget import Tally
from deespec.model.money import Spend, Usage
from deespec.records import replace
from deespec.store.journal import JournalVerbs
from deespec.store.rows import encode


class SpendVerbs(JournalVerbs):
    __slots__ = ()

    def spent(self, spend: Spend) -> None:
        """Enters what the calls of a claim have used into the ledger; said again, it takes the place of what was."""
        self._run("spend_add", **encode(replace(spend, at=self.now)))

    def spent_in_turn(self, number: int, turn: int) -> Spend | None:
        """What the ledger has of the last calls of this turn of the item."""
        return next(iter(self._records(Spend, "spent_in_turn", number=number, turn=turn)), None)

    def session_used(self, number: int, session: str) -> Usage:
        """What the ledger has of this session of the item."""
        tokens_in, cached, tokens_out, usd = self._all("spent_in_session", number=number, session=session)[0]
        return Usage(tokens_in=tokens_in, tokens_cached=cached, tokens_out=tokens_out, cost_usd=usd)

    def calls_to_pay(self) -> list[tuple[str, str]]:
        """Agent and worker of each claim of which the ledger has nothing yet."""
        return [(agent, worker) for agent, worker in self._all("claim_not_spent")]

    def used_by_item(self, number: int) -> Tally:
        """What the item's metered calls have used since it was last granted a budget."""
        usd, dearest, tokens, most = self._all("spent_on", number=number)[0]
        return Tally(usd=usd, dearest_usd=dearest, tokens=tokens, most_tokens=most)

    def used_since(self, at: int) -> Tally:
        """What all metered calls have cost that ended since then."""
        usd, dearest, unknown = self._all("spent_since", since=at)[0]
        return Tally(usd=usd, dearest_usd=dearest, unknown=unknown)

    def used_by_run(self, worker: str) -> Tally:
        """What this worker's metered calls have cost, those that came to nothing included."""
        usd, dearest = self._all("spent_in_run", worker=worker)[0]
        return Tally(usd=usd, dearest_usd=dearest)
