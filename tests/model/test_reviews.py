"""What follows from a review's findings, and from a question that was answered before."""

from __future__ import annotations

import pytest

from deespec.model.asking import Question, Remark, first_line, question_key
from deespec.model.items import Answer, Sbi
from deespec.model.lifecycle import Event, Status, Step
from deespec.model.reports import (
    MUST_BE_FIXED,
    NOTHING_TO_FIX,
    OPEN_CHARACTERS,
    OPEN_MOST,
    Rules,
    Verdict,
    accepts,
    judge,
)
from deespec.records import replace

MUST = Remark(text="It leaks.", file="f.py", line=3, severity="high")
NIT = Remark(text="A better name.", must_fix=False)
ELSEWHERE = Remark(text="README is old.", in_scope=False)
RULES = Rules(max_turns=8, review_rounds=3, integrates=True)
REVIEWED = Sbi(number=1, uid="U", title="T", spec="S", status=Status.REVIEWING, turn=1)


def review(decision: str, *remarks: Remark, sbi: Sbi = REVIEWED) -> Verdict:
    answer = Answer(kind="review", decision=decision, text="Words.", remarks=remarks)
    return judge(sbi, Step.REVIEW, answer, (), RULES)


@pytest.mark.parametrize(
    ("decision", "remarks", "outcome", "note"),
    [
        ("SUCCEEDED", (), "succeeded", None),
        ("SUCCEEDED", (NIT, ELSEWHERE), "succeeded", None),
        ("SUCCEEDED", (NIT, MUST), "needs_changes", MUST_BE_FIXED),
        ("NEEDS_CHANGES", (), "needs_changes", None),
        ("NEEDS_CHANGES", (MUST,), "needs_changes", None),
        ("NEEDS_CHANGES", (NIT,), "succeeded", NOTHING_TO_FIX),
        ("NEEDS_CHANGES", (ELSEWHERE,), "succeeded", NOTHING_TO_FIX),
        ("FAILED", (), "rejected", None),
        ("FAILED", (NIT,), "rejected", None),
    ],
)
def test_the_findings_bear_the_decision_out(
    decision: str, remarks: tuple[Remark, ...], outcome: str, note: str | None
) -> None:
    verdict = review(decision, *remarks)
    assert (verdict.outcome, verdict.note) == (outcome, note)
    assert (
        verdict.decision == {"succeeded": "SUCCEEDED", "needs_changes": "NEEDS_CHANGES", "rejected": "FAILED"}[outcome]
    )


def test_only_a_review_has_findings() -> None:
    answer = Answer(kind="implement", remarks=(MUST,))
    assert accepts(Step.IMPLEMENT, answer) == "Only a review has findings."
    assert accepts(Step.REVIEW, Answer(kind="review", decision="SUCCEEDED", remarks=(MUST,))) is None


def test_after_the_last_round_a_person_gets_the_list_of_what_is_open() -> None:
    last = replace(REVIEWED, reviews=2, turn=5)
    verdict = review("NEEDS_CHANGES", NIT, MUST, ELSEWHERE, Remark(text="It is\nslow."), sbi=last)
    assert verdict.events[-1] == (Event.NEEDS_PERSON, "review_rounds")
    assert verdict.question == ("After 3 rounds of review it still wants changes:\n- f.py:3: It leaks.\n- It is slow.")


def test_before_it_nobody_is_asked() -> None:
    verdict = review("NEEDS_CHANGES", MUST, sbi=replace(REVIEWED, reviews=1))
    assert (verdict.events, verdict.question) == (((Event.NEEDS_CHANGES, None),), None)


def test_without_findings_the_words_are_what_is_open() -> None:
    verdict = review("NEEDS_CHANGES", sbi=replace(REVIEWED, reviews=2))
    assert verdict.question == "After 3 rounds of review it still wants changes:\nWords."


def test_a_long_list_is_cut() -> None:
    many = tuple(Remark(text=f"{number} " + "x" * OPEN_CHARACTERS) for number in range(OPEN_MOST + 5))
    question = review("NEEDS_CHANGES", *many, sbi=replace(REVIEWED, reviews=2)).question or ""
    assert question.endswith("… and 5 more")
    assert len(question) < (OPEN_MOST + 2) * (OPEN_CHARACTERS + 10)


# --- questions ------------------------------------------------------------------------------------------------------

ITEM = Sbi(number=1, uid="U", title="T", spec="S", status=Status.IMPLEMENTING)


def asked(turn: int, text: str = "Red or blue?", answer: str | None = "Blue") -> Question:
    at = None if answer is None else 2
    return Question(
        sbi=1, turn=turn, text=text, key=question_key(text), agent="a", asked_at=1, answer=answer, answered_at=at
    )


def ask(sbi: Sbi, *before: Question, text: str = "Red or blue?", rules: Rules = RULES) -> Verdict:
    return judge(sbi, Step.IMPLEMENT, Answer(kind="question", text=text), (), rules, asked=before)


