"""Who is next in turn when workers take only a part of the backlog: it bars nobody in vain, and nobody for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deespec.model.items import AgentPause, Priority, Worker
from deespec.model.lifecycle import Event
from deespec.model.wanted import AgentSlot, Idle, Scope
from deespec.store.claims import NEXT_AFTER_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.model.items import Sbi
    from ledger import Ledger

DOCS = ("docs/**",)
OURS = Scope(label="ours")
ANN, BOB = AgentSlot(name="ann", account="ann@test"), AgentSlot(name="bob", account="bob@test")


def next_in_turn(ledger: Ledger) -> int | None:
    with ledger.store.read() as tx:
        return tx.next_in_turn()


def worker(ledger: Ledger, uid: str) -> None:
    made = Worker(
        uid=uid,
        name=uid,
        host="here",
        pid=1,
        pid_start="1",
        namespace="1",
        boot=ledger.clock.boot_id(),
        slots=1,
        started_at=ledger.clock.now_ms(),
        seen_at=ledger.clock.now_ms(),
    )
    with ledger.store.transaction() as tx:
        tx.add_worker(made)


def registered(ledger: Ledger, uid: str) -> Worker:
    with ledger.store.read() as tx:
        return next(one for one in tx.workers() if one.uid == uid)


def crowd(ledger: Ledger, **fields: object) -> tuple[Sbi, Sbi]:
    """docs/a in work; an urgent item on docs that is refused for it; behind that an item of ours on docs/b."""
    for uid in ("open", "scoped", "with ann"):
        worker(ledger, uid)
    ledger.add(paths=("docs/a/**",))
    ledger.take(worker="other")
    refused = ledger.add("Refused", paths=DOCS, priority=Priority.URGENT, **fields)
    behind = ledger.add("Behind", paths=("docs/b/**",), labels=("ours",))
    return refused, behind


def leave(ledger: Ledger, one: Worker) -> None:
    with ledger.store.transaction() as tx:
        tx.remove_worker(one)


def die(ledger: Ledger, one: Worker) -> None:
    with ledger.store.transaction() as tx:
        tx.forget_worker(one.uid)


def finish(ledger: Ledger, one: Worker) -> None:
    with ledger.store.light_transaction() as tx:
        tx.worker_seen(one.uid, "finishing")


# --- scopes ---------------------------------------------------------------------------------------------------------


def test_a_worker_makes_nothing_next_that_it_would_never_take(ledger: Ledger) -> None:
    ledger.add(paths=("docs/a/**",))
    ledger.take(worker="open")
    ledger.add("Refused", paths=DOCS)
    assert ledger.claim(worker="open") == Idle(running=1)
    ledger.clock.forward(NEXT_AFTER_MS)
    ours = ledger.add(paths=("docs/b/**",), labels=("ours",))
    assert ledger.take_all(worker="scoped", scope=OURS) == [ours.id]
    assert next_in_turn(ledger) is None


def test_a_worker_makes_room_for_what_another_one_has_made_next(ledger: Ledger) -> None:
    refused, _ = crowd(ledger)
    assert ledger.take_all(worker="open") == []
    assert next_in_turn(ledger) == refused.number
    assert ledger.take_all(worker="scoped", scope=OURS) == []


def test_a_worker_takes_what_another_one_has_made_next_if_it_can(ledger: Ledger) -> None:
    refused, _ = crowd(ledger, labels=("ours",))
    assert ledger.take_all(worker="open") == []
    ledger.move(1, Event.CANCELLED)
    assert ledger.take_all(worker="scoped", scope=OURS) == [refused.id]


@pytest.mark.parametrize("goes", [leave, die, finish])
def test_an_item_is_next_only_as_long_as_the_worker_that_would_take_it_takes_work(
    ledger: Ledger, goes: Callable[[Ledger, Worker], None]
) -> None:
    _, behind = crowd(ledger)
    assert ledger.take_all(worker="open") == []
    assert ledger.take_all(worker="scoped", scope=OURS) == []
    goes(ledger, registered(ledger, "open"))
    assert next_in_turn(ledger) is None
    assert ledger.take_all(worker="scoped", scope=OURS) == [behind.id]


def test_the_item_is_next_again_when_another_worker_comes_that_takes_it(ledger: Ledger) -> None:
    refused, _ = crowd(ledger)
    ledger.take_all(worker="open")
    leave(ledger, registered(ledger, "open"))
    assert ledger.take_all(worker="new") == []
    assert next_in_turn(ledger) == refused.number


def test_a_worker_that_leaves_takes_only_its_own_item_from_its_place(ledger: Ledger) -> None:
    refused, _ = crowd(ledger)
    ledger.take_all(worker="open")
    leave(ledger, registered(ledger, "scoped"))
    assert next_in_turn(ledger) == refused.number


def test_what_is_next_for_a_worker_that_nobody_knows_bars_nobody(ledger: Ledger) -> None:
    """As in a copy of a backlog, whose workers live on in the original."""
    _, behind = crowd(ledger)
    assert ledger.take_all(worker="unknown") == []
    assert ledger.take_all(worker="scoped", scope=OURS) == [behind.id]


# --- agents ---------------------------------------------------------------------------------------------------------


def test_two_idle_workers_of_different_agents_do_not_wake_each_other_for_ever(ledger: Ledger) -> None:
    """Each write wakes all idle workers: what one of them puts behind the next item the other must not free."""
    crowd(ledger)
    with ledger.store.transaction() as tx:
        tx.pause(AgentPause(account=BOB.account, agent="bob", reason="limit", message=""), actor="worker")
    words = {"agents": (ANN, BOB)}
    for _ in range(2):
        ledger.claim(worker="with ann", implement=("ann",), **words)
        ledger.claim(worker="with bob", implement=("bob",), **words)
    before = ledger.sbi(3)
    assert ledger.claim(worker="with bob", implement=("bob",), **words) == Idle(running=1)
    assert ledger.sbi(3) == before
    assert before.waits_on == 2


def test_what_is_next_for_a_worker_whose_agents_pause_bars_nobody(ledger: Ledger) -> None:
    _, behind = crowd(ledger, agent=("bob",))
    words = {"agents": (ANN, BOB)}
    assert ledger.take_all(worker="open", **words) == []
    with ledger.store.transaction() as tx:
        tx.pause(AgentPause(account=BOB.account, agent="bob", reason="limit", message=""), actor="worker")
    assert ledger.take_all(worker="open", **words) == [behind.id]
    assert next_in_turn(ledger) is None


# --- needs ----------------------------------------------------------------------------------------------------------


def refused_and_given_needs(ledger: Ledger) -> tuple[Sbi, Sbi, Sbi]:
    """An item that was refused for half an hour, and then given two needs."""
    one, other = ledger.add("One need", paths=("one",)), ledger.add("Other need", paths=("other",))
    ledger.hold(other)
    ledger.add(paths=("docs/a/**",))
    ledger.hold(one)
    ledger.take()
    refused = ledger.add("Refused", paths=DOCS)
    assert ledger.claim() == Idle(running=1)
    with ledger.store.transaction() as tx:
        tx.set_needs(refused.number, (one.id, other.id))
    ledger.clock.forward(NEXT_AFTER_MS)
    return one, other, refused


def test_a_refused_item_of_whose_two_needs_one_is_done_is_not_next(ledger: Ledger) -> None:
    one, _, _ = refused_and_given_needs(ledger)
    ledger.hold(one, held=False)
    assert ledger.finish().id == one.id
    overlapping = ledger.add("Overlapping", paths=("docs/b/**",), priority=Priority.HIGH)
    assert ledger.take_all() == [overlapping.id]
    assert next_in_turn(ledger) is None


def test_a_refused_item_all_of_whose_needs_are_done_is_next(ledger: Ledger) -> None:
    one, other, refused = refused_and_given_needs(ledger)
    for need in (one, other):
        ledger.hold(need, held=False)
        assert ledger.finish().id == need.id
    ledger.add("Overlapping", paths=("docs/b/**",), priority=Priority.HIGH)
    assert ledger.take_all() == []
    assert next_in_turn(ledger) == refused.number
