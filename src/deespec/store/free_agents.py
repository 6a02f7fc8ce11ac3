"""Which agents may be given a call now, as of one transaction, and what bars the others: pauses, limits, money.

Choosing asks here and `why` does, so both go by the same.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from deespec.model.budget import allows
from deespec.model.wanted import CLOCK_SLACK_MS, MERGE_QUEUE, NO_SLOT, AgentSlot, Bar, Barred
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deespec.store.spending import SpendVerbs

PROBE_MS = 30_000
"""An account whose pause is over is tried by one call; the others follow when that ends well, or after this time."""


@record
class Money:
    """The budgets of more than one item, and whose run it is."""

    usd_per_day: float = 0
    day_began_at: int = 0
    day_ends_at: int = 0
    usd_per_run: float | None = None
    worker: str = ""


class FreeAgents:
    def __init__(self, tx: SpendVerbs, slots: Iterable[AgentSlot], money: Money) -> None:
        self.tx = tx
        self.slots = {slot.name: slot for slot in slots}
        self.money = money
        self.next_at: int | None = None
        """When one of those comes free that were waited for."""
        self.kept_by: dict[str, Barred] = {}
        """What bars agents for which an item waits that nobody else is to take soon."""
        self.used: Counter[tuple[str, str]] = Counter()
        """Calls that run, by account and agent."""
        self.used_of: Counter[str] = Counter()
        for account, agent, count in tx._all("claim_accounts"):
            self.used[account, agent] = count
            self.used_of[account] += count
        self.paused: dict[tuple[str, str], int | None] = {}
        """(account, agent) -> until when; an agent of "" stands for all of the account."""
        self._limited: dict[str, int] = {}
        """Accounts that have met a limit and had no success since their pause was over -> when that was."""
        for account, only_agent, until, by_person, in_force in tx._all("pause_all", now=tx.now, slack=CLOCK_SLACK_MS):
            if in_force:
                self.paused[account, only_agent] = until
            elif not only_agent and not by_person and until <= tx.now:
                self._limited[account] = until
        self._barred: dict[str, Barred | None] = {}
        self._spent_out: dict[tuple[Bar, bool], bool] = {}

    def free(self, names: tuple[str, ...]) -> AgentSlot | None:
        """The first of the names that may be given a call now."""
        return next((slot for slot in self._known(names) if self.barred(slot) is None), None)

    def expected(self, names: tuple[str, ...]) -> bool:
        """Whether one of them takes work now or as soon as it has a free slot."""
        found = (self.barred(slot) for slot in self._known(names))
        return any(bar is None or bar.why in NO_SLOT for bar in found)

    def pairs(self, names: tuple[str, ...]) -> list[tuple[str, str]]:
        """Account and agent of those of the names that are known here."""
        return [(slot.account, slot.name) for slot in self._known(names)]

    def is_paused(self, account: str, agent: str) -> bool:
        return (account, "") in self.paused or (account, agent) in self.paused

    def wait_for(self, names: tuple[str, ...]) -> None:
        """Remembers when one of them takes work again."""
        nobody = not self.expected(names)
        for slot in self._known(names):
            bar = self.barred(slot)
            if bar is not None and nobody:
                self.kept_by[slot.name] = bar
            if bar is not None and bar.until_at is not None:
                self.next_at = bar.until_at if self.next_at is None else min(self.next_at, bar.until_at)

    def barred(self, slot: AgentSlot) -> Barred | None:
        """What keeps this agent from being given a call; None: nothing does."""
        if slot.name not in self._barred:
            self._barred[slot.name] = self._look(slot)
        return self._barred[slot.name]

    @property
    def run_is_spent(self) -> bool:
        """Whether this run's budget allows no call of any metered agent here."""
        metered = [slot for slot in self.slots.values() if slot.metered]
        return bool(metered) and all(self._is_spent(Bar.RUN, slot) for slot in metered)

    def costs_nothing(self, names: tuple[str, ...]) -> bool:
        """Whether one of them that is not metered takes work, now or by itself later."""
        free = ((slot, self.barred(slot)) for slot in self._known(names) if not slot.metered)
        return any(bar is None or bar.why in NO_SLOT or bar.until_at is not None for _, bar in free)

    # --- below ---

    def _known(self, names: tuple[str, ...]) -> Iterator[AgentSlot]:
        return (slot for slot in map(self.slots.get, names) if slot is not None)

    def _look(self, slot: AgentSlot) -> Barred | None:
        if self.is_paused(slot.account, slot.name):
            return Barred(why=Bar.PAUSED, until_at=self._pause_ends(slot))
        if slot.metered and self._is_spent(Bar.RUN, slot):
            return Barred(why=Bar.RUN)
        if slot.metered and self._is_spent(Bar.DAY, slot):
            return Barred(why=Bar.DAY, until_at=self.money.day_ends_at)
        if slot.account in self._limited and (until := self._probed_until(slot.account)) is not None:
            return Barred(why=Bar.PROBED, until_at=until)
        return self._at_limit(slot)

    def _pause_ends(self, slot: AgentSlot) -> int | None:
        ends = [self.paused[key] for key in ((slot.account, ""), (slot.account, slot.name)) if key in self.paused]
        return None if None in ends else max(end for end in ends if end is not None)

    def _probed_until(self, account: str) -> int | None:
        """Until when the others wait for the call that tries the account; None: it is free to be tried, or was."""
        began: int | None = self.tx._value("probe_began", account=account, since=self._limited[account])
        return None if began is None or began + PROBE_MS <= self.tx.now else began + PROBE_MS

    def _at_limit(self, slot: AgentSlot) -> Barred | None:
        used, of_account = self.used[slot.account, slot.name], self.used_of[slot.account]
        if slot.limit and used >= slot.limit:
            return Barred(why=Bar.LIMIT, used=used, limit=slot.limit)
        if slot.account_limit and of_account >= slot.account_limit:
            return Barred(why=Bar.ACCOUNT_LIMIT, used=of_account, limit=slot.account_limit)
        if slot.alone and (beside := self._working_alone()):
            return Barred(why=Bar.ALONE, used=beside, limit=1)
        return None

    def _working_alone(self) -> int:
        """Running calls of agents of which no two may work at the same time."""
        return sum(count for (_, agent), count in self.used.items() if (slot := self.slots.get(agent)) and slot.alone)

    # --- money ---

    def _is_spent(self, bar: Bar, slot: AgentSlot) -> bool:
        key = bar, slot.priced
        if key not in self._spent_out:
            self._spent_out[key] = self._day_is_spent(slot) if bar is Bar.DAY else self._run_is_spent(slot)
        return self._spent_out[key]

    def _day_is_spent(self, slot: AgentSlot) -> bool:
        if not self.money.usd_per_day:
            return False
        spent = self.tx.used_since(self.money.day_began_at)
        running = self._metered((agent, count) for (_, agent), count in self.used.items())
        return not allows(self.money.usd_per_day, spent, running=running, priced=slot.priced)

    def _run_is_spent(self, slot: AgentSlot) -> bool:
        if self.money.usd_per_run is None:
            return False
        spent = self.tx.used_by_run(self.money.worker)
        running = self._metered(self.tx._all("claim_agents_of_worker", worker=self.money.worker))
        return not allows(self.money.usd_per_run, spent, running=running, priced=slot.priced)

    def _metered(self, calls: Iterable[tuple[Any, ...]]) -> int:
        """So many of these calls, by agent, that cost; an agent that only others know is taken for one that does."""
        found = ((count, self.slots.get(agent)) for agent, count in calls if agent != MERGE_QUEUE)
        return sum(count for count, slot in found if slot is None or slot.metered)
