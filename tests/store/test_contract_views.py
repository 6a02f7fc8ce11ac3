"""Looking: true totals, pages and filters; the journal says what happened, in the transaction in which it happened."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from deespec.model.items import Epic, Kind, Priority
from deespec.model.lifecycle import Event, Status
from deespec.model.wanted import Scope

if TYPE_CHECKING:
    from deespec.store.views import Page
    from ledger import Ledger


class Interrupted(Exception):
    """Something goes wrong in the middle of a transaction."""


def listed(ledger: Ledger, scope: Scope | None = None, **options: object) -> Page:
    with ledger.store.read() as tx:
        return tx.list_sbis(scope or Scope(), **options)


def numbers(page: Page) -> list[int]:
    return [line.number for line in page.lines]


# --- lists ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "offset", "shown"),
    [(2, 0, [1, 2]), (2, 4, [5]), (5, 0, [1, 2, 3, 4, 5]), (-1, 0, [1, 2, 3, 4, 5]), (-1, 3, [4, 5]), (2, 9, [])],
)
def test_each_page_tells_the_true_total(ledger: Ledger, limit: int, offset: int, shown: list[int]) -> None:
    ledger.add_many(5)
    page = listed(ledger, limit=limit, offset=offset)
    assert (numbers(page), page.total) == (shown, 5)


def test_the_total_counts_what_the_filter_lets_through(ledger: Ledger) -> None:
    ledger.add_many(3, labels=("web",))
    ledger.add_many(4)
    page = listed(ledger, Scope(label="web"), limit=1)
    assert (numbers(page), page.total) == ([1], 3)


def test_a_list_of_some_statuses_shows_those_alone(ledger: Ledger) -> None:
    ledger.add_many(4)
    ledger.move(2, Event.CANCELLED)
    ledger.finish()
    page = listed(ledger, statuses=(Status.DONE, Status.CANCELLED), limit=1)
    assert (numbers(page), page.total) == ([1], 2)


def test_no_status_at_all_shows_nothing(ledger: Ledger) -> None:
    ledger.add()
    assert listed(ledger, statuses=()).total == 0


def test_a_theme_shows_the_items_of_its_groups_too(ledger: Ledger) -> None:
    with ledger.store.transaction() as tx:
        tx.add(Epic(number=1, uid=ledger.clock.uid(), title="Theme", spec=""))
    pbi = ledger.add_pbi(parent="EPIC-1")
    ledger.add(parent=pbi.id)
    ledger.add(parent="EPIC-1")
    ledger.add()
    assert numbers(listed(ledger, Scope(parent="EPIC-1"))) == [1, 2]


def test_ready_are_those_that_wait_for_nothing_and_for_nobody(ledger: Ledger) -> None:
    ledger.add(priority=Priority.URGENT)
    ledger.take()
    ledger.add(depends_on=("SBI-1",))
    ledger.add(hold=True)
    ledger.add()
    assert numbers(listed(ledger, ready=True)) == [4]
    assert numbers(listed(ledger, ready=False)) == [2]


def test_what_runs_is_shown_longest_first_with_who_works_on_it(ledger: Ledger) -> None:
    ledger.add_many(2)
    ledger.add(priority=Priority.URGENT)
    ledger.take()
    ledger.clock.forward(1)
    ledger.take(worker="worker 2")
    with ledger.store.read() as tx:
        assert [(line.number, line.lease_worker) for line in tx.running()] == [(3, "worker 1"), (1, "worker 2")]


def test_counts_name_only_statuses_that_occur(ledger: Ledger) -> None:
    ledger.add_many(3)
    ledger.finish()
    with ledger.store.read() as tx:
        assert tx.counts() == {Status.DONE: 1, Status.PENDING: 2}


def test_the_newest_tree_is_that_of_the_turn_that_ended_last(ledger: Ledger) -> None:
    ledger.add_many(2)
    first, second = ledger.begin(), ledger.begin()
    ledger.settle(second, Event.IMPLEMENTED, tree="second")
    ledger.clock.forward(1)
    ledger.settle(first, Event.IMPLEMENTED, tree="first")
    with ledger.store.read() as tx:
        assert tx.last_tree() == "first"


# --- the journal ----------------------------------------------------------------------------------------------------


def test_what_is_rolled_back_leaves_no_trace_in_the_journal(ledger: Ledger) -> None:
    ledger.add()
    with pytest.raises(Interrupted), ledger.store.transaction() as tx:
        tx.move(tx.sbi(1), Event.CANCELLED, actor="person")
        raise Interrupted
    assert (ledger.sbi(1).status, ledger.events()) == (Status.PENDING, ["registered"])


def test_the_journal_has_no_gap_where_something_was_rolled_back(ledger: Ledger) -> None:
    ledger.add()
    with pytest.raises(Interrupted), ledger.store.transaction() as tx:
        tx.note("person", "never")
        raise Interrupted
    ledger.add()
    with ledger.store.read() as tx:
        assert [entry.seq for entry in tx.journal()] == [1, 2]


def test_numbers_that_were_rolled_back_are_given_again(ledger: Ledger) -> None:
    with pytest.raises(Interrupted), ledger.store.transaction() as tx:
        tx.next_number(Kind.SBI)
        raise Interrupted
    assert ledger.add().number == 1


def test_each_move_names_where_it_came_from_and_where_it_led(ledger: Ledger) -> None:
    ledger.add()
    ledger.finish()
    with ledger.store.read() as tx:
        moves = [(entry.from_status, entry.to_status) for entry in tx.journal(item="SBI-1")]
    assert moves == [
        (None, "PENDING"),
        ("PENDING", "PICKED"),
        ("PICKED", "IMPLEMENTING"),
        ("IMPLEMENTING", "INTEGRATING"),
        ("INTEGRATING", "DONE"),
    ]


def test_the_newest_entries_come_in_the_order_in_which_they_happened(ledger: Ledger) -> None:
    ledger.add_many(4)
    with ledger.store.read() as tx:
        assert [entry.item for entry in tx.journal(newest=True, limit=2)] == ["SBI-3", "SBI-4"]
        assert [entry.item for entry in tx.journal(after=2, limit=1)] == ["SBI-3"]
        assert tx.journal_end() == 4


def test_a_sound_backlog_shows_no_violation(ledger: Ledger) -> None:
    ledger.add_many(3, parent=ledger.add_pbi().id)
    ledger.finish()
    ledger.implement()
    ledger.move(3, Event.CANCELLED)
    assert ledger.violations() == []


# --- transactions ---------------------------------------------------------------------------------------------------


def test_a_reader_sees_one_state_however_much_is_written_meanwhile(ledger: Ledger) -> None:
    ledger.add()
    with ledger.store.read() as tx:
        before = tx.counts()
        _in_another_thread(ledger)
        assert tx.counts() == before


def test_a_reader_cannot_write(ledger: Ledger) -> None:
    with pytest.raises(AssertionError, match="must not write"), ledger.store.read() as tx:
        tx.note("reader", "wrote")
    assert ledger.events() == []


@pytest.mark.parametrize("inner", ["transaction", "light_transaction", "read"])
def test_transactions_do_not_nest(ledger: Ledger, inner: str) -> None:
    with ledger.store.transaction() as tx:
        tx.note("test", "outer")
        with pytest.raises(AssertionError, match="nest"), getattr(ledger.store, inner)():
            pass
    assert ledger.events() == ["outer"]


def test_time_stands_still_within_a_transaction(ledger: Ledger) -> None:
    with ledger.store.transaction() as tx:
        before = tx.now
        ledger.clock.forward(1)
        assert tx.now == before


def test_a_waiting_thread_hears_of_another_s_write(ledger: Ledger) -> None:
    ledger.store.wait(0)
    _in_another_thread(ledger)
    assert ledger.store.wait(60_000)


def test_a_waiting_thread_is_woken(ledger: Ledger) -> None:
    wake = threading.Event()
    wake.set()
    assert not ledger.store.wait(60_000, wake)


def test_nothing_written_is_not_heard_of(ledger: Ledger) -> None:
    ledger.store.wait(0)
    assert not ledger.store.wait(0)


def _in_another_thread(ledger: Ledger) -> None:
    """Adds an item while this thread is in the middle of something."""

    def add() -> None:
        ledger.add()
        ledger.store.close()

    other = threading.Thread(target=add)
    other.start()
    other.join()
