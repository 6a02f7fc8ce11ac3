"""A turn's beginning and end: both compare token and status, so that only the owner of the turn can write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deespec.errors import LeaseLost
from deespec.model.budget import ItemBudget
from deespec.model.items import Sbi, Turn
from deespec.model.lifecycle import Event, Status
from deespec.records import replace
from deespec.store.leases import LeaseVerbs
from deespec.store.spending import SpendVerbs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.model.items import Claim


NO_BUDGET = ItemBudget()
SETBACKS_MOST = 3
"""Failures of the workspace in a row, then a person is asked."""


class SettleVerbs(LeaseVerbs, SpendVerbs):
    __slots__ = ()

    def workspace_ready(self, claim: Claim, *, manifest: str, actor: str) -> Sbi:
        """The workspace stands: remembers its state at the turn's start, unless an earlier try at it has done so."""
        sbi = self.owned(claim)
        if sbi.manifest is None:
            sbi = replace(sbi, manifest=manifest)
            self._update(sbi)
        if claim.sbi.status is Status.PICKED:
            event = Event.FOLDER_READY if sbi.decomposes else Event.WORKSPACE_READY
            sbi = self.move(sbi, event, actor=actor, turn=claim.turn)
        return sbi

    def settle(
        self,
        claim: Claim,
        turn: Turn,
        events: Sequence[tuple[Event, str | None]],
        *,
        actor: str,
        question: str | None = None,
    ) -> Sbi:
        """Records a turn's outcome and moves the item along `events` (event, reason); ends the claim.

        `question` is what a person is asked, if they park it. Raises LeaseLost, and writes nothing, if the claim is not
        the item's any more.
        """
        sbi = self.owned(claim)
        self.free(sbi.number)
        self._insert(turn)
        self._run("answer_remove", sbi=sbi.number, turn=turn.number)
        self._run("call_remove", token=claim.token)
        changed = replace(
            sbi,
            turn=turn.number,
            attempts=0,
            setbacks=0,
            not_before=None,
            manifest=None,
            hint=None,
            reviews=sbi.reviews + (turn.outcome == Event.NEEDS_CHANGES),
            question=question,
        )
        facts: dict[str, Any] = {
            "turn": turn.number,
            "step": turn.step,
            "agent": turn.agent,
            "decision": turn.decision,
            "elapsed_ms": turn.finished_at - turn.started_at,
        }
        for event, reason in events:
            changed = self.move(changed, event, actor=actor, reason=reason, **facts)
        return changed

    def keep_to_budget(self, sbi: Sbi, budget: ItemBudget, *, actor: str, turn: int) -> Sbi:
        """Parks an item that cannot afford one more of its dearest calls; being merged costs it nothing."""
        if sbi.status is Status.INTEGRATING or not sbi.in_work or budget == NO_BUDGET:
            return sbi
        used = self.used_by_item(sbi.number)
        if not budget.is_short(used):
            return sbi
        asked = replace(sbi, question=budget.question(used, sbi.id))
        return self.move(asked, Event.NEEDS_PERSON, actor=actor, reason="budget", turn=turn)

    def attempt_failed(
        self, claim: Claim, *, actor: str, error: str, max_attempts: int, delay_ms: int, remedy: str | None = None
    ) -> Sbi:
        """This call's error: uses an attempt and ends the claim; `remedy` is for people. Raises LeaseLost."""
        sbi = self.owned(claim)
        self.free(sbi.number)
        self._run("call_remove", token=claim.token)
        return self.use_attempt(
            sbi,
            actor=actor,
            error=error,
            max_attempts=max_attempts,
            delay_ms=delay_ms,
            agent=claim.agent,
            remedy=remedy,
        )

    def give_back(self, claim: Claim, *, actor: str, why: str) -> Sbi:
        """Ends the claim without outcome and without using an attempt: not this item's fault. Raises LeaseLost."""
        sbi = self.owned(claim)
        self.free(sbi.number)
        self._run("call_remove", token=claim.token)
        return self.move(sbi, Event.RELEASED, actor=actor, error=why, turn=claim.turn, agent=claim.agent)

    def setback(self, claim: Claim, *, actor: str, why: str, delay_ms: int) -> Sbi:
        """The workspace failed, not the item: back-off; the third time in a row a person is asked. Raises LeaseLost."""
        sbi = self.owned(claim)
        self.free(sbi.number)
        self._run("call_remove", token=claim.token)
        tried = replace(sbi, setbacks=sbi.setbacks + 1, not_before=self.now + delay_ms)
        facts: dict[str, Any] = {"turn": claim.turn, "agent": claim.agent}
        if tried.setbacks >= SETBACKS_MOST:
            tried = replace(tried, question=why)
            return self.move(tried, Event.NEEDS_PERSON, actor=actor, reason="workspace", error=why, **facts)
        return self.move(tried, Event.RELEASED, actor=actor, error=why, **facts)

    def park(self, claim: Claim, *, actor: str, reason: str, question: str) -> Sbi:
        """Needs a person, without a turn: ends the claim. Raises LeaseLost."""
        sbi = self.owned(claim)
        self.free(sbi.number)
        self._run("call_remove", token=claim.token)
        asked = replace(sbi, question=question)
        return self.move(asked, Event.NEEDS_PERSON, actor=actor, reason=reason, turn=claim.turn, agent=claim.agent)

    def owned(self, claim: Claim) -> Sbi:
        """The item as stored, if this claim still owns it at the step it was claimed for."""
        self.must_own(claim)
        sbi = self.sbi(claim.sbi.number)
        expected = {claim.sbi.status}
        if claim.sbi.status is Status.PICKED:
            expected = {claim.sbi.status, Status.DECOMPOSING if sbi.decomposes else Status.IMPLEMENTING}
        if sbi.status not in expected or sbi.turn + 1 != claim.turn:
            raise LeaseLost(f"{sbi.id} has moved on to {sbi.status}.")
        return sbi
