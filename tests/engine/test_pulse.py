"""The pulse: who is revoked, who is dead, who is only late; and that idle slots hear of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from workshop import HandClock, Workshop, steps

from deespec.app import App
from deespec.backlog import edit
from deespec.config import load_settings
from deespec.engine.pulse import back_off
from deespec.engine.turn import take
from deespec.engine.worker import Crew, Orders
from deespec.errors import StoreBusy
from deespec.model.items import Claim
from deespec.model.lifecycle import Status
from deespec.store.alive import LifeLock
from deespec.store.base import Transaction
from deespec.store.sqlite import SqliteStore

LEASE_MS = 60_000


class Interposed(SqliteStore):
    """A store that lets something happen right after a look has been taken, once; or that cannot be waited on."""

    after_look: Callable[[], object] | None = None
    broken: Exception | None = None

    def wait(self, timeout_ms: int, wake: threading.Event | None = None) -> bool:
        if self.broken is not None:
            raise self.broken
        return super().wait(timeout_ms, wake)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        with super().read() as tx:
            yield tx
        then, self.after_look = self.after_look, None
        if then is not None:
            then()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def app(folder: Workshop, clock: HandClock) -> Iterator[App]:
    """A backlog of two items on a clock that stands still."""
    folder.agent(steps())
    for number in (1, 2):
        folder.register(paths=(f"{number}",))
    made = App(load_settings(folder.home, folder.env, {}), clock=clock, env=folder.env)
    made.store = Interposed(str(folder.home / "deespec.db"), clock=clock, busy_ms=1_000)
    yield made
    made.close()


class Hand:
    """A worker without threads: it claims when told, and its pulse beats when told."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.stops: list[str] = []
        self.crew = Crew(app, Orders(), tell=lambda _: None)
        self.pulse = self.crew.pulse
        self.life = LifeLock(str(app.settings.home), self.crew.worker.uid)
        with app.store.transaction() as tx:
            tx.add_worker(self.crew.worker)
        self.pulse.beat(changed=True)

    def claim(self) -> Claim:
        claim = take(self.crew.bench)
        assert isinstance(claim, Claim)
        self.pulse.hold(claim.token)
        return claim

    def die(self) -> None:
        self.life.release()


def item(app: App, number: int = 1) -> tuple[Status, int, bool]:
    with app.store.read() as tx:
        sbi = tx.sbi(number)
        return sbi.status, sbi.attempts, tx.line(number).lease_token is not None


# --- revoked --------------------------------------------------------------------------------------------------------


def test_a_claim_that_was_taken_away_is_noticed(app: App) -> None:
    hand = Hand(app)
    claim, other = hand.claim(), hand.claim()
    edit.hold(app.store, [1], actor="person", now=True)
    hand.pulse.beat(changed=True)
    assert (hand.pulse.is_revoked(claim.token), hand.pulse.is_revoked(other.token)) == (True, False)


def test_a_claim_that_is_made_during_the_look_is_not_taken_for_a_lost_one(app: App) -> None:
    hand = Hand(app)
    claims: list[Claim] = []
    assert isinstance(app.store, Interposed)
    app.store.after_look = lambda: claims.append(hand.claim())
    hand.pulse.beat(changed=True)
    assert len(claims) == 1
    assert not hand.pulse.is_revoked(claims[0].token)
    hand.pulse.beat(changed=True)
    assert not hand.pulse.is_revoked(claims[0].token)


# --- dead -----------------------------------------------------------------------------------------------------------


def test_a_dead_worker_s_claim_is_free_at_the_next_beat(app: App) -> None:
    dead, hand = Hand(app), Hand(app)
    dead.claim()
    dead.die()
    hand.pulse.beat(changed=False)
    assert item(app) == (Status.PICKED, 1, False)
    with app.store.read() as tx:
        assert [worker.uid for worker in tx.workers()] == [hand.crew.worker.uid]


def test_idle_slots_are_woken_when_a_claim_was_freed(app: App) -> None:
    dead, hand = Hand(app), Hand(app)
    dead.claim()
    before = hand.pulse.generation
    hand.pulse.beat(changed=False)
    assert hand.pulse.generation == before
    dead.die()
    hand.pulse.beat(changed=False)
    assert hand.pulse.generation > before


