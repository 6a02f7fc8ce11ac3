"""`sbi show`: one item with its turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.board.places import place_of
from deespec.board.waiting import Situation, Waiting
from deespec.cli import options, output, shapes
from deespec.clock import iso, local
from deespec.model.lifecycle import Status
from deespec.model.money import usd

if TYPE_CHECKING:
    from deespec.board.places import ItemPlace
    from deespec.cli.session import Session
    from deespec.model.asking import Draft, Question, Remark
    from deespec.model.items import Line, Sbi, Turn
    from deespec.model.work import Merge, Work


@click.command(name="show")
@options.one_id
@options.as_json
@options.session
def sbi_show(session: Session, item_id: str, as_json: bool) -> int:
    """Show one SBI: its fields, spec, turns, and what it waits for."""
    app = session.app
    number = session.number(item_id)
    with app.store.read() as tx:
        sbi = tx.sbi(number)
        line = tx.line(number)
        turns = tx.turns(number)
        waiting = Situation(app, tx).waiting(line)
        dependents = tx.dependents(number)
        archived_at = tx.archived_at(sbi.id)
        work, merges = tx.work(number), tx.merges(number)
        questions, drafts = tx.questions(number), tx.drafts(sbi.id, decided=True)
    place = place_of(app, work, uid=sbi.uid)
    if as_json:
        output.emit(
            **shapes.sbi(sbi),
            archived_at=iso(archived_at),
            needed_by=dependents,
            waiting=[shapes.why(one) for one in waiting],
            running=shapes.running(line, []) if line.lease_token is not None else None,
            turns=[shapes.turn(one) for one in turns],
            work=shapes.work(work, place),
            merges=[shapes.merge(one) for one in merges],
            questions=[shapes.question(one) for one in questions],
            drafts=[shapes.draft(one) for one in drafts],
        )
        return 0
    in_git = _in_git(work, merges, place)
    shown = _lines(
        session,
        sbi,
        line,
        in_git=in_git,
        conflict=work.conflict,
        turns=turns,
        questions=questions,
        drafts=drafts,
        waiting=waiting,
        dependents=dependents,
        archived_at=archived_at,
    )
    for text in shown:
        output.say(text)
    return 0


def _lines(
    session: Session,
    sbi: Sbi,
    line: Line,
    *,
    in_git: dict[str, str],
    conflict: str | None,
    turns: list[Turn],
    questions: list[Question],
    drafts: list[Draft],
    waiting: list[Waiting],
    dependents: list[str],
    archived_at: int | None,
) -> list[str]:
    how = session.style
    status = output.paint(sbi.status, output.STATUS_COLOURS.get(sbi.status), how)
    lines = [f"{output.paint(sbi.id, 'bold', how)}  {output.clean(sbi.title)}", ""]
    status += f"{' held' if sbi.held else ''}{f' ({output.clean(sbi.reason)})' if sbi.reason else ''}"
    facts = {
        "status": f"{status}{', goes on at the next claim' if sbi.resume else ''}",
        "agent": f"{line.lease_agent} since {local(line.lease_at)}" if line.lease_at and line.lease_agent else "",
        "priority": sbi.priority,
        "parent": sbi.parent or "",
        "needs": ", ".join(sbi.depends_on),
        "needed by": ", ".join(dependents),
        "paths": ", ".join(sbi.paths),
        "labels": ", ".join(sbi.labels),
        "checks": ", ".join(sbi.checks),
        "turns": f"{sbi.turn}" + (f", attempt {sbi.attempts + 1}" if sbi.attempts else ""),
        "registered": f"{local(sbi.registered_at)} by {sbi.owner}",
        "finished": local(sbi.finished_at) if sbi.finished_at else "",
        "archived": local(archived_at) if archived_at else "",
        **in_git,
        "uid": sbi.uid,
    }
    lines += [
        f"{name:11} {output.clean(value) if name != 'status' else value}" for name, value in facts.items() if value
    ]
    if conflict and sbi.status is Status.RESOLVING:
        lines += ["", "To be resolved:", _indented(conflict)]
    if sbi.question and sbi.stopped:
        lines += ["", "It asks:" if sbi.reason == "question" else "It stopped:", _indented(sbi.question)]
    lines += ["", output.clean(sbi.spec, lines=True).rstrip()]
    answers = {one.turn: one for one in questions}
    for turn in turns:
        lines += ["", *_turn_lines(turn, answers.get(turn.number))]
    if drafts:
        lines += ["", "Drafts:", *(f"  {_draft_line(one)}" for one in drafts)]
    for one in waiting:
        lines += ["", f"{sbi.id} waits: {output.clean(one.text)}" + (f" → {one.remedy}" if one.remedy else "")]
    return lines


def _in_git(work: Work, merges: list[Merge], place: ItemPlace) -> dict[str, str]:
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
    took = output.ago(turn.finished_at - turn.started_at)
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
    return f"{one.id} {state}: {output.clean(one.title)}"


def _indented(text: str) -> str:
    return "  " + output.clean(text.strip(), lines=True).replace("\n", "\n  ")
