"""A world in one thread: workers that take, work and settle a step at a time, people who interfere, deaths, a clock.

Everything that happens follows from the seed. Claims, leases, settlements, back-off, pauses and the burial of the dead
are the program's own; what a turn does between claim and settlement with processes and files is played here. An agent
is an entry in a table: it lives from its call until something ends it, and there must never be two on one item.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

from rules import check
from workshop import HandClock

from deespec.agents.base import AgentError, AgentResult, Blame
from deespec.app import App
from deespec.backlog import edit
from deespec.backlog.register import Order, register
from deespec.backlog.start import start
from deespec.config import load_settings
from deespec.engine.acting import Acted, Answered, Failed, GivenBack, Needed
from deespec.engine.calling import agent_actor, step_for
from deespec.engine.turn import settle, take
from deespec.engine.worker import Crew, Orders
from deespec.errors import LeaseLost, NotPossible, StaleAnswer, UsageError
from deespec.model.items import Answer, Claim, Kind, Priority, Sbi
from deespec.model.lifecycle import Status, Step
from deespec.model.spec import new_item
from deespec.model.wanted import Idle
from deespec.store.alive import LifeLock

LEASE_MS = 60_000
PLACES = ((), ("src/**",), ("src/a/**",), ("docs/**",), ("src/a/x", "docs/y"), ("tests/**",))
AGENTS = ((), (), (), ("few",), ("many",), ("few", "many"))
PRIORITIES = tuple(Priority)
CONFIG = """
[run]
implement = ["few", "many"]
max_turns = 5
review_rounds = 2
lease = "60 s"
[workspace]
undeclared = "{undeclared}"
[agents.few]
kind = "command"
command = "true"
limit = 2
[agents.many]
kind = "command"
command = "true"
"""


class SeededClock(HandClock):
    """Time, ids and jitter are a matter of the seed."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance

    def random_bytes(self, count: int) -> bytes:
        return self.chance.randbytes(count)

    def jitter(self, upper_ms: int) -> int:
        return self.chance.randrange(upper_ms + 1)


class Job:
    """A turn that a worker has begun."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.called = False


class Hand:
    """One worker, without threads. What it does at once in the program, it does here when the world says so."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = world.app.store
        self.crew = Crew(world.app, Orders(), tell=lambda _: None)
        self.pulse = self.crew.pulse
        self.life = LifeLock(str(world.app.settings.home), self.crew.worker.uid)
        with self.store.transaction() as tx:
            tx.add_worker(self.crew.worker)
        self.pulse.beat(changed=True)
        self.jobs: list[Job] = []
        self.frozen = False

    def take(self) -> Idle | None:
        found = take(self.crew.bench)
        if isinstance(found, Idle):
            return found
        self.world.taken(found)
        self.pulse.hold(found.token)
        self.jobs.append(Job(found))
        return None

    def go_on(self, job: Job) -> None:
        """One step of a turn."""
        if not job.called:
            self.call(job)
        elif self.world.chance.random() < 0.3:
            self.hand_in(job.claim)
        else:
            self.settle(job)

    def call(self, job: Job) -> None:
        """Ends what others left on the item, prepares it, and calls its agent, unless it has been answered already."""
        claim = job.claim
        try:
            for call in claim.leftovers:
                self.world.agents.pop(call.token, None)
                with self.store.transaction() as tx:
                    tx.must_own(claim)
                    tx.call_over(call.token)
            with self.store.transaction() as tx:
                tx.workspace_ready(claim, manifest="files:none", actor=self.crew.bench.actor)
        except LeaseLost:
            self.lost(job)
            return
        job.called = True
        if claim.answer is None:
            self.world.called(claim, self)

    def hand_in(self, claim: Claim) -> None:
        """The agent gives an answer by command: it is stored if the turn is still this claim's, and only then."""
        with self.store.read() as tx:
            mine = tx.claim_is_mine(claim)
        answer = self.world.some_answer(step_for(claim))
        actor = agent_actor(claim)
        try:
            with self.store.transaction() as tx:
                tx.store_answer(sbi=claim.sbi.number, turn=claim.turn, token=claim.token, answer=answer, actor=actor)
        except StaleAnswer:
            assert not mine, f"{claim.sbi.id}: an answer under the claim {claim.token} was refused"
        else:
            assert mine, f"{claim.sbi.id}: an answer under the lost claim {claim.token} was stored"

    def settle(self, job: Job) -> None:
        """The agent has ended. Whoever has lost the claim changes nothing."""
        claim = job.claim
        with self.store.read() as tx:
            mine = tx.claim_is_mine(claim)
            stored = tx.stored_answer(claim.sbi.number, claim.turn) if mine else None
            before = tx.sbi(claim.sbi.number), tx.journal_end()
        stopped = claim.answer is None and claim.token not in self.world.agents
        self.world.agents.pop(claim.token, None)
        try:
            settle(self.crew.bench, claim, self.world.some_end(claim, stored, stopped=stopped))
        except LeaseLost:
            assert not mine, f"{claim.sbi.id}: the claim {claim.token} could not be settled"
            with self.store.read() as tx:
                assert (tx.sbi(claim.sbi.number), tx.journal_end()) == before
        else:
            assert mine, f"{claim.sbi.id}: the lost claim {claim.token} was settled"
        self.lost(job)

    def lost(self, job: Job) -> None:
        self.pulse.drop(job.claim.token)
        self.jobs.remove(job)

    def beat(self) -> None:
        """The pulse, and what the watch of each running call makes of it."""
        self.pulse.beat(changed=True)
        for job in self.jobs:
            if self.pulse.is_revoked(job.claim.token):
                self.world.agents.pop(job.claim.token, None)

    def die(self) -> None:
        """Its guards end its agents, some of them late."""
        os.close(self.life.file)
        for job in self.jobs:
            if self.world.chance.random() < 0.5:
                self.world.agents.pop(job.claim.token, None)


