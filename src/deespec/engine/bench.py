"""What a turn works with: the app, the worker it belongs to, its pulse and its choice of items."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from deespec.clock import midnight, next_midnight
from deespec.engine import outbox
from deespec.engine.checkouts import Checkouts
from deespec.engine.ports import Ports
from deespec.engine.terms import Terms
from deespec.model.budget import ItemBudget
from deespec.model.lifecycle import Status
from deespec.model.reports import Rules
from deespec.model.wanted import MERGE_QUEUE, AgentSlot, Scope, Wanted
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from deespec.app import App
    from deespec.config import Settings
    from deespec.engine.pulse import Pulse
    from deespec.model.items import Claim, Sbi, Turn, Worker


@record
class Outcome:
    """How a turn ended."""

    claim: Claim
    what: str
    """The turn's outcome, or: attempt failed, paused, given back, parked, stopped, lost."""
    after: Sbi | None = None
    turn: Turn | None = None
    error: str | None = None


class Bench:
    """Shared by the slots of one worker; nothing in it changes while they work but the pulse and `stopping`."""

    def __init__(
        self,
        app: App,
        worker: Worker,
        pulse: Pulse,
        *,
        scope: Scope,
        implement: tuple[str, ...] = (),
        usd_per_run: float | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.app = app
        self.worker = worker
        self.pulse = pulse
        self.scope = scope
        self.implement = implement or app.settings.implement
        self.decompose = implement or app.settings.decompose or self.implement
        self.usd_per_run = usd_per_run
        """What the calls of this worker may cost in all; None: no limit."""
        self.tell = tell
        """Says to who watches the worker what a turn has met that does not stop it."""
        self.stopping: str | None = None
        """Why running agents are to be stopped, if they are."""
        self.terms = Terms(app)
        self.ports = Ports(app.temporary)
        self.checkouts = Checkouts(self)

    @property
    def actor(self) -> str:
        return f"worker {self.worker.name}"

    @property
    def settings(self) -> Settings:
        """The settings that count now: this machine's, with the terms of the base."""
        return self.terms.settings

    @property
    def apart(self) -> bool:
        """Whether each item has a folder of its own."""
        return self.app.settings.workspace_mode == "worktree"

    @property
    def rules(self) -> Rules:
        settings = self.settings
        return Rules(
            max_turns=settings.max_turns,
            review_rounds=settings.review_rounds,
            enforce_paths=settings.paths_policy == "enforce",
            integrates=self.apart and settings.integrate != "none",
        )

    @property
    def item_budget(self) -> ItemBudget:
        return ItemBudget(usd=self.settings.usd_per_item, tokens=self.settings.tokens_per_item)

    def budget_after(self, sbi: Sbi) -> ItemBudget:
        """What the item has to keep to in order to go on: nothing, where its next step's agents cost nothing."""
        names = sbi.agent or (self.decompose if sbi.decomposes else self.implement)
        if Status.REVIEWING in (sbi.status, sbi.stopped_in):
            names = sbi.reviewer or self.settings.review or self.implement
        return self.item_budget if any(map(self.is_metered, names)) else ItemBudget()

    @cached_property
    def slots(self) -> tuple[AgentSlot, ...]:
        """The agents that can be used here, as the claim sees them."""
        queue = AgentSlot(name=MERGE_QUEUE, account=f"queue {self.app.settings.target}", limit=1, metered=False)
        return (*self.app.agent_slots(), queue)

    def is_metered(self, agent: str) -> bool:
        """Whether what this agent costs counts against budgets."""
        return any(slot.metered for slot in self.slots if slot.name == agent)

    def metered_among(self, agents: Iterable[str | None]) -> int:
        """How many of these calls cost; one of an agent that only others know is taken for one that does."""
        known = {slot.name: slot.metered for slot in self.slots}
        return sum(known.get(agent, True) for agent in agents if agent is not None)

    @cached_property
    def backlog_uid(self) -> str:
        with self.app.store.read() as tx:
            return tx.backlog_uid()

    @property
    def outboxes(self) -> str:
        """Made anew if the system has tidied up its temporary folder meanwhile."""
        return outbox.folder(self.app.temporary, self.backlog_uid)

    @contextmanager
    def holding(self, claim: Claim) -> Iterator[None]:
        self.pulse.hold(claim.token)
        try:
            yield
        finally:
            self.pulse.drop(claim.token)


def wanted(bench: Bench) -> Wanted:
    """What this worker asks the store for now."""
    app, settings = bench.app, bench.terms.refresh()
    now = app.clock.now_ms()
    return Wanted(
        worker=bench.worker.uid,
        actor=bench.actor,
        agents=bench.slots,
        implement=bench.implement,
        review=settings.review or bench.implement,
        decompose=bench.decompose,
        outboxes=bench.outboxes,
        boot=bench.worker.boot,
        boot_ms=app.clock.boot_ms(),
        lease_ms=settings.lease_ms,
        exclusive=settings.undeclared == "exclusive",
        scope=bench.scope,
        usd_per_day=settings.usd_per_day,
        day_began_at=midnight(now),
        day_ends_at=next_midnight(now),
        usd_per_run=bench.usd_per_run,
        item_budget=bench.item_budget,
    )
