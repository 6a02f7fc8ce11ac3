"""A world in one thread: workers that claim, work and settle step by step, people who interfere, deaths, and a clock that
only moves when the seed says so. Agents are entries in a table: alive from the call on until something ends them.

What the engine does between claim and settlement with processes and files is played here (`Hand.call`); claims, leases,
settlements, back-off, pauses and the burial of the dead are the program's own.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

from workshop import HandClock

from deespec.engine.calling import agent_actor, step_for
from deespec.engine.turn import settle, take
from deespec.engine.worker import Crew, Orders
from deespec.errors import LeaseLost, StaleAnswer
from deespec.model.items import Claim
from deespec.model.wanted import Idle
from deespec.store.alive import LifeLock

LEASE_MS = 60_000
LIMIT = 2
"""Of the agent `few`, over all workers."""
PLACES = ((), ("src/**",), ("src/a/**",), ("docs/**",), ("src/a/x", "docs/y"), ("tests/**",))
AGENTS = ((), (), (), ("few",), ("many",), ("few", "many"))


class SeededClock(HandClock):
    """Time, ids and jitter are a matter of the seed."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance

    def random_bytes(self, count: int) -> bytes:
        return self.chance.randbytes(count)

    def jitter(self, upper_ms: int) -> int:
        return self.chance.randrange(upper_ms + 1)


class Hand:
    """One worker, without threads."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.crew = Crew(world.app, Orders(), tell=lambda _: None)
        self.bench = self.crew.bench
        self.uid = self.crew.worker.uid
        self.life = LifeLock(str(world.app.settings.home), self.uid)
        with world.app.store.transaction() as tx:
            tx.add_worker(self.crew.worker)
        self.crew.pulse.beat(changed=True)
        self.claims: dict[int, Claim] = {}
        """What it works on, by token."""
        self.frozen = False

    def claim(self) -> Idle | None:
        """Takes an item and calls its agent, having ended what others left on it."""
        found = take(self.bench)
        if isinstance(found, Idle):
            return found
        self.world.seen_claim(found)
        self.crew.pulse.hold(found.token)
        self.claims[found.token] = found
        return None

    def call(self, claim: Claim) -> None:
        """From the claim to the running agent."""
        world = self.world
        try:
            for call in claim.leftovers:
                world.agents.pop(call.token, None)
                with world.app.store.transaction() as tx:
                    tx.must_own(claim)
                    tx.call_over(call.token)
            with world.app.store.transaction() as tx:
                tx.workspace_ready(claim, manifest="files:none", actor=self.bench.actor)
        except LeaseLost:
            self.drop(claim)
            return
        world.call(claim, self)

    def answer(self, claim: Claim) -> None:
        """Its agent hands something in: taken while the claim is its, refused afterwards."""
        with self.world.app.store.read() as tx:
            mine = tx.claim_is_mine(claim)
        try:
            with self.world.app.store.transaction() as tx:
                answer = self.world.some_answer(step_for(claim))
                tx.store_answer(
                    sbi=claim.sbi.number, turn=claim.turn, token=claim.token, answer=answer, actor=agent_actor(claim)
                )
            assert mine, f"an answer under the lost claim {claim.token} was taken"
        except StaleAnswer:
            assert not mine, f"an answer under the claim {claim.token} was refused"

    def settle(self, claim: Claim) -> None:
        """Its agent has ended; what came of it is recorded, unless the claim was lost."""
        world = self.world
        world.agents.pop(claim.token, None)
        with world.app.store.read() as tx:
            mine = tx.claim_is_mine(claim)
            before = (tx.sbi(claim.sbi.number), tx.journal_end())
        try:
            settle(self.bench, claim, world.some_end(claim))
            assert mine, f"the lost claim {claim.token} was settled"
        except LeaseLost:
            assert not mine, f"the claim {claim.token} was not settled"
            with world.app.store.read() as tx:
                assert (tx.sbi(claim.sbi.number), tx.journal_end()) == before
        self.drop(claim)

    def drop(self, claim: Claim) -> None:
        self.crew.pulse.drop(claim.token)
        del self.claims[claim.token]

    def beat(self) -> None:
        self.crew.pulse.beat(changed=True)
        for token in list(self.claims):
            if self.crew.pulse.is_revoked(token):
                self.world.agents.pop(token, None)

    def die(self) -> None:
        """Its guards end its agents, some of them late."""
        os.close(self.life.file)
        for token in self.claims:
            if self.world.chance.random() < 0.5:
                self.world.agents.pop(token, None)

    def close(self) -> None:
        os.close(self.life.file)


class World:
    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.clock = SeededClock(self.chance)
        self.app = _app(folder, self.clock, exclusive=self.chance.random() < 0.5)
        self.slots = self.chance.randrange(1, 4)
        self.kindness = self.chance.choice((0.3, 0.6, 0.9))
        """How often an agent does what it should."""
        self.hands = [Hand(self) for _ in range(self.chance.randrange(1, 4))]
        self.agents: dict[int, tuple[int, Hand]] = {}
        """The living ones: token -> item and worker."""
        self.highest_token = 0
        self.items = 0

    def close(self) -> None:
        for hand in self.hands:
            hand.close()
        self.app.close()

    # --- one step ---------------------------------------------------------------------------------------------------

    def step(self) -> str:
        """One thing happens; its name."""
        deeds = {
            self.work: 60,
            self.beat: 12,
            self.time_passes: 12,
            self.register: 6,
            self.person: 12,
            self.death: 1,
            self.freeze: 2,
        }
        deed = self.chance.choices(list(deeds), weights=list(deeds.values()))[0]
        deed()
        self.guards_look()
        return deed.__name__

    def work(self) -> None:
        awake = [hand for hand in self.hands if not hand.frozen]
        if awake:
            hand = self.chance.choice(awake)
            self.work_by(hand)

    def work_by(self, hand: Hand) -> Idle | None:
        """A free slot claims; otherwise one of the running turns goes on by a step."""
        if len(hand.claims) < self.slots and self.chance.random() < 0.5:
            return hand.claim()
        if hand.claims:
            claim = self.chance.choice(list(hand.claims.values()))
            if claim.token not in self.agents and claim.token not in self.called:
                hand.call(claim)
            elif claim.answer is None and self.chance.random() < 0.3:
                hand.answer(claim)
            else:
                hand.settle(claim)
        return None

    def beat(self) -> None:
        hand = self.chance.choice(self.hands)
        if not hand.frozen:
            hand.beat()

    def time_passes(self) -> None:
        self.clock.forward(self.chance.choice((100, 1_000, 5_000, 20_000)))
        if self.chance.random() < 0.05:
            self.clock.forward(3 * LEASE_MS)  # the machine was suspended

    def death(self) -> None:
        hand = self.hands.pop(self.chance.randrange(len(self.hands)))
        hand.die()
        if not self.hands or self.chance.random() < 0.8:
            self.hands.append(Hand(self))

    def freeze(self) -> None:
        hand = self.chance.choice(self.hands)
        hand.frozen = not hand.frozen

    def guards_look(self) -> None:
        """A guard ends its agent when its worker has not moved the deadline on."""
        now = self.clock.boot_ms()
        for token, (_, hand) in list(self.agents.items()):
            if now >= hand.crew.pulse.deadline_ms:
                del self.agents[token]
