"""Items: found again as they were added, ranked by what needs them, rolled up, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deespec.errors import InvalidInput, NotFound, NotPossible
from deespec.model.items import Answer, Epic, Kind, Priority
from deespec.model.lifecycle import Event, GroupStatus, Status
from deespec.model.spec import NewItem
from deespec.records import replace

if TYPE_CHECKING:
    from deespec.model.items import Sbi
    from ledger import Ledger


def new(title: str, **fields: object) -> NewItem:
    return replace(NewItem(kind=Kind.SBI, title=title, spec="Do it."), **fields)


def add_epic(ledger: Ledger) -> Epic:
    with ledger.store.transaction() as tx:
        epic = Epic(number=tx.next_number(Kind.EPIC), uid=ledger.clock.uid(), title="A theme", spec="")
        tx.add(epic)
    return epic


# --- finding --------------------------------------------------------------------------------------------------------


def test_an_item_is_found_by_a_prefix_of_its_uid(ledger: Ledger) -> None:
    ledger.clock.forward(1 << 40)
    ledger.add()
    ledger.clock.forward(1 << 40)
    sbi = ledger.add()
    with ledger.store.read() as tx:
        assert tx.by_uid(sbi.uid[:6]) == [sbi.id]


def test_a_prefix_that_several_items_share_finds_them_all_of_whatever_kind(ledger: Ledger) -> None:
    sbi, pbi = ledger.add(), ledger.add_pbi()
    with ledger.store.read() as tx:
        assert sorted(tx.by_uid(sbi.uid[:10])) == [pbi.id, sbi.id]


def test_a_key_finds_the_item_of_its_kind_only(ledger: Ledger) -> None:
    sbi = ledger.add(key="nightly")
    with ledger.store.read() as tx:
        assert tx.by_key(Kind.SBI, "nightly") == sbi
        assert tx.by_key(Kind.PBI, "nightly") is None


def test_a_file_finds_the_item_it_was_registered_as_only_with_the_same_content(ledger: Ledger) -> None:
    sbi = ledger.add()
    with ledger.store.transaction() as tx:
        tx.save(sbi, replace(sbi, source="/specs/a.md", source_hash="1234"))
    with ledger.store.read() as tx:
        assert tx.by_source(Kind.SBI, "/specs/a.md", "1234") == sbi.id
        assert tx.by_source(Kind.SBI, "/specs/a.md", "5678") is None


@pytest.mark.parametrize("item_id", ["SBI-1", "PBI-1", "EPIC-1"])
def test_an_item_that_is_not_there_is_named(ledger: Ledger, item_id: str) -> None:
    with ledger.store.read() as tx, pytest.raises(NotFound, match=item_id):
        tx.item(item_id)


def test_a_number_is_not_given_again_after_its_item_was_deleted(ledger: Ledger) -> None:
    first = ledger.add()
    with ledger.store.transaction() as tx:
        tx.delete(first)
    assert ledger.add().number == first.number + 1


def test_the_spec_comes_back_as_it_was_though_a_mebibyte_long(ledger: Ledger) -> None:
    spec = "あ\n" * (1 << 18)
    assert ledger.sbi(ledger.add(spec=spec)).spec == spec


# --- needs ----------------------------------------------------------------------------------------------------------


def test_an_item_waits_for_the_first_need_that_is_not_done(ledger: Ledger) -> None:
    first, second = ledger.add(), ledger.add()
    waiting = ledger.add(depends_on=(second.id, first.id))
    assert (waiting.waits_on, waiting.waits_for) == (first.number, "need")


def test_needs_are_shown_in_order_of_registration(ledger: Ledger) -> None:
    needs = [one.id for one in ledger.add_many(11)]
    assert ledger.add(depends_on=tuple(reversed(needs))).depends_on == tuple(needs)


def test_an_item_that_nobody_holds_up_any_more_waits_for_nothing(ledger: Ledger) -> None:
    need = ledger.add()
    waiting = ledger.add(depends_on=(need.id,))
    with ledger.store.transaction() as tx:
        tx.set_needs(waiting.number, ())
    after = ledger.sbi(waiting)
    assert (after.depends_on, after.waits_on) == ((), None)


def test_a_circle_of_needs_is_refused_with_the_way_around(ledger: Ledger) -> None:
    first = ledger.add()
    second = ledger.add(depends_on=(first.id,))
    third = ledger.add(depends_on=(second.id,))
    with ledger.store.transaction() as tx:
        tx.set_needs(first.number, (third.id,))
        assert tx.needs_cycle(first.number) == [first.id, third.id, second.id, first.id]


def test_a_registration_that_closes_a_circle_registers_nothing(ledger: Ledger) -> None:
    pair = [new("First", depends_on=("SBI-2",)), new("Second", depends_on=("SBI-1",))]
    with pytest.raises(InvalidInput, match="SBI-2 → SBI-1 → SBI-2"):
        ledger.add_all(pair)
    with ledger.store.read() as tx:
        assert tx.counts() == {}


def test_needs_that_meet_again_and_again_are_looked_through_once(ledger: Ledger) -> None:
    """Forty layers of three, each needing all of the layer below: 3^40 ways, 120 items."""
    below: tuple[str, ...] = ()
    for _ in range(40):
        below = tuple(one.id for one in ledger.add_many(3, depends_on=below))
    with ledger.store.transaction() as tx:
        tx.set_needs(1, below)
        assert tx.needs_cycle(1) is not None
        tx.set_needs(1, ())
        assert tx.needs_cycle(1) is None


# --- ranks ----------------------------------------------------------------------------------------------------------


def chain(ledger: Ledger, *, last: Priority) -> list[Sbi]:
    """Three items, the second needs the first, the third the second; only the third has this priority."""
    first = ledger.add()
    second = ledger.add(depends_on=(first.id,))
    return [first, second, ledger.add(depends_on=(second.id,), priority=last)]


def ranks(ledger: Ledger, items: list[Sbi]) -> list[int]:
    return [ledger.sbi(one).rank for one in items]


def test_an_item_counts_with_the_highest_priority_of_all_that_need_it_by_any_way(ledger: Ledger) -> None:
    assert ranks(ledger, chain(ledger, last=Priority.URGENT)) == [0, 0, 0]


def test_a_low_priority_of_what_needs_it_does_not_lower_an_item(ledger: Ledger) -> None:
    assert ranks(ledger, chain(ledger, last=Priority.LOW)) == [2, 2, 3]


def test_a_cancelled_item_raises_nothing_any_more(ledger: Ledger) -> None:
    items = chain(ledger, last=Priority.URGENT)
    ledger.move(items[2], Event.CANCELLED)
    assert ranks(ledger, items) == [2, 2, 0]


def test_a_cancelled_item_raises_again_what_it_needs_when_it_is_reset(ledger: Ledger) -> None:
    items = chain(ledger, last=Priority.URGENT)
    ledger.move(items[2], Event.CANCELLED)
    ledger.move(items[2], Event.RESET)
    assert ranks(ledger, items) == [0, 0, 0]


def test_ranks_follow_a_change_of_priority(ledger: Ledger) -> None:
    items = chain(ledger, last=Priority.URGENT)
    with ledger.store.transaction() as tx:
        tx.save(items[2], replace(items[2], priority=Priority.HIGH, rank=1))
        tx.rank(items[2].number)
        tx.rank_needs(items[2].number)
    assert ranks(ledger, items) == [1, 1, 1]


def test_ranks_fall_when_the_need_is_taken_away(ledger: Ledger) -> None:
    items = chain(ledger, last=Priority.URGENT)
    with ledger.store.transaction() as tx:
        tx.set_needs(items[2].number, ())
    assert ranks(ledger, items) == [2, 2, 0]


def test_ranks_fall_when_what_needed_it_is_deleted(ledger: Ledger) -> None:
    items = chain(ledger, last=Priority.URGENT)
    with ledger.store.transaction() as tx:
        tx.delete(items[2])
    assert ranks(ledger, items[:2]) == [2, 2]


def test_of_several_that_need_it_the_most_urgent_that_is_left_counts(ledger: Ledger) -> None:
    need = ledger.add(priority=Priority.LOW)
    urgent = ledger.add(depends_on=(need.id,), priority=Priority.URGENT)
    ledger.add(depends_on=(need.id,), priority=Priority.HIGH)
    ledger.move(urgent, Event.CANCELLED)
    assert ledger.sbi(need).rank == Priority.HIGH.rank


# --- changing -------------------------------------------------------------------------------------------------------


def test_a_waiting_item_can_be_cancelled(ledger: Ledger) -> None:
    need = ledger.add()
    waiting = ledger.add(depends_on=(need.id,))
    assert ledger.move(waiting, Event.CANCELLED).waits_on is None


def test_an_item_that_was_to_go_on_can_be_cancelled(ledger: Ledger) -> None:
    ledger.add()
    failed = ledger.settle(ledger.begin(), Event.LIMIT_REACHED)
    ledger.retry(failed)
    assert not ledger.move(failed, Event.CANCELLED).resume


def test_a_reset_forgets_an_answer_that_nobody_has_judged(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    with ledger.store.transaction() as tx:
        tx.store_answer(sbi=1, turn=1, token=claim.token, answer=Answer(kind="implement"), actor="agent SBI-1/1")
    ledger.move(1, Event.CANCELLED)
    ledger.move(1, Event.RESET)
    assert ledger.take().answer is None


def test_delete_takes_the_item_and_its_needs_away(ledger: Ledger) -> None:
    need = ledger.add()
    waiting = ledger.add(depends_on=(need.id,))
    with ledger.store.transaction() as tx:
        tx.delete(waiting)
        assert not tx.exists(waiting.id)
        assert tx.dependents(need.number) == []


def test_an_item_that_goes_on_after_a_refused_move_is_unchanged(ledger: Ledger) -> None:
    sbi = ledger.add()
    with pytest.raises(NotPossible):
        ledger.move(sbi, Event.MERGED)
    assert ledger.sbi(sbi) == sbi


# --- groups ---------------------------------------------------------------------------------------------------------


def status_of(ledger: Ledger, item_id: str) -> str:
    with ledger.store.read() as tx:
        return tx.item(item_id).status


def test_a_group_is_done_when_all_below_it_is_done_or_cancelled(ledger: Ledger) -> None:
    pbi = ledger.add_pbi()
    _, second = ledger.add_many(2, parent=pbi.id)
    ledger.finish()
    ledger.move(second, Event.CANCELLED)
    assert status_of(ledger, pbi.id) == GroupStatus.DONE


def test_a_change_of_status_rolls_up_through_all_groups_above(ledger: Ledger) -> None:
    epic = add_epic(ledger)
    pbi = ledger.add_pbi(parent=epic.id)
    ledger.add(parent=pbi.id)
    ledger.take()
    assert [status_of(ledger, one) for one in (pbi.id, epic.id)] == ["IN_PROGRESS", "IN_PROGRESS"]


def test_a_group_is_pending_again_when_its_only_item_was_deleted(ledger: Ledger) -> None:
    pbi = ledger.add_pbi()
    sbi = ledger.add(parent=pbi.id)
    with ledger.store.transaction() as tx:
        tx.delete(sbi)
    assert status_of(ledger, pbi.id) == GroupStatus.PENDING


def test_children_are_listed_groups_first_then_by_number(ledger: Ledger) -> None:
    epic = add_epic(ledger)
    sbis = ledger.add_many(11, parent=epic.id)
    pbi = ledger.add_pbi(parent=epic.id)
    with ledger.store.read() as tx:
        assert tx.children(epic.id) == [pbi.id, *(one.id for one in sbis)]


def test_a_group_above_counts_the_groups_and_items_below_it_together(ledger: Ledger) -> None:
    epic = add_epic(ledger)
    ledger.add_pbi(parent=epic.id)
    ledger.add(parent=epic.id)
    with ledger.store.read() as tx:
        assert tx.child_counts(epic.id) == {Status.PENDING: 2}
