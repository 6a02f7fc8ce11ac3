"""What a worker asks the store for when it wants work, and what it hears when there is none."""

from __future__ import annotations

from enum import StrEnum

from deespec.model.budget import ItemBudget
from deespec.records import record

WAIT_MOST_MS = 15 * 60_000
"""No try that failed is followed by a longer wait: what is to wait longer began before the clock was set back."""
CLOCK_SLACK_MS = 60_000
"""So far ahead of the clock a time may lie in which it was set by hand or by the network; not more."""

MERGE_QUEUE = "merge queue"
"""Stands where an agent's name does when an item is merged; its one slot is the target's, over all workers."""


@record
class Scope:
    """Which items are meant: by `run`, `list`, `why`. Empty: all of them."""

    numbers: tuple[int, ...] | None = None
    label: str | None = None
    parent: str | None = None
    text: str | None = None
    owner: str | None = None
    sbis: bool = True
    pbis: bool = False
    """The decompositions of PBIs."""

    @property
    def workflows(self) -> str:
        """`sbi`, `pbi` or `pbi,sbi`."""
        return ",".join(name for name, wanted in (("pbi", self.pbis), ("sbi", self.sbis)) if wanted)


class Part(StrEnum):
    """Where an open item stands for those who look; it is in exactly one of these (queries/_part.sql)."""

    READY = "ready"
    BARRED = "barred"
    """It waits for another item or for paths."""
    HELD = "held"
    WORKING = "working"
    MERGING = "merging"
    ASKING = "asking"
    """Only a person brings it on."""


@record
class AgentSlot:
    """An agent as the claim sees it."""

    name: str
    account: str
    limit: int = 0
    """Calls of this agent at the same time, over all workers of the account; 0: no limit."""
    account_limit: int = 0
    """The same of all agents of the account."""
    alone: bool = False
    """No two of these work at the same time: they share a folder and do not keep to their paths."""
    metered: bool = True
    """Its calls count against budgets."""
    priced: bool = True
    """What a call has cost will be known when it has ended."""


class Bar(StrEnum):
    """Why an agent is given no call now."""

    PAUSED = "paused"
    PROBED = "probed"
    """Its account was at a limit a moment ago: one call tries it, the others follow."""
    DAY = "day"
    """The day's budget."""
    RUN = "run"
    """The budget of this run."""
    LIMIT = "limit"
    ACCOUNT_LIMIT = "account_limit"
    ALONE = "alone"


@record
class Barred:
    """What keeps an agent from being given a call."""

    why: Bar
    until_at: int | None = None
    """When it will be given one whatever happens; None: something has to happen."""
    used: int = 0
    limit: int = 0


NO_SLOT = (Bar.LIMIT, Bar.ACCOUNT_LIMIT, Bar.ALONE, Bar.PROBED)
"""Bars that go away by themselves while others work."""


@record
class Wanted:
    """Who asks, for what, and by which rules."""

    worker: str
    actor: str
    agents: tuple[AgentSlot, ...]
    implement: tuple[str, ...]
    """Agents for items that name none, in order of preference."""
    review: tuple[str, ...]
    decompose: tuple[str, ...]
    """Agents that decompose PBIs, in order of preference."""
    outboxes: str
    """The folder below which each call gets its own outbox."""
    boot: str
    boot_ms: int
    lease_ms: int
    exclusive: bool
    """Items without paths are worked on alone."""
    scope: Scope = Scope()
    usd_per_day: float = 0
    day_began_at: int = 0
    day_ends_at: int = 0
    usd_per_run: float | None = None
    """What the calls of this worker may cost in all; None: no limit."""
    item_budget: ItemBudget = ItemBudget()


@record
class Idle:
    """Nothing was taken."""

    again: bool = False
    """There may be something, but this transaction had tested enough items: ask again at once."""
    running: int = 0
    """Claims that live, of all workers."""
    run_is_spent: bool = False
    """This worker has no claim, and its run's budget allows no metered call any more."""
    next_at: int | None = None
    """Wall time at which a back-off or a pause ends, or a new day's budget begins."""
    kept_by: tuple[tuple[str, Barred], ...] = ()
    """Agents for which items wait that nobody else is to take soon, with what bars them."""
