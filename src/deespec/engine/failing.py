"""What follows when a call failed: by whose error it is, an attempt, a pause of account or agent, or no money."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.base import Blame
from deespec.clock import local
from deespec.engine.bench import Outcome
from deespec.engine.calling import spend
from deespec.engine.pulse import back_off
from deespec.model.ids import number_in
from deespec.model.items import AgentPause
from deespec.model.lifecycle import Status
from deespec.model.money import Usage
from deespec.store.pauses import FOR_EVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.agents.base import AgentError
    from deespec.engine.acted import Failed
    from deespec.engine.bench import Bench
    from deespec.model.items import Claim, Sbi
    from deespec.store.base import Transaction

PAUSE_LEAST_MS = 60_000
PAUSE_LONGEST_MS = 3_600_000
"""For a limit whose vendor names no time: the first pause, doubling with each limit that follows, up to the second."""
AGAIN_LEAST_MS = 1_000
AGAIN_LONGEST_MS = 60_000
"""The same where a time is named, but no success has come since the pause before."""
PAUSE_MOST_MS = 24 * 3_600_000
"""A named time further away is probed after this by one call."""
PAUSE_JITTER_MS = 5_000
OF_THE_ACCOUNT = ("login", "billing")
"""Errors that a person must see to and that all agents of the account share; the others are of one program."""
FROZEN = "deadline"
"""The guard ended the call because the worker stood still. Nobody asked for it, so it uses an attempt, like a death."""

OVERTAKEN = "it was overtaken by another worker; no attempt was used"
STOPPED = "the worker was told to stop; no attempt was used, the next claim goes on with the same step"


def settle_failure(bench: Bench, claim: Claim, failed: Failed) -> Outcome:
    """Ends the claim after a call's error. Raises LeaseLost, and writes nothing, if it is not ours any more."""
    error = failed.error
    shown = f"{error.code}: {error.message}"
    with bench.app.store.transaction() as tx:
        if failed.result is not None:
            tx.spent(spend(bench, claim, failed.result))
        if error.blame is Blame.STOPPED and error.code != FROZEN:
            tx.release(claim, actor=bench.actor, why=STOPPED)
            tx.call_over(claim.token)
            return Outcome(claim=claim, what="stopped", after=tx.sbi(claim.sbi.number), error=STOPPED)
        if error.blame is Blame.ACCOUNT:
            return _meets_limit(bench, tx, claim, error)
        if error.blame is Blame.AGENT:
            only = "" if error.code in OF_THE_ACCOUNT else claim.agent
            return _waits_for_person(bench, tx, claim, error, error.message, only_agent=only)
        if error.blame is Blame.BUDGET and failed.result is not None and _is_known(failed.result.usage):
            return _out_of_money(bench, tx, claim, shown)
        if error.blame is Blame.CALL and tx.strike(
            account=claim.account, agent=claim.agent, sbi=claim.sbi.number, code=error.code
        ):
            words = f"the same error on three items: {shown}"
            return _waits_for_person(bench, tx, claim, error, words, only_agent=claim.agent)
        return _uses_attempt(bench, tx, claim, shown, remedy=error.remedy)


def lost(bench: Bench, claim: Claim) -> Outcome:
    """The claim was taken away meanwhile: by whom, and what becomes of the item."""
    with bench.app.store.transaction() as tx:
        if _is_there(tx, claim) and tx.claim_is_mine(claim):  # only something of it was: nobody else would free it
            tx.release(claim, actor=bench.actor, why=OVERTAKEN)
    with bench.app.store.read() as tx:
        if not _is_there(tx, claim):
            return Outcome(claim=claim, what="lost", error="it was cancelled and deleted; its agent was stopped")
        line, sbi = tx.line(claim.sbi.number), tx.sbi(claim.sbi.number)
        names = {worker.uid: worker.name for worker in tx.workers()}
        done = next((turn.worker for turn in tx.turns(sbi.number) if turn.number == claim.turn), None)
    kind = "pbi" if sbi.decomposes else "sbi"
    if done or (line.lease_worker is not None and line.lease_token != claim.token):
        owner = done or names.get(line.lease_worker or "", "another one")
        why = f"worker {owner} has taken it since; nothing of this try counts"
    elif sbi.status is Status.CANCELLED:
        left = "" if sbi.decomposes else ", what it did stays in the folder"
        why = f"it was cancelled ({sbi.reason}); its agent was stopped{left}"
    elif sbi.held:
        why = f"it was held at once; its agent was stopped, no attempt was used → deespec {kind} unhold {sbi.id}"
    else:
        why = f"its claim was ended, see deespec {kind} history {sbi.id}; the next claim goes on with it"
    return Outcome(claim=claim, what="lost", after=sbi, error=why)


def _is_there(tx: Transaction, claim: Claim) -> bool:
    if claim.sbi.decomposes:
        return tx.decomposition(number_in(claim.sbi.id)) is not None
    return tx.exists(claim.sbi.id)


