"""What happens between claim and settlement: clear up after a predecessor, prompt, agent, evidence, gates."""

from __future__ import annotations

import hashlib
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.agents.asking import refused
from deespec.agents.base import AgentError, AgentResult, Blame
from deespec.agents.leftovers import clear_leftovers
from deespec.config_home import CONFIG_NAME
from deespec.engine import decomposing, gates, integrating, noticing, outbox, prompts
from deespec.engine.acted import Answered, Failed, GivenBack, Merged, Needed, Waits
from deespec.engine.asking import leave_for
from deespec.engine.calling import AgentWatch, agent_actor, call_agent, step_for, turn_folder
from deespec.engine.detached import DetachedFolder
from deespec.engine.place import place_of
from deespec.engine.prompt_values import keep_change
from deespec.errors import DeespecError, WorkspaceError
from deespec.model.asking import Remark, Severity
from deespec.model.items import Answer, claim_text
from deespec.model.lifecycle import Step
from deespec.model.reports import CheckResult, Evidence, accepts, decision_of, findings_of, findings_of_checks
from deespec.model.selection import inside
from deespec.model.work import BROKEN_BASE
from deespec.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.engine.acted import Acted
    from deespec.engine.bench import Bench
    from deespec.engine.place import Place
    from deespec.model.items import Claim, Sbi

LEFTOVERS_MS = 10_000
REVIEWER_EDITED = "The reviewer changed files; that does not count, and is kept under refs/deespec:"
STOPPED_AT_GATES = "the worker was told to stop while gates ran; the answer is stored, the next claim judges it"

log = logging.getLogger(__name__)


def act(bench: Bench, claim: Claim, observe: Callable[[str], None]) -> Acted:
    """One step of the item. Raises LeaseLost as soon as it is known that another owner has it."""
    found = _clear_up(bench, claim)
    if isinstance(found, Needed):
        return found
    try:
        if claim.step is Step.INTEGRATE and bench.apart:
            return integrating.integrate(bench, claim, observe)
        place = place_of(bench, claim)
        needed = place.prepare()
        if needed is not None:
            return needed
        if claim.step is Step.INTEGRATE:
            return Merged()
        prompt = "" if found else prompts.render(bench, claim, place)  # first: a bad template must not begin a turn
        sbi = _begin(bench, claim, place)
        observe("prepared")
        claim = replace(claim, sbi=sbi, step=sbi.step or claim.step, answer=found)
        if found is not None:
            return _look(bench, claim, place, found, None)
        return _work(bench, claim, place, prompt, observe)
    except WorkspaceError as error:
        return GivenBack(why=f"workspace: {error.message}")
    except OSError as error:
        return GivenBack(why=f"workspace: {error}")
    except gates.Interrupted:
        return GivenBack(why=STOPPED_AT_GATES, setback=False)
    except DeespecError:
        raise
    except Exception as error:
        # A defect that one item has met must not stop the others; that item uses an attempt, so it comes to an end.
        log.exception("turn failed", extra={"item": claim.sbi.id, "turn": claim.turn})
        return Failed(error=AgentError(blame=Blame.CALL, code="internal", message=repr(error)), result=None)
    finally:
        shutil.rmtree(claim.outbox, ignore_errors=True)


def _clear_up(bench: Bench, claim: Claim) -> Answer | Needed | None:
    """Makes sure that nothing of an earlier owner runs any more, and takes over the last answer it left."""
    answer = claim.answer
    for call in claim.leftovers:
        text = claim_text(claim.epoch, call.token)
        if not clear_leftovers(call.guard, text, timeout_ms=LEFTOVERS_MS, clock=bench.app.clock):
            if bench.apart and claim.step is not Step.INTEGRATE and not claim.sbi.decomposes:
                _leave_folder(bench, claim, call.token)
                continue
            who = f"pid {call.guard.pid}" if call.guard else "unknown"
            return Needed(
                reason="leftovers",
                question=f"An earlier agent of this item may still run and cannot be ended ({who}): end it; retry.",
            )
        if call.guard:
            Path(call.guard.lock).unlink(missing_ok=True)
        fitting = [one for one in outbox.read_answers(call.outbox) if accepts(step_for(claim), one) is None]
        with bench.app.store.transaction() as tx:
            tx.must_own(claim)
            # No agent has been called yet for an item that is to be prepared: its words are from before a reset.
            if answer is None and fitting and claim.step is not Step.PREPARE:
                answer = fitting[-1]
                tx.adopt_answer(sbi=claim.sbi.number, turn=claim.turn, token=claim.token, answer=answer)
            tx.call_over(call.token)
        shutil.rmtree(call.outbox, ignore_errors=True)
    return answer


