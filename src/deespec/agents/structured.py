"""Answers as data: the JSON Schema that each step's answer has to fit, and the answer in what a client gives back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deespec.agents.reading import Json, count, objects, parse, word
from deespec.model.asking import Remark, Severity
from deespec.model.items import Answer
from deespec.model.lifecycle import Step
from deespec.model.remarks import FILE_CHARACTERS, REMARKS_MOST, TEXT_CHARACTERS
from deespec.model.reports import DECISIONS, KINDS, accepts

if TYPE_CHECKING:
    from collections.abc import Iterator


def schema_of(step: Step) -> str | None:
    """The JSON Schema of a step's structured answer; None: the step has none.

    All properties are required and no others allowed, as OpenAI's strict schemas want it; optional ones may be null.
    """
    if step not in KINDS:
        return None
    field, words = _choice(step)
    properties: Json = {field: {"type": "string", "enum": words}, "report": {"type": "string", "minLength": 1}}
    if step is Step.REVIEW:
        properties["findings"] = {"type": "array", "items": _object(_REMARK)}
    return json.dumps(_object(properties))


def answer_of(step: Step, found: object) -> Answer | None:
    """The answer in a structured output, if it is one. The client may have checked it, but it is not ours."""
    if isinstance(found, str):
        found = parse(found)
    if step not in KINDS or not isinstance(found, dict):
        return None
    chosen, report = word(found, _choice(step)[0]), word(found, "report")
    if chosen is None or report is None:
        return None
    if step is Step.REVIEW:
        remarks = tuple(remarks_of(found))
        answer = Answer(kind="review", decision=chosen, text=report, source="structured", remarks=remarks)
    else:
        answer = Answer(kind=chosen, text=report, source="structured")
    return answer if accepts(step, answer) is None else None


def remarks_of(found: Json) -> Iterator[Remark]:
    """The findings of a review; what is none, or one too many, is left out."""
    for one in [*objects(found, "findings")][:REMARKS_MOST]:
        text = (word(one, "text") or "").strip()
        if text:
            severity = word(one, "severity") or ""
            yield Remark(
                text=text[:TEXT_CHARACTERS],
                file=(word(one, "file") or "")[:FILE_CHARACTERS] or None,
                line=count(one, "line"),
                severity=severity if severity in list(Severity) else Severity.NORMAL,
                must_fix=one.get("must_fix") is not False,
                in_scope=one.get("in_scope") is not False,
            )


_REMARK: Json = {
    "text": {"type": "string", "description": "What is wrong, and what to do about it."},
    "file": {"type": ["string", "null"]},
    "line": {"type": ["integer", "null"]},
    "severity": {"type": "string", "enum": [str(one) for one in Severity]},
    "must_fix": {"type": "boolean", "description": "Without it the work cannot be accepted."},
    "in_scope": {"type": "boolean", "description": "It is about what this item asks for, or what this work broke."},
}


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _choice(step: Step) -> tuple[str, tuple[str, ...]]:
    """What a structured answer has to name, and the words for it."""
    return ("decision", DECISIONS) if step is Step.REVIEW else ("type", KINDS[step])