class World:
    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.clock = SeededClock(self.chance)
        self.exclusive = self.chance.random() < 0.5
        self.app = self._app(folder)
        self.agents: dict[int, tuple[int, Hand]] = {}
        """The living ones: token -> number of the item, worker."""
        self.items: list[int] = []
        self.token = 0
        """The highest so far."""
        self.slots = self.chance.randrange(1, 4)
        self.kindness = self.chance.choice((0.3, 0.6, 0.9))
        """How often an agent does what it should."""
        self.hands = [Hand(self) for _ in range(self.chance.randrange(1, 4))]
        self.deeds: dict[Callable[[], object], int] = {
            self.work: 60,
            self.beats: 12,
            self.time_passes: 12,
            self.somebody_registers: 6,
            self.somebody_decides: 12,
            self.resume_agents: 1,
            self.a_worker_dies: 2,
            self.a_worker_freezes_or_thaws: 2,
        }

    def close(self) -> None:
        for hand in self.hands:
            os.close(hand.life.file)
        self.app.close()

    def step(self) -> None:
        """One thing happens; afterwards everything that must hold holds."""
        deed = self.chance.choices(list(self.deeds), weights=list(self.deeds.values()))[0]
        deed()
        self.guards_look()
        check(self.app, exclusive=self.exclusive)

    # --- what can happen --------------------------------------------------------------------------------------------

    def work(self) -> None:
        """A free slot takes an item, or a turn goes on by a step."""
        awake = [hand for hand in self.hands if not hand.frozen]
        if not awake:
            return
        hand = self.chance.choice(awake)
        if len(hand.jobs) < self.slots and self.chance.random() < 0.4:
            hand.take()
        elif hand.jobs:
            hand.go_on(self.chance.choice(hand.jobs))

    def beats(self) -> None:
        for hand in self.hands:
            if not hand.frozen and self.chance.random() < 0.8:
                hand.beat()

    def time_passes(self) -> None:
        self.clock.forward(self.chance.choice((100, 1_000, 5_000, 20_000)))
        if self.chance.random() < 0.05:
            self.clock.forward(3 * LEASE_MS)  # the machine was suspended
        self.beats()

    def somebody_registers(self) -> None:
        if len(self.items) >= 25:
            return
        needs = self.chance.sample(self.items, k=min(len(self.items), self.chance.choice((0, 0, 1, 2))))
        new = new_item(
            Kind.SBI,
            title=f"Number {len(self.items) + 1}",
            depends_on=tuple(f"SBI-{number}" for number in needs),
            paths=self.chance.choice(PLACES),
            agent=self.chance.choice(AGENTS),
            reviewer=self.chance.choice(AGENTS),
            priority=self.chance.choice(PRIORITIES),
            only_implement=self.chance.random() < 0.3,
            max_turns=self.chance.choice((None, None, 1, 3)),
        )
        order = Order(kind=Kind.SBI, new=new, hold=self.chance.random() < 0.1)
        done = register(self.app.store, [order], uids=[self.clock.uid()], owner="person")
        assert isinstance(done[0].item, Sbi)
        self.items.append(done[0].item.number)

    def somebody_decides(self) -> None:
        if not self.items:
            return
        store, number = self.app.store, self.chance.choice(self.items)
        decisions: tuple[tuple[int, Callable[[], object]], ...] = (
            (2, lambda: edit.hold(store, [number], actor="person")),
            (2, lambda: edit.hold(store, [number], actor="person", now=True)),
            (6, lambda: edit.unhold(store, [number], actor="person")),
            (1, lambda: edit.cancel(store, [number], actor="person")),
            (6, lambda: edit.retry(store, [number], actor="person", max_turns=self.chance.choice((None, 2)))),
            (4, lambda: edit.answer(store, number, "So be it.", actor="person")),
            (2, lambda: edit.reset(store, [number], actor="person")),
            (4, lambda: self.change(number)),
        )
        decide = self.chance.choices([one for _, one in decisions], weights=[weight for weight, _ in decisions])[0]
        try:
            decide()
        except (NotPossible, UsageError):
            pass  # not in this state; a circle of needs

    def change(self, number: int) -> None:
        def changed(item: object) -> dict[str, object]:
            assert isinstance(item, Sbi)
            changes: list[dict[str, object]] = [
                {"priority": self.chance.choice(PRIORITIES)},
                {
                    "depends_on": tuple(
                        f"SBI-{one}" for one in sorted(self.chance.sample(self.items, k=1)) if one != number
                    )
                },
                {"depends_on": ()},
                {"agent": self.chance.choice(AGENTS)},
            ]
            if not item.in_work:
                changes.append({"paths": self.chance.choice(PLACES)})
            return self.chance.choice(changes)

        edit.update(self.app.store, f"SBI-{number}", changed, actor="person")

    def resume_agents(self) -> int:
        """The number of those that were paused."""
        with self.app.store.transaction() as tx:
            return sum(tx.resume_agent(agent, actor="person") for agent in ("few", "many"))

    def a_worker_dies(self) -> None:
        hand = self.hands.pop(self.chance.randrange(len(self.hands)))
        hand.die()
        if not self.hands or self.chance.random() < 0.9:
            self.hands.append(Hand(self))

    def a_worker_freezes_or_thaws(self) -> None:
        hand = self.chance.choice(self.hands)
        hand.frozen = not hand.frozen

    def guards_look(self) -> None:
        """A guard ends its agent when the worker has not moved the deadline on."""
        for token, (_, hand) in list(self.agents.items()):
            if self.clock.boot_ms() >= hand.pulse.deadline_ms:
                del self.agents[token]

    # --- the end ----------------------------------------------------------------------------------------------------

    def come_to_an_end(self, rounds: int) -> None:
        """Nobody interferes any more, and everything that can go on does so."""
        self.kindness = 0.9
        for hand in self.hands:
            hand.frozen = False
        for number in self.items:
            with self.app.store.read() as tx:
                sbi = tx.sbi(number)
            if sbi.held and sbi.in_work:  # it would keep its paths from the others
                edit.unhold(self.app.store, [number], actor="person")
        for _ in range(rounds):
            for hand in self.hands:
                hand.beat()
            idles = [idle for hand in self.hands if (idle := self._all_of(hand)) is not None]
            self.guards_look()
            check(self.app, exclusive=self.exclusive)
            if not idles or any(idle.again for idle in idles):
                continue
            times = [idle.next_at for idle in idles if idle.next_at is not None]
            if not times and all(idle.running == 0 for idle in idles):
                if not self.resume_agents():
                    return
                continue
            self.clock.forward(max(1, min(times, default=0) - self.clock.now_ms(), 0 if times else LEASE_MS))
        raise AssertionError(f"There is still something to do after {rounds} rounds.")

    def _all_of(self, hand: Hand) -> Idle | None:
        """It fills its slots and ends all its turns; Idle if there was nothing for it."""
        idle = hand.take()
        while idle is None and len(hand.jobs) < self.slots and hand.take() is None:
            pass
        if idle is not None and hand.jobs:
            idle = None
        while hand.jobs:
            hand.go_on(hand.jobs[0])
        return idle

    # --- what the hands tell and ask --------------------------------------------------------------------------------

    def taken(self, claim: Claim) -> None:
        assert claim.token > self.token, f"{claim.sbi.id}: the token {claim.token} is not above {self.token}"
        self.token = claim.token
        with self.app.store.read() as tx:
            unmet = [need for need in claim.sbi.depends_on if tx.sbi(int(need[4:])).status is not Status.DONE]
            assert not (claim.step is Step.PREPARE and unmet), f"{claim.sbi.id} was begun before {unmet}"
            stored = tx.stored_answer(claim.sbi.number, claim.turn)
        assert claim.answer == stored, f"{claim.sbi.id}: the answer {stored} was not handed over"

    def called(self, claim: Claim, hand: Hand) -> None:
        alive = [token for token, (number, _) in self.agents.items() if number == claim.sbi.number]
        assert not alive, f"{claim.sbi.id}: an agent is called while that of the claim {alive} is alive"
        self.agents[claim.token] = (claim.sbi.number, hand)

    def some_answer(self, step: Step) -> Answer:
        if self.chance.random() < 0.1:
            return Answer(kind="question", text="Which one?")
        if step is Step.REVIEW:
            decision = "SUCCEEDED" if self.kind() else self.chance.choice(("NEEDS_CHANGES", "FAILED"))
            return Answer(kind="review", decision=decision)
        return Answer(kind="implement", text="Done.")

    def some_end(self, claim: Claim, stored: Answer | None, *, stopped: bool) -> Acted:
        """How the call ended; an answer that was stored counts, as it does in the program."""
        result = AgentResult()
        if stored is None and stopped:
            return Failed(
                error=AgentError(blame=Blame.STOPPED, code="deadline", message="It stood still."), result=result
            )
        if stored is None and not self.kind():
            return self.some_failure(result)
        findings = () if self.kind() else ("A gate failed.",)
        with self.app.store.read() as tx:
            sbi = tx.sbi(claim.sbi.number)
        answer = stored or self.some_answer(step_for(claim))
        return Answered(sbi=sbi, answer=answer, result=result, findings=findings)

    def some_failure(self, result: AgentResult) -> Acted:
        soon = self.clock.now_ms() + self.chance.choice((1_000, 600_000))
        return self.chance.choice(
            (
                Failed(error=AgentError(blame=Blame.CALL, code="crash", message="It crashed."), result=result),
                Failed(error=AgentError(blame=Blame.CALL, code="timeout", message="Too slow."), result=result),
                Failed(
                    error=AgentError(blame=Blame.ACCOUNT, code="rate_limit", message="Later.", reset_at=soon),
                    result=result,
                ),
                Failed(error=AgentError(blame=Blame.AGENT, code="login", message="Who are you?"), result=result),
                Failed(error=AgentError(blame=Blame.STOPPED, code="worker", message="Stopped."), result=result),
                GivenBack(why="workspace: no space"),
                GivenBack(why="stopped", setback=False),
                Needed(reason="leftovers", question="Who is that?"),
            )
        )

    def kind(self) -> bool:
        return self.chance.random() < self.kindness

    def _app(self, folder: Path) -> App:
        home = folder / "project" / ".deespec"
        home.parent.mkdir()
        start(home, clock=self.clock, agents=())
        undeclared = "exclusive" if self.exclusive else "parallel"
        (home / "config.toml").write_text(CONFIG.format(undeclared=undeclared))
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)}
        return App(load_settings(home, env, {}), clock=self.clock, env=env)
