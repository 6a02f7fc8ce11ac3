"""A backlog, its workers, its people and its clock, all moved by one seed in one thread.

A turn is cut into the pieces between its transactions; the seed decides whose piece comes next. A worker dies by never
getting its next one, and freezes by not getting it for a while. After each piece `life_rules.py` judges what is there.
"""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import Callable
from pathlib import Path

import apsw
from life_rules import PATHS, Rules, Seen

from deespec.agents.base import AgentError, AgentResult, Blame, Usage
from deespec.app import App
from deespec.backlog import edit
from deespec.backlog.decompose import ask_in
from deespec.backlog.drafts import Decider, Needs, approve, reject
from deespec.backlog.register import Order, register
from deespec.backlog.start import start
from deespec.clock import Clock
from deespec.config import load_settings
from deespec.engine.acted import Acted, Answered, Failed, GivenBack, Needed
from deespec.engine.bench import Bench
from deespec.engine.calling import step_for
from deespec.engine.pulse import Pulse
from deespec.engine.turn import settle, take
from deespec.errors import InvalidInput, LeaseLost, NotPossible, StaleAnswer
from deespec.model.ids import decomposition_of, id_of
from deespec.model.items import AgentPause, Answer, Claim, Kind, Priority, Sbi, Worker
from deespec.model.lifecycle import Step
from deespec.model.proposal import Proposed
from deespec.model.reports import accepts
from deespec.model.spec import new_item
from deespec.model.wanted import Idle, Scope
from deespec.records import replace
from deespec.store.alive import LifeLock

ITEMS_MOST = 16
PBIS_MOST = 3
DRAFTS_MOST = 8
"""Of all PBIs together; what is registered of them comes on top of the items."""
HANDS_MOST = 4
STRIDE_MS = 15_000
"""Not so long that a beat after it counts as late."""
ACTIONS_SHOWN = 30
REST_ROUNDS = 1_500
"""Far more than so few items can need to come to their ends."""
AGAIN_MOST = 100
PERSON = "person@test"
AGENTS = ("ann", "bob", "cyd")
CONFIG = """
[run]
implement = "{implement}"
review = "{review}"
decompose = "{decompose}"
max_turns = {max_turns}
max_attempts = {max_attempts}
[workspace]
undeclared = "{undeclared}"
[budget]
usd_per_item = {usd_per_item}
[agents.ann]
kind = "command"
command = ["true"]
limit = 1
[agents.bob]
kind = "command"
command = ["true"]
account = "shared"
limit = 2
[[accounts]]
name = "shared"
limit = {shared}
[agents.cyd]
kind = "command"
command = ["true"]
account = "{cyd}"
"""


class SeededClock(Clock):
    """Moved by hand; all that is random comes from the seed."""

    def __init__(self, seeded: random.Random) -> None:
        self.seeded = seeded
        self.boot = 5_000_000
        self.boots = 1
        self.wall = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.wall

    def boot_ms(self) -> int:
        return self.boot

    waking_ms = boot_ms

    def boot_id(self) -> str:
        return f"boot {self.boots}"

    def random_bytes(self, count: int) -> bytes:
        return self.seeded.randbytes(count)

    def forward(self, ms: int) -> None:
        self.boot += ms
        self.wall += ms


