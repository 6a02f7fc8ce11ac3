"""A served board for each test that asks for one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from board_at import Browser, Served, serving

from deespec.store.opener import FILE, open_store
from ledger import FakeClock, Ledger


@pytest.fixture
def home(tmp_path: Path, fresh_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a backlog."""
    monkeypatch.delenv("DEESPEC_HOME", raising=False)
    made = tmp_path / "project" / ".deespec"
    made.mkdir(parents=True)
    shutil.copyfile(fresh_database, made / FILE)
    return made


@pytest.fixture
def people(home: Path) -> Iterator[Ledger]:
    """Those who work with the same backlog in another process, as far as the store can tell."""
    clock = FakeClock()
    store = open_store(str(home / FILE), clock=clock, busy_ms=30_000)
    yield Ledger(store, clock)
    store.close()


@pytest.fixture
def served(home: Path) -> Iterator[Served]:
    with serving(home) as one:
        yield one


@pytest.fixture
def browser(served: Served) -> Browser:
    return served.browser()
