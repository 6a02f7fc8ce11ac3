"""Paths: who bars whom, who waits, who is next, and that nobody waits longer than what bars him."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deespec.model.items import AgentPause, Claim, Priority
from deespec.model.lifecycle import Event, Status
from deespec.model.wanted import AgentSlot, Idle, Scope
from deespec.records import replace
from deespec.store.claims import NEXT_AFTER_MS, NEXT_AFTER_STARTS, TESTS_PER_TRANSACTION
from deespec.store.items import RELEASE_STEP

if TYPE_CHECKING:
    from deespec.model.items import Sbi
    from ledger import Ledger

AUTH = ("src/auth/**",)
LOGIN = ("src/auth/login.py",)
DOCS = ("docs/**",)


def waits(ledger: Ledger, sbi: Sbi | int) -> tuple[int | None, str | None]:
    found = ledger.sbi(sbi)
    return found.waits_on, found.waits_for


def claim_once(ledger: Ledger) -> Claim | Idle:
    with ledger.store.transaction() as tx:
        return tx.claim_next(ledger.wanted())


def releasing(ledger: Ledger) -> int:
    """How many items wait for this one that will never bar them again."""
    with ledger.store.read() as tx:
        lines = tx.list_sbis(Scope()).lines
        statuses = {line.number: line.status for line in lines}
        return sum(line.waits_on is not None and statuses[line.waits_on] is Status.CANCELLED for line in lines)


# --- barred ---------------------------------------------------------------------------------------------------------


def test_an_item_whose_paths_overlap_those_in_work_waits_for_that_item(ledger: Ledger) -> None:
    ledger.add(paths=AUTH)
    ledger.add(paths=LOGIN)
    assert ledger.take_all() == ["SBI-1"]
    assert waits(ledger, 2) == (1, "paths")


def test_items_on_other_paths_are_taken_meanwhile(ledger: Ledger) -> None:
    for paths in (AUTH, LOGIN, DOCS, ()):
        ledger.add(paths=paths)
    assert ledger.take_all() == ["SBI-1", "SBI-3", "SBI-4"]


def test_an_item_between_two_claims_bars_its_paths_too(ledger: Ledger) -> None:
    ledger.add(paths=AUTH)
    ledger.hold(ledger.implement())
    ledger.add(paths=LOGIN)
    assert ledger.take_all() == []


@pytest.mark.parametrize(
    "events",
    [(Event.IMPLEMENTED_ONLY, Event.MERGED), (Event.NEEDS_PERSON,), (Event.LIMIT_REACHED,)],
    ids=["done", "parked", "failed"],
)
def test_a_waiting_item_is_free_when_what_barred_it_leaves_work(ledger: Ledger, events: tuple[Event, ...]) -> None:
    ledger.add(paths=AUTH)
    ledger.add(paths=LOGIN)
    claim = ledger.begin()
    assert ledger.claim() == Idle(running=1)
    ledger.settle(claim, *events)
    assert ledger.take_all() == ["SBI-2"]


def test_a_waiting_item_is_free_when_what_barred_it_is_cancelled(ledger: Ledger) -> None:
    ledger.add(paths=AUTH)
    ledger.add(paths=LOGIN)
    ledger.take_all()
    ledger.move(1, Event.CANCELLED)
    assert ledger.take_all() == ["SBI-2"]


def test_a_waiting_item_is_free_when_the_paths_that_barred_it_are_given_up(ledger: Ledger) -> None:
    ledger.add(paths=AUTH)
    ledger.add(paths=LOGIN)
    ledger.take_all()
    with ledger.store.transaction() as tx:
        tx.save(tx.sbi(1), replace(tx.sbi(1), paths=DOCS))
    assert ledger.take_all() == ["SBI-2"]


def test_a_retried_item_whose_paths_are_taken_waits_like_any_other(ledger: Ledger) -> None:
    ledger.add(paths=AUTH)
    ledger.settle(ledger.begin(), Event.LIMIT_REACHED)
    ledger.add(paths=LOGIN)
    ledger.take()
    ledger.retry(1)
    assert ledger.take_all() == []
    assert waits(ledger, 1) == (2, "paths")


def test_an_item_in_work_never_waits_for_paths_again(ledger: Ledger) -> None:
    ledger.add(paths=AUTH)
    ledger.implement()
    ledger.add(paths=LOGIN, priority=Priority.URGENT)
    assert ledger.take_all() == ["SBI-1"]


def test_items_without_paths_work_side_by_side_unless_they_are_exclusive(ledger: Ledger) -> None:
    ledger.add_many(2)
    assert ledger.take_all() == ["SBI-1", "SBI-2"]


@pytest.mark.parametrize(("first", "second"), [((), DOCS), (DOCS, ()), ((), ())])
def test_an_exclusive_item_works_alone(ledger: Ledger, first: tuple[str, ...], second: tuple[str, ...]) -> None:
    ledger.add(paths=first)
    ledger.add(paths=second)
    assert ledger.take_all(exclusive=True) == ["SBI-1"]


@pytest.mark.parametrize("bar", ["need", "paths"])
@pytest.mark.parametrize("blocked", [1, TESTS_PER_TRANSACTION, 300])
def test_blocked_items_hide_no_free_one_behind_them(ledger: Ledger, bar: str, blocked: int) -> None:
    first = ledger.add(paths=AUTH)
    ledger.take()
    ledger.add_many(blocked, **({"paths": LOGIN} if bar == "paths" else {"depends_on": (first.id,)}))
    free = ledger.add(paths=DOCS, priority=Priority.LOW)
    assert ledger.take().sbi.id == free.id


def test_a_claim_that_has_tested_many_items_lets_others_write_before_it_goes_on(ledger: Ledger) -> None:
    ledger.add(paths=AUTH)
    ledger.take()
    ledger.add_many(TESTS_PER_TRANSACTION + 1, paths=LOGIN)
    ledger.add(paths=DOCS)
    assert claim_once(ledger) == Idle(again=True, running=0)
    assert isinstance(claim_once(ledger), Claim)


# --- next in turn ---------------------------------------------------------------------------------------------------


def refuse(ledger: Ledger, *, priority: Priority = Priority.NORMAL) -> Sbi:
    """An item that was refused because docs/a are in work, and one behind it that would bar it again."""
    ledger.add(paths=("docs/a/**",))
    ledger.take()
    refused = ledger.add("Refused", paths=DOCS, priority=priority)
    assert ledger.claim() == Idle(running=1)
    return refused


def start(ledger: Ledger, count: int) -> None:
    """So many others start, each on paths of its own, and end."""
    for number in range(count):
        ledger.add(paths=(f"other/{number}",))
        ledger.finish()


def test_an_item_refused_at_ten_starts_of_others_is_next(ledger: Ledger) -> None:
    refused = refuse(ledger)
    start(ledger, NEXT_AFTER_STARTS)
    ledger.add(paths=("docs/b/**",))
    assert ledger.take_all() == []
    assert waits(ledger, refused.number + NEXT_AFTER_STARTS + 1) == (refused.number, "paths")


def test_an_item_refused_at_nine_starts_of_others_is_not_next(ledger: Ledger) -> None:
    refuse(ledger)
    start(ledger, NEXT_AFTER_STARTS - 1)
    overlapping = ledger.add(paths=("docs/b/**",))
    assert ledger.take_all() == [overlapping.id]


def test_an_item_refused_for_half_an_hour_is_next(ledger: Ledger) -> None:
    refuse(ledger)
    ledger.clock.forward(NEXT_AFTER_MS)
    ledger.add(paths=("docs/b/**",))
    assert ledger.take_all() == []


def test_an_item_refused_for_less_than_half_an_hour_is_not_next(ledger: Ledger) -> None:
    refuse(ledger)
    ledger.clock.forward(NEXT_AFTER_MS - 1)
    overlapping = ledger.add(paths=("docs/b/**",))
    assert ledger.take_all() == [overlapping.id]


def test_an_urgent_item_is_next_at_once_even_for_items_of_the_same_claim(ledger: Ledger) -> None:
    ledger.add(paths=("docs/a/**",))
    ledger.take()
    ledger.add(paths=DOCS, priority=Priority.URGENT)
    ledger.add(paths=("docs/b/**",))
    assert ledger.take_all() == []


def test_items_that_do_not_overlap_the_next_one_start(ledger: Ledger) -> None:
    refuse(ledger, priority=Priority.URGENT)
    disjoint = ledger.add(paths=("src/**",))
    assert ledger.take_all() == [disjoint.id]


def test_the_next_item_starts_when_what_barred_it_has_ended(ledger: Ledger) -> None:
    refused = refuse(ledger, priority=Priority.URGENT)
    ledger.add(paths=("docs/b/**",), priority=Priority.URGENT)
    assert ledger.take_all() == []
    ledger.move(1, Event.CANCELLED)
    assert ledger.take_all() == [refused.id]


def test_what_made_room_for_the_next_item_is_free_when_that_one_has_ended(ledger: Ledger) -> None:
    refused = refuse(ledger, priority=Priority.URGENT)
    behind = ledger.add(paths=("docs/b/**",))
    assert ledger.take_all() == []
    ledger.move(1, Event.CANCELLED)
    assert ledger.finish().id == refused.id
    assert ledger.take_all() == [behind.id]


def give_up(ledger: Ledger, sbi: Sbi, how: str) -> None:
    if how == "held":
        ledger.hold(sbi)
    elif how == "cancelled":
        ledger.move(sbi, Event.CANCELLED)
    elif how == "deleted":
        with ledger.store.transaction() as tx:
            tx.delete(tx.sbi(sbi.number))
    elif how == "given a need":
        need = ledger.add("Needed", hold=True)
        with ledger.store.transaction() as tx:
            tx.set_needs(sbi.number, (need.id,))
    elif how == "without an agent":
        with ledger.store.transaction() as tx:
            tx.pause(AgentPause(account="bob@test", agent="bob", reason="limit", message=""), actor="worker")


@pytest.mark.parametrize("how", ["held", "cancelled", "deleted", "given a need", "without an agent"])
def test_a_next_item_that_cannot_start_any_more_bars_nobody(ledger: Ledger, how: str) -> None:
    agents = (AgentSlot(name="ann", account="ann@test"), AgentSlot(name="bob", account="bob@test"))
    ledger.add(paths=("docs/a/**",))
    ledger.take()
    refused = ledger.add(paths=DOCS, priority=Priority.URGENT, agent=("bob",))
    behind = ledger.add(paths=("docs/b/**",))
    assert ledger.take_all(agents=agents) == []
    give_up(ledger, refused, how)
    assert ledger.take_all(agents=agents) == [behind.id]


def test_a_next_item_whose_need_was_undone_bars_nobody(ledger: Ledger) -> None:
    need = ledger.add()
    ledger.finish()
    ledger.add(paths=("docs/a/**",))
    ledger.take()
    ledger.add(paths=DOCS, priority=Priority.URGENT, depends_on=(need.id,))
    behind = ledger.add(paths=("docs/b/**",))
    assert ledger.take_all() == []
    ledger.move(need, Event.UNDONE)
    ledger.move(2, Event.CANCELLED)
    assert ledger.take_all() == [behind.id]


def test_only_one_item_is_next_at_a_time(ledger: Ledger) -> None:
    refuse(ledger, priority=Priority.URGENT)
    ledger.add(paths=("src/**",))
    ledger.take()
    ledger.add(paths=("src/a/**", "src/b/**"), priority=Priority.URGENT)
    assert ledger.take_all() == []
    with ledger.store.read() as tx:
        assert tx.next_in_turn() == 2


def test_a_reset_item_has_not_been_refused_yet(ledger: Ledger) -> None:
    refused = refuse(ledger)
    start(ledger, NEXT_AFTER_STARTS)
    ledger.move(refused, Event.CANCELLED)
    ledger.move(refused, Event.RESET)
    overlapping = ledger.add(paths=("docs/b/**",), priority=Priority.HIGH)
    assert ledger.take_all() == [overlapping.id]


# --- many that wait -------------------------------------------------------------------------------------------------


def test_waiters_return_a_step_at_a_time(ledger: Ledger) -> None:
    blocked = 2 * RELEASE_STEP + 1
    ledger.add(paths=AUTH)
    ledger.take()
    ledger.add_many(blocked, paths=LOGIN)
    assert ledger.claim() == Idle(running=1)
    ledger.move(1, Event.CANCELLED)
    left = [releasing(ledger)]
    for _ in range(2):
        claim_once(ledger)
        left.append(releasing(ledger))
    assert left == [RELEASE_STEP + 1, 1, 0]


def test_a_worker_is_told_to_ask_again_while_waiters_are_still_to_return(ledger: Ledger) -> None:
    ledger.add(paths=AUTH)
    ledger.take()
    ledger.add_many(2 * RELEASE_STEP + 1, paths=LOGIN, agent=("bob",))
    ledger.claim(agents=(AgentSlot(name="bob", account="bob@test"),))
    ledger.move(1, Event.CANCELLED)
    told = claim_once(ledger)
    assert isinstance(told, Idle)
    assert told.again


def test_waiters_return_though_everybody_died_between_two_steps(ledger: Ledger) -> None:
    ledger.add(paths=AUTH)
    ledger.take()
    last = ledger.add_many(RELEASE_STEP + 1, paths=LOGIN)[-1]
    assert ledger.claim() == Idle(running=1)
    ledger.move(1, Event.CANCELLED)
    assert waits(ledger, last) == (1, "paths")
    ledger.store.close()
    claim_once(ledger)
    assert waits(ledger, last) != (1, "paths")


def test_waiters_for_a_need_stay_when_those_for_its_paths_return(ledger: Ledger) -> None:
    first = ledger.add(paths=AUTH)
    needing = ledger.add(depends_on=(first.id,))
    ledger.add(paths=LOGIN)
    claim = ledger.begin()
    ledger.claim()
    ledger.settle(claim, Event.LIMIT_REACHED)
    assert waits(ledger, needing) == (1, "need")
    assert waits(ledger, 3) == (None, None)
