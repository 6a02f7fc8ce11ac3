"""Prompts: templates that carry spec, guidelines, findings so far, and the exact commands to answer with."""

from __future__ import annotations

import json
import os
import re
import shlex
from functools import cache
from typing import TYPE_CHECKING, Any

from deespec.agents.output import make_folder, write_new
from deespec.engine.asking import ASKS
from deespec.engine.calling import step_for
from deespec.engine.itself import own_command
from deespec.errors import BadConfig
from deespec.model.lifecycle import Event, Step
from deespec.records import record

if TYPE_CHECKING:
    from pathlib import Path

    from jinja2 import Environment

    from deespec.engine.bench import Bench
    from deespec.engine.place import Place
    from deespec.model.asking import Question
    from deespec.model.items import Claim, Turn
    from deespec.store.base import Transaction

TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")
REPORT_CHARACTERS = 2_000
REPORTS_MOST = 10
QUESTIONS_MOST = 20
DRAFTS_MOST = 50
TRIES_MOST = 10
"""Ends of claims among which the last error of a turn is looked for."""
CHANGE_FILE = "change.json"
WORDS_FILE = "report.md"
FINDINGS_FILE = "findings.json"
GUIDE_BYTES = 64 * 1024

_LABEL_KEYS = "description|priority|parent|color|name|title|labels?"
_FRONT_MATTER = re.compile(rf"\A---[ \t]*\n(?:(?:{_LABEL_KEYS})[ \t]*:.*\n)*---[ \t]*(?:\n|\Z)")
"""Of a label's file: it is for deespec, not for agents. Rules around words are words."""

COMMANDS = {
    "implement": "sbi report --type implement",
    "resolve": "sbi report --type resolve",
    "nothing": "sbi report --type nothing",
    "question": "sbi report --type question",
    "succeeded": "sbi review --decision SUCCEEDED",
    "needs_changes": "sbi review --decision NEEDS_CHANGES",
    "failed": "sbi review --decision FAILED",
}
"""What prompts order; a test parses each with the real parser."""


@record
class Past:
    """What of an item's life its prompts tell."""

    turns: tuple[Turn, ...]
    """Since it was begun anew."""
    questions: tuple[Question, ...]
    drafts: tuple[str, ...]
    """The titles of those that its reviews have made."""
    failed: str | None
    """Why the last try at this very turn ended without an outcome."""


def render(bench: Bench, claim: Claim, place: Place) -> str:
    """The prompt of this turn. It never begins with a slash, which clients take for a command of their own."""
    number, id_ = claim.sbi.number, claim.sbi.id
    with bench.app.store.read() as tx:
        past = Past(
            turns=tuple(turn for turn in tx.turns(number) if turn.number > claim.sbi.turns_reset),
            questions=tuple(tx.questions(number)),
            drafts=tuple(draft.title for draft in tx.drafts(id_, decided=True)),
            failed=_last_error(tx, claim) if claim.sbi.attempts else None,
        )
    step = step_for(claim)
    values = _values(bench, claim, place, past) | _asked(claim, past) | _reviewed(bench, claim, past)
    text = _template(bench.app.settings.home, step, values).strip() + "\n"
    return text if not text.startswith("/") else "\n" + text


def ask_again(claim: Claim) -> str:
    """What is said in the same session to an agent that ended without an answer."""
    key = {Step.REVIEW: "succeeded", Step.RESOLVE: "resolve"}.get(step_for(claim), "implement")
    command = commands(claim)[key]
    return (
        "Your turn has ended without an answer that could be read. Do not do the work again. Answer now, by this "
        f"command (or the variants of it that you were given):\n\n    {command}\n\n"
        "or by ending your message with the DECISION line that you were told of.\n"
    )


def session(bench: Bench, claim: Claim) -> str | None:
    """The session to go on in: the one in which this agent worked on the item last.

    A review begins afresh, unless it has asked something just now.
    """
    with bench.app.store.read() as tx:
        turns = [turn for turn in tx.turns(claim.sbi.number) if turn.number > claim.sbi.turns_reset]
    if step_for(claim) is Step.REVIEW:
        own = [turn for turn in turns[-1:] if turn.step is Step.REVIEW and turn.outcome in ASKS]
    else:
        own = [turn for turn in turns if turn.step is not Step.REVIEW]
    same = [turn for turn in own if turn.agent == claim.agent]
    return same[-1].session if same else None


def commands(claim: Claim) -> dict[str, str]:
    """The exact commands of this turn. Their words come from a file: some clients refuse here-documents."""
    own = " ".join(shlex.quote(word) for word in own_command())
    file = shlex.quote(os.path.join(claim.outbox, WORDS_FILE))
    return {name: f"{own} {words} -f {file}" for name, words in COMMANDS.items()}


