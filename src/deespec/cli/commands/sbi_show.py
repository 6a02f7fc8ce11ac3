"""`sbi show`: one item with its turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.board.item import look
from deespec.cli import options, output, shapes
from deespec.clock import iso, local
from deespec.model.lifecycle import Status
from deespec.model.money import usd
from deespec.text import ago, clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.board.item import ItemView
    from deespec.board.places import ItemPlace
    from deespec.cli.session import Session
    from deespec.model.asking import Draft, Question, Remark
    from deespec.model.items import Turn
    from deespec.model.work import Merge, Work


@click.command(name="show")
@options.one_id
@options.as_json
@options.session
def sbi_show(session: Session, item_id: str, as_json: bool) -> int:
    """Show one SBI: its fields, spec, turns, and what it waits for."""
    seen = look(session.app, session.number(item_id))
    if as_json:
        output.emit(
            **shapes.sbi(seen.sbi),
            archived_at=iso(seen.archived_at),
            needed_by=list(seen.dependents),
            waiting=[shapes.why(one) for one in seen.waiting],
            running=shapes.running(seen.line, []) if seen.line.lease_token is not None else None,
            turns=[shapes.turn(one) for one in seen.turns],
            work=shapes.work(seen.work, seen.place),
            merges=[shapes.merge(one) for one in seen.merges],
            questions=[shapes.question(one) for one in seen.questions],
            drafts=[shapes.draft(one) for one in seen.drafts],
        )
        return 0
    for text in _lines(seen, session.style):
        output.say(text)
    return 0


def _lines(seen: ItemView, how: output.Style) -> list[str]:
    sbi, line = seen.sbi, seen.line
    status = output.paint(sbi.status, output.STATUS_COLOURS.get(sbi.status), how)
    lines = [f"{output.paint(sbi.id, 'bold', how)}  {clean(sbi.title)}", ""]
    status += f"{' held' if sbi.held else ''}{f' ({clean(sbi.reason)})' if sbi.reason else ''}"
    facts = {
        "status": f"{status}{', goes on at the next claim' if sbi.resume else ''}",
        "agent": f"{line.lease_agent} since {local(line.lease_at)}" if line.lease_at and line.lease_agent else "",
        "priority": sbi.priority,
        "parent": sbi.parent or "",
        "needs": ", ".join(sbi.depends_on),
        "needed by": ", ".join(seen.dependents),
        "paths": ", ".join(sbi.paths),
        "labels": ", ".join(sbi.labels),
        "checks": ", ".join(sbi.checks),
        "turns": f"{sbi.turn}" + (f", attempt {sbi.attempts + 1}" if sbi.attempts else ""),
        "registered": f"{local(sbi.registered_at)} by {sbi.owner}",
        "finished": local(sbi.finished_at) if sbi.finished_at else "",
        "archived": local(seen.archived_at) if seen.archived_at else "",
        **_in_git(seen.work, seen.merges, seen.place),
        "uid": sbi.uid,
    }
    lines += [f"{name:11} {clean(value) if name != 'status' else value}" for name, value in facts.items() if value]
    if seen.work.conflict and sbi.status is Status.RESOLVING:
        lines += ["", "To be resolved:", _indented(seen.work.conflict)]
    if sbi.question and sbi.stopped:
        lines += ["", "It asks:" if sbi.reason == "question" else "It stopped:", _indented(sbi.question)]
    lines += ["", clean(sbi.spec, lines=True).rstrip()]
    answers = {one.turn: one for one in seen.questions}
    for turn in seen.turns:
        lines += ["", *_turn_lines(turn, answers.get(turn.number))]
    if seen.drafts:
        lines += ["", "Drafts:", *(f"  {_draft_line(one)}" for one in seen.drafts)]
    for one in seen.waiting:
        lines += ["", f"{sbi.id} waits: {clean(one.text)}" + (f" → {one.remedy}" if one.remedy else "")]
    return lines


def _in_git(work: Work, merges: Sequence[Merge], place: ItemPlace) -> dict[str, str]:
    """Where its work is, as far as there is any."""
    if work.start is None and not merges:
        return {}
    last = merges[-1] if merges else None
    how = {"merge": "merged", "undo": "undone"}
    return {
        "worktree": str(place.folder or ""),
        "branch": place.branch or "",
        "begun at": (work.start or "")[:12],
        "request": work.request or "",
        **({how[last.kind]: f"{last.new[:12]} in {last.target}, {local(last.at)}"} if last else {}),
    }


def _turn_lines(turn: Turn, question: Question | None) -> list[str]:
    took = ago(turn.finished_at - turn.started_at)
    cost = f", {usd(turn.cost_usd)}" if turn.cost_usd else ""
    lines = [f"Turn {turn.number}: {turn.step} by {turn.agent}, {turn.outcome} ({took}{cost})"]
    if turn.report:
        lines.append(_indented(turn.report))
    if question is not None and question.answer is not None:
        lines.append(_indented(f"answered by {question.answered_by}: {question.answer}"))
    lines += [_indented(f"finding: {finding}") for finding in turn.findings]
    lines += [_indented(_remark_text(one)) for one in turn.remarks]
    return lines


def _remark_text(one: Remark) -> str:
    what = "must fix" if one.blocking else "note" if one.in_scope else "not this item's"
    return f"{what} ({one.severity}){f' {one.place}' if one.place else ''}: {one.text}"


def _draft_line(one: Draft) -> str:
    state = f"{one.status} as {one.registered}" if one.registered else one.status
    return f"{one.id} {state}: {clean(one.title)}"


def _indented(text: str) -> str:
    return "  " + clean(text.strip(), lines=True).replace("\n", "\n  ")
