"""What is shown changes although nobody writes: when a worker dies, and when a time has come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deespec.acts import pause_agent
from deespec.app import App, open_app
from deespec.backlog.start import start
from deespec.board.passing import Passing, passing
from deespec.model.items import Worker
from deespec.store.alive import LifeLock
from ledger import FakeClock, Ledger

MINUTE = 60_000
DAY = 86_400_000


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    home = tmp_path / ".deespec"
    home.mkdir()
    (home / "config.toml").write_text('[run]\nimplement = "ann"\n[agents.ann]\nkind = "command"\ncommand = "true"\n')
    clock = FakeClock()
    start(home, clock=clock, agents=())
    opened = open_app(str(home), clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def people(app: App) -> Ledger:
    assert isinstance(app.clock, FakeClock)
    return Ledger(app.store, app.clock)


def look(app: App) -> Passing:
    with app.store.read() as tx:
        return passing(app, tx)


def test_while_nothing_happens_nothing_differs(app: App, people: Ledger) -> None:
    people.add()
    pause_agent(app, "ann", for_ms=MINUTE)
    before = look(app)
    people.clock.forward(MINUTE - 1)
    assert look(app) == before


def test_a_worker_that_dies_makes_a_difference(app: App) -> None:
    life = LifeLock(str(app.settings.home), "w")
    facts = {"host": "here", "pid": 1, "pid_start": "1", "namespace": "1", "boot": "boot 1", "slots": 1}
    with app.store.transaction() as tx:
        tx.add_worker(Worker(uid="w", name="one", **facts))
    before = look(app)
    assert look(app) == before
    life.release()
    assert look(app) != before


def test_a_pause_that_is_over_makes_a_difference(app: App, people: Ledger) -> None:
    pause_agent(app, "ann", for_ms=MINUTE)
    before = look(app)
    people.clock.forward(MINUTE)
    assert look(app) != before


def test_a_pause_without_an_end_never_does(app: App, people: Ledger) -> None:
    pause_agent(app, "ann")
    before = look(app)
    people.clock.forward(MINUTE)
    assert look(app) == before


def test_each_item_that_was_put_off_makes_a_difference_when_it_is_due(app: App, people: Ledger) -> None:
    for delay in (MINUTE, 2 * MINUTE):
        people.add()
        claim = people.begin()
        with app.store.transaction() as tx:
            tx.attempt_failed(claim, actor="worker", error="exit 1", max_attempts=3, delay_ms=delay)
    seen = [look(app)]
    for _ in range(2):
        people.clock.forward(MINUTE)
        seen.append(look(app))
    assert len({one.next_due for one in seen}) == len(seen)


def test_another_day_makes_a_difference(app: App, people: Ledger) -> None:
    before = look(app)
    people.clock.forward(DAY)
    assert look(app) != before