def keep_change(home: Path, folder: Path, files: tuple[str, ...], diff: str) -> None:
    """Keeps what a turn changed, for the reviewer's prompt and for people. The agent may have been there before."""
    make_folder(folder, below=home)
    write_new(folder / CHANGE_FILE, json.dumps({"files": files, "diff": diff}).encode(errors="replace"))


def load_change(home: Path, item: str, turns: list[Turn]) -> tuple[list[str], str]:
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


def _values(bench: Bench, claim: Claim, place: Place, past: Past) -> dict[str, Any]:
    sbi, settings = claim.sbi, bench.settings
    last = past.turns[-1] if past.turns else None
    work = [turn for turn in past.turns if turn.step is not Step.REVIEW]
    files, diff = load_change(settings.home, sbi.id, work)
    return {
        "item": sbi,
        "turn": claim.turn,
        "workspace": place.folder,
        "conflict": place.work.conflict if place.work else None,
        "target": settings.target,
        "spec_changed": last.spec_changed if last else False,
        "drift": place.drift(),
        "hint": sbi.hint,
        "findings": last.findings if last and last.outcome == Event.FINDINGS else (),
        "failed": past.failed,
        "report": work[-1].report if work else None,
        "files": files,
        "diff": diff,
        "gates": [*(gate.run for gate in settings.gates if "implement" in gate.when), *sbi.checks],
        "guidelines": list(_guidelines(settings.home, sbi.labels)),
        "language": settings.language,
        "commands": commands(claim),
        "file": os.path.join(claim.outbox, WORDS_FILE),
    }


def _last_error(tx: Transaction, claim: Claim) -> str | None:
    entries = tx.journal(item=claim.sbi.id, event=Event.RELEASED, newest=True, limit=TRIES_MOST)
    return next((one.error for one in reversed(entries) if one.turn == claim.turn and one.error), None)


def _asked(claim: Claim, past: Past) -> dict[str, Any]:
    """Each question that has an answer, with the newest one; what is answered just now is told beside its hint."""
    sbi = claim.sbi
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


def _reviewed(bench: Bench, claim: Claim, past: Past) -> dict[str, Any]:
    """What reviews have found: what is still to be done of it, and for the next reviewer what came of it."""
    review = _open_review(past.turns)
    remarks = review.remarks if review else ()
    earlier = [turn for turn in past.turns if turn.outcome == Event.NEEDS_CHANGES]
    told = [*past.turns[-1:], *((review,) if review else ())]
    if step_for(claim) is Step.REVIEW:
        told += earlier
    findings = shlex.quote(os.path.join(claim.outbox, FINDINGS_FILE))
    return {
        "review": review.report if review else None,
        "must_fix": [one for one in remarks if one.blocking],
        "notes": [one for one in remarks if one.in_scope and not one.must_fix],
        "elsewhere": [one for one in remarks if not one.in_scope],
        "earlier": [{"turn": turn, "reply": _reply(turn, past.turns)} for turn in earlier],
        "round": claim.sbi.reviews + 1,
        "rounds": bench.rules.review_rounds,
        "drafts": past.drafts[-DRAFTS_MOST:],
        "findings_file": os.path.join(claim.outbox, FINDINGS_FILE),
        "with_findings": f"--findings {findings}",
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


def _template(home: Path, step: Step, values: dict[str, Any]) -> str:
    from jinja2 import TemplateError

    own = home / "prompts"
    try:
        return _environment(own).get_template(f"{step}.md").render(values)
    except TemplateError as error:
        raise BadConfig(f"The prompt {own / f'{step}.md'} cannot be rendered: {error}") from error


@cache
def _environment(own: Path) -> Environment:
    """Kept, as compiling a template takes longer than all else of a prompt; a changed file is compiled anew."""
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    loader = FileSystemLoader([str(own), TEMPLATES])
    environment = SandboxedEnvironment(loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["short"] = _short
    return environment


def _guidelines(home: Path, labels: tuple[str, ...]) -> list[dict[str, str]]:
    """What the backlog's `labels/NAME.md` says about the labels of the item."""
    found = []
    for label in labels:
        path = home / "labels" / f"{label.replace('/', '-')}.md"
        try:
            text = path.read_bytes()[:GUIDE_BYTES].decode("utf-8", errors="replace")
        except OSError:
            continue
        found.append({"label": label, "text": _FRONT_MATTER.sub("", text.replace("\r\n", "\n"), count=1).strip()})
    return found


def _short(text: str | None) -> str:
    flat = re.sub(r"\s+", " ", text or "").strip()
    return flat if len(flat) <= REPORT_CHARACTERS else flat[:REPORT_CHARACTERS] + "…"
