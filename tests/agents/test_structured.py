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
