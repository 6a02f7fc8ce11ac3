"""What a turn brings before people, in its settlement: its question, and what a review found that is not its item's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.asking import refused, to_allow
from deespec.engine.calling import agent_actor
from deespec.model.asking import Draft, Question, answer_to, question_key
from deespec.model.headings import title_of
from deespec.model.lifecycle import Event

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deespec.agents.base import AgentResult
    from deespec.engine.bench import Bench
    from deespec.model.asking import Remark
    from deespec.model.items import Answer, Claim, Turn
    from deespec.model.reports import Verdict
    from deespec.store.base import Transaction

ASKS = ("question", "asked_again")
"""Outcomes of turns that ended with a question."""


def asked_before(bench: Bench, claim: Claim, answer: Answer) -> tuple[Question, ...]:
    """The item's questions so far, if this is one more. Nobody else adds to them while it is claimed."""
    if answer.kind != "question":
        return ()
    with bench.app.store.read() as tx:
        return tuple(tx.questions(claim.sbi.number))


def found_before(bench: Bench, claim: Claim) -> tuple[tuple[str, ...], ...]:
    """What the item's turns found since it was begun or retried, oldest first; another outcome found nothing."""
    with bench.app.store.read() as tx:
        turns = [turn for turn in tx.turns(claim.sbi.number) if turn.number > claim.sbi.turns_before]
    return tuple(turn.findings if turn.outcome == Event.FINDINGS else () for turn in turns)


def leave_for(bench: Bench, claim: Claim, result: AgentResult) -> str | None:
    """The command by which a person allows more to an agent that something was refused to; None: nothing was, or no
    setting says what it may do."""
    section = bench.settings.agent(claim.agent)
    return to_allow(section) if section is not None and refused(result) else None


def stops_with(bench: Bench, claim: Claim, result: AgentResult, verdict: Verdict) -> str | None:
    """What a person is told of an item that stops: also by what command it is allowed what was refused to it."""
    remedy = leave_for(bench, claim, result) if verdict.outcome == Event.FINDINGS else None
    return f"{verdict.question}\nTo allow it: {remedy}" if verdict.question and remedy else verdict.question


def bring_before_people(
    tx: Transaction, claim: Claim, turn: Turn, verdict: Verdict, *, asked: tuple[Question, ...]
) -> None:
    """Before the turn itself is written, whose place in the journal is behind what it brought."""
    tx.must_own(claim)
    if verdict.note:
        tx.note("deespec", "weighed", item=claim.sbi.id, turn=turn.number, step=turn.step, detail=verdict.note)
    if verdict.outcome in ASKS:
        _ask(tx, claim, turn, asked if verdict.outcome == "asked_again" else ())
    else:
        _draft(tx, claim, turn)


def _ask(tx: Transaction, claim: Claim, turn: Turn, answered: tuple[Question, ...]) -> None:
    """Keeps the question; one that was answered before gets that answer at once."""
    text = turn.report or ""
    question = Question(
        sbi=turn.sbi, turn=turn.number, text=text, key=question_key(text), agent=turn.agent, asked_at=tx.now
    )
    earlier = answer_to(question.key, answered)
    tx.add_question(question)
    tx.note(agent_actor(claim), "asked", item=claim.sbi.id, turn=turn.number, step=turn.step, detail=text)
    if earlier is not None and earlier.answer is not None and earlier.answered_by is not None:
        tx.answer_question(turn.sbi, turn=turn.number, answer=earlier.answer, by=earlier.answered_by)
        detail = f"as in turn {earlier.turn}: {earlier.answer}"
        tx.note("deespec", "answered_before", item=claim.sbi.id, turn=turn.number, step=turn.step, detail=detail)


def _draft(tx: Transaction, claim: Claim, turn: Turn) -> None:
    """Makes a draft of each finding that is not this item's, unless an earlier review has found it already."""
    parent = claim.sbi.id
    known = {_key(one) for earlier in tx.turns(turn.sbi) for one in _elsewhere(earlier.remarks)}
    for remark in _elsewhere(turn.remarks):
        if _key(remark) in known:
            continue
        known.add(_key(remark))
        draft = Draft(
            parent=parent,
            number=tx.next_draft(parent),
            title=title_of(remark.text) or f"A finding of {parent}",
            spec=_spec(remark, parent, turn.number),
            file=remark.file,
            line=remark.line,
            severity=remark.severity,
            turn=turn.number,
            agent=turn.agent,
            created_at=tx.now,
            updated_at=tx.now,
        )
        tx.add_draft(draft)
        detail = f"{draft.id} {draft.title}"
        tx.note(agent_actor(claim), "draft_made", item=parent, turn=turn.number, step=turn.step, detail=detail)


def _elsewhere(remarks: Iterable[Remark]) -> Iterable[Remark]:
    return (one for one in remarks if not one.in_scope)


def _key(remark: Remark) -> tuple[str | None, str]:
    """The same finding in other lines is the same."""
    return remark.file, question_key(remark.text)


def _spec(remark: Remark, parent: str, turn: int) -> str:
    where = f", in {remark.place}" if remark.place else ""
    return f"{remark.text}\n\nFound by the review of {parent} (turn {turn}){where}."