def test_a_living_worker_s_claim_stays_for_as_long_as_its_lease(app: App, clock: HandClock) -> None:
    silent, hand = Hand(app), Hand(app)
    silent.claim()
    for _ in range(LEASE_MS // 5_000):
        clock.forward(5_000)
        hand.pulse.beat(changed=False)
    assert item(app) == (Status.PICKED, 0, True)
    clock.forward(5_000)
    hand.pulse.beat(changed=False)
    assert item(app) == (Status.PICKED, 1, False)


def test_a_worker_that_beats_keeps_its_claims(app: App, clock: HandClock) -> None:
    busy, hand = Hand(app), Hand(app)
    busy.claim()
    for _ in range(5 * LEASE_MS // 5_000):
        clock.forward(5_000)
        busy.pulse.beat(changed=False)
        hand.pulse.beat(changed=False)
    assert item(app) == (Status.PICKED, 0, True)


def test_the_second_death_in_a_turn_waits_before_the_next_try(app: App, clock: HandClock, folder: Workshop) -> None:
    folder.settle("run", retry_delay="10 s")
    app.settings = folder.app.settings
    hand = Hand(app)
    for expected in (None, clock.now_ms() + 10_000):
        dead = Hand(app)
        assert dead.claim().sbi.number == 1
        dead.die()
        hand.pulse.beat(changed=False)
        with app.store.read() as tx:
            assert tx.sbi(1).not_before == expected


def test_an_item_that_kills_its_workers_comes_to_an_end(app: App) -> None:
    hand = Hand(app)
    for _ in range(app.settings.max_attempts):
        dead = Hand(app)
        assert dead.claim().sbi.number == 1
        dead.die()
        hand.pulse.beat(changed=False)
    with app.store.read() as tx:
        assert (tx.sbi(1).status, tx.sbi(1).reason) == (Status.FAILED, "attempts")


# --- late -----------------------------------------------------------------------------------------------------------


def test_who_stood_still_renews_first_and_takes_nothing_over_for_a_while(app: App, clock: HandClock) -> None:
    """A laptop was suspended: all its workers' leases are over, and all of them live."""
    one, other = Hand(app), Hand(app)
    one.claim(), other.claim()
    clock.forward(LEASE_MS * 10)
    one.pulse.beat(changed=False)
    assert (item(app, 1)[2], item(app, 2)[2]) == (True, True)
    other.pulse.beat(changed=False)
    clock.forward(35_000)
    other.pulse.beat(changed=False)
    one.pulse.beat(changed=False)
    assert (item(app, 1), item(app, 2)) == ((Status.PICKED, 0, True), (Status.PICKED, 0, True))


def test_a_lease_that_was_over_can_be_renewed_while_nobody_has_taken_it(app: App, clock: HandClock) -> None:
    late, hand = Hand(app), Hand(app)
    late.claim()
    clock.forward(LEASE_MS + 1)
    late.pulse.beat(changed=False)
    hand.pulse.beat(changed=False)
    clock.forward(31_000)
    hand.pulse.beat(changed=False)
    assert item(app) == (Status.PICKED, 0, True)


def test_guards_end_their_agents_before_the_lease_ends(app: App) -> None:
    hand = Hand(app)
    claim = hand.claim()
    hand.pulse.beat(changed=False)
    assert claim.lease_until - hand.pulse.deadline_ms == 10_000


@pytest.mark.parametrize("lease_ms", [2_000, 10_000, 60_000, 3_600_000])
def test_renewals_and_margins_fit_into_every_lease(folder: Workshop, clock: HandClock, lease_ms: int) -> None:
    """From one renewal to the next the guards' deadline is never reached."""
    folder.settle("run", lease=lease_ms / 1000)
    app = App(
        load_settings(folder.home, {**folder.env}, {"run.lease": str(lease_ms / 1000)}), clock=clock, env=folder.env
    )
    hand = Hand(app)
    for _ in range(100):
        clock.forward(min(1_000, lease_ms // 4))
        hand.pulse.beat(changed=False)
        assert hand.pulse.deadline_ms - clock.boot_ms() >= lease_ms // 4
    app.close()


# --- its end --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [StoreBusy("held by another program"), RuntimeError("held by another program")])
def test_without_a_pulse_a_worker_ends_and_says_why(app: App, error: Exception) -> None:
    crew = Crew(app, Orders(), tell=lambda _: None)
    assert isinstance(app.store, Interposed)
    app.store.broken = error
    with pytest.raises(type(error), match="held by another program"):
        crew.run()
    assert crew.stopping


@pytest.mark.parametrize(("tries", "expected"), [(1, 5_000), (2, 10_000), (3, 20_000), (8, 600_000), (500, 600_000)])
def test_waits_double_up_to_ten_minutes(tries: int, expected: int) -> None:
    assert back_off(tries, base_ms=5_000, jitter=lambda _: 0) == expected
    assert back_off(tries, base_ms=5_000, jitter=lambda upper: upper) == expected + expected // 5