class Flight:
    """A claim on its way to its settlement."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.sbi: Sbi | None = None
        """The item when its workspace was ready."""
        self.answer: Answer | None = claim.answer
        self.cleared = False


class Hand:
    """One worker: the real bench and pulse, without the thread."""

    def __init__(self, app: App, name: str, *, slots: int, scope: Scope) -> None:
        clock = app.clock
        self.worker = Worker(
            uid=clock.uid(),
            name=name,
            host="here",
            pid=1,
            pid_start="1",
            namespace="1",
            boot=clock.boot_id(),
            slots=slots,
            started_at=clock.now_ms(),
            seen_at=clock.now_ms(),
        )
        self.life = LifeLock(str(app.settings.home), self.worker.uid)
        self.pulse = Pulse(app, self.worker, on_stop=lambda _: None)
        self.bench = Bench(app, self.worker, self.pulse, scope=scope)
        self.flights: list[Flight] = []
        self.frozen = False
        with app.store.transaction() as tx:
            tx.add_worker(self.worker)

    @property
    def name(self) -> str:
        return self.worker.name

    @property
    def tokens(self) -> list[int]:
        return [flight.claim.token for flight in self.flights]

    @property
    def scope(self) -> Scope:
        return self.bench.scope

    def die(self) -> None:
        """As the kernel does it: the lock is gone, its file stays."""
        os.close(self.life.file)


class Life:
    def __init__(self, seed: int, folder: Path) -> None:
        self.seeded = random.Random(seed)
        self.clock = SeededClock(self.seeded)
        self.app = self._app(folder)
        self.hands: list[Hand] = []
        self.actions: deque[str] = deque(maxlen=ACTIONS_SHOWN)
        self.registered: dict[int, str] = {}
        self.planned = 1
        """PBIs."""
        self.drafted = 0
        self.ended_turns: set[tuple[int, int, int]] = set()
        """(item, turn, token) of every settlement that was acknowledged."""
        self.last_token = 0
        self.calm = False
        """Nobody dies, no agent is broken for good, and people have stopped deciding."""
        self.rules = self._rules()
        self._heard: Idle | None = None
        """What a worker heard that found nothing to take, if this was the last thing that happened."""
        self._freed: set[int] = set()
        self._began: set[int] = set()
        """Claims that were ended, and items that were taken, by the running piece."""
        self._looking = apsw.Connection(str(folder / ".deespec" / "deespec.db"), flags=apsw.SQLITE_OPEN_READWRITE)
        with self.app.store.read() as tx:
            raw = tx.connection.raw  # type: ignore[attr-defined]
        raw.execute("PRAGMA synchronous = OFF")  # nothing here depends on the disk
        order = Order(kind=Kind.PBI, new=new_item(Kind.PBI, title="All of it"))
        register(self.app.store, [order], uids=[self.clock.uid()], owner=PERSON)
        self._version = self._data_version()
        self.seen = self._newest = Seen(self._looking)
        self._do(self._spawn)
        self._do(self._register)

    def close(self) -> None:
        for hand in self.hands:
            hand.life.release()
        self._looking.close()
        self.app.close()

    def _app(self, folder: Path) -> App:
        dice = self.seeded
        home = folder / ".deespec"
        (folder / "tmp").mkdir()
        start(home, clock=self.clock, agents=())
        text = CONFIG.format(
            implement=dice.choice(("ann", "bob, cyd", "cyd", "ann, bob")),
            review=dice.choice(("ann", "bob", "cyd", "cyd, ann")),
            decompose=dice.choice(("ann", "cyd", "bob, ann")),
            max_turns=dice.randint(2, 6),
            max_attempts=dice.randint(1, 3),
            undeclared=dice.choice(("exclusive", "exclusive", "parallel")),
            usd_per_item=dice.choice((0, 0, 3)),
            cyd=dice.choice(("shared", "own")),
            shared=dice.choice((0, 1, 3)),
        )
        (home / "config.toml").write_text(text)
        settings = load_settings(home, {}, {})
        return App(settings, clock=self.clock, env={"TMPDIR": str(folder / "tmp")})

    def _rules(self) -> Rules:
        settings = self.app.settings
        probe = Bench(self.app, None, None, scope=Scope())  # type: ignore[arg-type]
        return Rules(
            exclusive=settings.undeclared == "exclusive",
            implement=settings.implement,
            review=settings.review,
            decompose=settings.decompose,
            slots=probe.slots,
            max_turns=settings.max_turns,
            max_attempts=settings.max_attempts,
        )

    # --- one piece after the other ---

    def live(self, steps: int) -> None:
        """So many pieces, in an order and with outcomes that the seed chooses."""
        work = {self._register: 8, self._plan: 3, self._decide: 4, self._take: 30, self._proceed: 60, self._beat: 14}
        world = {self._pass_time: 8, self._spawn: 4}
        trouble = {self._die: 2, self._freeze: 3, self._oversleep: 3, self._thaw: 2, self._leave: 1, self._restart: 0.3}
        people = {
            self._hold: 2,
            self._unhold: 3,
            self._cancel: 1.5,
            self._go_on: 6,
            self._reset: 2,
            self._update: 5,
            self._delete: 0.5,
            self._pause: 1,
            self._resume: 2,
            self._ask: 2,
            self._hold_pbi: 1,
            self._cancel_pbi: 0.7,
            self._answer_pbi: 3,
            self._rewrite_pbi: 1,
        }
        # A kind of trouble that is missing makes room for others (swarm testing), so each life has its own mixture.
        moods = {move: weight * self.seeded.choice((0, 1, 1, 3)) for move, weight in {**trouble, **people}.items()}
        moves = {**work, **world, **moods}
        for _ in range(steps):
            while not self._do(self.seeded.choices(list(moves), list(moves.values()))[0]):
                pass

    def come_to_rest(self) -> None:
        """Deaths and decisions stop; all that can go on must come to its end in finite time."""
        self.calm = True
        held = [row.number for row in self.seen.items.values() if row.held and row.number > 0]
        edit.unhold(self.app.store, held, actor=PERSON)
        for number in range(1, self.planned + 1):
            self._set_held(number, held=False)
        last = self._hire(slots=3, scope=Scope(pbis=True))
        self.seen = self._look()
        for _ in range(REST_ROUNDS):
            if any(row.until_at is None for row in self.seen.pauses):
                self._do(self._resume)
            idle = self._round(last)
            if idle is None:
                continue
            if idle.next_at is None and not self.seen.leases and not self._frozen():
                break
            lease_ms = self.app.settings.lease_ms
            self.clock.forward(lease_ms // 4 if idle.next_at is None else max(1, idle.next_at - self.clock.now_ms()))
        else:
            raise AssertionError("it does not come to rest")
        self.rules.is_settled(self.seen)

    def _round(self, last: Hand) -> Idle | None:
        """Everybody works until nothing is in flight; what the last one heard, if nobody found anything to do."""
        heard: Idle | None = None
        for hand in self._awake():
            self._do(self._beat, hand)
            self._do(self._take, hand)
            if hand is last:
                heard = self._heard
        busy = False
        while self._do(self._proceed):
            busy = True
            if self.seeded.random() < 0.1:
                self._do(self._thaw)
        return None if busy or self._do(self._thaw) else heard

    def _do(self, move: Callable[..., str | None], *args: Hand) -> bool:
        """One piece and a look at what it did; False: there was nothing of this kind to do."""
        self._freed.clear()
        self._began.clear()
        before = self.seen
        self.actions.append(f"{self._when} now: {move.__name__}")
        try:
            words = move(*args)
        except (NotPossible, InvalidInput) as error:
            words = f"refused: {error.message}"
            assert self._look() == before, f"{words}, but something was changed"
        self.actions.pop()
        if words is None:
            return False
        self.actions.append(f"{self._when} {words}")
        self.seen = self._look()
        if self.seen is not before:
            self._check(before)
        return True

    def _look(self) -> Seen:
        """What is there now; the same object as long as nobody has written."""
        version = self._data_version()
        if version != self._version:
            self._version, self._newest = version, Seen(self._looking)
        return self._newest

    def _data_version(self) -> int:
        version: int = self._looking.execute("PRAGMA data_version").fetchall()[0][0]
        return version

    @property
    def _when(self) -> str:
        return f"{self.clock.boot / 1000:>12,.1f}"

    def _check(self, before: Seen) -> None:
        self.rules.always(self.seen)
        gone = {n: uid for n, uid in self.registered.items() if n not in self.seen.items}
        assert not gone, f"registered, and not there: {gone}"
        assert self.ended_turns <= set(self.seen.turns), "an acknowledged turn is not there"
        for token, row in before.leases.items():
            if token not in self.seen.leases and token not in self._freed:
                self._may_be_buried(row)
                after = self.seen.items[row.number]
                assert after.status == "FAILED" or after.attempts > row.attempts, (
                    f"{id_of(row.number)}: no attempt is used"
                )
        for number, row in self.seen.items.items():
            began = row.stage == "working" and (number not in before.items or before.items[number].stage != "working")
            assert not began or number in self._began, f"{id_of(number)} is in work and nobody has taken it"
        with self.app.store.read() as tx:
            assert tx.orphans() == []

    def _may_be_buried(self, row: object) -> None:
        """Nobody takes a claim from a living worker that beats in time."""
        alive = {hand.worker.uid for hand in self.hands}
        over = row.lease_until < self.clock.boot or row.lease_boot != self.clock.boot_id()  # type: ignore[attr-defined]
        dead = row.lease_worker not in alive  # type: ignore[attr-defined]
        assert over or dead, f"SBI-{row.number} was taken from {row.lease_worker}"  # type: ignore[attr-defined]

    # --- workers ---

    def _awake(self) -> list[Hand]:
        return [hand for hand in self.hands if not hand.frozen]

    def _frozen(self) -> list[Hand]:
        return [hand for hand in self.hands if hand.frozen]

    def _hire(self, *, slots: int, scope: Scope) -> Hand:
        hand = Hand(
            self.app, f"w{len(self.seen.tables['worker'][1])}{self.seeded.choice('abcdefgh')}", slots=slots, scope=scope
        )
        self.hands.append(hand)
        return hand

    def _spawn(self) -> str | None:
        if len(self.hands) >= HANDS_MOST:
            return None
        label = self.seeded.choice((None, None, None, "core"))
        sbis, pbis = self.seeded.choice(((True, False), (True, True), (True, True), (False, True)))
        scope = Scope(label=label if sbis else None, sbis=sbis, pbis=pbis)
        hand = self._hire(slots=self.seeded.randint(1, 3), scope=scope)
        hand.pulse._renew()
        hand.pulse._bury()
        return f"{hand.name} starts with {hand.worker.slots} slots, for {label or 'all'} of {scope.workflows}"

    def _take(self, hand: Hand | None = None) -> str | None:
        free = [one for one in self._awake() if len(one.flights) < one.worker.slots]
        if hand is None:
            hand = self.seeded.choice(free) if free else None
        if hand is None or hand not in free:
            return None
        now, before = self.clock.now_ms(), self.seen
        for _ in range(AGAIN_MOST):
            got = take(hand.bench)
            after = self._look()
            if isinstance(got, Claim) or not got.again:
                break
            before = after
        else:
            raise AssertionError("it is told to ask again, and again")
        if isinstance(got, Idle):
            self._heard = got
            self.rules.may_rest(after, got, now=now, scope=hand.scope)
            return f"{hand.name} finds nothing until {got.next_at}"
        self._heard = None
        assert got.token > self.last_token, "tokens must grow"
        self.last_token = got.token
        self._began.add(got.sbi.number)
        self.rules.may_start(before, got, now=now)
        self.rules.was_first(before, after, got, now=now, scope=hand.scope)
        for rival in self._frozen():
            # The most dangerous moment: both believe that the item is theirs.
            if self.seeded.random() < 0.7 and any(f.claim.sbi.number == got.sbi.number for f in rival.flights):
                rival.frozen = False
        hand.pulse.hold(got.token)
        hand.flights.append(Flight(got))
        return f"{hand.name} takes {got.sbi.id} turn {got.turn} to {got.step} as {got.token} with {got.agent}"

    def _beat(self, hand: Hand | None = None) -> str | None:
        awake = self._awake()
        if not awake:
            return None
        hand = hand or self.seeded.choice(awake)
        changed = self.calm or self.seeded.random() < 0.5
        hand.pulse.beat(changed=changed)
        if changed:
            lost = set(hand.tokens) - set(self._look().leases)
            noticed = {token for token in hand.tokens if hand.pulse.is_revoked(token)}
            assert noticed == lost, f"{hand.name} has lost {lost} and noticed {noticed}"
        if self.clock.boot >= hand.pulse._no_takeover_until:
            alive = {one.worker.uid for one in self.hands}
            left = [token for token, row in self._look().leases.items() if row.lease_worker not in alive]
            assert not left, f"{left} of dead workers are still claimed"
        return f"{hand.name} beats"

    def _die(self) -> str | None:
        hand = self._victim(self.hands)
        if hand is None:
            return None
        self.hands.remove(hand)
        hand.die()
        return f"{hand.name} dies with {hand.tokens}"

    def _freeze(self) -> str | None:
        """Stopped, but not dead: its lock is held, and nobody renews its leases."""
        hand = self._victim(self._awake())
        if hand is None:
            return None
        hand.frozen = True
        return f"{hand.name} freezes with {hand.tokens}"

    def _oversleep(self) -> str | None:
        """One stands still while the others go on, until its leases are over and what it does is another's."""
        words = self._freeze()
        others = self._awake()
        if words is None or not others:
            return words
        for _ in range(self.app.settings.lease_ms // STRIDE_MS + 1):
            self.clock.forward(STRIDE_MS)
            for hand in others:
                hand.pulse.beat(changed=False)
        return f"{words} for longer than its lease"

    def _thaw(self) -> str | None:
        """Goes on as if nothing had been; mostly after others have taken its items over."""
        frozen = self._frozen()
        if not frozen:
            return None
        hand = max(frozen, key=lambda one: len(set(one.tokens) - set(self.seen.leases)))
        hand.frozen = False
        return f"{hand.name} thaws with {hand.tokens}"

    def _victim(self, hands: list[Hand]) -> Hand | None:
        """Mostly one that is at work."""
        busy = [hand for hand in hands if hand.flights]
        among = busy if busy and self.seeded.random() < 0.8 else hands
        return self.seeded.choice(among) if among else None

    def _leave(self) -> str | None:
        """A worker that has nothing to do ends itself, as Crew.run does."""
        idle = [hand for hand in self._awake() if not hand.flights]
        if not idle:
            return None
        hand = self.seeded.choice(idle)
        self.hands.remove(hand)
        with self.app.store.transaction() as tx:
            tx.remove_worker(hand.worker)
        hand.life.release()
        return f"{hand.name} leaves"

    def _restart(self) -> str:
        """The machine is started anew."""
        for hand in self.hands:
            hand.die()
        self.hands = []
        self.clock.boots += 1
        self.clock.boot = 60_000
        return "the machine restarts"

    def _pass_time(self) -> str:
        if self.seeded.random() < 0.1:
            shift = self.seeded.choice((-3_600_000, -2_000, 2_000))
            self.clock.wall += shift
            return f"the wall clock is set by {shift} ms"
        ms = self.seeded.choice((50, 900, 4_000, 15_000, 15_000, 15_000, 15_000, 70_000, 400_000, 2_000_000))
        self.clock.forward(ms)
        return f"{ms} ms pass"

    # --- a turn, piece by piece ---

    def _proceed(self) -> str | None:
        busy = [one for one in self._awake() if one.flights]
        if not busy:
            return None
        flights = [(one, flight) for one in busy for flight in one.flights]
        rivals = [(one, flight) for one, flight in flights if self._has_rival(flight.claim)]
        hand, flight = self.seeded.choice(rivals if rivals and self.seeded.random() < 0.5 else flights)
        claim = flight.claim
        row = self.seen.items.get(claim.sbi.number)
        mine = row is not None and row.lease_token == claim.token
        who = f"{hand.name} with {claim.token} on {claim.sbi.id}"
        lost: Exception | None = None
        try:
            words = self._piece(hand, flight)
        except (LeaseLost, StaleAnswer) as error:
            lost, words = error, "has lost it"
            self._over(hand, flight)
        if mine:
            assert lost is None, f"{who} is the owner, and hears: {lost}"
        else:
            assert lost is not None, f"{who} is not the owner, and {words}"
            assert self._look() == self.seen, f"{who} is not the owner, and has changed something"
        return f"{who} {words}"

    def _has_rival(self, claim: Claim) -> bool:
        row = self.seen.items.get(claim.sbi.number)
        return row is not None and row.lease_token not in (None, claim.token)

    def _piece(self, hand: Hand, flight: Flight) -> str:
        store, claim, dice = self.app.store, flight.claim, self.seeded
        if not flight.cleared:
            for call in claim.leftovers:
                with store.transaction() as tx:
                    tx.must_own(claim)
                    tx.call_over(call.token)
            flight.cleared = True
            if claim.leftovers:
                return f"clears {len(claim.leftovers)} leftovers"
        if flight.sbi is None:
            flight.sbi = claim.sbi
            if claim.sbi.manifest is None or claim.step is Step.PREPARE:
                manifest = claim.sbi.manifest or f"state {claim.token}"
                with store.transaction() as tx:
                    flight.sbi = tx.workspace_ready(claim, manifest=manifest, actor=hand.bench.actor)
                assert flight.sbi.status != "PICKED"
                return "prepares"
        if flight.answer is None and dice.random() < 0.35:
            answer = self._answer(claim)
            with store.transaction() as tx:
                tx.store_answer(sbi=claim.sbi.number, turn=claim.turn, token=claim.token, answer=answer, actor="agent")
            flight.answer = answer
            return f"has the answer {answer.kind} {answer.decision or ''}"
        return self._settle(hand, flight)

    def _settle(self, hand: Hand, flight: Flight) -> str:
        claim = flight.claim
        acted = self._acted(flight)
        outcome = settle(hand.bench, claim, acted)
        self._freed.add(claim.token)
        self._over(hand, flight)
        if outcome.turn is not None:
            self.ended_turns.add((claim.sbi.number, claim.turn, claim.token))
        assert outcome.after is not None
        if outcome.what == "decomposed":
            self._came_of_drafts(claim.sbi.id)
        return f"ends: {outcome.what}, {outcome.after.status}"

    def _acted(self, flight: Flight) -> Acted:
        dice = self.seeded
        chance = dice.random()
        if chance < 0.7 or flight.answer is not None:
            answer = flight.answer or self._answer(flight.claim)
            complaint = accepts(step_for(flight.claim), answer)
            assert complaint is None, f"an answer of another step: {complaint}"
            assert flight.sbi is not None
            findings = ("It does not work.",) if answer.kind in ("implement", "propose") and dice.random() < 0.2 else ()
            proposed = self._proposed() if answer.kind == "propose" and not findings else ()
            usage = Usage(cost_usd=dice.choice((None, 0.5, 1.5)))
            return Answered(
                sbi=flight.sbi, answer=answer, result=AgentResult(usage=usage), findings=findings, proposed=proposed
            )
        if chance < 0.9:
            usage = Usage(cost_usd=dice.choice((None, None, 0.5)))
            return Failed(error=self._error(), result=AgentResult(usage=usage))
        if chance < 0.98:
            return GivenBack(why="the workspace failed", setback=dice.random() < 0.6)
        return Needed(reason="leftovers", question="End it.")

    def _answer(self, claim: Claim) -> Answer:
        dice = self.seeded
        if dice.random() < 0.06:
            return Answer(kind="question", text="Which one?")
        if step_for(claim) is Step.DECOMPOSE:
            return Answer(kind="propose", text="{}")
        if step_for(claim) is Step.REVIEW:
            decision = dice.choice(("SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "NEEDS_CHANGES", "NEEDS_CHANGES", "FAILED"))
            return Answer(kind="review", text="So it is.", decision=decision)
        return Answer(kind=dice.choice(("implement", "implement", "nothing")), text="Done.")

    def _proposed(self) -> tuple[Proposed, ...]:
        """Some that are new, some that repeat what was suggested before, some that need others."""
        dice = self.seeded
        room = max(0, DRAFTS_MOST - self.drafted)
        names = dice.sample(range(6), min(room, dice.randint(1, 3)))
        return tuple(
            Proposed(
                title=f"Part {name}",
                spec="Do it.",
                paths=self._paths(),
                needs=("1",) if at and dice.random() < 0.4 else (),
                only_implement=dice.random() < 0.3,
            )
            for at, name in enumerate(names)
        )

    def _error(self) -> AgentError:
        dice = self.seeded
        kinds = (
            (Blame.CALL, "crash"),
            (Blame.CALL, "overloaded"),
            (Blame.STOPPED, "stopped"),
            (Blame.STOPPED, "deadline"),
            (Blame.ACCOUNT, "rate_limit"),
            (Blame.AGENT, "login"),
            (Blame.AGENT, "model"),
            (Blame.BUDGET, "budget"),
        )
        blame, code = dice.choice(kinds)
        named = (None, self.clock.now_ms() - 5, self.clock.now_ms() + 30_000, self.clock.now_ms() + 10**9)
        reset_at = dice.choice(named) if blame is Blame.ACCOUNT else None
        return AgentError(blame=blame, code=code, message="It failed.", reset_at=reset_at)

    def _over(self, hand: Hand, flight: Flight) -> None:
        hand.flights.remove(flight)
        hand.pulse.drop(flight.claim.token)

    # --- people ---

    def _register(self) -> str | None:
        dice = self.seeded
        if len(self.registered) >= ITEMS_MOST:
            return None
        last = self.seen.counters.get("sbi", 0)
        orders = [
            self._order(known=[*self.registered, *range(last + 1, last + 1 + index)])
            for index in range(dice.randint(1, 3))
        ]
        uids = [self.clock.uid() for _ in orders]
        done = register(self.app.store, orders, uids=uids, owner=PERSON)
        for one in done:
            assert isinstance(one.item, Sbi)
            self.registered[one.item.number] = one.item.uid
        return "; ".join(f"{one.item.id} is new" for one in done)

    def _plan(self) -> str | None:
        """A PBI, perhaps one that is decomposed and approved by itself."""
        if self.planned >= PBIS_MOST:
            return None
        dice = self.seeded
        auto = dice.random() < 0.6
        new = replace(
            new_item(Kind.PBI, title="More"),
            priority=dice.choice(tuple(Priority)),
            auto=auto,
            auto_approve=auto and dice.random() < 0.4,
        )
        order = Order(kind=Kind.PBI, new=new, hold=dice.random() < 0.1)
        [done] = register(self.app.store, [order], uids=[self.clock.uid()], owner=PERSON)
        self.planned += 1
        return f"{done.item.id} is planned{', auto' if auto else ''}"

    def _ask(self) -> str | None:
        number = self.seeded.randint(1, self.planned)
        with self.app.store.transaction() as tx:
            asked = ask_in(tx, tx.pbi(number), actor=PERSON, agent=self._agents())
        return f"PBI-{number} is to be decomposed: {asked.status}"

    def _decide(self) -> str | None:
        """Approves, rejects or rewrites drafts."""
        dice = self.seeded
        with self.app.store.read() as tx:
            drafts = tx.drafts()
        if not drafts:
            return None
        chosen = dice.sample(drafts, dice.randint(1, len(drafts)))
        ids = [(one.parent, one.number) for one in chosen]
        by = Decider(owner=PERSON, uid=self.clock.uid)
        if dice.random() < 0.3:
            reject(self.app.store, ids, reason="No.", owner=PERSON)
            return f"{len(ids)} drafts are rejected"
        approve(self.app.store, ids, by, needs=dice.choice(tuple(Needs)), hold=dice.random() < 0.1)
        self._came_of_drafts(PERSON)
        return f"{len(ids)} drafts are approved"

    def _came_of_drafts(self, whose: str) -> None:
        """What was registered without being written by a person."""
        with self.app.store.read() as tx:
            drafts = tx.drafts(decided=True)
            items = {one.registered: tx.item(one.registered) for one in drafts if one.registered}
        self.drafted = len(drafts)
        for item in items.values():
            assert isinstance(item, Sbi), whose
            self.registered[item.number] = item.uid
        made = [one.registered for one in drafts if one.registered]
        assert len(made) == len(set(made)), f"one item came of two drafts: {made}"

    def _set_held(self, number: int, *, held: bool) -> None:
        with self.app.store.transaction() as tx:
            pbi = tx.pbi(number)
            if pbi.held is not held:
                tx.set_held(pbi, held=held, actor=PERSON)

    def _hold_pbi(self) -> str:
        number = self.seeded.randint(1, self.planned)
        held = self.seeded.random() < 0.5
        self._set_held(number, held=held)
        return f"PBI-{number} is{'' if held else ' not'} held"

    def _cancel_pbi(self) -> str | None:
        number = self.seeded.randint(1, self.planned)
        work = decomposition_of(number)
        if work not in self.seen.items:
            return None
        self._may_lose(work)
        with self.app.store.transaction() as tx:
            done = edit.cancel_decomposition(tx, tx.pbi(number), actor=PERSON)
        return None if done is None else f"the decomposition of PBI-{number} is cancelled"

    def _answer_pbi(self) -> str | None:
        parked = [row.number for row in self.seen.items.values() if row.number < 0 and row.status == "PARKED"]
        if not parked:
            return None
        number = self.seeded.choice(parked)
        edit.answer(self.app.store, number, "That one.", actor=PERSON)
        return f"{id_of(number)} is answered"

    def _rewrite_pbi(self) -> str:
        number = self.seeded.randint(1, self.planned)
        change: dict[str, object] = self.seeded.choice(
            ({"priority": self.seeded.choice(tuple(Priority))}, {"spec": f"Text {self.seeded.random()}"})
        )
        edit.update(self.app.store, f"PBI-{number}", lambda _: change, actor=PERSON)
        return f"PBI-{number} is changed: {change}"

    def _order(self, *, known: list[int]) -> Order:
        dice = self.seeded
        needs = dice.sample(known, min(len(known), dice.choice((0, 0, 0, 1, 1, 2))))
        new = replace(
            new_item(Kind.SBI, title="Do it"),
            priority=dice.choice(tuple(Priority)),
            parent=dice.choice((None, None, f"PBI-{dice.randint(1, self.planned)}")),
            labels=dice.choice(((), ("core",))),
            depends_on=_ids(needs),
            paths=self._paths(),
            agent=self._agents(),
            reviewer=self._agents(),
            only_implement=dice.random() < 0.3,
            max_turns=dice.choice((None, None, None, 1, 4)),
        )
        return Order(kind=Kind.SBI, new=new, hold=dice.random() < 0.05)

    def _paths(self) -> tuple[str, ...]:
        return tuple(self.seeded.sample(list(PATHS), self.seeded.choice((0, 1, 1, 1, 2))))

    def _agents(self) -> tuple[str, ...]:
        return tuple(self.seeded.sample(AGENTS, self.seeded.choice((0, 0, 1, 2))))

    def _some(self, *statuses: str) -> int | None:
        sbis = [row for row in self.seen.items.values() if row.number > 0]
        fitting = [row.number for row in sbis if not statuses or row.status in statuses]
        return self.seeded.choice(fitting) if fitting else None

    def _hold(self) -> str | None:
        number = self._some()
        if number is None:
            return None
        now = self.seeded.random() < 0.5
        if now:
            self._may_lose(number)
        edit.hold(self.app.store, [number], actor=PERSON, now=now)
        return f"SBI-{number} is held{' now' if now else ''}"

    def _unhold(self) -> str | None:
        held = [row.number for row in self.seen.items.values() if row.held and row.number > 0]
        if not held:
            return None
        edit.unhold(self.app.store, held, actor=PERSON)
        return f"{held} are not held any more"

    def _cancel(self) -> str | None:
        number = self._some()
        if number is None:
            return None
        self._may_lose(number)
        edit.cancel(self.app.store, [number], actor=PERSON)
        return f"SBI-{number} is cancelled"

    def _go_on(self) -> str | None:
        number = self._some("FAILED", "PARKED")
        if number is None:
            return None
        if self.seen.items[number].status == "PARKED" and self.seeded.random() < 0.6:
            edit.answer(self.app.store, number, "This one.", actor=PERSON)
            return f"SBI-{number} is answered"
        turns = self.seeded.choice((None, 1, 4))
        edit.retry(self.app.store, [number], actor=PERSON, hint="Again.", max_turns=turns, agent=self._agents())
        return f"SBI-{number} is retried, with {turns or 'as many'} turns"

    def _reset(self) -> str | None:
        number = self._some("FAILED", "PARKED", "CANCELLED")
        if number is None:
            return None
        edit.reset(self.app.store, [number], actor=PERSON)
        return f"SBI-{number} is reset"

    def _update(self) -> str | None:
        number = self._some()
        if number is None:
            return None
        others = [one for one in self.registered if one != number]
        change: dict[str, object] = self.seeded.choice(
            (
                {"paths": self._paths()},
                {"priority": self.seeded.choice(tuple(Priority))},
                {"depends_on": _ids(self.seeded.sample(others, min(len(others), self.seeded.randint(0, 2))))},
                {"agent": self._agents(), "reviewer": self._agents()},
                {"parent": self.seeded.choice((None, "PBI-1"))},
            )
        )
        edit.update(self.app.store, f"SBI-{number}", lambda _: change, actor=PERSON)
        return f"SBI-{number} is changed: {change}"

    def _delete(self) -> str | None:
        number = self._some("PENDING", "CANCELLED")
        if number is None:
            return None
        edit.delete(self.app.store, f"SBI-{number}", actor=PERSON)
        del self.registered[number]
        return f"SBI-{number} is deleted"

    def _pause(self) -> str:
        agent = self.seeded.choice(AGENTS)
        until = self.seeded.choice((None, self.clock.now_ms() + 60_000))
        pause = AgentPause(
            account=self.app.account(agent),
            agent=agent,
            reason="person",
            message="",
            until_at=until,
            by_person=True,
            only_agent=self.seeded.choice(("", agent)),
        )
        with self.app.store.transaction() as tx:
            tx.pause(pause, actor=PERSON)
        return f"{agent} is paused until {until}"

    def _resume(self) -> str | None:
        with self.app.store.transaction() as tx:
            names = sorted({pause.agent for pause in tx.pauses()})
            for name in names:
                tx.resume_agent(name, actor=PERSON)
        if not names:
            return None
        return f"{names} go on"

    def _may_lose(self, number: int) -> None:
        """A person takes the item away from whoever works on it."""
        token = self.seen.items[number].lease_token
        if token is not None:
            self._freed.add(token)


def _ids(numbers: list[int]) -> tuple[str, ...]:
    return tuple(f"SBI-{number}" for number in sorted(numbers))
