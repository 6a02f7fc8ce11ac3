"""Prompts: templates that carry spec, guidelines, findings so far, and the exact commands to answer with."""

from __future__ import annotations

import json
import os
import re
import shlex
from functools import cache
from typing import TYPE_CHECKING, Any

from deespec.engine.calling import step_for
from deespec.engine.itself import own_command
from deespec.errors import BadConfig
from deespec.model.lifecycle import Event, Step

if TYPE_CHECKING:
    from pathlib import Path

    from jinja2 import Environment

    from deespec.engine.bench import Bench
    from deespec.engine.place import Place
    from deespec.model.items import Claim, Turn

TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")
REPORT_CHARACTERS = 2_000
REPORTS_MOST = 10
CHANGE_FILE = "change.json"
WORDS_FILE = "report.md"
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


def render(bench: Bench, claim: Claim, place: Place) -> str:
    """The prompt of this turn. It never begins with a slash, which clients take for a command of their own."""
    with bench.app.store.read() as tx:
        turns = tx.turns(claim.sbi.number)
    step = step_for(claim)
    values = _values(bench, claim, place, turns)
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
    """The session to go on in: the one in which this agent worked on the item last. A review begins afresh."""
    if step_for(claim) is Step.REVIEW:
        return None
    with bench.app.store.read() as tx:
        turns = tx.turns(claim.sbi.number)
    own = [turn for turn in turns if turn.agent == claim.agent and turn.step is not Step.REVIEW]
    fresh = [turn for turn in own if turn.number > claim.sbi.turns_reset]
    return fresh[-1].session if fresh else None


def commands(claim: Claim) -> dict[str, str]:
    """The exact commands of this turn. Their words come from a file: some clients refuse here-documents."""
    own = " ".join(shlex.quote(word) for word in own_command())
    file = shlex.quote(os.path.join(claim.outbox, WORDS_FILE))
    return {name: f"{own} {words} -f {file}" for name, words in COMMANDS.items()}


def keep_change(folder: Path, files: tuple[str, ...], diff: str) -> None:
    """Keeps what a turn changed, for the reviewer's prompt and for people."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / CHANGE_FILE).write_text(json.dumps({"files": files, "diff": diff}), encoding="utf-8")


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


def _values(bench: Bench, claim: Claim, place: Place, turns: list[Turn]) -> dict[str, Any]:
    sbi, settings = claim.sbi, bench.settings
    counted = [turn for turn in turns if turn.number > sbi.turns_reset]
    last = counted[-1] if counted else None
    work = [turn for turn in counted if turn.step is not Step.REVIEW]
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
        "question": sbi.question if sbi.hint else None,
        "findings": last.findings if last and last.outcome == Event.FINDINGS else (),
        "review": last.report if last and last.outcome == Event.NEEDS_CHANGES else None,
        "report": work[-1].report if work else None,
        "reports": [turn for turn in counted if turn is not last][-REPORTS_MOST:],
        "files": files,
        "diff": diff,
        "gates": [*(gate.run for gate in settings.gates if "implement" in gate.when), *sbi.checks],
        "guidelines": list(_guidelines(settings.home, sbi.labels)),
        "language": settings.language,
        "commands": commands(claim),
        "file": os.path.join(claim.outbox, WORDS_FILE),
    }


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
