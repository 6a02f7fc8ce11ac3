"""Named locks: one holder, a time to live, and a token that only grows. Pauses and strikes of agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deespec.errors import LeaseLost
from deespec.model.items import AgentPause
from deespec.store.pauses import STRIKES

if TYPE_CHECKING:
    from deespec.model.locks import Lock
    from ledger import FakeClock, Ledger

TTL_MS = 1_000


def acquire(ledger: Ledger, name: str = "deploy", *, owner: str = "one") -> Lock | None:
    clock = ledger.clock
    with ledger.store.light_transaction() as tx:
        return tx.lock_acquire(
            name, owner=owner, ttl_ms=TTL_MS, host="box", pid=7, boot=clock.boot_id(), boot_ms=clock.boot_ms()
        )


def must_acquire(ledger: Ledger, name: str = "deploy", *, owner: str = "one") -> Lock:
    lock = acquire(ledger, name, owner=owner)
    assert lock is not None
    return lock


def release(ledger: Ledger, lock: Lock) -> bool:
    with ledger.store.light_transaction() as tx:
        return tx.lock_release(lock)


def renew(ledger: Ledger, lock: Lock) -> None:
    with ledger.store.light_transaction() as tx:
        tx.lock_renew(lock, ttl_ms=TTL_MS, boot_ms=ledger.clock.boot_ms())


def held(ledger: Ledger) -> list[Lock]:
    with ledger.store.read() as tx:
        return tx.locks()


# --- one holder -----------------------------------------------------------------------------------------------------


def test_a_held_lock_is_not_given_to_another(ledger: Ledger) -> None:
    must_acquire(ledger)
    assert acquire(ledger, owner="two") is None


def test_locks_of_different_names_do_not_bar_each_other(ledger: Ledger) -> None:
    must_acquire(ledger, "deploy")
    assert acquire(ledger, "build", owner="two") is not None


def test_a_released_lock_is_free(ledger: Ledger) -> None:
    assert release(ledger, must_acquire(ledger))
    assert acquire(ledger, owner="two") is not None


def test_what_is_stored_is_what_the_holder_was_told(ledger: Ledger) -> None:
    lock = must_acquire(ledger)
    with ledger.store.read() as tx:
        assert (tx.lock("deploy"), tx.lock("build")) == (lock, None)


def test_the_same_owner_gets_its_lock_again_with_a_new_token(ledger: Ledger) -> None:
    first = must_acquire(ledger)
    again = must_acquire(ledger)
    assert again.token > first.token
    assert not release(ledger, first)


def test_a_token_only_grows_whoever_holds_the_lock(ledger: Ledger) -> None:
    tokens = []
    for owner in ("one", "two", "one"):
        lock = must_acquire(ledger, owner=owner)
        tokens.append(lock.token)
        release(ledger, lock)
    ledger.clock.forward(TTL_MS)
    tokens.append(must_acquire(ledger).token)
    assert tokens == sorted(set(tokens))


# --- its time -------------------------------------------------------------------------------------------------------


def test_a_lock_is_free_when_its_time_is_over(ledger: Ledger) -> None:
    must_acquire(ledger)
    ledger.clock.forward(TTL_MS - 1)
    assert acquire(ledger, owner="two") is None
    ledger.clock.forward(1)
    assert acquire(ledger, owner="two") is not None


def test_a_lock_of_another_boot_is_free(ledger: Ledger) -> None:
    must_acquire(ledger)
    ledger.clock.reboot()
    assert acquire(ledger, owner="two") is not None


def test_the_wall_clock_does_not_end_a_lock(ledger: Ledger, clock: FakeClock) -> None:
    must_acquire(ledger)
    clock.wall += 86_400_000
    assert acquire(ledger, owner="two") is None


def test_a_renewed_lock_begins_anew(ledger: Ledger) -> None:
    lock = must_acquire(ledger)
    ledger.clock.forward(TTL_MS - 1)
    renew(ledger, lock)
    ledger.clock.forward(TTL_MS - 1)
    assert acquire(ledger, owner="two") is None


def test_a_lock_is_renewed_past_its_end_if_nobody_has_taken_it(ledger: Ledger) -> None:
    lock = must_acquire(ledger)
    ledger.clock.forward(10 * TTL_MS)
    renew(ledger, lock)
    assert acquire(ledger, owner="two") is None


def test_a_lock_that_another_has_taken_cannot_be_renewed(ledger: Ledger) -> None:
    lock = must_acquire(ledger)
    ledger.clock.forward(TTL_MS)
    must_acquire(ledger, owner="two")
    with pytest.raises(LeaseLost, match="deploy"):
        renew(ledger, lock)


def test_a_lock_that_another_has_taken_is_not_released_by_its_old_holder(ledger: Ledger) -> None:
    lock = must_acquire(ledger)
    ledger.clock.forward(TTL_MS)
    taken = must_acquire(ledger, owner="two")
    assert not release(ledger, lock)
    assert held(ledger) == [taken]


def test_a_cleanup_frees_what_is_over_and_nothing_else(ledger: Ledger) -> None:
    must_acquire(ledger, "old")
    ledger.clock.forward(TTL_MS)
    kept = must_acquire(ledger, "new")
    with ledger.store.light_transaction() as tx:
        assert tx.locks_cleanup(boot=ledger.clock.boot_id(), boot_ms=ledger.clock.boot_ms()) == 1
    assert held(ledger) == [kept]


# --- pauses ---------------------------------------------------------------------------------------------------------


def pause(
    ledger: Ledger, until: int | None, *, account: str = "ann@test", agent: str = "ann", by_person: bool = False
) -> None:
    with ledger.store.transaction() as tx:
        facts = {"reason": "limit", "message": "full", "until_at": until, "by_person": by_person}
        tx.pause(AgentPause(account=account, agent=agent, **facts), actor="w")


def pauses(ledger: Ledger) -> list[int | None]:
    with ledger.store.read() as tx:
        return [one.until_at for one in tx.pauses()]


def test_a_pause_is_over_when_its_time_has_come(ledger: Ledger) -> None:
    pause(ledger, ledger.clock.now_ms() + 1)
    assert len(pauses(ledger)) == 1
    ledger.clock.forward(1)
    assert pauses(ledger) == []


@pytest.mark.parametrize("sooner", [1, 5])
def test_a_pause_is_not_shortened(ledger: Ledger, sooner: int) -> None:
    until = ledger.clock.now_ms() + 10
    pause(ledger, until)
    pause(ledger, until - sooner)
    assert pauses(ledger) == [until]


def test_a_pause_that_waits_for_a_person_is_not_given_an_end(ledger: Ledger) -> None:
    pause(ledger, None)
    pause(ledger, ledger.clock.now_ms() + 10)
    assert pauses(ledger) == [None]


@pytest.mark.parametrize(("first", "then"), [(10, 5), (5, 10), (None, 5), (5, None)])
def test_a_person_s_pause_is_replaced_by_a_later_one(ledger: Ledger, first: int | None, then: int | None) -> None:
    now = ledger.clock.now_ms()
    for ms in (first, then):
        pause(ledger, ms and now + ms, by_person=True)
    assert pauses(ledger) == [then and now + then]


@pytest.mark.parametrize("person_first", [True, False])
def test_a_person_and_a_vendor_do_not_shorten_each_other_s_pause(ledger: Ledger, person_first: bool) -> None:
    until = ledger.clock.now_ms() + 10
    pause(ledger, until, by_person=person_first)
    pause(ledger, until - 5, by_person=not person_first)
    assert pauses(ledger) == [until]


def test_a_pause_that_is_over_is_replaced_by_a_shorter_one(ledger: Ledger) -> None:
    pause(ledger, ledger.clock.now_ms() + 10)
    ledger.clock.forward(10)
    pause(ledger, ledger.clock.now_ms() + 5)
    assert pauses(ledger) == [ledger.clock.now_ms() + 5]


def test_a_pause_that_changed_nothing_is_not_in_the_journal(ledger: Ledger) -> None:
    for _ in range(2):
        pause(ledger, None)
    assert ledger.events() == ["agent_paused"]


def test_resuming_an_agent_ends_the_pauses_of_all_its_accounts_and_of_no_other(ledger: Ledger) -> None:
    for account, agent in (("ann@a", "ann"), ("ann@b", "ann"), ("bob@a", "bob")):
        pause(ledger, None, account=account, agent=agent)
    with ledger.store.transaction() as tx:
        assert tx.resume_agent("ann", actor="person") == 2
        assert [one.account for one in tx.pauses()] == ["bob@a"]


# --- strikes --------------------------------------------------------------------------------------------------------


def strike(ledger: Ledger, sbi: int, code: str = "crash", account: str = "ann@test", agent: str | None = None) -> bool:
    with ledger.store.transaction() as tx:
        return tx.strike(account=account, agent=agent or account.partition("@")[0], sbi=sbi, code=code)


def test_the_same_error_on_three_items_in_a_row_is_the_agent_s(ledger: Ledger) -> None:
    assert [strike(ledger, number) for number in range(STRIKES)] == [False, False, True]


def test_the_same_error_on_one_item_again_and_again_is_the_item_s(ledger: Ledger) -> None:
    assert not any(strike(ledger, 1) for _ in range(2 * STRIKES))


def test_another_error_between_breaks_the_row(ledger: Ledger) -> None:
    codes = ("crash", "crash", "timeout", "crash", "crash")
    assert not any(strike(ledger, number, code) for number, code in enumerate(codes))


def test_a_call_that_went_well_breaks_the_row(ledger: Ledger) -> None:
    strike(ledger, 1)
    strike(ledger, 2)
    with ledger.store.transaction() as tx:
        tx.went_well(account="ann@test", agent="ann")
    assert not strike(ledger, 3)


def test_each_account_has_strikes_of_its_own(ledger: Ledger) -> None:
    strike(ledger, 1)
    strike(ledger, 2)
    assert not strike(ledger, 3, account="ann@work")


def test_a_resumed_agent_begins_without_strikes_whatever_its_account_is_called(ledger: Ledger) -> None:
    for number in range(STRIKES):
        strike(ledger, number, account="the team's quota", agent="ann")
    pause(ledger, None, account="the team's quota")
    with ledger.store.transaction() as tx:
        tx.resume_agent("ann", actor="person")
    assert not strike(ledger, 4, account="the team's quota", agent="ann")


def test_resuming_one_agent_leaves_the_strikes_of_another_with_a_similar_name(ledger: Ledger) -> None:
    strike(ledger, 1, account="annXlee@test")
    strike(ledger, 2, account="annXlee@test")
    pause(ledger, None, account="ann_lee@test", agent="ann_lee")
    with ledger.store.transaction() as tx:
        tx.resume_agent("ann_lee", actor="person")
    assert strike(ledger, 3, account="annXlee@test")
