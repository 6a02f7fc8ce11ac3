"""A worker with a scope: what it is told to wait for lies in its scope, and nothing outside of it keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deespec.model.items import AgentPause, Priority
from deespec.model.lifecycle import Event
from deespec.model.wanted import AgentSlot, Idle, Scope

if TYPE_CHECKING:
    from deespec.model.items import Sbi
    from ledger import Ledger

OURS = Scope(label="ours")
ANN, BOB = AgentSlot(name="ann", account="ann@test"), AgentSlot(name="bob", account="bob@test")
WORDS = {"agents": (ANN, BOB), "scope": OURS}
LATER_MS = 60_000


def pause(ledger: Ledger, agent: str) -> int:
    until = ledger.clock.now_ms() + LATER_MS
    with ledger.store.transaction() as tx:
        tx.pause(AgentPause(account=f"{agent}@test", agent=agent, reason="", message="", until_at=until), actor="w")
    return until


def may_go_on(ledger: Ledger, scope: Scope = OURS) -> bool:
    with ledger.store.read() as tx:
        return tx.may_go_on(scope)


# --- when something becomes possible --------------------------------------------------------------------------------


def test_the_pause_of_an_agent_of_items_in_scope_has_an_end(ledger: Ledger) -> None:
    ledger.add(labels=("ours",), agent=("bob",))
    until = pause(ledger, "bob")
    got = ledger.claim(**WORDS)
    assert isinstance(got, Idle)
    assert got.next_at == until


def test_the_pause_of_an_agent_of_items_out_of_scope_is_not_waited_for(ledger: Ledger) -> None:
    ledger.add(agent=("bob",))
    pause(ledger, "bob")
    assert ledger.claim(**WORDS) == Idle()


def test_the_pause_of_an_agent_is_not_waited_for_where_another_one_could_do_it(ledger: Ledger) -> None:
    ledger.add(paths=("docs/**",))
    ledger.hold(ledger.implement())
    ledger.add(labels=("ours",), agent=("bob", "ann"), paths=("docs/**",))
    pause(ledger, "bob")
    assert ledger.claim(**WORDS) == Idle()


def test_the_pause_of_an_agent_of_the_next_item_is_waited_for_only_in_scope(ledger: Ledger) -> None:
    ledger.add(paths=("docs/**",))
    ledger.hold(ledger.implement())
    ledger.add(priority=Priority.URGENT, paths=("docs/**",), agent=("bob",))
    assert ledger.claim(worker="open", agents=(ANN, BOB)) == Idle()
    pause(ledger, "bob")
    assert ledger.claim(worker="scoped", **WORDS) == Idle()


def test_a_back_off_out_of_scope_is_not_waited_for(ledger: Ledger) -> None:
    ledger.add()
    number = ledger.begin().sbi.number
    with ledger.store.transaction() as tx:
        tx.bury(number, why="worker died", max_attempts=9, delay_ms=LATER_MS)
    assert ledger.claim(**WORDS) == Idle()


# --- whether anything can go on without a person --------------------------------------------------------------------


def test_a_pending_item_in_scope_can_go_on(ledger: Ledger) -> None:
    ledger.add(labels=("ours",))
    assert may_go_on(ledger)


def test_items_out_of_scope_do_not_count(ledger: Ledger) -> None:
    ledger.add()
    ledger.take()
    assert not may_go_on(ledger)


def stop(ledger: Ledger, sbi: Sbi, how: str) -> None:
    if how == "held":
        ledger.hold(sbi)
    elif how == "cancelled":
        ledger.move(sbi, Event.CANCELLED)
    else:
        ledger.settle(ledger.begin(scope=Scope(numbers=(sbi.number,))), Event(how))


@pytest.mark.parametrize("how", ["held", Event.NEEDS_PERSON, Event.LIMIT_REACHED])
def test_what_waits_for_a_person_cannot_go_on(ledger: Ledger, how: str) -> None:
    stop(ledger, ledger.add(labels=("ours",)), how)
    assert not may_go_on(ledger)


@pytest.mark.parametrize("how", ["held", "cancelled", Event.NEEDS_PERSON, Event.LIMIT_REACHED])
def test_what_needs_such_an_item_even_out_of_scope_cannot_either(ledger: Ledger, how: str) -> None:
    first = ledger.add()
    second = ledger.add(depends_on=(first.id,))
    ledger.add(labels=("ours",), depends_on=(second.id,))
    assert may_go_on(ledger)
    stop(ledger, first, how)
    assert not may_go_on(ledger)


def test_a_retried_item_can_go_on(ledger: Ledger) -> None:
    sbi = ledger.add(labels=("ours",))
    stop(ledger, sbi, Event.LIMIT_REACHED)
    ledger.retry(sbi)
    assert may_go_on(ledger)


def test_a_held_item_goes_on_to_the_end_of_its_turn(ledger: Ledger) -> None:
    sbi = ledger.add(labels=("ours",))
    ledger.take()
    ledger.hold(sbi)
    assert may_go_on(ledger)
