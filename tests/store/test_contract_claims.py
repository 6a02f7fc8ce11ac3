"""Claiming: which item comes next, which conditions it must meet, and what the claim says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from deespec.model.items import AgentPause, Claim, Priority
from deespec.model.lifecycle import Event, Status, Step
from deespec.model.money import Spend
from deespec.model.wanted import AgentSlot, Bar, Idle, Scope
from deespec.store.free_agents import FreeAgents, Money

if TYPE_CHECKING:
    from ledger import Ledger

MINUTE_MS = 60_000


def slot(name: str, *, account: str | None = None, **facts: Any) -> AgentSlot:
    return AgentSlot(name=name, account=account or f"{name}@test", **facts)


def bars(ledger: Ledger, agents: tuple[AgentSlot, ...]) -> dict[str, Bar]:
    """What keeps which of the agents from being given a call."""
    with ledger.store.read() as tx:
        free = FreeAgents(tx, agents, Money())
        found = {one.name: free.barred(one) for one in agents}
    return {name: bar.why for name, bar in found.items() if bar is not None}


def rests(ledger: Ledger, **changes: Any) -> tuple[int, int | None]:
    """What a worker hears that finds nothing to take: how many claims live, and when to look again."""
    got = ledger.claim(**changes)
    assert isinstance(got, Idle), f"there was {got}"
    return got.running, got.next_at


def pause(ledger: Ledger, account: str, *, until: int | None = None) -> None:
    with ledger.store.transaction() as tx:
        paused = AgentPause(
            account=account, agent=account.partition("@")[0], reason="limit", message="", until_at=until
        )
        tx.pause(paused, actor="worker")


# --- order ----------------------------------------------------------------------------------------------------------


def test_pending_items_come_by_priority_then_in_order_of_registration(ledger: Ledger) -> None:
    for priority in (Priority.LOW, Priority.NORMAL, Priority.URGENT, Priority.HIGH, Priority.NORMAL):
        ledger.add(priority=priority)
    assert ledger.take_all() == ["SBI-3", "SBI-4", "SBI-2", "SBI-5", "SBI-1"]


def test_an_item_that_has_begun_comes_before_more_urgent_ones_that_have_not(ledger: Ledger) -> None:
    ledger.add(priority=Priority.LOW)
    ledger.implement()
    ledger.add(priority=Priority.URGENT)
    assert ledger.take().sbi.id == "SBI-1"


def test_a_retried_item_comes_before_more_urgent_ones_that_have_not_begun(ledger: Ledger) -> None:
    failed = ledger.add(priority=Priority.LOW)
    ledger.settle(ledger.begin(), Event.LIMIT_REACHED)
    ledger.add(priority=Priority.URGENT)
    ledger.retry(failed)
    assert ledger.take().sbi.id == "SBI-1"


def test_items_with_different_lists_of_agents_come_in_one_order(ledger: Ledger) -> None:
    for agent in (("ann",), ("bob",), (), ("bob", "ann"), ("ann",)):
        ledger.add(agent=agent)
    agents = (slot("ann"), slot("bob"))
    assert ledger.take_all(agents=agents) == ["SBI-1", "SBI-2", "SBI-3", "SBI-4", "SBI-5"]


def test_an_item_comes_as_early_as_the_most_urgent_that_needs_it(ledger: Ledger) -> None:
    ledger.add(priority=Priority.HIGH)
    need = ledger.add(priority=Priority.LOW)
    ledger.add(priority=Priority.URGENT, depends_on=(need.id,))
    assert ledger.take_all() == ["SBI-2", "SBI-1"]


# --- needs and holds ------------------------------------------------------------------------------------------------


def test_an_item_whose_need_is_not_done_is_not_taken(ledger: Ledger) -> None:
    need = ledger.add()
    ledger.add(depends_on=(need.id,))
    assert ledger.take_all() == ["SBI-1"]


def test_an_item_is_free_when_its_last_need_is_done(ledger: Ledger) -> None:
    ledger.add(depends_on=tuple(one.id for one in ledger.add_many(2)))
    ledger.finish()
    ledger.finish()
    assert ledger.take_all() == ["SBI-3"]


@pytest.mark.parametrize("event", [Event.LIMIT_REACHED, Event.NEEDS_PERSON])
def test_an_item_is_not_free_when_its_need_stopped(ledger: Ledger, event: Event) -> None:
    ledger.add(depends_on=(ledger.add().id,))
    ledger.settle(ledger.begin(), event)
    assert ledger.take_all() == []


def test_a_need_that_was_undone_is_tested_again(ledger: Ledger) -> None:
    ledger.add(depends_on=(ledger.add().id,))
    ledger.finish()
    ledger.move(1, Event.UNDONE)
    assert ledger.take_all() == []


def test_a_held_item_is_not_taken_until_it_is_free_again(ledger: Ledger) -> None:
    held = ledger.add(hold=True)
    assert ledger.take_all() == []
    ledger.hold(held, held=False)
    assert ledger.take_all() == ["SBI-1"]


def test_an_item_held_between_two_steps_is_not_taken_again(ledger: Ledger) -> None:
    ledger.add()
    ledger.hold(ledger.implement())
    assert ledger.take_all() == []


def test_an_item_with_a_live_claim_is_not_taken_by_anybody_else(ledger: Ledger) -> None:
    ledger.add()
    ledger.take()
    assert ledger.claim(worker="worker 2") == Idle(running=1)


# --- agents ---------------------------------------------------------------------------------------------------------


def test_an_agent_s_limit_counts_its_own_claims_of_all_workers(ledger: Ledger) -> None:
    ledger.add_many(4)
    agents = (slot("ann", limit=2, account="shared"), slot("bob", limit=1, account="shared"))
    ledger.take(agents=agents, implement=("ann",))
    ledger.take(agents=agents, implement=("bob",), worker="worker 2")
    ledger.take(agents=agents, implement=("ann",), worker="worker 3")
    assert rests(ledger, agents=agents, implement=("ann", "bob"), worker="worker 4") == (3, None)
    assert bars(ledger, agents) == {"ann": Bar.LIMIT, "bob": Bar.LIMIT}


def test_an_account_s_limit_counts_the_claims_of_all_its_agents(ledger: Ledger) -> None:
    ledger.add_many(4)
    shared = {"account": "shared", "account_limit": 2}
    agents = (slot("ann", **shared), slot("bob", **shared), slot("cyd"))
    ledger.take(agents=agents, implement=("ann",))
    ledger.take(agents=agents, implement=("bob",), worker="worker 2")
    assert rests(ledger, agents=agents, implement=("ann", "bob"), worker="worker 3") == (2, None)
    assert bars(ledger, agents) == {"ann": Bar.ACCOUNT_LIMIT, "bob": Bar.ACCOUNT_LIMIT}
    assert ledger.take(agents=agents, implement=("ann", "cyd")).agent == "cyd"


def test_of_agents_that_work_alone_in_a_folder_only_one_works_at_a_time(ledger: Ledger) -> None:
    ledger.add_many(3)
    agents = (slot("ann", alone=True), slot("bob", alone=True), slot("cyd"))
    ledger.take(agents=agents, implement=("ann",))
    assert rests(ledger, agents=agents, implement=("ann", "bob")) == (1, None)
    assert bars(ledger, agents) == {"ann": Bar.ALONE, "bob": Bar.ALONE}
    assert ledger.take(agents=agents, implement=("bob", "cyd")).agent == "cyd"


def test_a_slot_is_free_again_when_the_turn_has_ended(ledger: Ledger) -> None:
    ledger.add_many(2)
    agents = (slot("ann", limit=1),)
    ledger.finish(agents=agents)
    assert ledger.take(agents=agents).sbi.id == "SBI-2"


def test_a_full_agent_does_not_hide_items_of_another_one(ledger: Ledger) -> None:
    ledger.add_many(2, agent=("ann",))
    ledger.add(agent=("bob",))
    assert ledger.take_all(agents=(slot("ann", limit=1), slot("bob"))) == ["SBI-1", "SBI-3"]


def test_the_next_agent_of_the_list_takes_over_when_the_first_is_full(ledger: Ledger) -> None:
    ledger.add_many(2, agent=("ann", "bob"))
    agents = (slot("bob"), slot("ann", limit=1))
    assert [ledger.take(agents=agents).agent for _ in range(2)] == ["ann", "bob"]


def test_the_next_agent_of_the_list_takes_over_when_the_first_is_paused(ledger: Ledger) -> None:
    ledger.add(agent=("ann", "bob"))
    pause(ledger, "ann@test")
    assert ledger.take(agents=(slot("ann"), slot("bob"))).agent == "bob"


def test_an_item_that_names_no_agent_this_worker_knows_is_left_to_others(ledger: Ledger) -> None:
    ledger.add(agent=("bob",))
    assert ledger.take_all() == []


def test_who_reviews_is_not_asked_of_those_who_implement(ledger: Ledger) -> None:
    ledger.add(agent=("ann",), reviewer=("bob",))
    agents = (slot("ann"), slot("bob"))
    ledger.implement(agents=agents)
    assert ledger.take(agents=agents).agent == "bob"


def test_a_paused_agent_is_asked_again_when_its_time_has_come(ledger: Ledger) -> None:
    ledger.add()
    until = ledger.clock.now_ms() + MINUTE_MS
    pause(ledger, "ann@test", until=until)
    assert rests(ledger) == (0, until)
    ledger.clock.forward(MINUTE_MS)
    assert ledger.take().agent == "ann"


def test_an_agent_that_waits_for_a_person_names_no_time(ledger: Ledger) -> None:
    ledger.add()
    pause(ledger, "ann@test")
    assert rests(ledger) == (0, None)


def test_a_worker_with_nothing_to_do_hears_when_a_back_off_ends(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    with ledger.store.transaction() as tx:
        tx.attempt_failed(claim, actor="worker", error="crash", max_attempts=3, delay_ms=5_000)
    assert ledger.claim() == Idle(next_at=ledger.clock.now_ms() + 5_000)
    ledger.clock.forward(5_000)
    assert ledger.take().turn == 1


def test_the_day_s_budget_reserves_the_dearest_turn_for_each_that_runs(ledger: Ledger) -> None:
    ledger.add_many(4)
    ledger.settle(ledger.begin(), Event.IMPLEMENTED_ONLY, Event.MERGED, cost_usd=2.0)
    tomorrow = ledger.clock.now_ms() + 86_400_000
    budget = {"usd_per_day": 6.0, "day_began_at": ledger.clock.now_ms(), "day_ends_at": tomorrow}
    assert isinstance(ledger.claim(**budget), Claim)
    assert isinstance(ledger.claim(**budget), Claim)
    assert rests(ledger, **budget) == (2, tomorrow)


def test_a_call_that_came_to_no_outcome_has_cost_what_it_cost(ledger: Ledger) -> None:
    ledger.add_many(2)
    claim = ledger.begin()
    with ledger.store.transaction() as tx:
        tx.spent(Spend(token=claim.token, sbi=claim.sbi.number, cost_usd=9.0))
        tx.give_back(claim, actor="worker", why="crash")
    now = ledger.clock.now_ms()
    assert rests(ledger, usd_per_day=5.0, day_began_at=now, day_ends_at=now + 9) == (0, now + 9)


def test_an_agent_that_costs_nothing_works_on_when_the_day_s_budget_is_spent(ledger: Ledger) -> None:
    ledger.add_many(2)
    ledger.settle(ledger.begin(), Event.IMPLEMENTED_ONLY, Event.MERGED, cost_usd=9.0)
    agents = (slot("ann"), slot("bob", metered=False))
    budget = {"usd_per_day": 5.0, "day_began_at": ledger.clock.now_ms()}
    assert ledger.take(agents=agents, implement=("ann", "bob"), **budget).agent == "bob"


# --- scope ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "taken"),
    [
        (Scope(numbers=(4, 2)), ["SBI-2", "SBI-4"]),
        (Scope(label="web"), ["SBI-1"]),
        (Scope(label='say "hi"\\'), ["SBI-2"]),
        (Scope(label="we"), []),
        (Scope(parent="PBI-1"), ["SBI-3"]),
        (Scope(text="LOGIN"), ["SBI-4"]),
        (Scope(owner="nobody@test"), []),
    ],
    ids=lambda value: str(value) if isinstance(value, Scope) else "",
)
def test_a_worker_takes_only_what_is_in_its_scope(ledger: Ledger, scope: Scope, taken: list[str]) -> None:
    pbi = ledger.add_pbi()
    ledger.add(labels=("web", "日本語"))
    ledger.add(labels=('say "hi"\\',))
    ledger.add(parent=pbi.id)
    ledger.add("The login page")
    assert ledger.take_all(scope=scope) == taken


def test_a_scope_holds_for_items_that_have_begun_too(ledger: Ledger) -> None:
    ledger.add()
    ledger.implement()
    assert ledger.take_all(scope=Scope(label="web")) == []


# --- the claim ------------------------------------------------------------------------------------------------------


def test_a_claim_names_the_step_and_the_turn_it_is_a_try_at(ledger: Ledger) -> None:
    ledger.add()
    ledger.implement()
    claim = ledger.take()
    assert (claim.step, claim.turn) == (Step.REVIEW, 2)


def test_each_claim_has_a_larger_token_than_all_before(ledger: Ledger) -> None:
    ledger.add_many(5)
    tokens = [ledger.take().token for _ in range(5)]
    assert tokens == sorted(set(tokens))


def test_a_claim_tells_whether_others_work(ledger: Ledger) -> None:
    ledger.add_many(2)
    assert [ledger.take().alone, ledger.take().alone] == [True, False]


def test_a_claim_names_the_calls_of_earlier_owners_that_may_still_run(ledger: Ledger) -> None:
    ledger.add()
    lost = ledger.begin()
    with ledger.store.transaction() as tx:
        tx.bury(1, why="worker died", max_attempts=3, delay_ms=0)
    assert [call.token for call in ledger.take().leftovers] == [lost.token]


def test_a_claim_moves_the_item_and_says_so_in_the_journal(ledger: Ledger) -> None:
    ledger.add()
    ledger.take()
    assert ledger.sbi(1).status is Status.PICKED
    assert ledger.events("SBI-1") == ["registered", "claimed"]


def test_a_worker_hears_how_many_claims_live(ledger: Ledger) -> None:
    ledger.add_many(2)
    ledger.take_all()
    assert ledger.claim() == Idle(running=2)
