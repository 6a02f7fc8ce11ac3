"""Whatever people, workers and deaths do in whatever order: the rules of choosing hold after each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from deespec.model.items import AgentPause, Claim, Priority, Sbi
from deespec.model.lifecycle import STOPPED, Event, Status, can
from deespec.model.selection import paths_overlap
from deespec.model.wanted import AgentSlot
from deespec.store.claims import NEXT_AFTER_MS
from deespec.store.free_agents import FreeAgents, Money

if TYPE_CHECKING:
    from deespec.store.base import Transaction
    from ledger import Ledger

MAX_ATTEMPTS = 2
LIMITS = {"ann@test": 1, "bob@test": 2}
AGENTS = tuple(AgentSlot(name=account[:3], account=account, limit=limit) for account, limit in LIMITS.items())
LISTS = ((), ("ann",), ("bob",), ("ann", "bob"))
PATHS = ((), ("a/**",), ("a/x",), ("b/**",), ("a/x", "b/x"), ("c",))
WORDS = {"agents": AGENTS, "implement": ("ann", "bob"), "review": ("bob", "ann")}
OUTCOMES = {
    Status.IMPLEMENTING: ((Event.IMPLEMENTED,), (Event.FINDINGS,), (Event.IMPLEMENTED_ONLY, Event.MERGED)),
    Status.REVIEWING: ((Event.SUCCEEDED, Event.MERGED), (Event.NEEDS_CHANGES,), (Event.REJECTED,)),
}
SOMETIMES = ((Event.LIMIT_REACHED,), (Event.NEEDS_PERSON,))
"""Outcomes of any step."""
pick = st.integers(0, 1 << 16)


class Backlog(RuleBasedStateMachine):
    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        self.claims: list[Claim] = []
        """All that were ever given, the newest last."""

    # --- people ---

    @rule(
        priority=st.sampled_from(Priority),
        paths=st.sampled_from(PATHS),
        agent=st.sampled_from(LISTS),
        needs=st.sets(pick, max_size=2),
    )
    def register(self, priority: Priority, paths: tuple[str, ...], agent: tuple[str, ...], needs: set[int]) -> None:
        count = len(self.items())
        chosen = sorted({need % count + 1 for need in needs}) if count else []
        depends_on = tuple(f"SBI-{number}" for number in chosen)
        self.ledger.add(priority=priority, paths=paths, agent=agent, depends_on=depends_on)

    @precondition(lambda self: self.items())
    @rule(which=pick)
    def hold_or_unhold(self, which: int) -> None:
        sbi = self.item(which)
        self.ledger.hold(sbi, held=not sbi.held)

    @precondition(lambda self: self.items())
    @rule(which=pick, event=st.sampled_from((Event.CANCELLED, Event.RESET, Event.UNDONE)))
    def decide(self, which: int, event: Event) -> None:
        sbi = self.item(which)
        if can(sbi.status, event):
            self.ledger.move(sbi, event)

    @precondition(lambda self: any(sbi.stopped for sbi in self.items().values()))
    @rule(which=pick)
    def retry(self, which: int) -> None:
        stopped = [sbi for sbi in self.items().values() if sbi.status in STOPPED]
        self.ledger.retry(stopped[which % len(stopped)])

    @rule(agent=st.sampled_from(("ann", "bob")), ms=st.sampled_from((1_000, None)))
    def pause(self, agent: str, ms: int | None) -> None:
        until = None if ms is None else self.ledger.clock.now_ms() + ms
        with self.ledger.store.transaction() as tx:
            tx.pause(AgentPause(account=f"{agent}@test", agent=agent, reason="", message="", until_at=until), actor="w")

    @rule(agent=st.sampled_from(("ann", "bob")))
    def resume(self, agent: str) -> None:
        with self.ledger.store.transaction() as tx:
            tx.resume_agent(agent, actor="person")

    @rule(ms=st.sampled_from((500, NEXT_AFTER_MS)))
    def wait(self, ms: int) -> None:
        self.ledger.clock.forward(ms)

    # --- workers ---

    @rule(worker=st.sampled_from(("one", "two")))
    def claim(self, worker: str) -> None:
        before, free, next_before = self.items(), self.free(), self.next_in_turn()
        got = self.ledger.claim(worker=worker, **WORDS)
        next_ones = [before[number] for number in {next_before, self.next_in_turn()} if number is not None]
        better = free
        if isinstance(got, Claim):
            assert got.sbi.number in free, f"{got.sbi.id} was not free"
            better = free[: free.index(got.sbi.number)]
            self.claims.append(got)
        for number in better:
            skipped = before[number]
            assert not skipped.in_work, f"{skipped.id} has begun and was passed over"
            barring = [sbi for sbi in next_ones if sbi.number != number and paths_overlap(sbi.paths, skipped.paths)]
            assert barring, f"{skipped.id} was passed over for nobody"

    @precondition(lambda self: self.live())
    @rule(which=pick, outcome=pick)
    def settle(self, which: int, outcome: int) -> None:
        claim = self.live_one(which)
        ledger = self.ledger
        sbi = ledger.sbi(claim.sbi)
        if sbi.status is Status.PICKED:
            with ledger.store.transaction() as tx:
                tx.workspace_ready(claim, manifest="tree", actor=claim.worker)
            return
        choices = (*OUTCOMES[sbi.status], *SOMETIMES)
        ledger.settle(claim, *choices[outcome % len(choices)])

    @precondition(lambda self: self.live())
    @rule(which=pick, delay_ms=st.sampled_from((0, 1_000)))
    def die(self, which: int, delay_ms: int) -> None:
        number = self.live_one(which).sbi.number
        with self.ledger.store.transaction() as tx:
            tx.bury(number, why="worker died", max_attempts=MAX_ATTEMPTS, delay_ms=delay_ms)

    @precondition(lambda self: self.live())
    @rule(which=pick)
    def release(self, which: int) -> None:
        claim = self.live_one(which)
        with self.ledger.store.transaction() as tx:
            tx.release(claim, actor="person", why="stopped")

    # --- what always holds ---

    @invariant()
    def no_item_has_two_owners(self) -> None:
        owned = [claim.sbi.number for claim in self.live()]
        assert len(owned) == len(set(owned))

    @invariant()
    def no_two_items_in_work_overlap(self) -> None:
        for one, other in combinations([sbi for sbi in self.items().values() if sbi.in_work], 2):
            assert not paths_overlap(one.paths, other.paths), f"{one.id} and {other.id}"

    @invariant()
    def no_limit_is_exceeded(self) -> None:
        with self.ledger.store.read() as tx:
            assert all(used <= LIMITS[account] for account, used in running(tx).items())

    @invariant()
    def whoever_waits_is_barred(self) -> None:
        items, next_in_turn = self.items(), self.next_in_turn()
        for sbi in items.values():
            if sbi.waits_for == "need":
                assert f"SBI-{sbi.waits_on}" in sbi.depends_on
                assert items[sbi.waits_on or 0].status is not Status.DONE
            elif sbi.waits_for == "paths":
                assert items[sbi.waits_on or 0].in_work or sbi.waits_on == next_in_turn

    @invariant()
    def nothing_is_violated(self) -> None:
        assert self.ledger.violations() == []

    # --- below ---

    def items(self) -> dict[int, Sbi]:
        with self.ledger.store.read() as tx:
            return {number: tx.sbi(number) for number in range(1, sum(tx.counts().values()) + 1)}

    def next_in_turn(self) -> int | None:
        with self.ledger.store.read() as tx:
            return tx.next_in_turn()

    def item(self, which: int) -> Sbi:
        items = self.items()
        return items[which % len(items) + 1]

    def live(self) -> list[Claim]:
        with self.ledger.store.read() as tx:
            return [claim for claim in self.claims if tx.claim_is_mine(claim)]

    def live_one(self, which: int) -> Claim:
        live = self.live()
        return live[which % len(live)]

    def free(self) -> list[int]:
        """What may be taken now but for what is next, best first, found out the long way."""
        items = self.items()
        owned = {claim.sbi.number for claim in self.live()}
        with self.ledger.store.read() as tx:
            used, paused = running(tx), {pause.account for pause in tx.pauses()}
        agents = {slot.name for slot in AGENTS if slot.account not in paused and used.get(slot.account, 0) < slot.limit}
        now = self.ledger.clock.now_ms()
        found: list[tuple[int, int, int]] = []
        for sbi in items.values():
            review = Status.REVIEWING in (sbi.status, sbi.stopped_in)
            names = (sbi.reviewer or ("bob", "ann")) if review else (sbi.agent or ("ann", "bob"))
            may = not sbi.held and sbi.number not in owned and agents & set(names)
            if may and sbi.in_work and (sbi.not_before or 0) <= now:
                found.append((0, sbi.rank, sbi.number))
            elif may and (sbi.resume or sbi.status is Status.PENDING) and self.may_enter(sbi, items):
                found.append((1 if sbi.resume else 2, sbi.rank, sbi.number))
        return [number for _, _, number in sorted(found)]

    def may_enter(self, sbi: Sbi, items: dict[int, Sbi]) -> bool:
        done = all(items[int(need[4:])].status is Status.DONE for need in sbi.depends_on)
        return done and not any(other.in_work and paths_overlap(sbi.paths, other.paths) for other in items.values())


def running(tx: Transaction) -> Counter[str]:
    """Calls that run, by account."""
    return FreeAgents(tx, AGENTS, Money()).used_of


def run(new_ledger: Callable[[], Ledger], *, examples: int, steps: int, same: bool) -> None:
    run_state_machine_as_test(
        lambda: Backlog(new_ledger()),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=same,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_rules_hold_after_each_step(new_ledger: Callable[[], Ledger]) -> None:
    run(new_ledger, examples=40, steps=40, same=True)


@pytest.mark.soak
def test_the_rules_hold_after_each_of_very_many_steps(new_ledger: Callable[[], Ledger]) -> None:
    run(new_ledger, examples=5_000, steps=100, same=False)
