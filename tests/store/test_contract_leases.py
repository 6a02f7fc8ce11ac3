"""Leases: whose claim still counts, who is found dead, and what a claim that ends without an outcome costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deespec.errors import LeaseLost
from deespec.model.items import Guard, Worker
from deespec.model.lifecycle import Event, Status
from deespec.model.wanted import Idle
from deespec.records import replace

if TYPE_CHECKING:
    from deespec.model.items import Claim
    from ledger import Ledger

LEASE_MS = 60_000
MAX_ATTEMPTS = 3


def dead(ledger: Ledger, *workers: str) -> list[tuple[int, str]]:
    clock = ledger.clock
    with ledger.store.read() as tx:
        return tx.dead_claims(dead_workers=list(workers), boot=clock.boot_id(), boot_ms=clock.boot_ms())


def renew(ledger: Ledger, worker: str = "worker 1") -> None:
    with ledger.store.light_transaction() as tx:
        tx.renew(worker=worker, until=ledger.clock.boot_ms() + LEASE_MS, boot=ledger.clock.boot_id())


def is_mine(ledger: Ledger, claim: Claim) -> bool:
    with ledger.store.read() as tx:
        return tx.claim_is_mine(claim)


def bury(ledger: Ledger, *, delay_ms: int = 0) -> None:
    with ledger.store.transaction() as tx:
        tx.bury(1, why="worker died", max_attempts=MAX_ATTEMPTS, delay_ms=delay_ms)


# --- who is dead ----------------------------------------------------------------------------------------------------


def test_a_claim_lives_until_its_lease_is_over(ledger: Ledger) -> None:
    ledger.add()
    ledger.take()
    ledger.clock.forward(LEASE_MS)
    assert dead(ledger) == []
    ledger.clock.forward(1)
    assert dead(ledger) == [(1, "its lease was over")]


def test_a_renewed_lease_begins_anew(ledger: Ledger) -> None:
    ledger.add()
    ledger.take()
    ledger.clock.forward(LEASE_MS)
    renew(ledger)
    ledger.clock.forward(LEASE_MS)
    assert dead(ledger) == []


def test_a_worker_renews_past_the_end_what_nobody_has_taken_over(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.take()
    ledger.clock.forward(10 * LEASE_MS)
    renew(ledger)
    assert dead(ledger) == []
    assert is_mine(ledger, claim)


def test_a_worker_renews_only_its_own_claims(ledger: Ledger) -> None:
    ledger.add_many(2)
    ledger.take(worker="worker 1")
    ledger.take(worker="worker 2")
    ledger.clock.forward(LEASE_MS + 1)
    renew(ledger, "worker 2")
    assert dead(ledger) == [(1, "its lease was over")]


def test_the_claims_of_a_dead_worker_are_dead_at_once(ledger: Ledger) -> None:
    ledger.add_many(2)
    ledger.take(worker="worker 1")
    ledger.take(worker="worker 2")
    assert dead(ledger, "worker 2") == [(2, "worker died")]


def test_a_claim_of_another_boot_is_dead_however_late_its_lease_ends(ledger: Ledger) -> None:
    ledger.add()
    ledger.take()
    ledger.clock.reboot()
    assert dead(ledger) == [(1, "the machine was restarted")]


# --- whose claim counts ---------------------------------------------------------------------------------------------


def test_a_claim_that_was_taken_over_belongs_to_its_new_owner(ledger: Ledger) -> None:
    ledger.add()
    lost = ledger.take()
    bury(ledger)
    taken = ledger.take(worker="worker 2")
    assert (is_mine(ledger, lost), is_mine(ledger, taken)) == (False, True)


def test_a_claim_of_another_life_of_the_database_does_not_count(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.take()
    assert not is_mine(ledger, replace(claim, epoch="of the backup"))


def test_a_worker_knows_which_claims_are_still_its_own(ledger: Ledger) -> None:
    ledger.add_many(2)
    kept, lost = ledger.take(), ledger.take()
    with ledger.store.transaction() as tx:
        tx.revoke(lost.sbi, actor="person")
    with ledger.store.read() as tx:
        assert tx.tokens_of("worker 1") == {kept.token}


def test_a_guard_is_named_with_the_claim_it_stands_over(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.take()
    guard = Guard(pid=7, start="123", namespace="4026531836", lock="guards/1")
    with ledger.store.light_transaction() as tx:
        tx.guard_stands(claim, guard)
    bury(ledger)
    assert [call.guard for call in ledger.take().leftovers] == [guard]


def test_no_guard_may_stand_over_a_claim_that_was_lost(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.take()
    bury(ledger)
    with pytest.raises(LeaseLost), ledger.store.light_transaction() as tx:
        tx.guard_stands(claim, Guard(pid=7, start="123", namespace="1", lock="guards/1"))


# --- the end of a claim without an outcome --------------------------------------------------------------------------


def test_a_death_uses_an_attempt_and_the_item_goes_on_where_it_was(ledger: Ledger) -> None:
    ledger.add()
    ledger.begin()
    bury(ledger)
    after = ledger.sbi(1)
    assert (after.status, after.attempts, after.turn) == (Status.IMPLEMENTING, 1, 0)


def test_an_item_that_kills_its_workers_fails_at_the_last_attempt(ledger: Ledger) -> None:
    ledger.add()
    for _ in range(MAX_ATTEMPTS):
        ledger.take()
        bury(ledger)
    after = ledger.sbi(1)
    assert (after.status, after.reason, after.stopped_in) == (Status.FAILED, "attempts", Status.PICKED)


def test_a_buried_item_comes_back_after_its_delay(ledger: Ledger) -> None:
    ledger.add()
    ledger.take()
    bury(ledger, delay_ms=5_000)
    assert ledger.claim() == Idle(next_at=ledger.clock.now_ms() + 5_000)


def test_a_person_s_stop_uses_no_attempt(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    with ledger.store.transaction() as tx:
        tx.release(claim, actor="person", why="stopped")
    assert (ledger.sbi(1).attempts, ledger.take().turn) == (0, 1)


def test_what_was_lost_cannot_be_released(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    bury(ledger)
    with pytest.raises(LeaseLost), ledger.store.transaction() as tx:
        tx.release(claim, actor="person", why="stopped")


def test_an_outcome_makes_the_attempts_before_it_forgotten(ledger: Ledger) -> None:
    ledger.add()
    ledger.begin()
    bury(ledger)
    assert ledger.settle(ledger.begin(), Event.IMPLEMENTED).attempts == 0


# --- workers --------------------------------------------------------------------------------------------------------


def add_worker(ledger: Ledger) -> Worker:
    worker = Worker(
        uid="01", name="box-7", host="box", pid=7, pid_start="1", namespace="1", boot="boot 1", slots=3, started_at=1
    )
    with ledger.store.transaction() as tx:
        tx.add_worker(worker)
    return worker


def test_a_sign_of_life_brings_back_what_was_asked_of_the_worker(ledger: Ledger) -> None:
    worker = add_worker(ledger)
    heard = []
    with ledger.store.transaction() as tx:
        heard.append(tx.worker_seen(worker.uid, "running"))
        tx.ask_to_stop(worker, "now", actor="person")
        heard.append(tx.worker_seen(worker.uid, "finishing"))
        assert [one.state for one in tx.workers()] == ["finishing"]
    assert heard == [None, "now"]


def test_a_dead_worker_is_taken_off_the_list_and_named_in_the_journal(ledger: Ledger) -> None:
    worker = add_worker(ledger)
    for _ in range(2):
        with ledger.store.transaction() as tx:
            tx.forget_worker(worker.uid)
    with ledger.store.read() as tx:
        assert tx.workers() == []
    assert ledger.events() == ["worker_started", "worker_died"]
