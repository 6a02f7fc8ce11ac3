"""What templates are given: the item, what came of it so far, where the work is done, and how to answer."""

from __future__ import annotations

import json
import os
import shlex
from typing import TYPE_CHECKING, Any

from deespec.agents.output import make_folder, write_new
from deespec.engine.itself import own_command
from deespec.model.lifecycle import Event, Step
from deespec.model.proposal import PROPOSAL_FILE
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from deespec.config import Settings
    from deespec.engine.guidelines import Guidelines
    from deespec.model.asking import Question
    from deespec.model.items import Claim, Sbi, Turn
    from deespec.store.base import Transaction

REPORTS_MOST = 10
QUESTIONS_MOST = 20
DRAFTS_MOST = 50
TRIES_MOST = 10
"""Ends of claims among which the last error of a turn is looked for."""
CHANGE_FILE = "change.json"
WORDS_FILE = "report.md"
FINDINGS_FILE = "findings.json"
FILES = {"propose": PROPOSAL_FILE}
"""Of a command that takes other than words."""

COMMANDS = {
    "implement": "sbi report --type implement",
    "resolve": "sbi report --type resolve",
    "nothing": "sbi report --type nothing",
    "question": "sbi report --type question",
    "propose": "pbi propose",
    "succeeded": "sbi review --decision SUCCEEDED",
    "needs_changes": "sbi review --decision NEEDS_CHANGES",
    "failed": "sbi review --decision FAILED",
}
"""What prompts order; a test parses each with the real parser."""

LANGUAGES = {
    "ar": "Arabic (العربية)",
    "de": "German (Deutsch)",
    "en": "English",
    "es": "Spanish (español)",
    "fr": "French (français)",
    "hi": "Hindi (हिन्दी)",
    "id": "Indonesian (Bahasa Indonesia)",
    "it": "Italian (italiano)",
    "ja": "Japanese (日本語)",
    "ko": "Korean (한국어)",
    "nl": "Dutch (Nederlands)",
    "pl": "Polish (polski)",
    "pt": "Portuguese (português)",
    "ru": "Russian (русский)",
    "sv": "Swedish (svenska)",
    "tr": "Turkish (Türkçe)",
    "uk": "Ukrainian (українська)",
    "vi": "Vietnamese (Tiếng Việt)",
    "zh": "Chinese (中文)",
}
"""By the first part of a tag; a language that is not here is called by its tag."""


@record
class Scene:
    """One turn, as far as its prompt speaks of it: begun, or looked at before."""

    sbi: Sbi
    step: Step
    turn: int
    settings: Settings
    """With the terms of the base."""
    folder: Path
    outbox: str
    commands: dict[str, str]
    """By their names in COMMANDS, to be typed as they are."""
    conflict: str | None = None
    drift: tuple[str, ...] = ()
    by_hand: bool = False
    """A person gives the prompt to whatever agent, and hands its answer in."""


@record
class Past:
    """What of an item's life its prompts tell."""

    turns: tuple[Turn, ...] = ()
    """Since it was begun anew."""
    questions: tuple[Question, ...] = ()
    drafts: tuple[str, ...] = ()
    """The titles of those that its reviews have made."""
    failed: str | None = None
    """Why the last try at this very turn ended without an outcome."""


def past_of(tx: Transaction, sbi: Sbi, turn: int) -> Past:
    return Past(
        turns=tuple(one for one in tx.turns(sbi.number) if one.number > sbi.turns_reset),
        questions=tuple(tx.questions(sbi.number)),
        drafts=tuple(draft.title for draft in tx.drafts(sbi.id, decided=True)),
        failed=_last_error(tx, sbi, turn) if sbi.attempts else None,
    )


def values_of(
    scene: Scene, past: Past, guidelines: Guidelines, change: tuple[Sequence[str], str] = ((), "")
) -> dict[str, Any]:
    """All that the templates of work on an SBI may name. `change`: what was done so far, files and diff."""
    return _of_work(scene, past, guidelines, change) | _asked(scene.sbi, past) | _reviewed(scene, past)


def commands(claim: Claim) -> dict[str, str]:
    """The exact commands of this turn. Their words come from a file: some clients refuse here-documents."""
    own = " ".join(shlex.quote(word) for word in own_command())
    return commands_in(own, claim.outbox)


def commands_in(own: str, outbox: str) -> dict[str, str]:
    files = {name: shlex.quote(os.path.join(outbox, FILES.get(name, WORDS_FILE))) for name in COMMANDS}
    return {name: f"{own} {words} -f {files[name]}" for name, words in COMMANDS.items()}


def language_of(tag: str | None) -> str | None:
    """A language in words, as `Japanese (日本語)`; with the tag where that says more."""
    if not tag:
        return None
    name = LANGUAGES.get(tag.partition("-")[0].lower())
    if name is None:
        return tag
    return f"{name}, as {tag}" if "-" in tag else name


