"""What an agent hands in and what the engine saw become events: `judge()` decides, before any table is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.model.asking import answer_to, question_key
from deespec.model.lifecycle import Event, Step
from deespec.model.selection import inside
from deespec.records import record, replace

if TYPE_CHECKING:
    from deespec.model.asking import Question, Remark
    from deespec.model.items import Answer, Sbi

KINDS: dict[Step, tuple[str, ...]] = {
    Step.IMPLEMENT: ("implement", "nothing", "question"),
    Step.RESOLVE: ("resolve", "nothing", "question"),
    Step.REVIEW: ("review", "question"),
    Step.DECOMPOSE: ("propose", "question"),
}
"""Which answers a step accepts."""
DECISIONS = ("SUCCEEDED", "NEEDS_CHANGES", "FAILED")
ASKED_BY_CLIENT = "asked"
"""The source of a question for leave; see agents/asking.py."""
ASKED_MOST = 3
"""Times in a row that the same question is asked; then a person is asked after all, answered or not."""
OPEN_MOST = 20
"""Findings that a person is told of who has to go on from where rounds of review did not end."""
OPEN_CHARACTERS = 500
"""Of each of them."""
SAME_MOST = 3
"""Turns in a row that find the same; then a person is asked, as one more would find it again."""
NOTHING_CHANGED = "Nothing was changed."
NOTHING_TO_FIX = "The reviewer said NEEDS_CHANGES and found nothing that must be fixed here: it counts as SUCCEEDED."
MUST_BE_FIXED = "The reviewer said SUCCEEDED and found something that must be fixed: it counts as NEEDS_CHANGES."


@record
class Evidence:
    """What the engine itself saw in the workspace after a turn."""

    changed: tuple[str, ...] = ()
    """Files that differ from the turn's start, relative to the workspace."""
    whole: tuple[str, ...] | None = None
    """Files in which all of the item's work differs from where it began; None: as changed."""
    alone: bool = True
    """Nobody else worked in this folder meanwhile, so changes outside its paths are its own."""
    forbidden: tuple[str, ...] = ()
    """Changed files below .deespec."""
    refused: str = ""
    """What the agent asked for and did not get, in a sentence."""
    nested: tuple[str, ...] = ()
    """Repositories inside of the project's own in which something was changed."""
    elsewhere: tuple[str, ...] = ()
    """Files of the project's own checkout that were changed meanwhile, by whomever, where this folder is another."""


@record
class CheckResult:
    """One gate or check."""

    name: str
    passed: bool
    tail: str = ""
    """The end of its output."""


@record
class Rules:
    """The limits that a verdict goes by."""

    max_turns: int
    review_rounds: int
    enforce_paths: bool = True
    integrates: bool = False
    """What is accepted is merged before it is DONE."""


@record
class Verdict:
    outcome: str
    """The turn's: implemented, findings, question, asked_again, succeeded, needs_changes, rejected or decomposed."""
    events: tuple[tuple[Event, str | None], ...]
    """(event, reason) to apply in order."""
    decision: str | None = None
    """As it counts."""
    note: str | None = None
    """Why it does not count as it was given."""
    question: str | None = None
    """What a person is asked if the item is parked, or told if it has come to its limit of turns."""


def accepts(step: Step, answer: Answer) -> str | None:
    """Why this answer does not fit the step; None if it does."""
    if answer.kind not in KINDS.get(step, ()):
        allowed = ", ".join(KINDS.get(step, ())) or "nothing"
        return f"This is a turn to {step}: it takes {allowed}, not {answer.kind}."
    if answer.kind == "review" and answer.decision not in DECISIONS:
        return f"A review needs a decision: {', '.join(DECISIONS)}."
    if answer.kind in ("nothing", "question") and not answer.text.strip():
        return f"{answer.kind} needs words: say why, or what you need to know."
    if answer.kind == "propose" and not answer.text.strip():
        return "The proposal is empty."
    if answer.remarks and answer.kind != "review":
        return "Only a review has findings."
    return None


def decision_of(answer: Answer) -> str | None:
    """A review's decision as its findings bear it out.

    Without one that must be fixed nothing is sent back, and with one nothing is accepted; words alone count as given.
    """
    blocking = any(one.blocking for one in answer.remarks)
    if answer.decision == "SUCCEEDED" and blocking:
        return "NEEDS_CHANGES"
    if answer.decision == "NEEDS_CHANGES" and answer.remarks and not blocking:
        return "SUCCEEDED"
    return answer.decision


