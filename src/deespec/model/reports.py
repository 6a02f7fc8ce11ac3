"""What an agent hands in and what the engine saw become events: `judge()` decides, before any table is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.model.lifecycle import Event, Step
from deespec.model.selection import inside
from deespec.records import record

if TYPE_CHECKING:
    from deespec.model.items import Answer, Sbi

KINDS: dict[Step, tuple[str, ...]] = {
    Step.IMPLEMENT: ("implement", "nothing", "question"),
    Step.RESOLVE: ("resolve", "nothing", "question"),
    Step.REVIEW: ("review", "question"),
}
"""Which answers a step accepts."""
DECISIONS = ("SUCCEEDED", "NEEDS_CHANGES", "FAILED")


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
    denied: tuple[str, ...] = ()
    """Tools that the agent asked for and did not get."""
    nested: tuple[str, ...] = ()
    """Repositories inside of the project's own in which something was changed."""


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
    usd_per_item: float = 0
    integrates: bool = False
    """What is accepted is merged before it is DONE."""


@record
class Verdict:
    outcome: str
    """The turn's: implemented, findings, question, succeeded, needs_changes or rejected."""
    events: tuple[tuple[Event, str | None], ...]
    """(event, reason) to apply in order."""
    decision: str | None = None


def accepts(step: Step, answer: Answer) -> str | None:
    """Why this answer does not fit the step; None if it does."""
    if answer.kind not in KINDS.get(step, ()):
        allowed = ", ".join(KINDS.get(step, ())) or "nothing"
        return f"This is a turn to {step}: it takes {allowed}, not {answer.kind}."
    if answer.kind == "review" and answer.decision not in DECISIONS:
        return f"A review needs a decision: {', '.join(DECISIONS)}."
    if answer.kind in ("nothing", "question") and not answer.text.strip():
        return f"{answer.kind} needs words: say why, or what you need to know."
    return None


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
        denied = f" Tools were denied: {', '.join(evidence.denied)}." if evidence.denied else ""
        found.append(f"Nothing was changed.{denied} Make the change, or report `nothing` with the reason.")
    return tuple(found)


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


def judge(sbi: Sbi, step: Step, answer: Answer, findings: tuple[str, ...], rules: Rules) -> Verdict:
    """The outcome of a turn and the events that follow from it, limits included."""
    if answer.kind == "question":
        return Verdict(outcome="question", events=((Event.NEEDS_PERSON, "question"),))
    verdict = _judge_review(sbi, answer, rules) if step is Step.REVIEW else _judge_work(sbi, findings, rules)
    used = sbi.turns_used + 1
    last = verdict.events[-1][0]
    if last in _GO_ON and used >= (sbi.max_turns or rules.max_turns):
        return Verdict(
            outcome=verdict.outcome, decision=verdict.decision, events=(*verdict.events, (Event.LIMIT_REACHED, "turns"))
        )
    return verdict


_GO_ON = (Event.IMPLEMENTED, Event.FINDINGS, Event.NEEDS_CHANGES)
"""After these the item needs another agent turn."""


def _judge_work(sbi: Sbi, findings: tuple[str, ...], rules: Rules) -> Verdict:
    if findings:
        return Verdict(outcome="findings", events=((Event.FINDINGS, None),))
    if sbi.only_implement:
        return Verdict(outcome="implemented", events=((Event.IMPLEMENTED_ONLY, None), *_merged(rules)))
    return Verdict(outcome="implemented", events=((Event.IMPLEMENTED, None),))


def _judge_review(sbi: Sbi, answer: Answer, rules: Rules) -> Verdict:
    if answer.decision == "SUCCEEDED":
        return Verdict(outcome="succeeded", decision="SUCCEEDED", events=((Event.SUCCEEDED, None), *_merged(rules)))
    if answer.decision == "FAILED":
        return Verdict(outcome="rejected", decision="FAILED", events=((Event.REJECTED, "review"),))
    events: tuple[tuple[Event, str | None], ...] = ((Event.NEEDS_CHANGES, None),)
    if sbi.reviews + 1 >= rules.review_rounds:
        events = (*events, (Event.NEEDS_PERSON, "review_rounds"))
    return Verdict(outcome="needs_changes", decision="NEEDS_CHANGES", events=events)


def _merged(rules: Rules) -> tuple[tuple[Event, str | None], ...]:
    """Where the work is in the project's folder already, nothing is left to be merged."""
    return () if rules.integrates else ((Event.MERGED, None),)


def _some(paths: tuple[str, ...], most: int = 20) -> str:
    shown = ", ".join(paths[:most])
    return shown if len(paths) <= most else f"{shown} and {len(paths) - most} more"
