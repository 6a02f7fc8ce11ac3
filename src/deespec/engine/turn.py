"""ONE turn: claim, act, settle. `run`, `run --parallel`, `sbi run` and the tests all call `run_turn`, nothing else.

What must never happen twice is in the two transactions: the claim decides, and the settlement compares token, turn and
status, so whoever lost the item in between changes nothing. Everything between them may be killed at any point.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from deespec.engine.acting import Answered, Failed, GivenBack, Needed, act
from deespec.engine.bench import Outcome, wanted
from deespec.engine.calling import guard_lock, step_for
from deespec.engine.failing import delay, lost, settle_failure
from deespec.errors import LeaseLost, UsageError
from deespec.model.items import Turn
from deespec.model.reports import judge
from deespec.model.wanted import Idle

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.engine.acting import Acted
    from deespec.engine.bench import Bench
    from deespec.model.items import Claim
    from deespec.model.reports import Verdict


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
        except LeaseLost:
            outcome = lost(bench, claim)
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
    with bench.app.store.transaction() as tx:
        if isinstance(acted, GivenBack):
            if acted.setback:
                sbi = tx.setback(claim, actor=bench.actor, why=acted.why, delay_ms=delay(bench, claim.sbi.setbacks + 1))
            else:
                sbi = tx.give_back(claim, actor=bench.actor, why=acted.why)
            return Outcome(claim=claim, what="given back", after=sbi, error=acted.why)
        if isinstance(acted, Needed):
            sbi = tx.park(claim, actor=bench.actor, reason=acted.reason, question=acted.question)
            return Outcome(claim=claim, what="parked", after=sbi, error=acted.question)
        verdict = judge(acted.sbi, step_for(claim), acted.answer, acted.findings, bench.rules)
        turn = _turn(bench, claim, acted, verdict, now=tx.now)
        tx.strikes_clear(claim.account)
        tx.spent(claim, turn.cost_usd if turn.metered else None)
        sbi = tx.settle(claim, turn, verdict.events, actor=bench.actor, usd_per_item=bench.rules.usd_per_item)
        return Outcome(claim=claim, what=turn.outcome, after=sbi, turn=turn)


def _turn(bench: Bench, claim: Claim, acted: Answered, verdict: Verdict, *, now: int) -> Turn:
    usage = acted.result.usage
    return Turn(
        sbi=claim.sbi.number,
        number=claim.turn,
        step=step_for(claim),
        agent=claim.agent,
        account=claim.account,
        outcome=verdict.outcome,
        decision=verdict.decision,
        report=acted.answer.text,
        findings=acted.findings,
        worker=bench.worker.name,
        token=claim.token,
        attempt=acted.sbi.attempts + 1,
        session=acted.result.session,
        model=usage.model,
        cost_usd=usage.cost_usd,
        metered=bench.is_metered(claim.agent),
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        tree=acted.tree,
        started_at=claim.claimed_at,
        finished_at=now,
    )
