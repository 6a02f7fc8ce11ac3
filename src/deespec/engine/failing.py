"""What follows when a call failed: by whose error it is, an attempt, a pause of the account, or of the agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.base import Blame
from deespec.clock import local
from deespec.engine.bench import Outcome
from deespec.engine.calling import step_for
from deespec.engine.pulse import back_off
from deespec.model.items import AgentPause
from deespec.model.lifecycle import Status
from deespec.model.money import Spend, cost_of

if TYPE_CHECKING:
    from deespec.agents.base import AgentError, AgentResult
    from deespec.engine.acted import Failed
    from deespec.engine.bench import Bench
    from deespec.model.items import Claim
    from deespec.store.base import Transaction

PAUSE_MS = 5 * 60_000
"""For a limit whose vendor names no time."""
PAUSE_MOST_MS = 24 * 3_600_000
"""A named time further away is probed after this by one call."""
PAUSE_JITTER_MS = 5_000
FROZEN = "deadline"
"""The guard ended the call because the worker stood still. Nobody asked for it, so it uses an attempt, like a death."""

OVERTAKEN = "it was overtaken by another worker; no attempt was used"
STOPPED = "the worker was told to stop; no attempt was used, the next claim goes on with the same step"


def settle_failure(bench: Bench, claim: Claim, failed: Failed) -> Outcome:
    """Ends the claim after a call's error. Raises LeaseLost, and writes nothing, if it is not ours any more."""
    error = failed.error
    shown = f"{error.code}: {error.message}"
    with bench.app.store.transaction() as tx:
        tx.spent(spend(bench, claim, failed.result))
        if error.blame is Blame.STOPPED and error.code != FROZEN:
            tx.release(claim, actor=bench.actor, why=STOPPED)
            tx.call_over(claim.token)
            return Outcome(claim=claim, what="stopped", after=tx.sbi(claim.sbi.number), error=STOPPED)
        if error.blame is Blame.CALL and tx.strike(account=claim.account, sbi=claim.sbi.number, code=error.code):
            return _pause_agent(bench, tx, claim, error, f"the same error on three items: {shown}")
        if error.blame in (Blame.CALL, Blame.STOPPED):
            wait_ms = delay(bench, claim.sbi.attempts + 1)
            limit = bench.app.settings.max_attempts
            sbi = tx.attempt_failed(claim, actor=bench.actor, error=shown, max_attempts=limit, delay_ms=wait_ms)
            return Outcome(claim=claim, what="attempt failed", after=sbi, error=shown)
        if error.blame is Blame.ACCOUNT:
            return _pause_account(bench, tx, claim, error)
        return _pause_agent(bench, tx, claim, error, error.message)


def lost(bench: Bench, claim: Claim) -> Outcome:
    """The claim was taken away meanwhile: by whom, and what becomes of the item."""
    with bench.app.store.transaction() as tx:
        if tx.exists(claim.sbi.id) and tx.claim_is_mine(claim):  # only something of it was: nobody else would free it
            tx.release(claim, actor=bench.actor, why=OVERTAKEN)
    with bench.app.store.read() as tx:
        if not tx.exists(claim.sbi.id):
            return Outcome(claim=claim, what="lost", error="it was cancelled and deleted; its agent was stopped")
        line, sbi = tx.line(claim.sbi.number), tx.sbi(claim.sbi.number)
        names = {worker.uid: worker.name for worker in tx.workers()}
        done = next((turn.worker for turn in tx.turns(sbi.number) if turn.number == claim.turn), None)
    if done or (line.lease_worker is not None and line.lease_token != claim.token):
        owner = done or names.get(line.lease_worker or "", "another one")
        why = f"worker {owner} has taken it since; nothing of this try counts"
    elif sbi.status is Status.CANCELLED:
        why = f"it was cancelled ({sbi.reason}); its agent was stopped, what it did stays in the folder"
    elif sbi.held:
        why = f"it was held at once; its agent was stopped, no attempt was used → deespec sbi unhold {sbi.id}"
    else:
        why = f"its claim was ended, see deespec sbi history {sbi.id}; the next claim goes on with it"
    return Outcome(claim=claim, what="lost", after=sbi, error=why)


def spend(bench: Bench, claim: Claim, result: AgentResult) -> Spend:
    """What the calls of this claim have used, as the ledger takes it."""
    usage = result.usage
    return Spend(
        token=claim.token,
        sbi=claim.sbi.number,
        turn=claim.turn,
        step=step_for(claim),
        agent=claim.agent,
        account=claim.account,
        model=usage.model,
        session=result.session,
        tokens_in=usage.tokens_in,
        tokens_cached=usage.tokens_cached,
        tokens_out=usage.tokens_out,
        cost_usd=cost_of(usage, bench.settings.prices),
        metered=bench.is_metered(claim.agent),
    )


def delay(bench: Bench, tries: int) -> int:
    """Ms to wait after the n-th try that failed."""
    return back_off(tries, base_ms=bench.app.settings.retry_delay_ms, jitter=bench.app.clock.jitter)


def _pause_account(bench: Bench, tx: Transaction, claim: Claim, error: AgentError) -> Outcome:
    until = error.reset_at if error.reset_at and error.reset_at > tx.now else tx.now + PAUSE_MS
    until = min(until, tx.now + PAUSE_MOST_MS) + bench.app.clock.jitter(PAUSE_JITTER_MS)
    return _pause(bench, tx, claim, error, message=error.message, until=until)


def _pause_agent(bench: Bench, tx: Transaction, claim: Claim, error: AgentError, message: str) -> Outcome:
    return _pause(bench, tx, claim, error, message=message, until=None)


def _pause(
    bench: Bench, tx: Transaction, claim: Claim, error: AgentError, *, message: str, until: int | None
) -> Outcome:
    sbi = tx.give_back(claim, actor=bench.actor, why=f"{error.code}: {error.message}")
    pause = AgentPause(account=claim.account, agent=claim.agent, reason=error.code, message=message, until_at=until)
    tx.pause(pause, actor=bench.actor)
    waits = f" until {local(until)}" if until else f" → deespec agent resume {claim.agent}"
    text = f"{error.code}: {message.rstrip('.')}; no attempt was used, agent {claim.agent} is paused{waits}"
    return Outcome(claim=claim, what="paused", after=sbi, error=text)