def keep_change(home: Path, folder: Path, files: tuple[str, ...], diff: str) -> None:
    """Keeps what a turn changed, for the reviewer's prompt and for people. The agent may have been there before."""
    make_folder(folder, below=home)
    write_new(folder / CHANGE_FILE, json.dumps({"files": files, "diff": diff}).encode(errors="replace"))


def load_change(home: Path, item: str, turns: Sequence[Turn]) -> tuple[list[str], str]:
    """What the newest implement turn changed: its files, and the diff where there is one."""
    for turn in reversed(turns):
        if turn.step is Step.REVIEW:
            continue
        try:
            path = home / "turns" / item / f"{turn.number}.{turn.token}" / CHANGE_FILE
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        return list(found["files"]), str(found["diff"])
    return [], ""


# --- below ----------------------------------------------------------------------------------------------------------


def _of_work(scene: Scene, past: Past, guidelines: Guidelines, change: tuple[Sequence[str], str]) -> dict[str, Any]:
    sbi, settings = scene.sbi, scene.settings
    last = past.turns[-1] if past.turns else None
    work = [turn for turn in past.turns if turn.step is not Step.REVIEW]
    return {
        "item": sbi,
        "turn": scene.turn,
        "workspace": scene.folder,
        "conflict": scene.conflict,
        "target": settings.target,
        "spec_changed": last.spec_changed if last else False,
        "drift": scene.drift,
        "hint": sbi.hint,
        "findings": last.findings if last and last.outcome == Event.FINDINGS else (),
        "failed": past.failed,
        "report": work[-1].report if work else None,
        "noted": work[-1].findings if work and work[-1].outcome == Event.IMPLEMENTED else (),
        "files": change[0],
        "diff": change[1],
        "gates": [*(gate.run for gate in settings.gates if "implement" in gate.when), *sbi.checks],
        "guidelines": guidelines.texts,
        "left_out": guidelines.left_out,
        "language": language_of(settings.language),
        "commands": scene.commands,
        "file": os.path.join(scene.outbox, WORDS_FILE),
    }


def _last_error(tx: Transaction, sbi: Sbi, turn: int) -> str | None:
    entries = tx.journal(item=sbi.id, event=Event.RELEASED, newest=True, limit=TRIES_MOST)
    return next((one.error for one in reversed(entries) if one.turn == turn and one.error), None)


def _asked(sbi: Sbi, past: Past) -> dict[str, Any]:
    """Each question that has an answer, with the newest one; what is answered just now is told beside its hint."""
    last = past.questions[-1] if past.questions and past.questions[-1].turn == sbi.turn else None
    answered = {one.key: one for one in past.questions if one.answer is not None}
    if sbi.hint and last is not None:
        answered.pop(last.key, None)
    repeated = past.turns[-1].outcome == "asked_again" if past.turns else False
    return {
        "question": last.text if sbi.hint and last else None,
        "asked": list(answered.values())[-QUESTIONS_MOST:],
        "asked_again": last.text if repeated and last else None,
    }


def _reviewed(scene: Scene, past: Past) -> dict[str, Any]:
    """What reviews have found: what is still to be done of it, and for the next reviewer what came of it."""
    review = _open_review(past.turns)
    remarks = review.remarks if review else ()
    earlier = [turn for turn in past.turns if turn.outcome == Event.NEEDS_CHANGES]
    told = [*past.turns[-1:], *((review,) if review else ())]
    if scene.step is Step.REVIEW:
        told += earlier
    findings = os.path.join(scene.outbox, FINDINGS_FILE)
    return {
        "review": review.report if review else None,
        "must_fix": [one for one in remarks if one.blocking],
        "notes": [one for one in remarks if one.in_scope and not one.must_fix],
        "elsewhere": [one for one in remarks if not one.in_scope],
        "earlier": [{"turn": turn, "reply": _reply(turn, past.turns)} for turn in earlier],
        "round": scene.sbi.reviews + 1,
        "rounds": scene.settings.review_rounds,
        "drafts": past.drafts[-DRAFTS_MOST:],
        "findings_file": findings,
        "with_findings": f"--findings {shlex.quote(findings)}",
        "reports": [turn for turn in past.turns if all(turn is not one for one in told)][-REPORTS_MOST:],
    }


def _open_review(turns: tuple[Turn, ...]) -> Turn | None:
    """The review that wants what no turn has done yet."""
    for turn in reversed(turns):
        if turn.outcome == Event.NEEDS_CHANGES:
            return turn
        if turn.outcome == Event.IMPLEMENTED:
            return None
    return None


def _reply(review: Turn, turns: tuple[Turn, ...]) -> str | None:
    """What the turn said that did what this review wanted."""
    done = (turn for turn in turns if turn.number > review.number and turn.outcome == Event.IMPLEMENTED)
    return next((turn.report for turn in done), None)
