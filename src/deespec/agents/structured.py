"""Answers as data: the JSON Schema that each step's answer has to fit, and the answer in what a client gives back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deespec.agents.reading import Json, clean, count, listed, parse, word
from deespec.model.asking import Remark, Severity
from deespec.model.items import Answer
from deespec.model.lifecycle import Step
from deespec.model.remarks import FILE_CHARACTERS, LINE_MOST, REMARKS_MOST, TEXT_CHARACTERS
from deespec.model.reports import DECISIONS, KINDS, accepts

if TYPE_CHECKING:
    from collections.abc import Iterator


def schema_of(step: Step) -> str | None:
    """The JSON Schema of a step's structured answer; None: the step has none.

    All properties are required and no others allowed, as OpenAI's strict schemas want it; optional ones may be null.
    """
    if step not in KINDS:
        return None
    if step is Step.DECOMPOSE:
        return json.dumps(_object(_PROPOSAL))
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
    if step is Step.DECOMPOSE:
        return _proposal(found)
    chosen, report = word(found, _choice(step)[0]), word(found, "report")
    if chosen is None or report is None:
        return None
    if step is Step.REVIEW:
        remarks = tuple(remarks_of(found))
        answer = Answer(kind="review", decision=chosen, text=report, source="structured", remarks=remarks)
    else:
        answer = Answer(kind=chosen, text=report, source="structured")
    return answer if accepts(step, answer) is None else None


def _proposal(found: Json) -> Answer | None:
    """The drafts as they are: what is wrong with them is told to the agent, once."""
    question = (word(found, "question") or "").strip()
    if question:
        return Answer(kind="question", text=question, source="structured")
    if not isinstance(found.get("drafts"), list):
        return None
    handed = {"report": word(found, "report") or "", "drafts": found["drafts"]}
    text = json.dumps(handed, ensure_ascii=False)
    return Answer(kind="propose", text=clean(text), source="structured")


def remarks_of(found: Json) -> Iterator[Remark]:
    """The findings of a review, those that send the work back first, as there may be too many.

    They decide, so none of them may get lost on the way: one that cannot be read is one without words.
    """
    remarks = [_remark(one) if isinstance(one, dict) else Remark(text=WORDLESS) for one in listed(found, "findings")]
    yield from sorted(remarks, key=lambda one: not one.blocking)[:REMARKS_MOST]


def _remark(one: Json) -> Remark:
    text = "".join(filter(_is_shown, word(one, "text") or "")).strip()
    file = "".join(filter(str.isprintable, word(one, "file") or ""))
    line = count(one, "line")
    severity = word(one, "severity") or ""
    return Remark(
        text=text[:TEXT_CHARACTERS] or WORDLESS,
        file=file[:FILE_CHARACTERS] or None,
        line=line if line is not None and line <= LINE_MOST else None,
        severity=severity if severity in list(Severity) else Severity.NORMAL,
        must_fix=one.get("must_fix") is not False,
        in_scope=one.get("in_scope") is not False,
    )


def _is_shown(character: str) -> bool:
    return character.isprintable() or character in "\n\t"


WORDLESS = "(a finding without words)"

_REMARK: Json = {
    "text": {"type": "string", "description": "What is wrong, and what to do about it."},
    "file": {"type": ["string", "null"]},
    "line": {"type": ["integer", "null"]},
    "severity": {"type": "string", "enum": [str(one) for one in Severity]},
    "must_fix": {"type": "boolean", "description": "Without it the work cannot be accepted."},
    "in_scope": {"type": "boolean", "description": "It is about what this item asks for, or what this work broke."},
}


_TEXT: Json = {"type": "string"}
_TEXTS: Json = {"type": "array", "items": {"type": "string"}}


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


_DRAFT: Json = {
    "title": {"type": "string"},
    "spec": {"type": "string", "description": "What is to be different afterwards, in Markdown."},
    "acceptance": {"type": "array", "items": _object({"given": _TEXT, "when": _TEXT, "then": _TEXT})},
    "estimate_hours": {"type": "number"},
    "labels": _TEXTS,
    "paths": {**_TEXTS, "description": "Globs of the files that it may change."},
    "needs": {**_TEXTS, "description": 'Drafts by their place here ("1" is the first), earlier drafts, SBIs.'},
    "only_implement": {"type": "boolean", "description": "Nothing in it needs a review."},
    "replaces": {"type": ["integer", "null"], "description": "The number of the earlier draft in whose place it is."},
}
_PROPOSAL: Json = {
    "report": {"type": "string", "description": "How it was cut, in a few sentences."},
    "drafts": {"type": "array", "items": _object(_DRAFT)},
    "question": {"type": ["string", "null"], "description": "Only if a person has to answer first; then no drafts."},
}
