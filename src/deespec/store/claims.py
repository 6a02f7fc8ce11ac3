"""Choosing the next item and taking it: every condition is tested in the one write transaction that writes the claim.

An item that cannot start because of another one gets `waits_on` and leaves the ready index until that one ends. So the
cost of a claim depends on what is ready and in work, not on the size of the backlog. Nobody waits for a need or a path
while holding paths: both are tested only when an item enters work (docs/adr/0004).
"""

from __future__ import annotations

import heapq
import json
import os
from typing import TYPE_CHECKING, Any

from deespec.clock import iso
from deespec.model.items import Answer, Call, Claim, Guard, Priority
from deespec.model.lifecycle import IN_WORK, Event, Status, Step
from deespec.model.selection import paths_conflict
from deespec.model.wanted import MERGE_QUEUE, WAIT_MOST_MS, AgentSlot, Idle, Scope, Wanted
from deespec.records import record, replace
from deespec.store.free_agents import FreeAgents, Money
from deespec.store.items import ItemVerbs
from deespec.store.rows import remarks_from
from deespec.store.spending import SpendVerbs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.store.rows import Value

TESTS_PER_TRANSACTION = 100
"""Candidates tested before the write lock is given back for others."""
PAGE = 32
RANKS = range(len(Priority))
NEXT_AFTER_STARTS = 10
NEXT_AFTER_MS = 30 * 60_000
Held = tuple[int, tuple[str, ...], tuple[str, ...]]
"""An item's number, the paths it declares, and the files it has really changed."""