def _leave_folder(bench: Bench, claim: Claim, token: int) -> None:
    """An earlier agent may still write there, and cannot be ended: the work goes on in another folder, made from what
    was kept last. The old one stays for `gc`."""
    with bench.app.store.transaction() as tx:
        tx.must_own(claim)
        work = tx.work(claim.sbi.number)
        if work.start is not None:
            tx.keep_work(replace(work, generation=work.generation + 1))
        tx.call_over(token)
        tx.note(bench.actor, "folder_left", item=claim.sbi.id, turn=claim.turn, detail=work.name)


def _begin(bench: Bench, claim: Claim, place: Place) -> Sbi:
    """The workspace as the turn finds it; an earlier try at the same turn has the say about where it started."""
    if claim.sbi.manifest is not None and claim.step is not Step.PREPARE:
        return claim.sbi
    manifest = claim.sbi.manifest or place.begin()
    with bench.app.store.transaction() as tx:
        return tx.workspace_ready(claim, manifest=manifest, actor=bench.actor)


def _work(bench: Bench, claim: Claim, place: Place, prompt: str, observe: Callable[[str], None]) -> Acted:
    outbox.make(claim.outbox)
    folder = turn_folder(bench.app.settings.home, claim)
    watch = AgentWatch(bench, claim)
    session = prompts.session(bench, claim)
    result = call_agent(bench, claim, prompt, at=place, folder=folder, watch=watch, session=session)
    observe("agent_ended")
    watch.collect()
    answer = _answer(bench, claim, result)
    if answer is None and result.error is None and result.session is not None:
        again, session, used = prompts.ask_again(claim), result.session, result.usage
        result = call_agent(
            bench, claim, again, at=place, folder=folder / "again", watch=watch, session=session, used=used
        )
        watch.collect()
        answer = _answer(bench, claim, result)
    if result.error is not None and (answer is None or result.error.blame is Blame.STOPPED):
        return Failed(error=result.error, result=result)
    answer = answer or _refused(bench, claim)
    if answer is None:
        message = "It ended without an answer: no report command, no structured answer, no DECISION line."
        if not_allowed := refused(result):
            message += f" {not_allowed}"
        remedy = leave_for(bench, claim, result)
        return Failed(
            error=AgentError(blame=Blame.CALL, code="no_answer", message=message, remedy=remedy), result=result
        )
    observe("answered")
    return _look(bench, claim, place, answer, result)


def _answer(bench: Bench, claim: Claim, result: AgentResult) -> Answer | None:
    """By trust: what was handed in by command, then the structured or written answer, if it fits the step."""
    with bench.app.store.read() as tx:
        stored = tx.stored_answer(claim.sbi.number, claim.turn)
    if stored is not None:
        return stored
    return _taken(bench, claim, result.answer)


def _refused(bench: Bench, claim: Claim) -> Answer | None:
    """The proposal that its command has refused, if it was never mended: what is wrong with it goes back once."""
    return _taken(bench, claim, outbox.read_refused(claim.outbox)) if step_for(claim) is Step.DECOMPOSE else None


def _taken(bench: Bench, claim: Claim, answer: Answer | None) -> Answer | None:
    """An answer that was not handed in by command, stored, if it fits the step."""
    if answer is None or accepts(step_for(claim), answer) is not None:
        return None
    with bench.app.store.transaction() as tx:  # so that gates which are cut off do not cost a second call
        tx.must_own(claim)
        tx.store_answer(
            sbi=claim.sbi.number,
            turn=claim.turn,
            token=claim.token,
            answer=answer,
            actor=agent_actor(claim),
        )
    return answer


def _look(bench: Bench, claim: Claim, place: Place, answer: Answer, result: AgentResult | None) -> Acted:
    """Looks at the workspace and runs gates and checks, where the step makes something."""
    sbi = claim.sbi
    if step_for(claim) is Step.DECOMPOSE:
        return _look_at_drafts(bench, claim, place, answer, result)
    if step_for(claim) is Step.REVIEW:
        dropped = place.tidy("review")
        answer = _proven(bench, claim, place, answer)
        notes = (f"{REVIEWER_EDITED} {', '.join(dropped)}",) if dropped else ()
        return Answered(sbi=sbi, answer=answer, result=result, findings=notes)
    assert sbi.manifest is not None
    if sbi.reason == BROKEN_BASE:
        place.catch_up()
    evidence, state = place.look(sbi.manifest, alone=claim.alone and _still_alone(bench, claim))
    evidence = replace(_without_own_settings(bench, evidence), refused=refused(result or AgentResult()))
    if not evidence.changed:
        evidence = replace(evidence, elsewhere=noticing.elsewhere(bench, claim))
    if answer.kind == "question" and not bench.apart:
        return Answered(sbi=sbi, answer=answer, result=result)
    findings = (*findings_of(sbi, answer, evidence, bench.rules), *place.findings(evidence))
    _keep_diff(bench, claim, place, evidence, state)
    tree = place.keep(sbi.manifest, state)
    if answer.kind == "question":
        findings = ()
    elif not findings:
        failed = _failed_gates(bench, claim, place)
        if isinstance(failed, Waits):
            return failed
        findings = failed
    noticed = () if findings else noticing.notes_of(bench, claim, place, evidence)
    return Answered(sbi=sbi, answer=answer, result=result, findings=findings, tree=tree, work=place.work, notes=noticed)


