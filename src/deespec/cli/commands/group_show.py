"""`pbi show|history`, `epic show|history`: one PBI or EPIC with what is below it, and what happened to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deespec.board.decomposed import Decomposed, decomposed
from deespec.board.entries import entry_json
from deespec.cli import options, output, shapes
from deespec.cli.commands.decomposed import bounded
from deespec.cli.commands.group_list import open_texts, progress_text
from deespec.cli.commands.journal import table_of
from deespec.clock import iso, local
from deespec.errors import NotFound
from deespec.model.headings import criteria_of
from deespec.model.ids import decomposition_of
from deespec.model.items import Kind, Pbi, Sbi
from deespec.model.lifecycle import Status
from deespec.records import record, replace
from deespec.text import clean

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.cli.session import Session
    from deespec.model.asking import Draft, Question
    from deespec.model.items import Epic, Line
    from deespec.store.base import Transaction
    from deespec.store.groups import Progress
    from deespec.store.items import Item

TEXT_LINES = 12
"""Of the text, unless all of it is asked for."""
BAR_CELLS = 10


@record
class Seen:
    """Everything that is known about a PBI or EPIC, in one look."""

    one: Pbi | Epic
    progress: Progress
    children: tuple[tuple[Item, int | None], ...]
    """Each with the time at which it was archived."""
    below: dict[str, Progress]
    """Of the PBIs among them."""
    drafts: tuple[Draft, ...]
    """That nobody has decided."""
    archived_at: int | None
    decomposition: Sbi | None = None
    line: Line | None = None
    """The decomposition with its claim."""
    questions: tuple[Question, ...] = ()
    came: Decomposed = Decomposed()
    """Of the last decomposition."""


@click.command(name="show")
@options.one_id
@click.option("--detail", "-d", is_flag=True, help="The whole text.")
@options.as_json
@options.session
def pbi_show(session: Session, item_id: str, detail: bool, as_json: bool) -> int:
    """Show one PBI: how far its SBIs have come, its decomposition, drafts that wait, acceptance criteria."""
    return _show(session, session.item_id(item_id, Kind.PBI), detail=detail, as_json=as_json)


@click.command(name="show")
@options.one_id
@click.option("--detail", "-d", is_flag=True, help="The whole text.")
@options.as_json
@options.session
def epic_show(session: Session, item_id: str, detail: bool, as_json: bool) -> int:
    """Show one EPIC: how far the PBIs and SBIs below it have come, drafts that wait, acceptance criteria."""
    return _show(session, session.item_id(item_id, Kind.EPIC), detail=detail, as_json=as_json)


@click.command(name="history")
@options.one_id
@options.as_json
@options.session
def pbi_history(session: Session, item_id: str, as_json: bool) -> int:
    """Show everything that happened to a PBI and its decomposition, oldest first."""
    return _history(session, session.item_id(item_id, Kind.PBI), as_json=as_json)


@click.command(name="history")
@options.one_id
@options.as_json
@options.session
def epic_history(session: Session, item_id: str, as_json: bool) -> int:
    """Show everything that happened to an EPIC, oldest first."""
    return _history(session, session.item_id(item_id, Kind.EPIC), as_json=as_json)


# --- history --------------------------------------------------------------------------------------------------------


def _history(session: Session, item_id: str, *, as_json: bool) -> int:
    with session.app.store.read() as tx:
        one = tx.item(item_id)
        entries = tx.journal(item=one.id)
        questions = tx.questions(decomposition_of(one.number)) if isinstance(one, Pbi) else []
    if as_json:
        items, asked = [entry_json(each) for each in entries], [shapes.question(each) for each in questions]
        output.emit(id=one.id, items=items, questions=asked)
        return 0
    for text in table_of(entries, session.style, but="ITEM"):
        output.say(text)
    return 0


# --- show -----------------------------------------------------------------------------------------------------------


def _show(session: Session, item_id: str, *, detail: bool, as_json: bool) -> int:
    with session.app.store.read() as tx:
        seen = _look(tx, item_id, session.app.settings.home)
    if as_json:
        output.emit(**_json(seen))
        return 0
    how = session.style
    output.say(f"{output.paint(seen.one.id, 'bold', how)}  {clean(seen.one.title)}")
    output.say()
    for name, value in _facts(session, seen).items():
        if value:
            output.say(f"{name:13} {value}")
    for text in (
        *_text_lines(seen.one, detail=detail),
        *_asks(seen),
        *_cut(seen, detail=detail),
        *_children(session, seen),
    ):
        output.say(text)
    return 0


def _look(tx: Transaction, item_id: str, home: Path) -> Seen:
    one = tx.item(item_id)
    if isinstance(one, Sbi):
        raise NotFound(f"{item_id} is an SBI.", hint=f"deespec sbi show {item_id}")
    children = tuple((tx.item(child), tx.archived_at(child)) for child in tx.children(item_id))
    pbis = [child.id for child, _ in children if isinstance(child, Pbi)]
    progress = tx.progress([item_id, *pbis])
    seen = Seen(
        one=one,
        progress=progress.pop(item_id),
        children=children,
        below=progress,
        drafts=tuple(draft for group in (item_id, *pbis) for draft in tx.drafts(group)),
        archived_at=tx.archived_at(item_id),
    )
    asked = tx.decomposition(one.number) if isinstance(one, Pbi) else None
    if asked is None or not isinstance(one, Pbi):
        return seen
    asks = tuple(tx.questions(asked.number))
    came = decomposed(tx, one, home)
    return replace(seen, decomposition=asked, line=tx.line(asked.number), questions=asks, came=came)


def _json(seen: Seen) -> dict[str, Any]:
    below = [
        {
            "id": child.id,
            "title": child.title,
            "status": child.status,
            "archived_at": iso(at),
            **({} if isinstance(child, Sbi) else {"progress": shapes.progress(seen.below[child.id])["progress"]}),
        }
        for child, at in seen.children
    ]
    return {
        **shapes.group(seen.one, dict(seen.progress.children)),
        **shapes.progress(seen.progress),
        "key": seen.one.key,
        "source": seen.one.source,
        "archived_at": iso(seen.archived_at),
        "spec": seen.one.spec,
        "acceptance": list(criteria_of(seen.one.spec)),
        "decomposition": _decomposition_json(seen),
        "drafts_waiting": len(seen.drafts),
        "drafts": [shapes.draft(draft) for draft in seen.drafts],
        "questions": [shapes.question(one) for one in seen.questions],
        "children": below,
    }


def _decomposition_json(seen: Seen) -> dict[str, Any] | None:
    one, line = seen.decomposition, seen.line
    if one is None or line is None:
        return None
    return {
        "status": one.status,
        "held": one.held,
        "turn": one.turn,
        "attempts": one.attempts,
        "reason": one.reason,
        "question": one.question,
        "resume": one.resume,
        "report": seen.came.words or None,
        "proposal": seen.came.faulty,
        "running": None if line.lease_token is None else shapes.running(line, []),
        "started_at": iso(one.started_at),
        "finished_at": iso(one.finished_at),
    }


# --- show, for people -----------------------------------------------------------------------------------------------


def _facts(session: Session, seen: Seen) -> dict[str, str]:
    one, how = seen.one, session.style
    status = output.paint(one.status, output.STATUS_COLOURS.get(one.status), how)
    facts = {"status": f"{status}{', held' if one.held else ''}", "progress": _progress(seen.progress, how)}
    if isinstance(one, Pbi):
        facts |= {"decomposition": _decomposition(seen), "drafts": _drafts(seen), "parent": one.parent or ""}
        facts["story points"] = "" if one.story_points is None else str(one.story_points)
        facts["by itself"] = _by_itself(one)
    else:
        facts["drafts"] = _drafts(seen)
    return facts | {
        "priority": one.priority,
        "labels": clean(", ".join(one.labels)),
        "registered": f"{local(one.registered_at)} by {clean(one.owner)}",
        "archived": local(seen.archived_at) if seen.archived_at is not None else "",
        "uid": one.uid,
    }


def _progress(progress: Progress, how: output.Style) -> str:
    if not progress.total and not progress.sbis:
        return ""
    bar = progress_text(progress, cells=BAR_CELLS).rpartition(" ")[0] if how.width else ""
    done = [f"{bar} {progress.done} of {progress.total} done".strip()] if progress.total else []
    return ", ".join([*done, *open_texts(progress.sbis)])


def _decomposition(seen: Seen) -> str:
    one, line, pbi = seen.decomposition, seen.line, seen.one.id
    if one is None or line is None:
        return "" if seen.children else f"never asked for → deespec pbi decompose {pbi}"
    if line.lease_at and line.lease_agent:
        return f"in work by {line.lease_agent} since {local(line.lease_at)}, turn {one.turn + 1}"
    if one.resume:
        return f"goes on → {_by_run(pbi)}"
    again = f"deespec pbi decompose {pbi}"
    match one.status:
        case Status.PARKED:
            return f"waits for your answer → deespec answer {pbi}" if one.question else f"PARKED ({one.reason})"
        case Status.FAILED:
            return f"FAILED ({clean(one.reason or '')}) → {again}"
        case Status.CANCELLED:
            return f"cancelled → {again}"
        case Status.DECOMPOSED:
            return f"done {local(one.finished_at or 0)}"
        case _:
            return "asked for" + (" (held)" if one.held else f", waits for a worker → {_by_run(pbi)}")


def _by_run(pbi: str) -> str:
    return f"deespec run --workflows pbi,sbi or deespec pbi decompose {pbi}"


def _drafts(seen: Seen) -> str:
    if not seen.drafts:
        return ""
    where = f" → deespec pbi drafts {seen.drafts[0].parent}"
    return f"{len(seen.drafts)} wait{'s' if len(seen.drafts) == 1 else ''} for a decision{where}"


def _by_itself(one: Pbi) -> str:
    count = " to ".join(str(each) for each in (one.drafts_least, one.drafts_most) if each is not None)
    what = "decomposed by run --workflows pbi,sbi" if one.auto else ""
    what = "decomposed and approved without a person" if one.auto_approve else what
    return ", ".join(part for part in (what, f"{count} SBIs" if count else "") if part)


def _asks(seen: Seen) -> list[str]:
    one = seen.decomposition
    if one is None or not one.stopped or not one.question:
        return []
    faulty = [f"  What it handed in: {seen.came.faulty}"] if seen.came.faulty else []
    return ["", "It asks:" if one.reason == "question" else "It stopped:", _indented(one.question), *faulty]


def _cut(seen: Seen, *, detail: bool) -> list[str]:
    """What the agent says about its drafts."""
    words = seen.came.words
    return ["", "How it was cut:", _indented(words if detail else bounded(words))] if words else []


def _text_lines(one: Pbi | Epic, *, detail: bool) -> list[str]:
    lines = clean(one.spec, lines=True).rstrip().split("\n")
    if one.spec == one.title:
        return []
    if detail or len(lines) <= TEXT_LINES:
        return ["", *lines]
    kind = one.id.partition("-")[0].lower()
    more = ["", *lines[:TEXT_LINES], f"… {len(lines) - TEXT_LINES} more lines: deespec {kind} show {one.id} --detail"]
    criteria = criteria_of(one.spec)
    if criteria and not set(criteria) <= set(criteria_of("\n".join(lines[:TEXT_LINES]))):
        more += ["", "Acceptance criteria:", *(_indented(f"- {each}") for each in criteria)]
    return more


def _children(session: Session, seen: Seen) -> list[str]:
    rows = [
        (
            child.id,
            f"{child.status} archived" if at else child.status,
            "" if isinstance(child, Sbi) else progress_text(seen.below[child.id], cells=0),
            child.title,
        )
        for child, at in seen.children
    ]
    if not rows:
        return []
    shown = [0, 1, 2, 3] if seen.below else [0, 1, 3]
    head = [("ID", "STATUS", "DONE", "TITLE")[column] for column in shown]
    body = [[row[column] for column in shown] for row in rows]
    return ["", *output.table(head, body, session.style, colour=output.status_colour)]


def _indented(text: str) -> str:
    return "  " + clean(text.strip(), lines=True).replace("\n", "\n  ")