class ClaimVerbs(ItemVerbs, SpendVerbs):
    __slots__ = ()

    def claim_next(self, wanted: Wanted) -> Claim | Idle:
        """Takes the best item that may start now, or says why there is none."""
        self.release_more()
        agents = FreeAgents(self, wanted.agents, _money(wanted))
        for candidate in self._candidates("claim_working", wanted):
            if (slot := agents.free(_names(candidate, wanted))) is None:
                agents.wait_for(_names(candidate, wanted))
            elif not (slot.metered and self._parks_for_budget(candidate, wanted)):
                return self._take(candidate, slot, wanted)
        tests = TESTS_PER_TRANSACTION
        entry = _Entry(self, agents, wanted)
        for candidate in self._entering(agents, wanted):
            if (slot := agents.free(_names(candidate, wanted))) is None:
                agents.wait_for(_names(candidate, wanted))
                continue
            tests -= 1
            if entry.admits(candidate):
                return self._take(candidate, slot, wanted)
            if tests == 0:
                return Idle(again=True)
        return self._idle(agents, wanted)

    # --- candidates, in order ---

    def _entering(self, agents: FreeAgents, wanted: Wanted) -> Iterator[_Candidate]:
        """Of one rank, what is to be decomposed comes first: it makes the work of others."""
        yield from self._candidates("claim_resumable", wanted)
        sbis = wanted.scope.sbis
        open_keys = [key for (key,) in self._all("ready_agents") if sbis and self._open_key(key, agents, wanted)]
        for rank in RANKS:
            if wanted.scope.pbis:
                yield from self._candidates("claim_decompositions", wanted, rank=rank)
            yield from heapq.merge(*(self._ready(key, rank, wanted) for key in open_keys), key=lambda c: c.number)

    def _open_key(self, key: str, agents: FreeAgents, wanted: Wanted) -> bool:
        """Whether one of the agents of this list has a free slot; if not, when, should an item of ours need it."""
        names = tuple(json.loads(key)) or wanted.implement
        if agents.free(names) is not None:
            return True
        if self._value("ready_any", agent=key, **scope_values(wanted.scope)) is not None:
            agents.wait_for(names)
        return False

    def _ready(self, key: str, rank: int, wanted: Wanted) -> Iterator[_Candidate]:
        """Ready items of one list of agents and one rank, page by page: in this order the index has them."""
        number = 0
        while True:
            rows = self._all(
                "claim_ready", agent=key, rank=rank, number=number, limit=PAGE, **scope_values(wanted.scope)
            )
            yield from (_candidate(row) for row in rows)
            if len(rows) < PAGE:
                return
            number = rows[-1][0]

    def _candidates(self, name: str, wanted: Wanted, **values: Value) -> Iterator[_Candidate]:
        values |= {"now": self.now, "wait_most": WAIT_MOST_MS, **scope_values(wanted.scope)}
        return map(_candidate, self._all(name, **values))

    # --- taking ---

    def _take(self, candidate: _Candidate, slot: AgentSlot, wanted: Wanted) -> Claim:
        sbi = self.sbi(candidate.number)
        alone = not self._value("claim_others", number=sbi.number)
        if sbi.in_work:
            self.note(wanted.actor, "claimed", item=sbi.id, turn=sbi.turn + 1, step=sbi.step, agent=slot.name)
        else:
            event = Event.CLAIMED if sbi.status is Status.PENDING else Event.RESUMED
            refused_at = self._value("sbi_refused_at", number=sbi.number)
            detail = f"paths since {iso(refused_at)}" if refused_at is not None else None
            sbi = self.move(sbi, event, actor=wanted.actor, agent=slot.name, turn=sbi.turn + 1, detail=detail)
            self._next("starts")
        token = self._next("token")
        if not candidate.in_work:
            self._run("allowance_begin", number=sbi.number, token=token)
        outbox = os.path.join(wanted.outboxes, str(token))
        until = wanted.boot_ms + wanted.lease_ms
        leftovers = self.calls_of(sbi.number)
        self._run(
            "claim_write",
            number=sbi.number,
            token=token,
            worker=wanted.worker,
            until=until,
            boot=wanted.boot,
            agent=slot.name,
            account=slot.account,
            at=self.now,
        )
        self._run("call_add", token=token, sbi=sbi.number, worker=wanted.worker, boot=wanted.boot, outbox=outbox)
        return Claim(
            sbi=sbi,
            token=token,
            epoch=self.epoch(),
            step=sbi.step or Step.IMPLEMENT,
            turn=sbi.turn + 1,
            agent=slot.name,
            account=slot.account,
            worker=wanted.worker,
            claimed_at=self.now,
            lease_until=until,
            outbox=outbox,
            answer=self.stored_answer(sbi.number, sbi.turn + 1),
            leftovers=tuple(leftovers),
            alone=alone,
        )

    def _parks_for_budget(self, candidate: _Candidate, wanted: Wanted) -> bool:
        """Whether an item that was given back cannot afford one more call; then a person has to decide."""
        used = self.used_by_item(candidate.number)
        if not wanted.item_budget.is_short(used):
            return False
        sbi = self.sbi(candidate.number)
        asked = replace(sbi, question=wanted.item_budget.question(used, sbi.id))
        self.move(asked, Event.NEEDS_PERSON, actor=wanted.actor, reason="budget", turn=sbi.turn + 1)
        return True

    def epoch(self) -> str:
        """Random for each life of this database: a restored copy gives no token that was given before."""
        value: str = self._value("meta_get", name="epoch")
        return value

    def calls_of(self, number: int) -> list[Call]:
        """Agent calls on this item that are not known to have ended."""
        return [call_from(row) for row in self._all("call_of", number=number)]

    def stored_answer(self, number: int, turn: int) -> Answer | None:
        row = self._one("answer_get", number=number, turn=turn)
        if row is None:
            return None
        return Answer(kind=row[0], text=row[1], decision=row[2], source=row[3], remarks=remarks_from(row[4]))

    def working_paths(self) -> list[Held]:
        """What the items in work hold, in the order in which they bar others."""
        rows = self._all("working_paths")
        return [(row[0], tuple(json.loads(row[1])), tuple(json.loads(row[2]))) for row in rows]

    # --- nothing to take ---

    def _idle(self, agents: FreeAgents, wanted: Wanted) -> Idle:
        known = [time for time in (self.next_due(wanted.scope), agents.next_at) if time is not None]
        more = self._value("releasing_first") is not None
        return Idle(
            again=more,
            running=self._value("claim_count"),
            run_is_spent=agents.run_is_spent and not self._all("claim_agents_of_worker", worker=wanted.worker),
            next_at=min(known, default=None),
            kept_by=tuple(sorted(agents.kept_by.items(), key=lambda one: one[0])),
        )

    def next_due(self, scope: Scope) -> int | None:
        """When the first of the items that were put off is tried again; None: none of them waits for a time."""
        at: int | None = self._value("claim_next_time", now=self.now, wait_most=WAIT_MOST_MS, **scope_values(scope))
        return at

    def goes_on_for_nothing(self, wanted: Wanted) -> bool:
        """Whether the merge queue or an agent that is not metered will take something in scope, without a person."""
        agents = FreeAgents(self, wanted.agents, _money(wanted))
        found = map(_candidate, self._all("claim_later", **scope_values(wanted.scope)))
        return any(agents.costs_nothing(_names(one, wanted)) for one in found)

    def may_go_on(self, scope: Scope) -> bool:
        """Whether anything in scope does not have to wait for a person first."""
        return self._value("may_go_on", **scope_values(scope)) is not None


@record
class _Candidate:
    """As much of an item as choosing needs."""

    number: int
    rank: int
    status: Status
    stopped_in: Status | None
    agent: tuple[str, ...]
    reviewer: tuple[str, ...]
    paths: tuple[str, ...]

    @property
    def in_work(self) -> bool:
        return self.status in IN_WORK

    @property
    def decomposes(self) -> bool:
        return self.number < 0