def _look_at_drafts(bench: Bench, claim: Claim, place: Place, answer: Answer, result: AgentResult | None) -> Answered:
    assert claim.sbi.manifest is not None
    evidence, _ = place.look(claim.sbi.manifest, alone=claim.alone and _still_alone(bench, claim))
    files = place.files() if isinstance(place, DetachedFolder) else decomposing.own_files(bench.app)
    found = decomposing.look(bench, claim, answer, _without_own_settings(bench, evidence), files)
    touched = noticing.own_files(bench, claim)
    notes = (*found.notes, *noticing.beside(bench, claim, touched))
    doubt = "files in the backlog's home were changed meanwhile" if touched else ""
    return replace(found, result=result, notes=notes, doubt=doubt)


def _failed_gates(bench: Bench, claim: Claim, place: Place) -> tuple[str, ...] | Waits:
    """What the gates find wrong; Waits, if that is none of the item's doing."""
    start = place.work.start if place.work is not None else None
    try:
        results = gates.run_all(bench, claim, at=place.folder, when="implement")
    except gates.CannotRun as error:
        if start is None or not bench.checkouts.can_run(claim, start, error.gate):
            raise
        results = (CheckResult(name=error.name, passed=False, tail=error.message),)
    place.tidy("gates")
    failed = [one for one in results if not one.passed]
    if failed and start is not None:
        broken = integrating.broken_base(bench, claim, start, failed[0])
        if broken is not None:
            return broken
    return findings_of_checks(results)


def _without_own_settings(bench: Bench, evidence: Evidence) -> Evidence:
    """Settings that a person changed by command meanwhile are no change of the agent's."""
    home = bench.app.settings.home
    name = f"{home.name}/{CONFIG_NAME}"
    if bench.apart or name not in evidence.forbidden:  # a worktree has a copy of its own
        return evidence
    with bench.app.store.read() as tx:
        known = tx.settings_digest()
    if known != hashlib.sha256((home / CONFIG_NAME).read_bytes()).hexdigest():
        return evidence
    return replace(
        evidence,
        changed=tuple(path for path in evidence.changed if path != name),
        forbidden=tuple(path for path in evidence.forbidden if path != name),
    )


def _proven(bench: Bench, claim: Claim, place: Place, answer: Answer) -> Answer:
    """A review that accepts must not cover what no gate has seen: what changed since the gates is gated again.

    In an item's own folder nothing has: what differed has just been taken back.
    """
    if bench.apart or decision_of(answer) != "SUCCEEDED" or not _changed_since_gates(bench, claim):
        return answer
    failed = findings_of_checks(gates.run_all(bench, claim, at=place.folder, when="implement"))
    if not failed:
        return answer
    words = "\n\n".join((answer.text, "Files changed after the gates had passed, and now they fail:", *failed))
    remarks = answer.remarks
    if remarks:  # they would bear out another decision
        remarks += tuple(Remark(text=one.splitlines()[0].rstrip(":"), severity=Severity.HIGH) for one in failed)
    return replace(answer, decision="NEEDS_CHANGES", text=words, remarks=remarks)


def _changed_since_gates(bench: Bench, claim: Claim) -> bool:
    sbi = claim.sbi
    with bench.app.store.read() as tx:
        trees = [turn.tree for turn in tx.turns(sbi.number) if turn.step is not Step.REVIEW]
    if not trees or trees[-1] is None:
        return True
    try:
        evidence, _ = bench.app.workspace.evidence(trees[-1], alone=False)
    except WorkspaceError:  # the state that the gates saw is not known any more
        return True
    return any(not sbi.paths or inside(path, sbi.paths) for path in evidence.changed)


def _keep_diff(bench: Bench, claim: Claim, place: Place, evidence: Evidence, state: str) -> None:
    """What changed, for the next reviewer's prompt and for people."""
    assert claim.sbi.manifest is not None
    shown = evidence.changed if evidence.whole is None else evidence.whole
    own = tuple(path for path in shown if path not in evidence.forbidden)
    text = place.diff(claim.sbi.manifest, state, own)
    home = bench.app.settings.home
    keep_change(home, turn_folder(home, claim), own, text)


def _still_alone(bench: Bench, claim: Claim) -> bool:
    """Whether no other item was worked on in this folder since the claim."""
    with bench.app.store.read() as tx:
        return not tx.others_worked_since(claim.sbi.id, claim.turn)
