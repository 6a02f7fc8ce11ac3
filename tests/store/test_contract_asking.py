"""Questions and drafts as the store keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deespec.backlog import drafts as deciding
from deespec.backlog.archive import archive, choose_named
from deespec.errors import NotFound, NotPossible
from deespec.model.asking import Draft, DraftStatus, Question, Remark, question_key
from deespec.model.items import Answer, Priority
from deespec.model.lifecycle import Status
from deespec.records import replace

if TYPE_CHECKING:
    from ledger import Ledger

OWNER = "person@test"


def draft(ledger: Ledger, title: str = "Mend README", parent: str = "SBI-1", **fields: object) -> Draft:
    with ledger.store.transaction() as tx:
        number = tx.next_draft(parent)
        made = Draft(parent=parent, number=number, title=title, spec="Text.", created_at=tx.now, **fields)
        tx.add_draft(made)
    return made


def drafts(ledger: Ledger, *, decided: bool = True) -> list[Draft]:
    with ledger.store.read() as tx:
        return tx.drafts(decided=decided)


def approve(ledger: Ledger, *ids: deciding.DraftId, hold: bool = False) -> list[deciding.Decided]:
    return deciding.approve(ledger.store, ids, by(ledger), hold=hold)


def by(ledger: Ledger) -> deciding.Decider:
    return deciding.Decider(owner=OWNER, uid=ledger.clock.uid)


@pytest.mark.parametrize("how", ["stored", "adopted"])
def test_the_findings_of_an_answer_wait_with_it(ledger: Ledger, how: str) -> None:
    ledger.add()
    claim = ledger.begin()
    found = (Remark(text='日本語\n"x"', file="f.py", line=3, severity="low", must_fix=False), Remark(text="y"))
    answer = Answer(kind="review", decision="SUCCEEDED", remarks=found)
    with ledger.store.transaction() as tx:
        if how == "stored":
            tx.store_answer(sbi=1, turn=1, token=claim.token, answer=answer, actor="agent")
        else:
            tx.adopt_answer(sbi=1, turn=1, token=claim.token, answer=answer)
    with ledger.store.read() as tx:
        assert tx.stored_answer(1, 1) == answer


def test_the_same_words_with_other_findings_are_another_answer(ledger: Ledger) -> None:
    ledger.add()
    claim = ledger.begin()
    for found in ((Remark(text="x"),), (Remark(text="y"),)):
        answer = Answer(kind="review", decision="SUCCEEDED", remarks=found)
        with ledger.store.transaction() as tx:
            tx.store_answer(sbi=1, turn=1, token=claim.token, answer=answer, actor="agent")
    with ledger.store.read() as tx:
        assert tx.stored_answer(1, 1) == answer


# --- questions ------------------------------------------------------------------------------------------------------


def ask(ledger: Ledger, turn: int, text: str = "Which?") -> None:
    with ledger.store.transaction() as tx:
        tx.add_question(Question(sbi=1, turn=turn, text=text, key=question_key(text), agent="ann", asked_at=tx.now))


def test_questions_come_back_in_order_with_their_answers(ledger: Ledger) -> None:
    ledger.add()
    for turn in (2, 1, 10):
        ask(ledger, turn, f"Which {turn}?")
    with ledger.store.transaction() as tx:
        assert tx.answer_question(1, turn=2, answer="That.", by=OWNER)
        assert not tx.answer_question(1, turn=3, answer="That.", by=OWNER)
    with ledger.store.read() as tx:
        found = tx.questions(1)
    assert [(one.turn, one.answer, one.answered_by) for one in found] == [
        (1, None, None),
        (2, "That.", OWNER),
        (10, None, None),
    ]


def test_an_item_without_questions_has_none(ledger: Ledger) -> None:
    ledger.add()
    with ledger.store.read() as tx:
        assert (tx.questions(1), tx.drafts("SBI-1", decided=True)) == ([], [])


# --- drafts ---------------------------------------------------------------------------------------------------------


def test_drafts_are_numbered_for_each_item(ledger: Ledger) -> None:
    ledger.add_many(2)
    made = [draft(ledger), draft(ledger), draft(ledger, parent="SBI-2")]
    assert [one.id for one in made] == ["SBI-1/1", "SBI-1/2", "SBI-2/1"]
    with ledger.store.read() as tx:
        assert tx.drafts("SBI-2") == made[2:]


def test_one_that_is_not_there_is_named(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="There is no draft SBI-1/3"), ledger.store.read() as tx:
        tx.draft("SBI-1", 3)


def test_an_approved_draft_is_an_item_with_its_words_its_parent_and_its_labels(ledger: Ledger) -> None:
    ledger.add_pbi()
    ledger.add(parent="PBI-1", labels=("docs",), paths=("src/**",))
    draft(ledger, severity="high")
    [done] = approve(ledger, ("SBI-1", 1))
    assert (done.fresh, done.draft.status, done.draft.registered) == (True, DraftStatus.APPROVED, "SBI-2")
    assert (done.draft.decided_by, done.draft.decided_at) == (OWNER, ledger.clock.now_ms())
    made = ledger.sbi(2)
    assert (made.title, made.spec, made.parent, made.labels) == ("Mend README", "Text.", "PBI-1", ("docs",))
    assert (made.priority, made.paths, made.source, made.held) == (Priority.HIGH, (), "SBI-1/1", False)
    assert ledger.events("SBI-1")[-1] == "draft_approved"
    assert ledger.events("SBI-2") == ["registered"]
    assert ledger.violations() == []


def test_approved_twice_it_is_one_item(ledger: Ledger) -> None:
    ledger.add()
    draft(ledger)
    approve(ledger, ("SBI-1", 1), hold=True)
    [again] = approve(ledger, ("SBI-1", 1))
    assert (again.fresh, again.draft.registered) == (False, "SBI-2")
    assert ledger.sbi(2).held
    assert ledger.events().count("registered") == 2


def test_several_are_decided_all_or_none(ledger: Ledger) -> None:
    ledger.add()
    for _ in range(3):
        draft(ledger)
    deciding.reject(ledger.store, [("SBI-1", 2)], reason="no", owner=OWNER)
    before = drafts(ledger)
    with pytest.raises(NotPossible, match=r"SBI-1/2 was rejected by person@test: no"):
        approve(ledger, ("SBI-1", 1), ("SBI-1", 2))
    with pytest.raises(NotFound):
        deciding.reject(ledger.store, [("SBI-1", 1), ("SBI-1", 9)], reason="no", owner=OWNER)
    assert drafts(ledger) == before
    assert [one.id for one in drafts(ledger, decided=False)] == ["SBI-1/1", "SBI-1/3"]


@pytest.mark.parametrize("how", ["approve", "reject"])
def test_what_was_decided_stays_as_it_is(ledger: Ledger, how: str) -> None:
    ledger.add()
    seen = draft(ledger)
    if how == "approve":
        approve(ledger, ("SBI-1", 1))
    else:
        deciding.reject(ledger.store, [("SBI-1", 1)], reason="no", owner=OWNER)
    before = drafts(ledger)
    with pytest.raises(NotPossible):
        deciding.reject(ledger.store, [("SBI-1", 1)], reason="again", owner=OWNER)
    with pytest.raises(NotPossible):
        deciding.rewrite(ledger.store, seen, replace(seen, title="New", spec="New"), by(ledger))
    assert drafts(ledger) == before


def test_words_that_somebody_else_has_changed_are_not_written_over(ledger: Ledger) -> None:
    ledger.add()
    seen = draft(ledger)
    [first] = deciding.rewrite(ledger.store, seen, replace(seen, title="First"), by(ledger))
    with pytest.raises(NotPossible, match=r"Somebody else has changed SBI-1/1 meanwhile\."):
        deciding.rewrite(ledger.store, seen, replace(seen, title="Second"), by(ledger))
    assert drafts(ledger) == [first.draft]


def test_drafts_outlive_the_archiving_of_their_item_and_bring_its_group_back(ledger: Ledger) -> None:
    ledger.add_pbi()
    ledger.add(parent="PBI-1")
    ledger.finish()
    draft(ledger)
    archive(ledger.store, choose_named(ledger.store, ["SBI-1"], before=None), actor=OWNER)
    assert [one.id for one in drafts(ledger, decided=False)] == ["SBI-1/1"]
    approve(ledger, ("SBI-1", 1))
    assert ledger.sbi(2).parent == "PBI-1"
    assert ledger.sbi(1).status is Status.DONE
    assert ledger.violations() == []


def test_a_draft_whose_item_is_gone_is_registered_without_a_parent(ledger: Ledger) -> None:
    draft(ledger, parent="PBI-9")
    [done] = approve(ledger, ("PBI-9", 1))
    assert (done.draft.registered, ledger.sbi(1).parent) == ("SBI-1", None)


def test_a_draft_of_a_group_belongs_to_that_group(ledger: Ledger) -> None:
    ledger.add_pbi()
    draft(ledger, parent="PBI-1")
    approve(ledger, ("PBI-1", 1))
    assert ledger.sbi(1).parent == "PBI-1"
