"""Questions: asked once, answered once, told in every prompt from then on."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from workshop import ACCEPTS, IMPLEMENTS, Workshop, steps

from deespec.backlog import edit
from deespec.model.asking import Question
from deespec.model.items import Sbi
from deespec.model.lifecycle import Status

RECORDED = Path(__file__).parent.parent / "agents" / "recorded" / "claude" / "2.1.330"
ASKS = 'echo "DECISION: QUESTION (red or blue?)"'


def asking(project: Workshop, times: int, **fields: object) -> None:
    """An item whose agent asks the same so many times, in other spelling, before it works."""
    again = 'echo "DECISION: QUESTION (Red or BLUE)"'
    script = f"""
        n=$(cat "$SEEN/asked" 2>/dev/null | wc -l)
        if test $n -ge {times}; then {IMPLEMENTS}; exit; fi
        echo x >> "$SEEN/asked"
        if test $n -eq 0; then {ASKS}; else {again}; fi
    """
    project.agent(steps(script))
    project.register(**fields)
    assert project.took() == "question"


def answered(project: Workshop, text: str = "Blue.") -> Sbi:
    return edit.answer(project.app.store, 1, text, actor="person@test")


def questions(project: Workshop) -> list[Question]:
    with project.app.store.read() as tx:
        return tx.questions(1)


def test_a_question_is_kept_with_who_asked_and_who_answered(project: Workshop) -> None:
    asking(project, 1)
    [one] = questions(project)
    assert (one.turn, one.text, one.agent, one.answer) == (1, "red or blue?", "worker", None)
    answered(project)
    [one] = questions(project)
    assert (one.answer, one.answered_by) == ("Blue.", "person@test")
    assert one.answered_at is not None
    assert [(entry.actor, entry.detail) for entry in project.journal() if entry.event in ("asked", "answer")] == [
        ("agent SBI-1/1", "red or blue?"),
        ("person@test", "Blue."),
    ]


def test_the_same_question_again_is_answered_by_the_engine_and_counts_as_a_turn(project: Workshop) -> None:
    asking(project, 2)
    answered(project)
    assert [one.what for one in project.drain()] == ["asked_again", "implemented", "succeeded"]
    assert [turn.number for turn in project.turns()] == [1, 2, 3, 4]
    assert [(one.turn, one.answer, one.answered_by) for one in questions(project)] == [
        (1, "Blue.", "person@test"),
        (2, "Blue.", "person@test"),
    ]
    assert [entry.detail for entry in project.journal() if entry.event == "answered_before"] == ["as in turn 1: Blue."]


def test_the_next_prompt_carries_the_question_and_its_answer(project: Workshop) -> None:
    asking(project, 2)
    answered(project)
    project.took()
    project.took()
    first, second = project.prompt(turn=2), project.prompt(turn=3)
    assert "## A person says\n\nBlue." in first
    assert "That answers what was asked before: red or blue?" in first
    assert "Asked and answered before" not in first
    assert "- Red or BLUE\n  Answer: Blue." in second
    assert "Your last turn asked what stands above as answered: Red or BLUE" in second


def test_the_third_time_in_a_row_a_person_is_asked_after_all(project: Workshop) -> None:
    asking(project, 3)
    answered(project)
    assert [one.what for one in project.drain()] == ["asked_again", "question"]
    sbi = project.sbi()
    assert (sbi.status, sbi.reason, sbi.question) == (Status.PARKED, "question", "Red or BLUE")
    answered(project, "Blue, I said.")
    assert [one.what for one in project.drain()] == ["implemented", "succeeded"]
    assert "  Answer: Blue, I said." in project.prompt(turn=5)


def test_an_agent_that_only_asks_comes_to_its_limit_of_turns(project: Workshop) -> None:
    project.agent(steps('echo "DECISION: QUESTION ($((DEESPEC_TURN % 2)), or what?)"'))
    project.register(max_turns=2)
    for _ in range(2):
        assert project.took() == "question"
        answered(project)
    assert [one.what for one in project.drain()] == ["asked_again", "asked_again"]
    assert (project.sbi().status, project.sbi().reason) == (Status.FAILED, "turns")


def test_a_question_that_was_not_answered_is_asked_again(project: Workshop) -> None:
    asking(project, 2)
    edit.retry(project.app.store, [1], actor="person")
    assert project.took() == "question"
    assert [one.answer for one in questions(project)] == [None, None]


def test_a_hint_with_retry_is_an_answer(project: Workshop) -> None:
    asking(project, 2)
    edit.retry(project.app.store, [1], actor="person", hint="Blue.")
    assert project.took() == "asked_again"


def test_a_second_answer_is_added_to_the_first(project: Workshop) -> None:
    asking(project, 1)
    answered(project)
    answered(project, "A dark one.")
    assert questions(project)[0].answer == "Blue.\n\nA dark one."
    assert project.took() == "implemented"
    assert "Blue.\n\nA dark one." in project.prompt(turn=2)


def test_answers_are_known_after_a_reset_too(project: Workshop) -> None:
    asking(project, 2)
    answered(project)
    edit.cancel(project.app.store, [1], actor="person")
    edit.reset(project.app.store, [1], actor="person")
    assert project.took() == "asked_again"


def test_a_question_from_before_questions_were_remembered_is_answered_like_others(project: Workshop) -> None:
    asking(project, 2)
    with project.app.store.transaction() as tx:
        tx.connection.fetch("DELETE FROM question", {})
    answered(project)
    assert [(one.text, one.answer) for one in questions(project)] == [("red or blue?", "Blue.")]
    assert project.took() == "asked_again"


def test_an_item_that_is_parked_for_another_reason_takes_an_answer_as_a_hint(project: Workshop) -> None:
    project.settle("run", review_rounds=1)
    project.agent(steps(review='echo "Rename it."; echo "DECISION: NEEDS_CHANGES"'))
    project.register()
    project.drain()
    assert project.sbi().reason == "review_rounds"
    answered(project, "Leave the name.")
    assert project.took() == "implemented"
    assert "## A person says\n\nLeave the name." in project.prompt(turn=3)
    assert "That answers what was asked" not in project.prompt(turn=3)
    assert questions(project) == []


def test_an_answered_reviewer_goes_on_in_the_session_in_which_it_asked(project: Workshop) -> None:
    stream = RECORDED / "success.stdout"
    asks = "touch $SEEN/asked; deespec sbi report --type question --text 'Which one?'"
    program = project.folder / "critic"
    program.write_text(
        f'#!/bin/sh\ncat > /dev/null\necho "$@" >> "$SEEN/called"\n'
        f'if test -e "$SEEN/asked"; then deespec sbi review --decision SUCCEEDED; else {asks}; fi\n'
        f"cat {shlex.quote(str(stream))}\n"
    )
    program.chmod(0o755)
    project.agent(IMPLEMENTS)
    project.settle("agents.critic", kind="claude", command=[str(program)], env={"SEEN": str(project.seen)})
    project.settle("run", review="critic")
    project.register()
    assert [project.took(), project.took()] == ["implemented", "question"]
    answered(project)
    assert project.took() == "succeeded"
    first, second = (words for words in (project.saw("called") or "").splitlines() if "--json-schema" in words)
    assert "--resume" not in first
    assert f"--resume {project.turns()[1].session}" in second


@pytest.mark.parametrize("step", ["implement", "review"])
def test_what_was_asked_and_answered_is_told_in_each_later_prompt(project: Workshop, step: str) -> None:
    asking(project, 1)
    answered(project)
    review = 'if test "$DEESPEC_TURN" = 3; then echo "DECISION: NEEDS_CHANGES"; else echo "DECISION: SUCCEEDED"; fi'
    script = project.folder / "agents" / "worker"
    script.write_text(script.read_text().replace(ACCEPTS, review))
    project.drain()
    told = {turn.step: project.prompt(turn=turn.number) for turn in project.turns()}
    assert "- red or blue?\n  Answer: Blue." in told[step]  # type: ignore[index]
