"""An item and a draft as rows of text: the spec, the turns, the diff, the log, the help. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.acts import ACTS
from deespec.agents.spoken import Source
from deespec.board.drafted import decision
from deespec.clock import local
from deespec.model.money import counted, usd
from deespec.records import replace
from deespec.text import ago
from deespec.tui.lines import BLANK, Row, heading, text, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from deespec.board.item import ItemView
    from deespec.board.log import Entry
    from deespec.model.asking import Draft, Question, Remark
    from deespec.model.items import Turn
    from deespec.tui.lines import Look

PATCH = (("diff --git ", "bold"), ("--- ", "bold"), ("+++ ", "bold"), ("@@ ", "cyan"), ("+", "green"), ("-", "red"))
"""By how a line of a patch begins; the first that fits."""
SOURCES = {Source.TOOL: "cyan", Source.THOUGHT: "dim", Source.RESULT: "dim", Source.ERROR: "red"}


def spec(view: ItemView, root: str, look: Look) -> list[Row]:
    """What it is, why it does not go on, and its text; `root`: the project's folder."""
    sbi, line = view.sbi, view.line
    rows: list[Row] = []
    if sbi.question and sbi.stopped:
        rows += [heading("It asks" if sbi.reason == "question" else "It stopped")]
        rows += [*wrapped(sbi.question, look, "yellow", indent=2), BLANK]
    for one in view.waiting:
        rows += wrapped(f"{sbi.id} waits: {one.text}", look, "yellow")
        rows += wrapped(f"→ {one.remedy}", look, indent=2) if one.remedy else []
    rows += [BLANK] if view.waiting else []
    facts = {
        "priority": sbi.priority,
        "parent": sbi.parent or "",
        "needs": ", ".join(sbi.depends_on),
        "needed by": ", ".join(view.dependents),
        "paths": ", ".join(sbi.paths),
        "labels": ", ".join(sbi.labels),
        "checks": ", ".join(sbi.checks),
        "turns": f"{sbi.turn}" + (f", attempt {sbi.attempts + 1}" if sbi.attempts else ""),
        "registered": f"{local(sbi.registered_at)} by {sbi.owner}",
        "finished": local(sbi.finished_at) if sbi.finished_at else "",
        "agent": f"{line.lease_agent} since {local(line.lease_at)}" if line.lease_at and line.lease_agent else "",
        "worktree": str(view.place.folder or "").removeprefix(root).lstrip("/"),
        "branch": view.place.branch or "",
        "request": view.work.request or "",
    }
    for name, value in facts.items():
        rows += wrapped(f"{name:11} {value}", look) if value else []
    rows.append(BLANK)
    for words in sbi.spec.rstrip().split("\n"):
        rows += wrapped(words, look, "heading" if words.startswith("#") else "")
    for draft in view.drafts:
        state = f"{draft.status} as {draft.registered}" if draft.registered else draft.status
        rows += wrapped(f"Draft {draft.id} ({state}): {draft.title}", look)
    return rows


def turns(view: ItemView, look: Look) -> list[Row]:
    """What happened, the newest first: who did what, what it said, what was found wrong."""
    if not view.turns:
        return [text("No turn has ended yet.", "dim")]
    answers = {one.turn: one for one in view.questions}
    rows: list[Row] = []
    for turn in reversed(view.turns):
        rows += [*([BLANK] if rows else []), *_turn(turn, answers.get(turn.number), look)]
    return rows


def _turn(turn: Turn, question: Question | None, look: Look) -> list[Row]:
    tokens = (turn.tokens_in or 0) + (turn.tokens_out or 0)
    used = [f"{counted(tokens)} tokens"] if tokens else []
    used += [usd(turn.cost_usd)] if turn.cost_usd else []
    took = ", ".join([ago(turn.finished_at - turn.started_at), *used])
    rows = [heading(f"Turn {turn.number}: {turn.step} by {turn.agent}, {turn.outcome}"), text(took, "dim", indent=2)]
    rows += wrapped(turn.report.strip(), look, indent=2) if turn.report else []
    rows += wrapped(f"error: {turn.error}", look, "red", indent=2) if turn.error else []
    if question is not None and question.answer is not None:
        rows += wrapped(f"answered by {question.answered_by}: {question.answer}", look, "cyan", indent=2)
    for finding in turn.findings:
        rows += wrapped(f"✗ finding: {finding}", look, "red", indent=2)
    for remark in turn.remarks:
        rows += wrapped(_remark(remark), look, "red" if remark.blocking else "", indent=2)
    return rows


