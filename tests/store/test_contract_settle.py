"""Settling: written once, by the owner of the turn, or not at all; answers wait for whoever judges them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deespec.errors import IllegalMove, LeaseLost, StaleAnswer
from deespec.model.items import Answer
from deespec.model.lifecycle import Event, Status
from deespec.records import replace
from deespec.store.settling import SETBACKS_MOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.model.items import Claim, Sbi
    from deespec.store.base import Transaction
    from ledger import Ledger

    Ending = Callable[[Transaction, Claim], object]

ANSWER = Answer(kind="implement", text="I did it.")


def everything(ledger: Ledger) -> tuple[object, ...]:
    with ledger.store.read() as tx:
        return tx.journal(), tx.turns(1), tx.sbi(1), tx.line(1), tx.calls(), tx.stored_answer(1, 1)


def lose(ledger: Ledger) -> None:
    with ledger.store.transaction() as tx:
        tx.bury(1, why="worker died", max_attempts=3, delay_ms=0)


# --- an outcome -----------------------------------------------------------------------------------------------------


def test_an_outcome_ends_the_turn_and_the_claim(ledger: Ledger) -> None:
    ledger.add()
    after = ledger.implement()
    with ledger.store.read() as tx:
        assert (after.status, after.turn) == (Status.REVIEWING, 1)
        assert [(turn.number, turn.outcome) for turn in tx.turns(1)] == [(1, "implemented")]
        assert (tx.running(), tx.calls()) == ([], [])


def test_several_events_of_one_outcome_are_written_together(ledger: Ledger) -> None:
    ledger.add()
    assert ledger.finish().status is Status.DONE
    assert ledger.events("SBI-1") == ["registered", "claimed", "workspace_ready", "implemented_only", "merged"]


ENDINGS: dict[str, Ending] = {
    "attempt": lambda tx, claim: tx.attempt_failed(claim, actor="w", error="crash", max_attempts=3, delay_ms=0),
    "given back": lambda tx, claim: tx.give_back(claim, actor="w", why="paused"),
    "setback": lambda tx, claim: tx.setback(claim, actor="w", why="no room", delay_ms=0),
    "parked": lambda tx, claim: tx.park(claim, actor="w", reason="leftovers", question="Who runs?"),
    "workspace": lambda tx, claim: tx.workspace_ready(claim, manifest="tree", actor="w"),
}


@pytest.mark.parametrize("how", ENDINGS)
def test_whoever_lost_the_claim_writes_nothing(ledger: Ledger, how: str) -> None:
    ledger.add()
    lost = ledger.begin()
    lose(ledger)
    ledger.take(worker="worker 2")
    before = everything(ledger)
    with pytest.raises(LeaseLost), ledger.store.transaction() as tx:
        ENDINGS[how](tx, lost)
    assert everything(ledger) == before


def test_whoever_lost_the_claim_settles_nothing(ledger: Ledger) -> None:
    ledger.add()
    lost = ledger.begin()
    lose(ledger)
    before = everything(ledger)
    with pytest.raises(LeaseLost):
        ledger.settle(lost, Event.IMPLEMENTED)
    assert everything(ledger) == before


def test_the_same_turn_is_never_settled_twice(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    ledger.settle(claim, Event.IMPLEMENTED)
    before = everything(ledger)
    with pytest.raises(LeaseLost):
        ledger.settle(claim, Event.IMPLEMENTED)
    assert everything(ledger) == before


def test_a_claim_is_good_only_for_the_step_it_was_made_for(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    elsewhere = replace(claim, sbi=replace(claim.sbi, status=Status.RESOLVING))
    with pytest.raises(LeaseLost):
        ledger.settle(elsewhere, Event.IMPLEMENTED)


def test_a_claim_is_good_only_for_the_turn_it_was_made_for(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    with pytest.raises(LeaseLost):
        ledger.settle(replace(claim, turn=2), Event.IMPLEMENTED)


def test_an_event_that_the_table_refuses_leaves_the_claim_as_it_was(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    before = everything(ledger)
    with pytest.raises(IllegalMove):
        ledger.settle(claim, Event.IMPLEMENTED, Event.MERGED)
    assert everything(ledger) == before


def test_what_a_person_changes_meanwhile_is_kept(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    with ledger.store.transaction() as tx:
        tx.save(tx.sbi(1), replace(tx.sbi(1), title="Renamed"))
    assert ledger.settle(claim, Event.IMPLEMENTED).title == "Renamed"


def test_reviews_that_ask_for_changes_are_counted(ledger: Ledger) -> None:
    ledger.add()
    ledger.implement()
    asked = ledger.settle(ledger.take(), Event.NEEDS_CHANGES)
    ledger.settle(ledger.take(), Event.IMPLEMENTED)
    accepted = ledger.settle(ledger.take(), Event.SUCCEEDED)
    assert (asked.reviews, accepted.reviews) == (1, 1)


def test_an_item_that_cannot_pay_one_more_of_its_dearest_turns_asks_a_person(ledger: Ledger) -> None:
    ledger.add()
    after = ledger.settle(ledger.begin(), Event.IMPLEMENTED, usd_per_item=5.0, cost_usd=2.6)
    assert (after.status, after.reason, after.stopped_in) == (Status.PARKED, "budget", Status.REVIEWING)


def test_a_question_is_kept_for_the_person(ledger: Ledger) -> None:
    ledger.add()
    after = ledger.settle(ledger.begin(), Event.NEEDS_PERSON, outcome="question", question="Which port?")
    assert (after.status, after.question) == (Status.PARKED, "Which port?")


# --- no outcome -----------------------------------------------------------------------------------------------------


def test_an_error_of_the_call_uses_an_attempt_not_a_turn(ledger: Ledger) -> None:
    ledger.add()
    after = _ended(ledger, "attempt")
    assert (after.attempts, after.turn, ledger.take().turn) == (1, 0, 1)


def test_what_is_given_back_uses_nothing(ledger: Ledger) -> None:
    ledger.add()
    after = _ended(ledger, "given back")
    assert (after.attempts, after.setbacks, after.turn) == (0, 0, 0)


def test_a_person_is_asked_when_the_workspace_failed_again_and_again(ledger: Ledger) -> None:
    ledger.add()
    after = [_ended(ledger, "setback") for _ in range(SETBACKS_MOST)]
    assert [one.status for one in after] == [Status.IMPLEMENTING, Status.IMPLEMENTING, Status.PARKED]
    assert (after[-1].reason, after[-1].question) == ("workspace", "no room")


def test_a_parked_item_keeps_the_question_and_where_it_stopped(ledger: Ledger) -> None:
    ledger.add()
    after = _ended(ledger, "parked")
    assert (after.status, after.question, after.stopped_in) == (Status.PARKED, "Who runs?", Status.IMPLEMENTING)


def _ended(ledger: Ledger, how: str) -> Sbi:
    claim = ledger.begin()
    with ledger.store.transaction() as tx:
        ENDINGS[how](tx, claim)
        return tx.sbi(claim.sbi.number)


# --- answers --------------------------------------------------------------------------------------------------------


def store(ledger: Ledger, claim: Claim, answer: Answer = ANSWER, *, turn: int = 1) -> None:
    with ledger.store.transaction() as tx:
        tx.store_answer(sbi=1, turn=turn, token=claim.token, answer=answer, actor="agent SBI-1/1")


def stored(ledger: Ledger) -> Answer | None:
    with ledger.store.read() as tx:
        return tx.stored_answer(1, 1)


def test_an_answer_is_stored_for_the_turn_that_runs(ledger: Ledger) -> None:
    ledger.add()
    store(ledger, ledger.begin())
    assert stored(ledger) == ANSWER


def test_the_same_answer_again_changes_nothing(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    store(ledger, claim)
    before = everything(ledger)
    ledger.clock.forward(1)
    store(ledger, claim)
    assert everything(ledger) == before


def test_a_later_answer_of_the_turn_replaces_the_earlier_one(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    later = Answer(kind="nothing", text="It was there already.", source="structured")
    store(ledger, claim)
    store(ledger, claim, later)
    assert stored(ledger) == later


def test_an_answer_of_a_lost_claim_is_refused(ledger: Ledger) -> None:
    ledger.add()
    lost = ledger.begin()
    lose(ledger)
    ledger.take()
    with pytest.raises(StaleAnswer):
        store(ledger, lost)
    assert stored(ledger) is None


@pytest.mark.parametrize("turn", [0, 2])
def test_an_answer_to_another_turn_is_refused(ledger: Ledger, turn: int) -> None:
    ledger.add()
    claim = ledger.begin()
    with pytest.raises(StaleAnswer):
        store(ledger, claim, turn=turn)


def test_an_answer_that_nobody_judged_comes_with_the_next_claim(ledger: Ledger) -> None:
    ledger.add()
    store(ledger, ledger.begin())
    lose(ledger)
    assert ledger.take().answer == ANSWER


def test_a_judged_answer_does_not_come_again(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    store(ledger, claim)
    ledger.settle(claim, Event.FINDINGS)
    assert (stored(ledger), ledger.take().answer) == (None, None)


def test_a_new_owner_takes_over_an_answer_its_predecessor_had_not_stored(ledger: Ledger) -> None:
    ledger.add()
    ledger.begin()
    lose(ledger)
    adopt(ledger, ledger.take(), ANSWER)
    assert stored(ledger) == ANSWER


def test_a_new_owner_does_not_replace_an_answer_that_is_stored(ledger: Ledger) -> None:
    ledger.add()
    store(ledger, ledger.begin())
    lose(ledger)
    adopt(ledger, ledger.take(), Answer(kind="question", text="What?"))
    assert stored(ledger) == ANSWER


def test_only_the_owner_takes_over_an_answer(ledger: Ledger) -> None:
    ledger.add()
    lost = ledger.begin()
    lose(ledger)
    ledger.take()
    with pytest.raises(StaleAnswer):
        adopt(ledger, lost, ANSWER)


def test_the_token_of_a_turn_is_known_only_while_it_runs(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    with ledger.store.read() as tx:
        assert tx.running_token(1, 1) == claim.token
    ledger.settle(claim, Event.IMPLEMENTED)
    with pytest.raises(StaleAnswer), ledger.store.read() as tx:
        tx.running_token(1, 1)


def adopt(ledger: Ledger, claim: Claim, answer: Answer) -> None:
    with ledger.store.transaction() as tx:
        tx.adopt_answer(sbi=1, turn=1, token=claim.token, answer=answer)
