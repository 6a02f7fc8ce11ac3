"""What a turn works with: the app, the worker it belongs to, its pulse and its choice of items."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from deespec.agents.registry import limit_of
from deespec.clock import midnight
from deespec.engine import outbox
from deespec.engine.checkouts import Checkouts
from deespec.engine.ports import Ports
from deespec.engine.terms import Terms
from deespec.model.reports import Rules
from deespec.model.wanted import MERGE_QUEUE, AgentSlot, Scope, Wanted
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        self, app: App, worker: Worker, pulse: Pulse, *, scope: Scope, implement: tuple[str, ...] = ()
    ) -> None:
        self.app = app
        self.worker = worker
        self.pulse = pulse
        self.scope = scope
        self.implement = implement or app.settings.implement
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
            usd_per_item=settings.usd_per_item,
            integrates=self.apart and settings.integrate != "none",
        )

    @cached_property
    def slots(self) -> tuple[AgentSlot, ...]:
        """The agents that can be used here, as the claim sees them."""
        queue = AgentSlot(name=MERGE_QUEUE, account=f"queue {self.app.settings.target}", limit=1, metered=False)
        return (*(_slot(self.app, name) for name in agent_names(self.app)), queue)

    def is_metered(self, agent: str) -> bool:
        """Whether what this agent costs counts against budgets."""
        return any(slot.metered for slot in self.slots if slot.name == agent)

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
    return Wanted(
        worker=bench.worker.uid,
        actor=bench.actor,
        agents=bench.slots,
        implement=bench.implement,
        review=settings.review or bench.implement,
        outboxes=bench.outboxes,
        boot=bench.worker.boot,
        boot_ms=app.clock.boot_ms(),
        lease_ms=settings.lease_ms,
        exclusive=settings.undeclared == "exclusive",
        scope=bench.scope,
        usd_per_day=settings.usd_per_day,
        day_began_at=midnight(app.clock.now_ms()),
    )


def agent_names(app: App) -> tuple[str, ...]:
    """Every agent that the settings name, each once."""
    settings = app.settings
    named = (*settings.implement, *settings.review, *(agent.name for agent in settings.agents))
    return tuple(name for name in dict.fromkeys(named) if settings.agent(name) is not None)


def _slot(app: App, name: str) -> AgentSlot:
    section = app.settings.agent(name)
    assert section is not None
    limit = limit_of(section, app.settings)
    return AgentSlot(name=name, account=app.account(name), limit=limit, metered=section.billing == "metered")
