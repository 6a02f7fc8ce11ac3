"""A backlog on a real file for each test that asks for one; what is done with it is in ledger.py."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from deespec.store.base import Store
from deespec.store.opener import create_store, open_store
from ledger import FakeClock, Ledger

BUSY_MS = 30_000

settings.register_profile("unhurried", deadline=None)  # nothing here judges by time
settings.load_profile("unhurried")


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a backlog's database would be."""
    return str(tmp_path / "deespec.db")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def fresh_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new backlog's database, closed, to be copied: making one takes as long as a test."""
    made = tmp_path_factory.mktemp("fresh") / "deespec.db"
    create_store(str(made), clock=FakeClock(), busy_ms=BUSY_MS)
    return made


@pytest.fixture
def store(path: str, fresh_database: Path, clock: FakeClock) -> Iterator[Store]:
    shutil.copyfile(fresh_database, path)
    opened = open_store(path, clock=clock, busy_ms=BUSY_MS)
    yield opened
    opened.close()


@pytest.fixture
def new_ledger(tmp_path: Path, fresh_database: Path) -> Iterator[Callable[[], Ledger]]:
    """Makes as many backlogs as are asked for, each empty."""
    made: list[Store] = []

    def make() -> Ledger:
        clock = FakeClock()
        folder = tmp_path / str(len(made))
        folder.mkdir()
        shutil.copyfile(fresh_database, folder / "deespec.db")
        made.append(open_store(str(folder / "deespec.db"), clock=clock, busy_ms=BUSY_MS))
        return Ledger(made[-1], clock)

    yield make
    for opened in made:
        opened.close()


@pytest.fixture
def ledger(store: Store, clock: FakeClock) -> Ledger:
    return Ledger(store, clock)
