"""Pauses of accounts and agents, trying an account again, and what an item may still spend: as choosing sees them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from deespec.clock import Clock
from deespec.model.budget import ItemBudget
from deespec.model.items import AgentPause, Claim
from deespec.model.lifecycle import Event, Status
from deespec.model.money import Spend
from deespec.model.wanted import MERGE_QUEUE, AgentSlot, Bar, Idle
from deespec.records import replace
from deespec.store import migrate, sqlite
from deespec.store.free_agents import PROBE_MS, FreeAgents, Money
from deespec.store.opener import open_store

if TYPE_CHECKING:
    from ledger import Ledger

ANN = AgentSlot(name="ann", account="team")
BOB = AgentSlot(name="bob", account="team")
BOTH = {"agents": (ANN, BOB), "implement": ("ann", "bob")}
ONLY_ANN = {"agents": (ANN,), "implement": ("ann",)}


def pause(ledger: Ledger, *, ms: int | None = 10, agent: str = "ann", **facts: Any) -> None:
    with ledger.store.transaction() as tx:
        until = None if ms is None else tx.now + ms
        tx.pause(
            AgentPause(account="team", agent=agent, reason="limit", message="", until_at=until, **facts), actor="w"
        )


def bar(ledger: Ledger, slot: AgentSlot) -> tuple[Bar, int | None] | None:
    with ledger.store.read() as tx:
        found = FreeAgents(tx, (ANN, BOB), Money()).barred(slot)
        return None if found is None else (found.why, found.until_at)


# --- whose pause it is ----------------------------------------------------------------------------------------------


def test_a_pause_of_the_account_is_one_of_all_its_agents(ledger: Ledger) -> None:
    ledger.add()
    pause(ledger)
    assert isinstance(ledger.claim(**BOTH), Idle)


def test_a_pause_of_an_agent_leaves_the_others_of_its_account_at_work(ledger: Ledger) -> None:
    ledger.add()
    pause(ledger, ms=None, only_agent="ann")
    assert ledger.take(**BOTH).agent == "bob"


def test_an_agent_waits_for_the_longer_one_of_its_own_pause_and_its_account_s(ledger: Ledger) -> None:
    now = ledger.clock.now_ms()
    pause(ledger, ms=10)
    pause(ledger, ms=20, only_agent="ann")
    assert (bar(ledger, ANN), bar(ledger, BOB)) == ((Bar.PAUSED, now + 20), (Bar.PAUSED, now + 10))
    pause(ledger, ms=None)
    assert bar(ledger, ANN) == (Bar.PAUSED, None)


def test_resuming_an_agent_ends_its_own_pause_and_its_account_s_and_no_other(ledger: Ledger) -> None:
    pause(ledger, ms=None)
    pause(ledger, ms=None, agent="bob", only_agent="bob")
    pause(ledger, ms=None, only_agent="ann")
    with ledger.store.transaction() as tx:
        assert tx.resume_agent("ann", account="team", actor="me") == 2
    assert bar(ledger, ANN) is None
    assert bar(ledger, BOB) == (Bar.PAUSED, None)


# --- trying an account again ----------------------------------------------------------------------------------------


@pytest.fixture
def limited(ledger: Ledger) -> Ledger:
    """Four items; the pause of the account is just over."""
    ledger.add_many(4)
    pause(ledger, ms=10, tries=1)
    ledger.clock.forward(10)
    return ledger


def test_one_call_tries_the_account_and_the_others_follow_after_a_while(limited: Ledger) -> None:
    limited.take(**BOTH)
    got = limited.claim(**BOTH, worker="worker 2")
    assert isinstance(got, Idle)
    assert got.next_at == limited.clock.now_ms() + PROBE_MS
    assert bar(limited, BOB) == (Bar.PROBED, got.next_at)
    limited.clock.forward(PROBE_MS)
    assert len(limited.take_all(**BOTH)) == 3


def test_the_others_follow_as_soon_as_the_call_went_well(limited: Ledger) -> None:
    limited.take(**BOTH)
    with limited.store.transaction() as tx:
        tx.went_well(account="team", agent="ann")
    assert len(limited.take_all(**BOTH)) == 3


def test_another_call_tries_it_when_the_first_one_died(limited: Ledger) -> None:
    claim = limited.take(**BOTH)
    with limited.store.transaction() as tx:
        tx.bury(claim.sbi.number, why="worker died", max_attempts=3, delay_ms=0)
    assert isinstance(limited.claim(**BOTH), Claim)
    assert isinstance(limited.claim(**BOTH), Idle)


def test_calls_that_began_before_the_limit_do_not_try_it(ledger: Ledger) -> None:
    ledger.add_many(4)
    ledger.take(**BOTH)
    pause(ledger, ms=10, tries=1)
    ledger.clock.forward(10)
    assert len(ledger.take_all(**BOTH)) == 1


def test_a_pause_by_hand_that_is_over_is_not_tried(ledger: Ledger) -> None:
    ledger.add_many(3)
    pause(ledger, ms=10, by_person=True)
    ledger.clock.forward(10)
    assert len(ledger.take_all(**BOTH)) == 3


def test_limits_in_a_row_are_counted_until_one_call_went_well(limited: Ledger) -> None:
    with limited.store.transaction() as tx:
        assert tx.last_limit("team") == (1, None)
        tx.went_well(account="team", agent="bob")
        assert tx.last_limit("team") == (0, None)
        assert tx.last_limit("elsewhere") == (0, None)


# --- what an item may spend -----------------------------------------------------------------------------------------


def spend(ledger: Ledger, claim: Claim, usd: float, *, metered: bool = True) -> None:
    with ledger.store.transaction() as tx:
        tx.spent(Spend(token=claim.token, sbi=claim.sbi.number, cost_usd=usd, metered=metered, worker=claim.worker))
        tx.give_back(claim, actor="worker", why="crash")


def test_an_item_that_cannot_afford_a_call_is_parked_when_it_would_be_taken(ledger: Ledger) -> None:
    ledger.add_many(2)
    spend(ledger, ledger.begin(), 3.0)
    assert ledger.take(item_budget=ItemBudget(usd=5)).sbi.number == 2
    sbi = ledger.sbi(1)
    assert (sbi.status, sbi.reason) == (Status.PARKED, "budget")
    assert (sbi.question or "").startswith("It has cost 3.00 USD")


def test_an_agent_that_costs_nothing_goes_on_with_it(ledger: Ledger) -> None:
    ledger.add()
    spend(ledger, ledger.begin(), 3.0)
    free = AgentSlot(name="ann", account="ann@test", metered=False)
    assert ledger.take(agents=(free,), item_budget=ItemBudget(usd=5)).sbi.number == 1


def test_what_was_spent_before_a_person_let_it_go_on_does_not_count_any_more(ledger: Ledger) -> None:
    ledger.add()
    ledger.settle(ledger.begin(), Event.IMPLEMENTED, usd_per_item=5, cost_usd=3.0)
    assert ledger.sbi(1).reason == "budget"
    for _ in range(2):
        ledger.retry(1)
        claim = ledger.take(item_budget=ItemBudget(usd=5))
        with ledger.store.read() as tx:
            assert tx.used_by_item(1).usd == 0
        spend(ledger, claim, 5.0)
        assert isinstance(ledger.claim(item_budget=ItemBudget(usd=5)), Idle)
        assert ledger.sbi(1).reason == "budget"


def test_an_item_that_starts_anew_has_its_budget_anew(ledger: Ledger) -> None:
    ledger.add()
    spend(ledger, ledger.begin(), 4.0)
    ledger.move(1, Event.CANCELLED)
    ledger.move(1, Event.RESET)
    ledger.take(item_budget=ItemBudget(usd=5))
    with ledger.store.read() as tx:
        assert tx.used_by_item(1).usd == 0


def test_sums_of_more_tokens_than_an_integer_holds_are_still_sums(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    with ledger.store.transaction() as tx:
        for token in range(claim.token, claim.token + 3):
            call = Spend(token=token, sbi=1, session="s", tokens_in=2**62, tokens_cached=2**62, tokens_out=2**62)
            tx.spent(replace(call, metered=token > claim.token))
        assert tx.used_by_item(1).tokens >= 2**62
        assert tx.session_used(1, "s").tokens_in == 2**63 - 1
        [found] = tx.figures().spent_by("", since=0)
    assert (found.tokens_in, found.tokens_cached, found.tokens_out) == (2**63 - 1,) * 3


# --- what a run may spend -------------------------------------------------------------------------------------------


def test_a_run_counts_its_own_calls_and_no_others(ledger: Ledger) -> None:
    ledger.add_many(4)
    run = {"usd_per_run": 2.0}
    spend(ledger, ledger.begin(worker="another"), 9.0)
    spend(ledger, ledger.begin(**run), 1.0)
    assert isinstance(ledger.claim(**run), Claim)
    got = ledger.claim(**run)
    assert isinstance(got, Idle)
    assert not got.run_is_spent, "one of its own calls runs, which may cost less"


def test_a_run_hears_when_its_money_is_spent_and_others_work_on(ledger: Ledger) -> None:
    ledger.add_many(3)
    run = {"usd_per_run": 2.0}
    spend(ledger, ledger.begin(**run), 1.5)
    got = ledger.claim(**run)
    assert isinstance(got, Idle)
    assert got.run_is_spent
    assert isinstance(ledger.claim(worker="another", **run), Claim)


def test_calls_of_which_nobody_knows_the_price_yet_go_one_by_one(ledger: Ledger) -> None:
    ledger.add_many(3)
    assert len(ledger.take_all(usd_per_run=1.0)) == 1
    assert len(ledger.take_all(usd_per_run=1.0, worker="another")) == 1


def test_merges_and_agents_of_a_subscription_reserve_nothing(ledger: Ledger) -> None:
    ledger.add_many(4)
    free = AgentSlot(name="free", account="free@test", metered=False)
    agents = {"agents": (free, AgentSlot(name="ann", account="ann@test")), "implement": ("ann", "free")}
    budget = {"usd_per_day": 1.0, "day_began_at": 0}
    names = []
    while isinstance(got := ledger.claim(**agents, **budget), Claim):
        names.append(got.agent)
    assert names == ["ann", "free", "free", "free"]


def test_calls_that_a_subscription_pays_do_not_count_among_those_that_run(ledger: Ledger) -> None:
    ledger.add_many(2)
    free = AgentSlot(name="free", account="free@test", metered=False)
    agents = (free, AgentSlot(name="ann", account="ann@test"))
    budget = {"usd_per_day": 1.0, "day_began_at": 0}
    ledger.take(agents=agents, implement=("free",), **budget)
    assert ledger.take(agents=agents, implement=("ann",), **budget).agent == "ann"


FREE = AgentSlot(name="free", account="free@test", metered=False)
QUEUE = AgentSlot(name=MERGE_QUEUE, account="queue", metered=False)
REVIEWED = {"agents": (FREE, AgentSlot(name="ann", account="ann@test"), QUEUE), "review": ("free",)}


def goes_on(ledger: Ledger) -> bool:
    with ledger.store.read() as tx:
        return tx.goes_on_for_nothing(ledger.wanted(**REVIEWED))


def fail(ledger: Ledger, claim: Claim) -> None:
    with ledger.store.transaction() as tx:
        tx.attempt_failed(claim, actor="worker", error="crash", max_attempts=9, delay_ms=5_000)


def test_a_review_that_costs_nothing_goes_on_without_money_and_what_costs_does_not(ledger: Ledger) -> None:
    ledger.add()
    assert not goes_on(ledger)
    ledger.implement()
    assert goes_on(ledger)
    fail(ledger, ledger.take(**REVIEWED))
    assert goes_on(ledger), "it waits for its back-off only"
    ledger.hold(1)
    assert not goes_on(ledger)


def test_a_merge_goes_on_without_money_unless_it_waits_for_a_person(ledger: Ledger) -> None:
    ledger.add()
    ledger.settle(ledger.begin(), Event.IMPLEMENTED_ONLY)
    assert ledger.sbi(1).status is Status.INTEGRATING
    assert goes_on(ledger)
    claim = ledger.take(**REVIEWED)
    with ledger.store.transaction() as tx:
        tx.waits(claim, actor="worker", why="open", reason="pull_request", until=tx.now + 5_000)
    assert not goes_on(ledger)


def test_an_agent_that_only_a_person_lets_work_again_does_not_go_on(ledger: Ledger) -> None:
    ledger.add()
    ledger.implement()
    for ms, expected in ((None, False), (5_000, True)):
        with ledger.store.transaction() as tx:
            until = None if ms is None else tx.now + ms
            tx.resume_agent("free", account="free@test", actor="me")
            tx.pause(AgentPause(account="free@test", agent="free", reason="x", message="", until_at=until), actor="w")
        assert goes_on(ledger) is expected


# --- a backlog of before --------------------------------------------------------------------------------------------


def test_pauses_and_what_was_spent_come_over_from_the_schema_before(path: str) -> None:
    raw = apsw.Connection(path)
    raw.execute("PRAGMA journal_mode = WAL").fetchall()
    raw.execute(f"PRAGMA application_id = {sqlite.APPLICATION_ID}")
    for _, file in migrate.migrations()[:3]:
        raw.execute(Path(file).read_text(encoding="utf-8"))
    raw.execute("INSERT INTO meta VALUES ('uid', '01'), ('epoch', 'ab'), ('created_at', '1'), ('next_accounts', '[]')")
    raw.execute("INSERT INTO agent_pause VALUES ('team', 'ann', 'login', 'Log in.', NULL, 1, 0)")
    raw.execute("INSERT INTO agent_strike VALUES ('team', 1, 'crash', 1)")
    raw.execute("INSERT INTO spend VALUES (7, 1, 2.5, 9)")
    raw.execute("PRAGMA user_version = 3")
    raw.close()
    migrate.migrate(path, back_up=lambda _: "backup", actor="test", clock=Clock(), busy_ms=5_000)
    store = open_store(path, clock=Clock(), busy_ms=5_000)
    with store.read() as tx:
        [pause] = tx.pauses()
        assert (pause.account, pause.agent, pause.only_agent, pause.tries) == ("team", "ann", "", 0)
        assert (tx.used_since(0).usd, tx.used_by_item(1).usd) == (2.5, 2.5)
    store.close()