def delay(bench: Bench, tries: int) -> int:
    """Ms to wait after the n-th try that failed."""
    return back_off(tries, base_ms=bench.app.settings.retry_delay_ms, jitter=bench.app.clock.jitter)


# --- attempts and money ---------------------------------------------------------------------------------------------


def _uses_attempt(bench: Bench, tx: Transaction, claim: Claim, shown: str, *, remedy: str | None) -> Outcome:
    wait_ms = delay(bench, claim.sbi.attempts + 1)
    limit = bench.app.settings.max_attempts
    sbi = tx.attempt_failed(claim, actor=bench.actor, error=shown, max_attempts=limit, delay_ms=wait_ms, remedy=remedy)
    sbi = _keep_to_budget(bench, tx, claim, sbi)
    return Outcome(claim=claim, what="attempt failed", after=sbi, error=shown)


def _out_of_money(bench: Bench, tx: Transaction, claim: Claim, shown: str) -> Outcome:
    """It was ended because it had cost what it was given. Nothing begins again before there is money for it."""
    why = f"{shown.rstrip('.')}; no attempt was used"
    sbi = _keep_to_budget(bench, tx, claim, tx.give_back(claim, actor=bench.actor, why=why))
    if sbi.status is Status.PARKED:
        return Outcome(claim=claim, what="parked", after=sbi, error=sbi.question)
    return Outcome(claim=claim, what="given back", after=sbi, error=f"{why}; it goes on when there is money for it")


def _keep_to_budget(bench: Bench, tx: Transaction, claim: Claim, sbi: Sbi) -> Sbi:
    return tx.keep_to_budget(sbi, bench.budget_after(sbi), actor=bench.actor, turn=claim.turn)


def _is_known(usage: Usage) -> bool:
    """Whether it has said anything that a budget goes by: else it could be called for ever."""
    return bool(usage.cost_usd or usage.tokens_in or usage.tokens_out)


# --- pauses ---------------------------------------------------------------------------------------------------------


def _meets_limit(bench: Bench, tx: Transaction, claim: Claim, error: AgentError) -> Outcome:
    """A rate or usage limit: all agents of the account wait for the time that was named, or for longer each time."""
    met, paused_until = tx.last_limit(claim.account)
    named = error.reset_at if error.reset_at is not None and error.reset_at > tx.now else None
    if paused_until is not None and (named is None or named <= paused_until):  # others have met it just before
        sbi = tx.give_back(claim, actor=bench.actor, why=f"{error.code}: {error.message}")
        return _paused(claim, error, sbi, error.message, until=None if paused_until == FOR_EVER else paused_until)
    met = max(0, met - 1) if paused_until is not None else met  # the same limit, met by several calls
    until = pause_ends(tx.now, named, met, jitter=bench.app.clock.jitter)
    pause = AgentPause(
        account=claim.account,
        agent=claim.agent,
        reason=error.code,
        message=error.message,
        until_at=until,
        tries=met + 1,
    )
    return _pause(bench, tx, claim, error, pause)


def pause_ends(now: int, named: int | None, met: int, *, jitter: Callable[[int], int]) -> int:
    """When an account is tried again that has met a limit, after `met` of them in a row without a success between."""
    if named is None:
        step = growing(met, least_ms=PAUSE_LEAST_MS, longest_ms=PAUSE_LONGEST_MS)
        return now + step + jitter(step // 5)
    again = now + growing(met - 1, least_ms=AGAIN_LEAST_MS, longest_ms=AGAIN_LONGEST_MS) if met else now
    return min(max(named, again), now + PAUSE_MOST_MS) + jitter(PAUSE_JITTER_MS)


def growing(times: int, *, least_ms: int, longest_ms: int) -> int:
    """`least_ms`, doubled so many times."""
    return int(min(least_ms * 2 ** min(times, 62), longest_ms))


def _waits_for_person(
    bench: Bench, tx: Transaction, claim: Claim, error: AgentError, message: str, *, only_agent: str
) -> Outcome:
    pause = AgentPause(
        account=claim.account, agent=claim.agent, reason=error.code, message=message, only_agent=only_agent
    )
    return _pause(bench, tx, claim, error, pause)


def _pause(bench: Bench, tx: Transaction, claim: Claim, error: AgentError, pause: AgentPause) -> Outcome:
    sbi = tx.give_back(claim, actor=bench.actor, why=f"{error.code}: {error.message}")
    tx.pause(pause, actor=bench.actor)
    return _paused(claim, error, sbi, pause.message, until=pause.until_at)


def _paused(claim: Claim, error: AgentError, sbi: Sbi, message: str, *, until: int | None) -> Outcome:
    waits = f" until {local(until)}" if until else f" → deespec agent resume {claim.agent}"
    text = f"{error.code}: {message.rstrip('.')}; no attempt was used, agent {claim.agent} is paused{waits}"
    return Outcome(claim=claim, what="paused", after=sbi, error=text)