def findings_of(sbi: Sbi, answer: Answer, evidence: Evidence, rules: Rules) -> tuple[str, ...]:
    """What is wrong with an implement or resolve turn before any gate runs, in words for the next turn."""
    found: list[str] = []
    if evidence.forbidden:
        found.append(f"Files of the backlog itself were changed; put them back: {_some(evidence.forbidden)}")
    found += [_of_repository(root) for root in evidence.nested if _is_blamed(root, sbi, evidence)]
    own = tuple(path for path in evidence.changed if not sbi.paths or inside(path, sbi.paths))
    all_of_it = evidence.changed if evidence.whole is None else evidence.whole
    allowed = {*evidence.forbidden, *(path for path in all_of_it if not sbi.paths or inside(path, sbi.paths))}
    outside = tuple(path for path in all_of_it if path not in allowed)
    strayed = bool(outside) and evidence.alone and rules.enforce_paths
    if strayed:
        found.append(f"Changed outside the paths of this item ({', '.join(sbi.paths)}): {_some(outside)}")
    if answer.kind in ("implement", "resolve") and not own and not strayed:
        refused = f" {evidence.refused} That stays refused: do without." if evidence.refused else ""
        refused += _in_the_wrong_place(evidence.elsewhere) if evidence.elsewhere else ""
        found.append(f"{NOTHING_CHANGED}{refused} Make the change, or report `nothing` with the reason.")
    return tuple(found)


def _in_the_wrong_place(files: tuple[str, ...]) -> str:
    return (
        f" But these files of the project's own checkout, which is not your folder, were changed meanwhile: "
        f"{_some(files)}. If that was you, put them back, and work in the folder that the prompt names."
    )


def _is_blamed(root: str, sbi: Sbi, evidence: Evidence) -> bool:
    """Unless a person has named this very folder; and of what neighbours may have done, only what is in its paths."""
    below = f"{root}/"
    if any(path.startswith(below) for path in sbi.paths):
        return False
    return evidence.alone or any(path.startswith(below) and inside(path, sbi.paths) for path in evidence.changed)


def _of_repository(root: str) -> str:
    return (
        f"{root} is a Git repository of its own: what is changed in it does not become part of this project. Put it "
        f"back as it was; if this work has made it, remove {root}/.git. Then report again (`nothing`, if that was all "
        f"that was left to do). Work in it is for an item that names {root}/** among its paths."
    )


def findings_of_checks(results: tuple[CheckResult, ...]) -> tuple[str, ...]:
    return tuple(f"{one.name} failed:\n{one.tail}".rstrip() for one in results if not one.passed)


def judge(
    sbi: Sbi,
    step: Step,
    answer: Answer,
    findings: tuple[str, ...],
    rules: Rules,
    *,
    asked: tuple[Question, ...] = (),
    before: tuple[tuple[str, ...], ...] = (),
) -> Verdict:
    """The outcome of a turn and the events that follow from it, limits included.

    `asked`: its questions so far; `before`: what its turns found since it was begun or retried, oldest first.
    """
    if answer.kind == "question":
        verdict = _judge_question(sbi, answer, asked)
    elif step is Step.REVIEW:
        verdict = _judge_review(sbi, answer, rules)
    elif step is Step.DECOMPOSE:
        verdict = _judge_proposal(findings, before)
    else:
        verdict = _judge_work(sbi, findings, rules)
    used = sbi.turns_used + 1
    if verdict.events[-1][0] in _GO_ON and used >= (sbi.max_turns or rules.max_turns):
        told = _still_open(answer, sbi.reviews + 1) if answer.kind == "review" else "\n\n".join(findings) or None
        return replace(verdict, events=(*verdict.events, (Event.LIMIT_REACHED, "turns")), question=told)
    if verdict.events[-1][0] is Event.FINDINGS and _is_stuck(findings, before):
        told = "\n\n".join(findings)
        question = f"{SAME_MOST} turns in a row found the same: {told}"
        return replace(verdict, events=(*verdict.events, (Event.NEEDS_PERSON, "stuck")), question=question)
    return verdict


_GO_ON = (Event.IMPLEMENTED, Event.FINDINGS, Event.NEEDS_CHANGES, Event.ASKED_AGAIN)
"""After these the item needs another agent turn."""


def _is_stuck(findings: tuple[str, ...], before: tuple[tuple[str, ...], ...]) -> bool:
    same = [_core(one) for one in findings]
    last = before[-(SAME_MOST - 1) :]
    return len(last) == SAME_MOST - 1 and all([_core(one) for one in found] == same for found in last)


