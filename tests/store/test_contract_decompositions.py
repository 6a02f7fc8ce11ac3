"""Decompositions of PBIs are claimed, ended and counted as SBIs are, under the PBI's id; and they are never SBIs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deespec.backlog import archive, edit
from deespec.errors import LeaseLost, NotFound, NotPossible
from deespec.model.asking import Draft, DraftStatus, Question, question_key
from deespec.model.budget import ItemBudget
from deespec.model.ids import decomposition_of
from deespec.model.items import AgentPause, Answer, Claim, Priority
from deespec.model.lifecycle import Event, GroupStatus, Status, Step
from deespec.model.wanted import AgentSlot, Idle, Scope
from deespec.records import replace

if TYPE_CHECKING:
    from deespec.model.items import Pbi, Sbi
    from ledger import Ledger

BOTH = Scope(pbis=True)
ONLY = Scope(sbis=False, pbis=True)
DAN = AgentSlot(name="dan", account="dan@test", limit=1)
ANN = AgentSlot(name="ann", account="ann@test")


def asked(ledger: Ledger, title: str = "A group", **fields: object) -> Pbi:
    pbi = ledger.add_pbi(title, **fields)
    ledger.ask(pbi)
    return pbi


def status(ledger: Ledger, number: int = 1) -> GroupStatus:
    with ledger.store.read() as tx:
        return tx.pbi(number).status


def decomposition(ledger: Ledger, number: int = 1) -> Sbi:
    with ledger.store.read() as tx:
        found = tx.decomposition(number)
    assert found is not None
    return found


def decompose(ledger: Ledger, *, drafts: int = 0) -> Sbi:
    """Takes the next decomposition through its one turn."""
    claim = ledger.begin(scope=ONLY)
    with ledger.store.transaction() as tx:
        for number in range(1, drafts + 1):
            made = {"spec": "Text", "turn": claim.turn, "agent": claim.agent, "created_at": tx.now}
            tx.add_draft(Draft(parent=claim.sbi.id, number=number, title=f"Draft {number}", updated_at=tx.now, **made))
    return ledger.settle(claim, Event.DECOMPOSED)


def reject(ledger: Ledger, number: int) -> None:
    with ledger.store.transaction() as tx:
        decided = {"status": DraftStatus.REJECTED, "reason": "no", "decided_by": "me", "decided_at": tx.now}
        tx.change_draft(replace(tx.draft("PBI-1", number), **decided))


# --- asking ---------------------------------------------------------------------------------------------------------


def test_a_decomposition_has_the_id_the_words_and_the_uid_of_its_pbi(ledger: Ledger) -> None:
    pbi = asked(ledger, labels=("x",), priority=Priority.HIGH)
    found = decomposition(ledger)
    assert (found.id, found.parent, found.uid, found.title, found.spec) == (
        "PBI-1",
        "PBI-1",
        pbi.uid,
        pbi.title,
        pbi.spec,
    )
    assert (found.labels, found.priority, found.rank) == (("x",), Priority.HIGH, Priority.HIGH.rank)
    assert ledger.violations() == []


def test_a_pbi_that_is_never_asked_for_has_no_decomposition(ledger: Ledger) -> None:
    ledger.add_pbi()
    with ledger.store.read() as tx:
        assert tx.decomposition(1) is None
        with pytest.raises(NotFound, match=r"PBI-1 was never decomposed"):
            tx.sbi(decomposition_of(1))


def test_a_pbi_that_is_to_be_decomposed_by_itself_is_asked_for_as_it_is_registered(ledger: Ledger) -> None:
    ledger.add_pbi(auto=True)
    assert decomposition(ledger).status is Status.PENDING
    assert ledger.events("PBI-1") == ["registered", "decomposition_asked"]


def test_asked_for_twice_it_is_one_with_the_agent_that_was_named_last(ledger: Ledger) -> None:
    pbi = asked(ledger)
    ledger.ask(pbi)
    assert ledger.ask(pbi, agent=("dan",)).agent == ("dan",)
    assert ledger.events("PBI-1") == ["registered", "decomposition_asked"]


def test_what_is_in_work_goes_on_as_it_is_when_it_is_asked_for(ledger: Ledger) -> None:
    pbi = asked(ledger)
    claim = ledger.begin(scope=ONLY)
    assert ledger.ask(pbi).status is Status.DECOMPOSING
    ledger.settle(claim, Event.DECOMPOSED)


def test_asked_for_after_its_end_it_begins_anew_and_its_turns_go_on(ledger: Ledger) -> None:
    pbi = asked(ledger)
    decompose(ledger)
    assert (ledger.ask(pbi).status, decomposition(ledger).turn) == (Status.PENDING, 1)
    assert decompose(ledger).turn == 2
    assert ledger.violations() == []


def test_what_is_changed_about_the_pbi_counts_for_its_decomposition(ledger: Ledger) -> None:
    asked(ledger)
    changes = {"title": "Other", "spec": "More", "priority": Priority.URGENT, "labels": ("y",)}
    edit.update(ledger.store, "PBI-1", lambda _: changes, actor="me")
    found = decomposition(ledger)
    assert {name: getattr(found, name) for name in changes} == changes
    assert found.rank == 0
    assert ledger.violations() == []


# --- taking ---------------------------------------------------------------------------------------------------------


def test_only_who_wants_pbis_takes_them(ledger: Ledger) -> None:
    asked(ledger)
    assert isinstance(ledger.claim(), Idle)
    claim = ledger.take(scope=BOTH)
    assert (claim.sbi.id, claim.step, claim.turn) == ("PBI-1", Step.PREPARE, 1)
    assert status(ledger) is GroupStatus.PLANNING


def test_who_wants_only_pbis_takes_no_sbi(ledger: Ledger) -> None:
    ledger.add()
    assert isinstance(ledger.claim(scope=ONLY), Idle)


def test_one_pbi_can_be_asked_for_by_its_number(ledger: Ledger) -> None:
    asked(ledger)
    asked(ledger)
    assert ledger.take(scope=replace(ONLY, numbers=(decomposition_of(2),))).sbi.id == "PBI-2"


def test_what_is_below_an_epic_can_be_asked_for_by_it(ledger: Ledger) -> None:
    asked(ledger)
    assert isinstance(ledger.claim(scope=replace(BOTH, parent="EPIC-1")), Idle)
    assert ledger.take(scope=replace(BOTH, parent="PBI-1")).sbi.id == "PBI-1"


def test_priority_comes_first_then_pbis_before_sbis_then_registration(ledger: Ledger) -> None:
    ledger.add()
    ledger.add(priority=Priority.URGENT)
    for priority in (Priority.NORMAL, Priority.NORMAL, Priority.LOW, Priority.URGENT):
        asked(ledger, priority=priority)
    assert ledger.take_all(scope=BOTH) == ["PBI-4", "SBI-2", "PBI-1", "PBI-2", "SBI-1", "PBI-3"]


def test_it_goes_to_the_agents_that_decompose_or_to_those_that_were_named(ledger: Ledger) -> None:
    asked(ledger)
    ledger.ask(ledger.add_pbi(), agent=("ann",))
    taken = {"agents": (ANN, DAN), "implement": ("ann",), "decompose": ("dan",), "scope": BOTH}
    assert [ledger.take(**taken).agent for _ in range(2)] == ["dan", "ann"]


def test_nobody_gets_what_another_has(ledger: Ledger) -> None:
    asked(ledger)
    first = ledger.take(scope=ONLY)
    assert isinstance(ledger.claim(scope=ONLY, worker="worker 2"), Idle)
    asked(ledger)
    second = ledger.take(scope=ONLY, worker="worker 2")
    assert (first.sbi.id, second.sbi.id) == ("PBI-1", "PBI-2")
    assert first.token < second.token


@pytest.mark.parametrize("pbi_first", [True, False])
def test_limits_of_an_agent_count_both_kinds_of_work(ledger: Ledger, pbi_first: bool) -> None:
    ledger.add()
    asked(ledger)
    one = {"agents": (DAN,), "implement": ("dan",), "decompose": ("dan",)}
    first, then = (ONLY, Scope()) if pbi_first else (Scope(), ONLY)
    ledger.take(**one, scope=first)
    assert isinstance(ledger.claim(**one, scope=then), Idle)


def test_a_paused_agent_decomposes_nothing_until_its_pause_is_over(ledger: Ledger) -> None:
    asked(ledger)
    with ledger.store.transaction() as tx:
        until = tx.now + 10
        pause = AgentPause(account="ann@test", agent="ann", reason="limit", message="", until_at=until)
        tx.pause(pause, actor="w")
    idle = ledger.claim(scope=ONLY, agents=(ANN,))
    assert isinstance(idle, Idle)
    assert (idle.next_at, [name for name, _ in idle.kept_by]) == (until, ["ann"])
    ledger.clock.forward(10)
    assert ledger.take(scope=ONLY, agents=(ANN,)).sbi.id == "PBI-1"


def test_a_worker_that_takes_no_pbis_does_not_wait_for_their_agents(ledger: Ledger) -> None:
    asked(ledger)
    with ledger.store.transaction() as tx:
        pause = AgentPause(account="ann@test", agent="ann", reason="limit", message="", until_at=tx.now + 10)
        tx.pause(pause, actor="w")
    idle = ledger.claim(agents=(ANN,))
    assert isinstance(idle, Idle)
    assert idle.kept_by == ()


def test_the_day_s_budget_bars_decompositions_as_it_does_sbis(ledger: Ledger) -> None:
    asked(ledger)
    ledger.settle(ledger.begin(scope=ONLY), Event.FINDINGS, cost_usd=1.0, metered=True)
    assert isinstance(ledger.claim(scope=ONLY, usd_per_day=1.5), Idle)
    assert ledger.take(scope=ONLY, usd_per_day=2.5).turn == 2


def test_a_decomposition_that_is_over_its_own_budget_waits_for_a_person(ledger: Ledger) -> None:
    asked(ledger)
    ledger.settle(ledger.begin(scope=ONLY), Event.FINDINGS, cost_usd=1.0, metered=True)
    assert isinstance(ledger.claim(scope=ONLY, item_budget=ItemBudget(usd=1.5)), Idle)
    assert (decomposition(ledger).status, decomposition(ledger).reason) == (Status.PARKED, "budget")


def test_a_held_pbi_is_not_decomposed(ledger: Ledger) -> None:
    asked(ledger)
    with ledger.store.transaction() as tx:
        tx.set_held(tx.pbi(1), held=True, actor="me")
    assert isinstance(ledger.claim(scope=ONLY), Idle)
    with ledger.store.transaction() as tx:
        tx.set_held(tx.pbi(1), held=False, actor="me")
    assert ledger.take(scope=ONLY).sbi.id == "PBI-1"
    assert ledger.violations() == []


# --- what bars others, and does not bar it --------------------------------------------------------------------------


@pytest.mark.parametrize("paths", [(), ("src/**",)])
def test_it_begins_beside_any_sbi_and_any_sbi_beside_it(ledger: Ledger, paths: tuple[str, ...]) -> None:
    ledger.add(paths=paths)
    asked(ledger)
    asked(ledger)
    first = ledger.take(exclusive=True, scope=ONLY)
    assert ledger.take(exclusive=True).sbi.id == "SBI-1"
    assert [first.sbi.id, *ledger.take_all(exclusive=True, scope=BOTH)] == ["PBI-1", "PBI-2"]


def test_nobody_is_alone_beside_an_agent_that_decomposes(ledger: Ledger) -> None:
    """In a shared folder nobody could tell who has changed what there."""
    asked(ledger)
    ledger.add()
    assert ledger.take(scope=ONLY).alone
    assert not ledger.take().alone


def test_a_turn_of_a_decomposition_is_work_of_others_in_the_folder(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    with ledger.store.read() as tx:
        assert not tx.others_worked_since(claim.sbi.id, claim.turn)
    asked(ledger)
    decompose(ledger)
    with ledger.store.read() as tx:
        assert tx.others_worked_since(claim.sbi.id, claim.turn)


# --- the end of a claim ---------------------------------------------------------------------------------------------


def test_a_dead_worker_s_decomposition_is_taken_over_and_the_dead_one_writes_nothing(ledger: Ledger) -> None:
    asked(ledger)
    lost = ledger.begin(scope=ONLY)
    with ledger.store.transaction() as tx:
        tx.bury(lost.sbi.number, why="worker died", max_attempts=3, delay_ms=0)
    taken = ledger.take(scope=ONLY, worker="worker 2")
    assert (taken.sbi.attempts, taken.turn, taken.step) == (1, 1, Step.DECOMPOSE)
    assert [call.token for call in taken.leftovers] == [lost.token]
    with pytest.raises(LeaseLost):
        ledger.settle(lost, Event.DECOMPOSED)
    ledger.settle(replace(taken, agent="ann"), Event.DECOMPOSED)
    assert decomposition(ledger).status is Status.DECOMPOSED
    assert ledger.violations() == []


def test_one_that_kills_its_worker_comes_to_an_end(ledger: Ledger) -> None:
    asked(ledger)
    for _ in range(3):
        claim = ledger.take(scope=ONLY)
        with ledger.store.transaction() as tx:
            tx.bury(claim.sbi.number, why="worker died", max_attempts=3, delay_ms=0)
    assert (decomposition(ledger).status, decomposition(ledger).reason) == (Status.FAILED, "attempts")
    assert status(ledger) is GroupStatus.FAILED
    assert ledger.violations() == []


def test_a_failed_try_is_repeated_later(ledger: Ledger) -> None:
    asked(ledger)
    claim = ledger.begin(scope=ONLY)
    with ledger.store.transaction() as tx:
        tx.attempt_failed(claim, actor="w", error="no", max_attempts=3, delay_ms=1_000)
    idle = ledger.claim(scope=ONLY)
    assert isinstance(idle, Idle)
    assert idle.next_at == ledger.clock.now_ms() + 1_000
    assert ledger.claim() == replace(idle, next_at=None)  # which is none of an SBI worker's
    ledger.clock.forward(1_000)
    assert ledger.take(scope=ONLY).turn == 1


def test_a_checkout_that_fails_three_times_parks_it(ledger: Ledger) -> None:
    asked(ledger)
    for _ in range(3):
        claim = ledger.take(scope=ONLY)
        with ledger.store.transaction() as tx:
            tx.setback(claim, actor="w", why="no room", delay_ms=0)
    assert (decomposition(ledger).status, decomposition(ledger).reason) == (Status.PARKED, "workspace")
    assert status(ledger) is GroupStatus.PLANNING


def test_findings_leave_it_where_it_is_and_it_goes_on(ledger: Ledger) -> None:
    asked(ledger)
    ledger.settle(ledger.begin(scope=ONLY), Event.FINDINGS)
    claim = ledger.begin(scope=ONLY)
    assert (claim.turn, claim.step, claim.sbi.status) == (2, Step.DECOMPOSE, Status.DECOMPOSING)


def test_an_answer_is_stored_for_the_turn_that_runs_and_told_under_the_pbi(ledger: Ledger) -> None:
    asked(ledger)
    claim = ledger.begin(scope=ONLY)
    words = Answer(kind="propose", text="{}", source="command")
    with ledger.store.transaction() as tx:
        tx.store_answer(sbi=claim.sbi.number, turn=1, token=claim.token, answer=words, actor="w")
        assert tx.stored_answer(claim.sbi.number, 1) == words
    assert ledger.events("PBI-1")[-1] == "answered"


def test_whether_anything_goes_on_is_told_by_what_was_asked_for(ledger: Ledger) -> None:
    asked(ledger)
    with ledger.store.read() as tx:
        assert (tx.may_go_on(Scope()), tx.may_go_on(BOTH)) == (False, True)
        free = ledger.wanted(agents=(replace(DAN, metered=False),), decompose=("dan",), implement=("ann",))
        assert tx.goes_on_for_nothing(replace(free, scope=BOTH))
        assert not tx.goes_on_for_nothing(free)
    ledger.settle(ledger.begin(scope=ONLY), Event.NEEDS_PERSON, question="Which?")
    with ledger.store.read() as tx:
        assert not tx.may_go_on(BOTH)


# --- people ---------------------------------------------------------------------------------------------------------


def test_an_answered_question_is_kept_and_the_decomposition_goes_on_where_it_asked(ledger: Ledger) -> None:
    asked(ledger)
    claim = ledger.begin(scope=ONLY)
    words = "Which one?"
    with ledger.store.transaction() as tx:
        key = question_key(words)
        number = claim.sbi.number
        tx.add_question(Question(sbi=number, turn=1, text=words, key=key, agent="ann", asked_at=tx.now))
    parked = ledger.settle(claim, Event.NEEDS_PERSON, question=words, outcome="question")
    parked = replace(parked, reason="question")
    with ledger.store.transaction() as tx:
        tx.save(parked, parked)
    edit.answer(ledger.store, parked.number, "The left one.", actor="me")
    with ledger.store.read() as tx:
        assert [one.answer for one in tx.questions(parked.number)] == ["The left one."]
    assert ledger.ask(ledger_pbi(ledger)).resume  # and to ask for it now does not throw the answer away
    again = ledger.take(scope=ONLY)
    assert (again.sbi.status, again.sbi.hint, again.turn) == (Status.DECOMPOSING, "The left one.", 2)
    assert ledger.violations() == []


def ledger_pbi(ledger: Ledger) -> Pbi:
    with ledger.store.read() as tx:
        return tx.pbi(1)


def test_what_asks_nothing_is_not_answered(ledger: Ledger) -> None:
    asked(ledger)
    with pytest.raises(NotPossible, match=r"decomposition of PBI-1 is PENDING: it asks nothing") as caught:
        edit.answer(ledger.store, decomposition_of(1), "Yes.", actor="me")
    assert caught.value.hint == "deespec pbi show PBI-1"


def test_a_cancelled_decomposition_ends_and_its_worker_writes_nothing_more(ledger: Ledger) -> None:
    asked(ledger)
    claim = ledger.begin(scope=ONLY)
    with ledger.store.transaction() as tx:
        done = edit.cancel_decomposition(tx, tx.pbi(1), actor="me")
        assert done is not None
        assert done.status is Status.CANCELLED
        assert edit.cancel_decomposition(tx, tx.pbi(1), actor="me") is None
    with pytest.raises(LeaseLost):
        ledger.settle(claim, Event.DECOMPOSED)
    assert status(ledger) is GroupStatus.PENDING
    assert ledger.violations() == []


def test_one_that_is_revoked_stays_where_it_is(ledger: Ledger) -> None:
    asked(ledger)
    with ledger.store.transaction() as tx:
        assert edit.revoke_decomposition(tx, tx.pbi(1), actor="me") is None
    claim = ledger.begin(scope=ONLY)
    with ledger.store.transaction() as tx:
        assert edit.revoke_decomposition(tx, tx.pbi(1), actor="me") is not None
    with pytest.raises(LeaseLost):
        ledger.settle(claim, Event.DECOMPOSED)
    assert ledger.take(scope=ONLY).sbi.status is Status.DECOMPOSING
    assert ledger.violations() == []


def test_a_pbi_in_decomposition_is_not_deleted(ledger: Ledger) -> None:
    asked(ledger)
    ledger.take(scope=ONLY)
    with pytest.raises(NotPossible, match="being decomposed"):
        edit.delete(ledger.store, "PBI-1", actor="me")


def test_a_deleted_pbi_leaves_what_it_cost_and_nothing_else(ledger: Ledger) -> None:
    asked(ledger)
    decompose(ledger, drafts=2)
    with ledger.store.transaction() as tx:
        key = question_key("Which?")
        tx.add_question(Question(sbi=decomposition_of(1), turn=1, text="Which?", key=key, agent="ann", asked_at=1))
    edit.delete(ledger.store, "PBI-1", actor="me")
    with ledger.store.read() as tx:
        number = decomposition_of(1)
        assert (tx.decomposition(1), tx.turns(number), tx.drafts(decided=True), tx.questions(number)) == (
            None,
            [],
            [],
            [],
        )
        assert [one.key for one in tx.figures().spent_by("item", since=0)] == ["PBI-1"]
        assert tx.orphans() == []


# --- what it is not -------------------------------------------------------------------------------------------------


def test_a_decomposition_is_never_among_the_sbis(ledger: Ledger) -> None:
    asked(ledger)
    asked(ledger)
    decompose(ledger)
    ledger.take(scope=ONLY)
    with ledger.store.transaction() as tx:
        tx.set_held(tx.pbi(2), held=True, actor="me")
        uid = tx.pbi(1).uid
        edit.cancel_decomposition(tx, tx.pbi(2), actor="me")
    with ledger.store.read() as tx:
        assert (tx.counts(), tx.list_sbis(Scope()).lines, tx.list_sbis(Scope(), limit=1).total) == ({}, (), 0)
        assert (tx.archivable(before=None), tx.held(), tx.children("PBI-1")) == ([], [], [])
        assert (tx.by_uid(uid), tx.known_uids([uid])) == (["PBI-1"], {uid: "PBI-1"})
        assert tx.child_counts("PBI-1") == {}
        figures = tx.figures()
        assert (figures.ended(since=0), figures.open_items(), figures.first_turns()) == ([], [], [])
    assert ledger.add().id == "SBI-1"


def test_a_held_pbi_that_waits_is_no_held_sbi(ledger: Ledger) -> None:
    asked(ledger)
    with ledger.store.transaction() as tx:
        tx.set_held(tx.pbi(1), held=True, actor="me")
        assert decomposition_of(1) not in tx.held()


def test_what_runs_names_it_by_its_pbi(ledger: Ledger) -> None:
    asked(ledger)
    ledger.take(scope=ONLY)
    with ledger.store.read() as tx:
        assert [(line.id, line.step) for line in tx.running()] == [("PBI-1", Step.PREPARE)]


def test_what_it_cost_is_the_pbi_s(ledger: Ledger) -> None:
    asked(ledger)
    ledger.settle(ledger.begin(scope=ONLY), Event.DECOMPOSED, cost_usd=0.5, metered=True)
    ledger.add(parent="PBI-1")
    ledger.settle(ledger.begin(), Event.IMPLEMENTED, cost_usd=0.25, metered=True)
    with ledger.store.read() as tx:
        figures = tx.figures()
        spent = {
            mark: {one.key: one.usd for one in figures.spent_by(mark, since=0)} for mark in ("pbi", "item", "turn")
        }
        assert spent["pbi"] == {"PBI-1": 0.75}
        assert spent["item"] == {"PBI-1": 0.5, "SBI-1": 0.25}
        assert spent["turn"] == {"PBI-1/1": 0.5, "SBI-1/1": 0.25}
        assert figures.turns_by("pbi", since=0) == {"PBI-1": 2}
        assert figures.titles(["PBI-1"]) == {"PBI-1": "A group"}


# --- the group ------------------------------------------------------------------------------------------------------


def test_a_pbi_is_planning_until_each_of_its_drafts_is_decided(ledger: Ledger) -> None:
    asked(ledger)
    assert status(ledger) is GroupStatus.PENDING
    decompose(ledger, drafts=2)
    assert status(ledger) is GroupStatus.PLANNING
    ledger.add(parent="PBI-1")
    ledger.finish()
    assert status(ledger) is GroupStatus.IN_PROGRESS
    reject(ledger, 1)
    assert status(ledger) is GroupStatus.IN_PROGRESS
    reject(ledger, 2)
    assert status(ledger) is GroupStatus.DONE
    assert ledger.violations() == []


def test_an_archived_pbi_comes_back_when_it_is_asked_for_anew(ledger: Ledger) -> None:
    pbi = asked(ledger)
    decompose(ledger)
    ledger.add(parent="PBI-1")
    ledger.finish()
    done = archive.archive(ledger.store, archive.choose_finished(ledger.store, before=None), actor="me")
    assert done == ["SBI-1", "PBI-1"]
    ledger.ask(pbi)
    with ledger.store.read() as tx:
        assert tx.archived_all() == ["SBI-1"]
        assert tx.archivable_groups([]) == []
    with ledger.store.transaction() as tx:
        assert tx.archive(["PBI-1"], at=1, actor="me") == []
    assert ledger.violations() == []


def test_an_archived_pbi_that_was_never_decomposed_comes_back_when_it_is_asked_for(ledger: Ledger) -> None:
    pbi = ledger.add_pbi()
    ledger.add(parent="PBI-1")
    ledger.finish()
    archive.archive(ledger.store, archive.choose_finished(ledger.store, before=None), actor="me")
    ledger.ask(pbi)
    with ledger.store.read() as tx:
        assert tx.archived_all() == ["SBI-1"]


def test_an_archived_pbi_comes_back_when_its_status_changes(ledger: Ledger) -> None:
    asked(ledger)
    decompose(ledger)
    ledger.add(parent="PBI-1")
    ledger.finish()
    archive.archive(ledger.store, archive.choose_finished(ledger.store, before=None), actor="me")
    with ledger.store.transaction() as tx:
        made = {"spec": "", "turn": None, "agent": "", "created_at": 1, "updated_at": 1}
        tx.add_draft(Draft(parent="PBI-1", number=1, title="Late", **made))
        assert (tx.archived_all(), tx.pbi(1).status) == (["SBI-1"], GroupStatus.IN_PROGRESS)
    assert ledger.violations() == []


def test_a_pbi_is_not_done_while_another_decomposition_is_asked_for(ledger: Ledger) -> None:
    pbi = ledger.add_pbi()
    ledger.add(parent=pbi.id)
    ledger.finish()
    assert status(ledger) is GroupStatus.DONE
    ledger.ask(pbi)
    assert status(ledger) is GroupStatus.IN_PROGRESS
    archive.archive(ledger.store, archive.choose_finished(ledger.store, before=None), actor="me")
    with ledger.store.read() as tx:
        assert tx.archived_all() == ["SBI-1"]
    ledger.decompose(Event.LIMIT_REACHED)
    assert status(ledger) is GroupStatus.DONE
    edit.retry(ledger.store, [decomposition_of(1)], actor="me")
    assert status(ledger) is GroupStatus.IN_PROGRESS
    assert ledger.violations() == []
    with ledger.store.transaction() as tx:
        edit.cancel_decomposition(tx, tx.pbi(1), actor="me")
        assert tx.contradictions() == []
    assert status(ledger) is GroupStatus.DONE


# --- the journal ----------------------------------------------------------------------------------------------------


def test_its_turns_are_told_under_the_pbi_whose_statuses_are_its_own(ledger: Ledger) -> None:
    asked(ledger)
    decompose(ledger, drafts=1)
    with ledger.store.read() as tx:
        entries = tx.journal(item="PBI-1")
    told = [(one.event, one.turn, one.step, one.to_status) for one in entries if one.turn is not None]
    assert told == [
        ("claimed", 1, "decompose", None),
        ("folder_ready", 1, "prepare", None),
        ("decomposed", 1, "decompose", None),
    ]
    assert [one.to_status for one in entries if one.event == "rolled_up"] == ["PLANNING"]


def test_the_claim_of_an_sbi_reads_nothing_of_the_pbis_that_were_asked_for(ledger: Ledger) -> None:
    for _ in range(3):
        asked(ledger)
    claims = [ledger.claim() for _ in range(2)]
    assert not any(isinstance(one, Claim) for one in claims)
    with ledger.store.read() as tx:
        assert tx._all("ready_agents") == []