def _remark(one: Remark) -> str:
    what = "✗ must fix" if one.blocking else "note" if one.in_scope else "not this item's"
    return f"{what} ({one.severity}){f' {one.place}' if one.place else ''}: {one.text}"


def diff(what: str, lines: Sequence[str], look: Look) -> list[Row]:
    """A patch; + and - stand before what was added and taken away, so colour says nothing more."""
    rows = [*wrapped(what, look, "dim"), BLANK]
    for line in lines:
        style = next((style for head, style in PATCH if line.startswith(head)), "")
        rows += wrapped(line.removesuffix("\r"), look, style)
    return rows if lines else [*rows, text("No file is changed.", "dim")]


def log(entries: Iterable[Entry], look: Look) -> list[Row]:
    """What agents and gates said; a head wherever it comes from somewhere else."""
    rows: list[Row] = []
    before: tuple[int | None, int, str] | None = None
    for entry in joined(entries):
        origin = entry.turn, entry.token, entry.part
        if origin != before:
            where = "merge" if entry.turn is None else f"turn {entry.turn}"
            rows += [*([BLANK] if rows else []), heading(f"{where}{f', {entry.part}' if entry.part else ''}")]
            before = origin
        rows += wrapped(entry.text.rstrip("\n"), look, SOURCES.get(entry.source, ""))
    return rows


def joined(entries: Iterable[Entry]) -> list[Entry]:
    """Pieces of one message put together."""
    found: list[Entry] = []
    for entry in entries:
        if entry.goes_on and found and found[-1].source == entry.source:
            found[-1] = replace(found[-1], text=found[-1].text + entry.text)
        else:
            found.append(entry)
    return found


def draft(one: Draft, look: Look) -> list[Row]:
    """A suggestion, and what was decided about it."""
    facts = {
        "from": one.parent + (f", turn {one.turn}" if one.turn else "") + (f", by {one.agent}" if one.agent else ""),
        "severity": one.severity,
        "place": one.place,
        "needs": ", ".join(one.needs),
        "paths": ", ".join(one.paths),
        "labels": ", ".join(one.labels),
        "status": one.status,
        "decided": decision(one),
    }
    rows: list[Row] = []
    for name, value in facts.items():
        rows += wrapped(f"{name:11} {value}", look) if value else []
    rows.append(BLANK)
    for words in one.spec.rstrip().split("\n"):
        rows += wrapped(words, look, "heading" if words.startswith("#") else "")
    return rows


HELP = (
    ("Views", (("1", "now: what runs, what waits and why"), ("2", "board: items by status, in columns"),
               ("3", "inbox: all that waits for you"), ("4", "agents and workers"))),
    ("Moving", (("↑ ↓  j k", "one up, one down"), ("← →  tab", "the next column of the board"),
                ("PgUp PgDn", "a page; Home and End"), ("enter", "open what the cursor stands on"),
                ("g", "go to an item by its id"), ("esc", "back; clears the filter"))),
    ("Finding", (("/", "filter as you type: words of the title, an id, #label, a status"),)),
    ("Items", tuple((act.key, act.title.lower()) for act in ACTS)),
    ("Drafts", (("y", "approve: it becomes an item"), ("n", "reject, with the reason"))),
    ("Agents", (("p", "pause; or let it go on"),)),
    ("An open item", (("1 2 3 4", "spec, turns, diff, log (follows while it runs)"),)),
    ("", (("?", "this help"), ("q", "back, or quit"))),
)  # fmt: skip


def help_rows() -> list[Row]:
    rows: list[Row] = []
    for name, keys in HELP:
        rows += [*([BLANK] if rows else []), *([heading(name)] if name else [])]
        rows += [text(f"{key:11} {what}", indent=2) for key, what in keys]
    return rows
