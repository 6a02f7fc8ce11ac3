"""Reads an answer from an agent's last words: the weakest of the three ways to answer, for clients with no other.

The last line that starts with `DECISION:` counts, in whatever Markdown and case, unless it is quoted. A line that still
offers a choice (`DECISION: SUCCEEDED | FAILED`, a prompt said back) or says anything unknown is no answer.
"""

from __future__ import annotations

import re

from deespec.model.items import Answer
from deespec.model.lifecycle import Step
from deespec.model.reports import DECISIONS

MARKUP = r"(?:[^\S\n]|[#*_`-])*"
LINE = re.compile(
    rf"^{MARKUP}DECISION{MARKUP}[:：]{MARKUP}(?P<word>[A-Z]+(?:_[A-Z]+)*)?(?P<rest>.*)$", re.IGNORECASE | re.MULTILINE
)
MARKS = " \t\r*_`"
SEPARATORS = MARKS + ".:,;–—-"
CHOICE = re.compile(r"[|/]|or\b", re.IGNORECASE)

WORKED = frozenset(("IMPLEMENTED", "RESOLVED", "SUCCEEDED", "DONE"))
ASKED = frozenset(("QUESTION", "FAILED"))


def answer_from_text(step: Step, text: str) -> Answer | None:
    """The answer in an agent's final text, or None: there is none that can be taken for one of this step."""
    lines = list(LINE.finditer(text))
    if not lines:
        return None
    line = lines[-1]
    word = (line["word"] or "").upper()
    rest = line["rest"].strip(MARKS).lstrip(SEPARATORS)
    if CHOICE.match(rest):
        return None
    if rest.startswith("(") and rest.endswith(")"):
        rest = rest[1:-1]
    before = text[: line.start()].strip()
    if step is Step.REVIEW:
        return _answer("review", before or rest, decision=word) if word in DECISIONS else None
    if step in (Step.IMPLEMENT, Step.RESOLVE):
        return _worked(step, word, before=before, rest=rest)
    return None


def _worked(step: Step, word: str, *, before: str, rest: str) -> Answer | None:
    """Who does nothing or gives up has to say why; the reason is best found on the line itself."""
    if word in WORKED:
        return _answer(step.value, before or rest)
    reason = rest or before
    if not reason:
        return None
    if word == "NOTHING":
        return _answer("nothing", reason)
    return _answer("question", reason) if word in ASKED else None


def _answer(kind: str, text: str, *, decision: str | None = None) -> Answer:
    return Answer(kind=kind, text=text, decision=decision, source="text")
