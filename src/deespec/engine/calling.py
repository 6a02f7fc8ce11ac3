"""Calling an agent: its environment, its request, and the engine's watch over the running call."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.agents.base import AgentRequest
from deespec.agents.output import make_folder
from deespec.agents.secrets import is_foreign_secret
from deespec.engine import outbox
from deespec.engine.budgets import budget_of
from deespec.engine.itself import own_command
from deespec.errors import LeaseLost
from deespec.model.lifecycle import Step
from deespec.model.money import Spend, Usage, bounded, cost_of, together
from deespec.model.reports import accepts
from deespec.records import replace

if TYPE_CHECKING:
    from deespec.agents.base import AgentResult
    from deespec.config import AgentSettings
    from deespec.engine.bench import Bench
    from deespec.engine.place import Place
    from deespec.model.items import Answer, Claim, Guard


class CallWatch:
    """The engine's side of a running call, an agent's or a gate's: it ends with the claim and with the worker."""

    def __init__(self, bench: Bench, claim: Claim) -> None:
        self.bench = bench
        self.claim = claim

    def started(self, guard: Guard) -> None:
        with self.bench.app.store.light_transaction() as tx:
            tx.guard_stands(self.claim, guard)

    def deadline(self) -> int:
        return self.bench.pulse.deadline_ms

    def tick(self) -> str | None:
        return "revoked" if self.bench.pulse.is_revoked(self.claim.token) else self.bench.stopping


class AgentWatch(CallWatch):
    """Over an agent's call: its answers are stored and acknowledged while it still works."""

    def __init__(self, bench: Bench, claim: Claim) -> None:
        super().__init__(bench, claim)
        self._taken: dict[str, str] = {}

    def tick(self) -> str | None:
        reason = super().tick()
        if reason is None:
            self.collect()
        return reason

    def collect(self) -> None:
        """Stores what lies in the outbox, and writes the receipts."""
        outbox.collect(self.claim.outbox, self._taken, self._store)

    def _store(self, answer: Answer) -> str | None:
        claim = self.claim
        complaint = accepts(step_for(claim), answer)
        if complaint is None:
            with self.bench.app.store.transaction() as tx:
                tx.store_answer(
                    sbi=claim.sbi.number, turn=claim.turn, token=claim.token, answer=answer, actor=agent_actor(claim)
                )
        return complaint


def step_for(claim: Claim) -> Step:
    """The agent's step under this claim; preparing the workspace is part of the first turn."""
    if claim.step is not Step.PREPARE:
        return claim.step
    return Step.DECOMPOSE if claim.sbi.decomposes else Step.IMPLEMENT


def agent_actor(claim: Claim) -> str:
    """Of a decomposition in other words, as `PBI-2/1` is a draft."""
    between = " turn " if claim.sbi.decomposes else "/"
    return f"agent {claim.sbi.id}{between}{claim.turn}"


def turn_folder(home: Path, claim: Claim) -> Path:
    """Where everything of this try at the turn is kept: prompt, raw output, what the gates printed."""
    what = "merge" if claim.step is Step.INTEGRATE else str(claim.turn)
    return home / "turns" / claim.sbi.id / f"{what}.{claim.token}"


def guard_lock(home: Path, claim: Claim) -> Path:
    """Proves that nothing of the claim runs any more; it stays until the claim's end is recorded."""
    return home / "guards" / f"{claim.token}.lock"


def call_agent(
    bench: Bench,
    claim: Claim,
    prompt: str,
    *,
    at: Place,
    folder: Path,
    watch: AgentWatch,
    session: str | None,
    used: Usage | None = None,
) -> AgentResult:
    """Runs the claim's agent once in its place; what it has used is in the ledger then, whatever comes after.

    `used` is what an earlier call of this claim has used; the result counts both. Raises LeaseLost if the claim was
    taken away meanwhile.
    """
    request = request_for(bench, claim, prompt, folder=folder, session=session, workspace=at.folder)
    request = replace(request, env=request.env | at.variables)
    result = bench.app.agent(claim.agent).run(request, watch)
    result = replace(result, usage=bounded(together(used or Usage(), result.usage)))
    if result.usage != Usage():
        with bench.app.store.transaction() as tx:
            tx.spent(spend(bench, claim, result))
    if bench.pulse.is_revoked(claim.token):
        raise LeaseLost(f"{claim.sbi.id} was taken away while its agent worked.")
    return result


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
        worker=bench.worker.uid,
    )


def request_for(
    bench: Bench, claim: Claim, prompt: str, *, folder: Path, session: str | None, workspace: Path
) -> AgentRequest:
    settings = bench.settings
    section = settings.agent(claim.agent)
    make_folder(folder, below=settings.home)
    lock = guard_lock(settings.home, claim)
    lock.parent.mkdir(mode=0o700, exist_ok=True)
    idle = section.idle_timeout_ms if section else None
    if idle is None and section is not None and section.kind != "command":
        idle = settings.idle_timeout_ms
    budget_usd, budget_tokens = budget_of(bench, claim)
    return AgentRequest(
        step=step_for(claim),
        item=claim.sbi.id,
        title=claim.sbi.title,
        spec=claim.sbi.spec,
        turn=claim.turn,
        round=_round(bench, claim),
        prompt=prompt,
        workspace=workspace,
        folder=folder,
        env=environment(bench, claim, section),
        session=session,
        turn_timeout_ms=settings.turn_timeout_ms,
        idle_timeout_ms=idle,
        guard_lock=lock,
        report_command=own_command(),
        gates=(*(gate.run for gate in settings.gates), *claim.sbi.checks),
        writable=(Path(claim.outbox), *map(Path, section.add_dirs if section else ())),
        session_used=_session_used(bench, claim, session),
        prices=settings.prices,
        budget_usd=budget_usd,
        budget_tokens=budget_tokens,
    )


def environment(bench: Bench, claim: Claim, section: AgentSettings | None) -> dict[str, str]:
    """The complete environment of a child of this turn: what names it, and none of the secrets of others."""
    settings = bench.app.settings
    passed = () if section is None else section.pass_env
    env = {key: value for key, value in settings.child_env if key in passed or not is_foreign_secret(key, section)}
    own = os.path.dirname(own_command()[0])
    env["PATH"] = os.pathsep.join([own, env.get("PATH", os.defpath)])
    env |= dict(section.env) if section else {}
    env |= bench.ports.variables
    return env | {
        "DEESPEC_HOME": str(settings.home),
        "DEESPEC_ITEM": claim.sbi.id,
        "DEESPEC_STEP": step_for(claim),
        "DEESPEC_TURN": str(claim.turn),
        "DEESPEC_CLAIM": claim.text,
        "DEESPEC_OUTBOX": claim.outbox,
    }


def _session_used(bench: Bench, claim: Claim, session: str | None) -> Usage:
    if session is None:
        return Usage()
    with bench.app.store.read() as tx:
        return tx.session_used(claim.sbi.number, session)


def _round(bench: Bench, claim: Claim) -> int:
    """Implement and resolve turns that ended since the item was started anew."""
    with bench.app.store.read() as tx:
        turns = tx.turns(claim.sbi.number)
    return sum(turn.step is not Step.REVIEW and turn.number > claim.sbi.turns_reset for turn in turns)
