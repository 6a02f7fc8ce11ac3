"""What a worker asks the store for when it wants work, and what it hears when there is none."""

from __future__ import annotations

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


@record
class AgentSlot:
    """An agent as the claim sees it."""

    name: str
    account: str
    limit: int = 0
    """Calls at the same time over all workers of the account; 0: no limit."""
    metered: bool = True


@record
class Wanted:
    """Who asks, for what, and by which rules."""

    worker: str
    actor: str
    agents: tuple[AgentSlot, ...]
    implement: tuple[str, ...]
    """Agents for items that name none, in order of preference."""
    review: tuple[str, ...]
    outboxes: str
    """The folder below which each call gets its own outbox."""
    boot: str
    boot_ms: int
    lease_ms: int
    exclusive: bool
    """Items without paths are worked on alone."""
    scope: Scope = Scope()
    usd_per_day: float = 0
    usd_per_item: float = 0
    day_began_at: int = 0


@record
class Idle:
    """Nothing was taken."""

    again: bool = False
    """There may be something, but this transaction had tested enough items: ask again at once."""
    running: int = 0
    """Claims that live, of all workers."""
    next_at: int | None = None
    """Wall time at which a back-off or a pause ends, or a new day's budget begins."""