def test_a_new_question_parks_the_item() -> None:
    verdict = ask(ITEM)
    assert (verdict.outcome, verdict.events, verdict.question) == (
        "question",
        ((Event.NEEDS_PERSON, "question"),),
        "Red or blue?",
    )


@pytest.mark.parametrize("text", ["Red or blue?", "red  or BLUE", "Ｒｅｄ ｏｒ ｂｌｕｅ？", "Red\nor blue..."])
def test_what_was_answered_before_is_not_asked_again(text: str) -> None:
    verdict = ask(replace(ITEM, turn=1), asked(1), text=text)
    assert (verdict.outcome, verdict.events) == ("asked_again", ((Event.ASKED_AGAIN, None),))


def test_another_question_is_asked() -> None:
    assert ask(replace(ITEM, turn=1), asked(1), text="Red or green?").outcome == "question"


def test_what_nobody_answered_is_asked_again() -> None:
    assert ask(replace(ITEM, turn=1), asked(1, answer=None)).outcome == "question"


def test_the_third_time_in_a_row_a_person_is_asked_after_all() -> None:
    assert ask(replace(ITEM, turn=2), asked(1), asked(2)).outcome == "question"


def test_with_work_or_another_question_between_it_is_no_row() -> None:
    assert ask(replace(ITEM, turn=3), asked(1), asked(3)).outcome == "asked_again"
    between = asked(2, "Which size?")
    assert ask(replace(ITEM, turn=3), asked(1), between, asked(3)).outcome == "asked_again"


def test_a_reset_begins_another_row_and_keeps_the_answer() -> None:
    assert ask(replace(ITEM, turn=2, turns_reset=2), asked(1), asked(2)).outcome == "asked_again"


def test_an_agent_that_keeps_asking_comes_to_its_limit_of_turns() -> None:
    verdict = ask(replace(ITEM, turn=7), asked(1), asked(7))
    assert verdict.events == ((Event.ASKED_AGAIN, None), (Event.LIMIT_REACHED, "turns"))


OTHERS = [
    *(("???", "!!!"), ("🎉", "🚀"), ("Is it C++?", "Is it C#?"), ("age > 90?", "age < 90?"), ("1.5?", "15?")),
    *(("-1", "1"), ("a/b", "ab"), ("की", "का"), ("not x, y", "not x y")),
]


@pytest.mark.parametrize(("text", "other"), OTHERS)
def test_questions_that_differ_in_a_mark_are_told_apart(text: str, other: str) -> None:
    assert question_key(text) != question_key(other)


def test_a_question_for_leave_is_never_answered_from_memory() -> None:
    answer = Answer(kind="question", text="Red or blue?", source="asked")
    verdict = judge(ITEM, Step.IMPLEMENT, answer, (), RULES, asked=(asked(1),))
    assert (verdict.outcome, verdict.events) == ("question", ((Event.NEEDS_PERSON, "question"),))


# --- turns that find the same -----------------------------------------------------------------------------------------

SAME = ("Nothing was changed. Refused to it: Bash: a. That stays refused: do without.",)
ALIKE = ("Nothing was changed. Refused to it: Bash: b. That stays refused: do without.",)


def work(findings: tuple[str, ...], *before: tuple[str, ...], sbi: Sbi = ITEM) -> Verdict:
    return judge(sbi, Step.IMPLEMENT, Answer(kind="implement"), findings, RULES, before=before)


def test_the_third_turn_in_a_row_that_finds_the_same_asks_a_person() -> None:
    verdict = work(SAME, ("Other.",), ALIKE, SAME)
    assert verdict.outcome == "findings"
    assert verdict.events == ((Event.FINDINGS, None), (Event.NEEDS_PERSON, "stuck"))
    assert verdict.question == f"3 turns in a row found the same: {SAME[0]}"


@pytest.mark.parametrize("before", [(), (SAME,), (SAME, ("Other.",)), (SAME, SAME, ()), (SAME, (*SAME, "Other."))])
def test_other_findings_between_are_progress(before: tuple[tuple[str, ...], ...]) -> None:
    assert work(SAME, *before).events == ((Event.FINDINGS, None),)


def test_at_the_limit_of_turns_it_is_told_what_the_last_one_found() -> None:
    verdict = work(SAME, SAME, SAME, sbi=replace(ITEM, turn=7))
    assert verdict.events[-1] == (Event.LIMIT_REACHED, "turns")
    assert verdict.question == SAME[0]
    wants = judge(replace(REVIEWED, turn=7), Step.REVIEW, Answer(kind="review", decision="NEEDS_CHANGES"), (), RULES)
    assert (wants.question or "").startswith("After 1 round of review")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("After 2 rounds:\n- a.py: One.\n- Two.\n- Three.", "After 2 rounds: a.py: One. (and 2 more)"),
        ("pytest failed:\n\nE  boom", "pytest failed: E  boom"),
        ("Red or blue?\nI cannot tell.", "Red or blue?"),
        ("Only this:", "Only this:"),
        (" \n", ""),
    ],
)
def test_a_first_line_that_announces_a_list_has_the_first_of_it(text: str, line: str) -> None:
    assert first_line(text) == line
