"""ONE turn: claim, act, settle. `run`, `run --parallel`, `sbi run` and the tests all call `run_turn`, nothing else.

What must never happen twice is in the two transactions: the claim decides, and the settlement compares token, turn and
status, so whoever lost the item in between changes nothing. Everything between them may be killed at any point.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from deespec.agents.base import AgentResult
from deespec.engine.acted import Answered, ChangesWanted, Conflicted, Failed, GivenBack, Merged, Needed, Waits
from deespec.engine.acting import act
from deespec.engine.asking import asked_before, bring_before_people, found_before, stops_with
from deespec.engine.bench import Outcome, wanted
from deespec.engine.calling import guard_lock, spend, step_for
from deespec.engine.decomposing import NotApproved, settle_drafts
from deespec.engine.detached import leave
from deespec.engine.failing import delay, lost, settle_failure
from deespec.engine.noticing import spec_changed
from deespec.engine.place import rescue
from deespec.errors import LeaseLost, UsageError
from deespec.model.items import Turn
from deespec.model.lifecycle import Event
from deespec.model.reports import judge
from deespec.model.wanted import Idle
from deespec.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.engine.acted import Acted
    from deespec.engine.bench import Bench
    from deespec.model.items import Claim
    from deespec.model.money import Spend
    from deespec.model.reports import Rules, Verdict
    from deespec.store.base import Transaction


def run_turn(
    bench: Bench, *, begun: Callable[[Claim], None] = lambda _: None, observe: Callable[[str], None] = lambda _: None
) -> Outcome | Idle:
    """Takes the next item that may start, has its agent do one step, and records the outcome."""
    claim = take(bench)
    if isinstance(claim, Idle):
        return claim
    with bench.holding(claim):
        begun(claim)
        observe("claimed")
        try:
            acted = act(bench, claim, observe)
            observe("acted")
            outcome = settle(bench, claim, acted)
            guard_lock(bench.app.settings.home, claim).unlink(missing_ok=True)
            leave(bench, claim, outcome)
        except LeaseLost:
            outcome = lost(bench, claim)
            rescue(bench, claim, outcome)
        except UsageError as error:  # the settings are wrong, for every item: the worker ends, this one is free again
            with suppress(LeaseLost):
                settle(bench, claim, GivenBack(why=error.message, setback=False))
            raise
        observe("settled")
    return outcome


def take(bench: Bench) -> Claim | Idle:
    """Transaction 1: decides and claims."""
    asked = wanted(bench)
    with bench.app.store.transaction() as tx:
        return tx.claim_next(asked)


def settle(bench: Bench, claim: Claim, acted: Acted) -> Outcome:
    """Transaction 2: the outcome, by whoever still owns the turn. Raises LeaseLost, and writes nothing, otherwise."""
    if isinstance(acted, Failed):
        return settle_failure(bench, claim, acted)
    if isinstance(acted, Answered):
        try:
            return _settle_answer(bench, claim, acted, bench.rules)
        except NotApproved as refused:
            return _settle_answer(bench, claim, acted, bench.rules, not_approved=refused.why)
    wait_ms = delay(bench, claim.sbi.setbacks + 1)
    limit = bench.app.settings.max_turns
    with bench.app.store.transaction() as tx:
        match acted:
            case GivenBack(why=why, setback=True):
                sbi = tx.setback(claim, actor=bench.actor, why=why, delay_ms=wait_ms)
                return Outcome(claim=claim, what="given back", after=sbi, error=why)
            case GivenBack(why=why):
                sbi = tx.give_back(claim, actor=bench.actor, why=why)
                return Outcome(claim=claim, what="given back", after=sbi, error=why)
            case Needed(reason=reason, question=question):
                sbi = tx.park(claim, actor=bench.actor, reason=reason, question=question)
                return Outcome(claim=claim, what="parked", after=sbi, error=question)
            case Waits(why=why, reason=reason, delay_ms=later_ms):
                sbi = tx.waits(claim, actor=bench.actor, why=why, reason=reason, until=tx.now + later_ms)
                return Outcome(claim=claim, what="waits", after=sbi, error=why)
            case Merged():
                return Outcome(claim=claim, what="merged", after=tx.merged(claim, actor=bench.actor))
            case Conflicted(words=words, onto=onto):
                sbi = tx.conflicted(claim, actor=bench.actor, words=words, onto=onto, max_turns=limit)
                return Outcome(claim=claim, what="conflict", after=sbi, error=words.splitlines()[0])
            case ChangesWanted(words=words, taken=taken):
                sbi = tx.changes_wanted(claim, actor=bench.actor, words=words, taken=taken, max_turns=limit)
                return Outcome(claim=claim, what="changes wanted", after=sbi)


def _settle_answer(bench: Bench, claim: Claim, acted: Answered, rules: Rules, *, not_approved: str = "") -> Outcome:
    """`not_approved`: why drafts stay drafts although their PBI would have them registered. Raises NotApproved."""
    asked = asked_before(bench, claim, acted.answer)
    before = found_before(bench, claim) if acted.findings else ()
    verdict = judge(acted.sbi, step_for(claim), acted.answer, acted.findings, rules, asked=asked, before=before)
    with bench.app.store.transaction() as tx:
        tx.must_own(claim)
        used = _used(bench, tx, claim, acted.result)
        turn = _turn(bench, claim, acted, verdict, used, now=tx.now)
        turn = replace(turn, spec_changed=spec_changed(tx, claim, acted))
        if acted.result is not None:
            tx.went_well(account=claim.account, agent=claim.agent)
            tx.spent(used)
        bring_before_people(tx, claim, turn, verdict, asked=asked)
        if verdict.outcome == Event.DECOMPOSED:
            settle_drafts(bench, tx, claim, acted, turn, not_approved=not_approved)
        sbi = tx.settle(
            claim,
            turn,
            verdict.events,
            actor=bench.actor,
            question=stops_with(bench, claim, acted.result or AgentResult(), verdict),
        )
        sbi = tx.keep_to_budget(sbi, bench.budget_after(sbi), actor=bench.actor, turn=turn.number)
        if acted.work is not None:
            solved = verdict.outcome == Event.IMPLEMENTED
            tx.keep_work(replace(acted.work, conflict=None) if solved else acted.work)
        return Outcome(claim=claim, what=turn.outcome, after=sbi, turn=turn)


def _used(bench: Bench, tx: Transaction, claim: Claim, result: AgentResult | None) -> Spend:
    """What the call has used that gave the answer; the ledger has that of an earlier claim."""
    if result is not None:
        return spend(bench, claim, result)
    return tx.spent_in_turn(claim.sbi.number, claim.turn) or spend(bench, claim, AgentResult())


def _turn(bench: Bench, claim: Claim, acted: Answered, verdict: Verdict, used: Spend, *, now: int) -> Turn:
    return Turn(
        sbi=claim.sbi.number,
        number=claim.turn,
        step=step_for(claim),
        agent=claim.agent,
        account=claim.account,
        outcome=verdict.outcome,
        decision=verdict.decision,
        report=acted.answer.text if acted.report is None else acted.report,
        findings=(*acted.findings, *acted.notes, *((verdict.note,) if verdict.note else ())),
        remarks=acted.answer.remarks,
        worker=bench.worker.name,
        token=claim.token,
        attempt=acted.sbi.attempts + 1,
        session=used.session if used.agent == claim.agent else None,
        model=used.model,
        cost_usd=used.cost_usd,
        metered=used.metered,
        tokens_in=used.tokens_in,
        tokens_cached=used.tokens_cached,
        tokens_out=used.tokens_out,
        tree=acted.tree,
        started_at=claim.claimed_at,
        finished_at=now,
    )
