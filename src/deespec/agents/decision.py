"""Reads an answer from an agent's last words: the weakest of the three ways to answer, for clients with no other.

The last line that starts with `DECISION:` counts, in whatever Markdown and case, unless it is quoted. A line that still
offers a choice (`DECISION: SUCCEEDED | FAILED`, a prompt said back) or says anything unknown is no answer.
A decomposition is the last block of JSON that has drafts.
"""

from __future__ import annotations

import json
import re

from deespec.model.items import Answer
from deespec.model.lifecycle import Step
from deespec.model.reports import DECISIONS

MARKUP = r"(?:[^\S\n]|[#*_`-])*"
LINE = re.compile(
    rf"^{MARKUP}DECISION{MARKUP}[:：]{MARKUP}(?P<word>[A-Z]+(?:_[A-Z]+)*)?(?P<rest>.*)$", re.IGNORECASE | re.MULTILINE
)
BLOCK = re.compile(r"^```[ \t]*(?:json)?[ \t]*\r?\n(.*?)^```[ \t]*\r?$", re.MULTILINE | re.DOTALL | re.IGNORECASE)
MARKS = " \t\r*_`"
SEPARATORS = MARKS + ".:,;–—-"
CHOICE = re.compile(r"[|/]|or\b", re.IGNORECASE)

WORKED = frozenset(("IMPLEMENTED", "RESOLVED", "SUCCEEDED", "DONE"))
ASKED = frozenset(("QUESTION", "FAILED"))


def answer_from_text(step: Step, text: str) -> Answer | None:
    """The answer in an agent's final text, or None: there is none that can be taken for one of this step."""
    lines = list(LINE.finditer(text))
    line = lines[-1] if lines else None
    if step is Step.DECOMPOSE:
        return _decomposed(text, line)
    if line is None:
        return None
    word, before, rest = _said(text, line)
    if step is Step.REVIEW:
        return _answer("review", before or rest, decision=word) if word in DECISIONS else None
    if step in (Step.IMPLEMENT, Step.RESOLVE):
        return _worked(step, word, before=before, rest=rest)
    return None


def _said(text: str, line: re.Match[str]) -> tuple[str, str, str]:
    """The decision's word, and what is said before it and behind it; no word where a choice is offered."""
    rest = line["rest"].strip(MARKS).lstrip(SEPARATORS)
    word = "" if CHOICE.match(rest) else (line["word"] or "").upper()
    if rest.startswith("(") and rest.endswith(")"):
        rest = rest[1:-1]
    return word, text[: line.start()].strip(), rest


def _decomposed(text: str, line: re.Match[str] | None) -> Answer | None:
    """Its drafts, unless it ends with a question."""
    drafts = _drafts(text)
    if line is not None and (drafts is None or line.start() > drafts.end()):
        word, before, rest = _said(text, line)
        if word in ASKED and (rest or before):
            return _answer("question", rest or before)
    return None if drafts is None else _answer("propose", drafts[1] or drafts[0])


def _drafts(text: str) -> re.Match[str] | None:
    """The last fenced block that is a proposal, else the whole text if it is one: group 1 is empty then."""
    blocks = [found for found in BLOCK.finditer(text) if _is_proposal(found[1])]
    whole = re.compile(r"()\s*[\[{].*\Z", re.DOTALL).match(text)
    return blocks[-1] if blocks else whole if whole and _is_proposal(text) else None


def proposal_in(text: str) -> str:
    """The proposal that a person got in a chat: the last block that is one, else the last of all, else the text."""
    blocks = [found[1] for found in BLOCK.finditer(text)]
    proposals = [one for one in blocks if _is_proposal(one)]
    return text if not blocks or _is_json(text) else (proposals or blocks)[-1]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_proposal(text: str) -> bool:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if isinstance(found, list):
        return bool(found) and all(isinstance(one, dict) and "title" in one for one in found)
    return isinstance(found, dict) and isinstance(found.get("drafts"), list)


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
