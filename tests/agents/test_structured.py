"""Answers as data: findings decide a review, so none that sends the work back gets lost in reading it."""

from __future__ import annotations

import json

import pytest

from deespec.agents.structured import REMARKS_MOST, WORDLESS, answer_of, schema_of
from deespec.model.lifecycle import Step
from deespec.model.reports import decision_of

NIT = {"text": "a nit", "must_fix": False}


def reviewed(*findings: object, decision: str = "NEEDS_CHANGES") -> str | None:
    answer = answer_of(Step.REVIEW, {"decision": decision, "report": "See there.", "findings": list(findings)})
    assert answer is not None
    return decision_of(answer)


@pytest.mark.parametrize(
    "blocking",
    [
        {"text": "It deletes the wrong rows.", "must_fix": True},
        {"text": ""},
        {"text": ["It deletes the wrong rows."]},
        {"must_fix": "yes"},
        "It deletes the wrong rows.",
        None,
    ],
)
@pytest.mark.parametrize("nits", [0, 1, REMARKS_MOST, 3 * REMARKS_MOST])
def test_what_must_be_fixed_sends_the_work_back_however_it_is_written(blocking: object, nits: int) -> None:
    assert reviewed(*([NIT] * nits), blocking) == "NEEDS_CHANGES"
    assert reviewed(*([NIT] * nits), blocking, decision="SUCCEEDED") == "NEEDS_CHANGES"


def test_nits_alone_do_not() -> None:
    assert reviewed(NIT, NIT) == "SUCCEEDED"


def test_a_finding_is_shown_as_text_of_this_project() -> None:
    found = {"text": "a\x1b[31mb\u202ec\nd", "file": "x\n\x07.py", "line": 10**12, "severity": "huge"}
    answer = answer_of(Step.REVIEW, {"decision": "NEEDS_CHANGES", "report": "r", "findings": [found, {}]})
    assert answer is not None
    first, second = answer.remarks
    assert (first.text, first.file, first.line, first.severity) == ("a[31mbc\nd", "x.py", None, "normal")
    assert second.text == WORDLESS


def test_the_schema_of_a_review_asks_for_findings_and_allows_nothing_else() -> None:
    schema = json.loads(schema_of(Step.REVIEW) or "")
    assert schema["required"] == ["decision", "report", "findings"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["findings"]["items"]["additionalProperties"] is False


# --- decompositions -------------------------------------------------------------------------------------------------


def objects_in(schema: object) -> list[dict[str, object]]:
    if isinstance(schema, list):
        return [one for part in schema for one in objects_in(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("type") == "object" else []
    return own + [one for part in schema.values() for one in objects_in(part)]


def test_every_object_of_the_schema_of_a_decomposition_is_strict() -> None:
    found = objects_in(json.loads(schema_of(Step.DECOMPOSE) or ""))
    assert len(found) == 3
    for one in found:
        assert one["additionalProperties"] is False
        assert one["required"] == list(one["properties"])  # type: ignore[call-overload]


def test_drafts_are_handed_on_as_they_are() -> None:
    drafts = [{"title": "One", "more": [1]}, 7]
    answer = answer_of(Step.DECOMPOSE, {"report": "Two.", "drafts": drafts, "question": None})
    assert answer is not None
    assert (answer.kind, answer.source) == ("propose", "structured")
    assert json.loads(answer.text) == {"report": "Two.", "drafts": drafts}


def test_a_decomposition_may_be_a_question() -> None:
    answer = answer_of(Step.DECOMPOSE, {"report": "", "drafts": [], "question": " Which one? "})
    assert answer is not None
    assert (answer.kind, answer.text) == ("question", "Which one?")


@pytest.mark.parametrize("found", [{}, {"drafts": None}, {"drafts": {}}, {"type": "propose"}, [], None, "{"])
def test_what_has_no_drafts_is_no_decomposition(found: object) -> None:
    assert answer_of(Step.DECOMPOSE, found) is None
