"""Workers and their leases: who is alive, whose claim still counts, and what becomes of the claims of the dead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deespec.errors import LeaseLost
from deespec.model.items import Sbi, Worker
from deespec.model.lifecycle import Event, Status
from deespec.records import replace
from deespec.store.items import ItemVerbs
from deespec.store.work import WorkVerbs

if TYPE_CHECKING:
    from deespec.model.items import Claim, Guard

RESTARTS_MOST = 5
"""Of one integration; then a person is asked."""


class LeaseVerbs(ItemVerbs, WorkVerbs):
    __slots__ = ()

    # --- workers ---

    def add_worker(self, worker: Worker) -> None:
        self._insert(worker)
        self.note(f"worker {worker.name}", "worker_started", detail=_where(worker))

    def remove_worker(self, worker: Worker) -> None:
        self._takes_no_more(worker.uid)
        if self._run("worker_remove", uid=worker.uid):
            self.note(f"worker {worker.name}", "worker_stopped")

    def workers(self) -> list[Worker]:
        return self._records(Worker, "worker_list")

    def worker_seen(self, uid: str, state: str) -> str | None:
        """Notes a sign of life; what `worker stop` asks of this worker, if anything."""
        self._run("worker_seen", uid=uid, state=state, now=self.now)
        if state == "finishing":
            self._takes_no_more(uid)
        word: str | None = self._value("worker_stop_get", uid=uid)
        return word

    def ask_to_stop(self, worker: Worker, how: str, *, actor: str) -> None:
        self._run("worker_stop", uid=worker.uid, how=how)
        self.note(actor, "worker_stop_asked", detail=f"{worker.name} {how}")

    # --- leases ---

    def renew(self, *, worker: str, until: int, boot: str) -> None:
        """Moves on the leases this worker still owns, even past their end: what nobody has taken over is still his."""
        self._run("lease_renew", worker=worker, until=until, boot=boot)

    def tokens_of(self, worker: str) -> set[int]:
        """The claims this worker still owns."""
        return {row[0] for row in self._all("lease_tokens", worker=worker)}

    def claim_is_mine(self, claim: Claim) -> bool:
        row = self._one("lease_check", number=claim.sbi.number, token=claim.token)
        return row is not None and row[0] == claim.epoch

    def guard_stands(self, claim: Claim, guard: Guard) -> None:
        """Names the guard of the call, before the agent starts. Raises LeaseLost if the claim is not ours any more."""
        self.must_own(claim)
        self._run(
            "call_guard",
            token=claim.token,
            pid=guard.pid,
            start=guard.start,
            namespace=guard.namespace,
            lock=guard.lock,
        )

    def calls_forgotten(self, number: int) -> None:
        """A person says that nothing of the item's earlier calls runs any more."""
        self._run("calls_forget", number=number)

    def answers_forgotten(self, number: int) -> None:
        """What was handed in and not judged does not count any more."""
        self._run("answers_forget", sbi=number)

    def call_over(self, token: int) -> None:
        """Nothing of this call is left."""
        self._run("call_remove", token=token)

    def lease_ends(self) -> dict[int, tuple[int, str]]:
        """When the lease of each claimed item ends, on Clock.boot_ms() of the boot that is named, by number."""
        return {row[0]: (row[1], row[2]) for row in self._all("lease_ends")}

    def must_own(self, claim: Claim) -> None:
        if not self.claim_is_mine(claim):
            raise LeaseLost(f"{claim.sbi.id} turn {claim.turn} belongs to another owner now.")

    # --- the end of a claim without an outcome ---

    def release(self, claim: Claim, *, actor: str, why: str) -> None:
        """Gives the item back on a person's word: no attempt is used."""
        self.must_own(claim)
        sbi = self.sbi_now(claim)
        self.free(sbi.number)
        self.move(sbi, Event.RELEASED, actor=actor, error=why, turn=claim.turn, agent=claim.agent)

    def revoke(self, sbi: Sbi, *, actor: str) -> None:
        """Takes the claim away from whoever works on it; his writes fail from now on."""
        if self._value("lease_held", number=sbi.number) is not None:
            self.note(actor, "revoked", item=sbi.id, turn=sbi.turn + 1, step=sbi.step)
        self.free(sbi.number)

    def free(self, number: int) -> None:
        self._run("lease_free", number=number)

    def sbi_now(self, claim: Claim) -> Sbi:
        """The item as stored now; a person may have changed what is not the engine's."""
        return self.sbi(claim.sbi.number)

    def dead_claims(self, *, dead_workers: list[str], boot: str, boot_ms: int) -> list[tuple[int, str]]:
        """(item number, why) of claims whose worker is dead, whose lease is over, or that are of another boot."""
        rows: list[tuple[Any, ...]] = self._all("lease_dead", boot=boot, now=boot_ms)
        found = {row[0]: row[1] for row in rows}
        for worker in dead_workers:
            for row in self._all("lease_of_worker", worker=worker):
                found[row[0]] = "worker died"
        return sorted(found.items())

    def why_dead(self, number: int, *, dead_workers: list[str], boot: str, boot_ms: int) -> str | None:
        """The same of one claim; None: it is alive, or there is none."""
        row = self._one("lease_why", number=number, boot=boot, now=boot_ms)
        if row is None:
            return None
        worker, why = row
        return "worker died" if worker in dead_workers else why

    def bury(self, number: int, *, why: str, max_attempts: int, delay_ms: int) -> Sbi:
        """Ends a dead worker's claim. It uses an attempt, so that an item that kills its worker comes to an end."""
        sbi = self.sbi(number)
        self.free(number)
        return self.use_attempt(sbi, actor="deespec", error=why, max_attempts=max_attempts, delay_ms=delay_ms)

    def use_attempt(
        self,
        sbi: Sbi,
        *,
        actor: str,
        error: str,
        max_attempts: int,
        delay_ms: int,
        agent: str | None = None,
        remedy: str | None = None,
    ) -> Sbi:
        """A try at the turn ended without an outcome: back-off, or FAILED when it was the last."""
        if sbi.status is Status.INTEGRATING:
            return self._merge_cut_off(sbi, actor=actor, error=error, delay_ms=delay_ms)
        tried = replace(sbi, attempts=sbi.attempts + 1, not_before=self.now + delay_ms if delay_ms else None)
        facts: dict[str, Any] = {"turn": sbi.turn + 1, "agent": agent}
        if tried.attempts >= max_attempts:
            tries = f"{tried.attempts} tries, the last" if tried.attempts > 1 else "1 try"
            tried = replace(tried, question=f"{tries}: {error}" + (f" To allow it: {remedy}" if remedy else ""))
            return self.move(tried, Event.LIMIT_REACHED, actor=actor, reason="attempts", error=error, **facts)
        return self.move(tried, Event.RELEASED, actor=actor, error=error, **facts)

    def _merge_cut_off(self, sbi: Sbi, *, actor: str, error: str, delay_ms: int) -> Sbi:
        """It may be merged already, so it never FAILED by this: the next claim looks, or in the end a person."""
        work = self.work(sbi.number)
        work = replace(work, restarts=work.restarts + 1)
        self.keep_work(work)
        tried = replace(sbi, not_before=self.now + delay_ms if delay_ms else None)
        if work.restarts > RESTARTS_MOST:
            tried = replace(tried, question=f"Its merge was cut off {work.restarts} times, the last: {error}")
            return self.move(tried, Event.NEEDS_PERSON, actor=actor, reason="merging", error=error)
        return self.move(tried, Event.RELEASED, actor=actor, error=error, turn=sbi.turn + 1)

    def forget_worker(self, uid: str) -> None:
        """Takes a dead worker off the list."""
        self._takes_no_more(uid)
        name = next((worker.name for worker in self.workers() if worker.uid == uid), uid)
        if self._run("worker_remove", uid=uid):
            self.note("deespec", "worker_died", detail=name)

    def _takes_no_more(self, uid: str) -> None:
        """What was next for this worker is so no more; whoever can take it makes it next anew."""
        number = self._value("next_of", worker=uid)
        if number is not None:
            self.not_next(number)


def _where(worker: Worker) -> str:
    return f"pid {worker.pid} on {worker.host}, {worker.slots} slot{'s' if worker.slots > 1 else ''}"