def _core(finding: str) -> str:
    """What was refused to a turn that changed nothing, it may have tried in other words."""
    return NOTHING_CHANGED if finding.startswith(NOTHING_CHANGED) else finding


def _judge_question(sbi: Sbi, answer: Answer, asked: tuple[Question, ...]) -> Verdict:
    """What was answered once is not asked again, unless the agent does not get on with that answer.

    A question for leave, which its client asks, has no answer that could be given once more.
    """
    key = question_key(answer.text)
    is_own = answer.source != ASKED_BY_CLIENT
    if is_own and answer_to(key, asked) is not None and _in_a_row(sbi, key, asked) + 1 < ASKED_MOST:
        return Verdict(outcome="asked_again", events=((Event.ASKED_AGAIN, None),))
    return Verdict(outcome="question", events=((Event.NEEDS_PERSON, "question"),), question=answer.text)


def _in_a_row(sbi: Sbi, key: str, asked: tuple[Question, ...]) -> int:
    """How many of the turns just before asked that and nothing else."""
    keys = {one.turn: one.key for one in asked}
    turn = sbi.turn
    while turn > sbi.turns_reset and keys.get(turn) == key:
        turn -= 1
    return sbi.turn - turn


def _judge_work(sbi: Sbi, findings: tuple[str, ...], rules: Rules) -> Verdict:
    if findings:
        return Verdict(outcome="findings", events=((Event.FINDINGS, None),))
    if sbi.only_implement:
        return Verdict(outcome="implemented", events=((Event.IMPLEMENTED_ONLY, None), *_merged(rules)))
    return Verdict(outcome="implemented", events=((Event.IMPLEMENTED, None),))


def _judge_proposal(findings: tuple[str, ...], before: tuple[tuple[str, ...], ...]) -> Verdict:
    """A faulty one goes back with what is wrong; the second in a row ends it."""
    if not findings:
        return Verdict(outcome="decomposed", events=((Event.DECOMPOSED, None),))
    back = Verdict(outcome="findings", events=((Event.FINDINGS, None),))
    if not (before and before[-1]):
        return back
    ended = (*back.events, (Event.LIMIT_REACHED, "proposal"))
    return replace(back, events=ended, question="\n\n".join(findings))


def _judge_review(sbi: Sbi, answer: Answer, rules: Rules) -> Verdict:
    decision = decision_of(answer)
    if decision == "SUCCEEDED":
        return Verdict(
            outcome="succeeded",
            decision=decision,
            events=((Event.SUCCEEDED, None), *_merged(rules)),
            note=NOTHING_TO_FIX if decision != answer.decision else None,
        )
    if decision == "FAILED":
        return Verdict(outcome="rejected", decision=decision, events=((Event.REJECTED, "review"),))
    wants = Verdict(
        outcome="needs_changes",
        decision=decision,
        events=((Event.NEEDS_CHANGES, None),),
        note=MUST_BE_FIXED if decision != answer.decision else None,
    )
    rounds = sbi.reviews + 1
    if rounds < rules.review_rounds:
        return wants
    parked = (*wants.events, (Event.NEEDS_PERSON, "review_rounds"))
    return replace(wants, events=parked, question=_still_open(answer, rounds))


def _still_open(answer: Answer, rounds: int) -> str:
    """What a person has to decide after that many rounds."""
    head = f"After {rounds} round{'s' if rounds > 1 else ''} of review it still wants changes:"
    found = [_line(one) for one in answer.remarks if one.blocking]
    if not found:
        return f"{head}\n{answer.text.strip()[: OPEN_MOST * OPEN_CHARACTERS]}"
    more = [f"… and {len(found) - OPEN_MOST} more"] if len(found) > OPEN_MOST else []
    return "\n".join((head, *found[:OPEN_MOST], *more))


def _line(remark: Remark) -> str:
    text = " ".join(remark.text.split())
    shown = text if len(text) <= OPEN_CHARACTERS else f"{text[:OPEN_CHARACTERS]}…"
    return f"- {remark.place}: {shown}" if remark.place else f"- {shown}"


def _merged(rules: Rules) -> tuple[tuple[Event, str | None], ...]:
    """Where the work is in the project's folder already, nothing is left to be merged."""
    return () if rules.integrates else ((Event.MERGED, None),)


def _some(paths: tuple[str, ...], most: int = 20) -> str:
    shown = ", ".join(paths[:most])
    return shown if len(paths) <= most else f"{shown} and {len(paths) - most} more"
