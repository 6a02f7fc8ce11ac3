"""Answers that are read from an agent's last words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deespec.agents.decision import answer_from_text, proposal_in
from deespec.engine import prompt_values
from deespec.model.items import Answer
from deespec.model.lifecycle import Step


@pytest.mark.parametrize(
    "line",
    [
        "DECISION: SUCCEEDED",
        "decision: succeeded",
        "**DECISION:** SUCCEEDED",
        "**DECISION: SUCCEEDED**",
        "`DECISION: SUCCEEDED`",
        "DECISION: `SUCCEEDED`.",
        "  ## Decision : Succeeded  ",
        "- DECISION: SUCCEEDED",
        "DECISION： SUCCEEDED",
        "DECISION: SUCCEEDED\r",
        "DECISION: SUCCEEDED\n```\nsaid after it\n",
    ],
)
def test_a_decision_is_read_in_whatever_markdown_it_comes(line: str) -> None:
    answer = answer_from_text(Step.REVIEW, f"All is well.\n\n{line}")
    assert answer == Answer(kind="review", decision="SUCCEEDED", text="All is well.", source="text")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It is done.",
        "My DECISION: SUCCEEDED",
        "DECISION:",
        "DECISION:\nSUCCEEDED",
        "DECISION: PERHAPS",
        "DECISION: NEEDS CHANGES",
        "DECISION: SUCCEEDED_ALMOST",
        "DECISION: SUCCEEDED | NEEDS_CHANGES | FAILED",
        "DECISION: `SUCCEEDED` or `FAILED`",
        "DECISION: <SUCCEEDED>",
        "It must not end with\n> DECISION: SUCCEEDED\nas the prompt said.",
        "DECISION: IMPLEMENTED",
    ],
)
def test_what_is_no_clear_decision_of_a_review_is_no_answer(text: str) -> None:
    assert answer_from_text(Step.REVIEW, text) is None


def test_the_last_decision_counts() -> None:
    answer = answer_from_text(Step.REVIEW, "DECISION: SUCCEEDED\nNo, wait.\nDECISION: FAILED")
    assert answer is not None
    assert answer.decision == "FAILED"


def test_a_last_decision_that_cannot_be_read_is_not_replaced_by_an_earlier_one() -> None:
    assert answer_from_text(Step.REVIEW, "DECISION: SUCCEEDED\nDECISION: UNSURE") is None


def test_findings_on_the_line_itself_are_kept_when_there_are_no_others() -> None:
    answer = answer_from_text(Step.REVIEW, "DECISION: NEEDS_CHANGES - the tests are missing")
    assert answer == Answer(kind="review", decision="NEEDS_CHANGES", text="the tests are missing", source="text")


@pytest.mark.parametrize("word", ["IMPLEMENTED", "SUCCEEDED", "DONE"])
@pytest.mark.parametrize(("step", "kind"), [(Step.IMPLEMENT, "implement"), (Step.RESOLVE, "resolve")])
def test_work_that_is_done_is_reported_in_any_of_three_words(step: Step, kind: str, word: str) -> None:
    assert answer_from_text(step, f"Wrote it.\nDECISION: {word}") == Answer(kind=kind, text="Wrote it.", source="text")


@pytest.mark.parametrize("text", ["DECISION: NOTHING (it is there)", "it is there\nDECISION: NOTHING"])
def test_nothing_to_do_comes_with_its_reason(text: str) -> None:
    assert answer_from_text(Step.IMPLEMENT, text) == Answer(kind="nothing", text="it is there", source="text")


@pytest.mark.parametrize("word", ["NOTHING", "QUESTION", "FAILED"])
def test_who_does_not_work_has_to_say_why(word: str) -> None:
    assert answer_from_text(Step.IMPLEMENT, f"DECISION: {word}") is None


@pytest.mark.parametrize("text", ["DECISION: QUESTION Which one?", "Which one?\nDECISION: FAILED"])
def test_a_question_and_a_failure_go_to_a_person(text: str) -> None:
    assert answer_from_text(Step.IMPLEMENT, text) == Answer(kind="question", text="Which one?", source="text")


@pytest.mark.parametrize("step", [Step.PREPARE, Step.INTEGRATE])
def test_the_engines_own_steps_have_no_answer(step: Step) -> None:
    assert answer_from_text(step, "DECISION: SUCCEEDED") is None


@given(st.text(), st.sampled_from(Step))
def test_any_text_can_be_read(text: str, step: Step) -> None:
    answer = answer_from_text(step, f"{text}\nDECISION: {text}")
    assert answer is None or answer.source == "text"


# --- decompositions -------------------------------------------------------------------------------------------------

DRAFTS = '{"drafts": [{"title": "One", "spec": "```\\nx\\n```"}]}'
OTHERS = '{"drafts": []}'
LIST = '[{"title": "One", "spec": "x"}]'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"```json\n{DRAFTS}\n```", DRAFTS),
        (f"Two ways.\n```json\n{OTHERS}\n```\nor\n```JSON\n{DRAFTS}\n```\nThat is all.", DRAFTS),
        (f"```json\n{DRAFTS}\n```\nand for example\n```json\n{{}}\n```", DRAFTS),
        (f"```\n{DRAFTS}\n```\nDECISION: DONE", DRAFTS),
        (DRAFTS, DRAFTS),
        (f"Here:\n```json\n{LIST}\n```", LIST),
        (LIST, LIST),
        ("```json\n[]\n```", None),
        ('```json\n[{"title": "One"}, 7]\n```', None),
        ('```json\n[{"name": "One"}]\n```', None),
        (f"    {DRAFTS}\n\nis what it looks like.", None),
        (f"```json\n{DRAFTS[:-1]}\n```", None),
        ("DECISION: IMPLEMENTED", None),
        ("DECISION: QUESTION", None),
    ],
)
def test_the_last_block_that_has_drafts_is_the_decomposition(text: str, found: str | None) -> None:
    answer = answer_from_text(Step.DECOMPOSE, text)
    assert (answer and answer.text.strip()) == found
    assert answer is None or answer.kind == "propose"


def test_a_question_behind_the_drafts_counts_more_than_they() -> None:
    answer = answer_from_text(Step.DECOMPOSE, f"```json\n{DRAFTS}\n```\nDECISION: QUESTION Which one?")
    assert answer == Answer(kind="question", text="Which one?", source="text")


def test_the_prompt_said_back_is_no_decomposition() -> None:
    template = Path(prompt_values.__file__).parent / "templates" / "decompose.md"
    assert answer_from_text(Step.DECOMPOSE, template.read_text()) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (DRAFTS, DRAFTS),
        (f"One way:\n```json\n{DRAFTS}\n```\nand it is run by\n```\nmake\n```", DRAFTS),
        (f"```json\n{DRAFTS[:-1]}\n```", DRAFTS[:-1]),
        ("Nothing of it.", "Nothing of it."),
    ],
)
def test_what_a_chat_has_answered_is_looked_through_for_the_proposal(text: str, found: str) -> None:
    assert proposal_in(text).strip() == found