class _Entry:
    """May an item enter work? Refused ones are put behind what bars them."""

    def __init__(self, tx: ClaimVerbs, agents: FreeAgents, wanted: Wanted) -> None:
        self.tx = tx
        self.agents = agents
        self.wanted = wanted
        self.working = tx.working_paths()
        self.starts: int = tx._value("counter_get", name="starts") or 0
        self.next = self._next_in_turn()

    def admits(self, sbi: _Candidate) -> bool:
        if sbi.decomposes:  # it needs nothing and changes nothing
            return True
        tx = self.tx
        need = tx._value("need_unmet", number=sbi.number)
        if need is not None:
            tx._run("sbi_wait", number=sbi.number, on=need)
            if tx.not_next(sbi.number):  # the need was undone
                self.next = []
            return False
        for number, paths, touched in (*self.working, *self.next):
            if number != sbi.number and paths_conflict(sbi.paths, paths, touched, exclusive=self.wanted.exclusive):
                tx._run("sbi_refused", number=sbi.number, on=number, at=tx.now, starts=self.starts)
                if sbi.rank == 0 and not self.next:
                    self.next = self._next_in_turn()
                return False
        return True

    def _next_in_turn(self) -> list[Held]:
        """The one item that was refused so often or so long that others make room for it (docs/adr/0010).

        It is next for the worker that made it so, which would take it, as long as one of its agents takes work. That
        all see alike: were it for each to decide, two of different agents would wake each other for ever.
        """
        row = self.tx._one("next_get")
        if row is None:
            return self._next_found()
        *found, worker, pairs, is_there = row
        sbi = _candidate(tuple(found))
        stands = is_there and any(not self.agents.is_paused(*pair) for pair in json.loads(pairs))
        if worker == self.wanted.worker:
            stands = self.agents.expected(_names(sbi, self.wanted))
        if stands:
            return [(sbi.number, sbi.paths, ())]
        self.tx.not_next(sbi.number)
        return []

    def _next_found(self) -> list[Held]:
        values = {"time": self.tx.now - NEXT_AFTER_MS, "starts": self.starts - NEXT_AFTER_STARTS}
        for rank in RANKS:
            row = self.tx._one("next_find", rank=rank, **values, **scope_values(self.wanted.scope))
            sbi = None if row is None else _candidate(row)
            if sbi is not None and self.agents.expected(names := _names(sbi, self.wanted)):
                pairs = json.dumps(self.agents.pairs(names))
                self.tx._run("next_set", number=str(sbi.number), worker=self.wanted.worker, agents=pairs)
                return [(sbi.number, sbi.paths, ())]
        return []


def _candidate(row: tuple[Any, ...]) -> _Candidate:
    number, rank, status, stopped_in, agent, reviewer, paths = row
    return _Candidate(
        number=number,
        rank=rank,
        status=Status(status),
        stopped_in=Status(stopped_in) if stopped_in else None,
        agent=tuple(json.loads(agent)),
        reviewer=tuple(json.loads(reviewer)),
        paths=tuple(json.loads(paths)),
    )


def _names(sbi: _Candidate, wanted: Wanted) -> tuple[str, ...]:
    """The agents that may do the item's step, in order."""
    if Status.INTEGRATING in (sbi.status, sbi.stopped_in):
        return (MERGE_QUEUE,)
    if Status.REVIEWING in (sbi.status, sbi.stopped_in):
        return sbi.reviewer or wanted.review
    return sbi.agent or (wanted.decompose if sbi.decomposes else wanted.implement)


def _money(wanted: Wanted) -> Money:
    return Money(
        usd_per_day=wanted.usd_per_day,
        day_began_at=wanted.day_began_at,
        day_ends_at=wanted.day_ends_at,
        usd_per_run=wanted.usd_per_run,
        worker=wanted.worker,
    )


def scope_values(scope: Scope) -> dict[str, Value]:
    """The parameters of `{scope}` in a query."""
    return {
        "numbers": None if scope.numbers is None else json.dumps(scope.numbers),
        "label": None if scope.label is None else json.dumps(scope.label, ensure_ascii=False),
        "parent": scope.parent,
        "text": scope.text,
        "owner": scope.owner,
        "sbis": int(scope.sbis),
        "pbis": int(scope.pbis),
    }


def call_from(row: tuple[Any, ...]) -> Call:
    token, sbi, worker, boot, outbox, pid, start, namespace, lock = row
    guard = None if pid is None else Guard(pid=pid, start=start, namespace=namespace, lock=lock)
    return Call(token=token, sbi=sbi, worker=worker, boot=boot, outbox=outbox, guard=guard)
