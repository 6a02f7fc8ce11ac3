"""A vacuum gives space back, in its turn, and changes nothing else."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from children import STORE, child, ended, heard

from deespec.clock import Clock
from deespec.errors import NotPossible, StoreBusy, StoreFull, StoreSealed
from deespec.store.alive import LifeLock
from deespec.store.upkeep.copy import copy
from deespec.store.upkeep.vacuum import Vacuumed, vacuum

if TYPE_CHECKING:
    from ledger import Ledger

BUSY_MS = 60_000
STAYS = (
    STORE
    + """
with store.transaction() as tx:
    tx.note("a", "before")
print("open", flush=True)
sys.stdin.readline()
with store.transaction() as tx:
    tx.note("a", "after")
"""
)

READS = (
    STORE
    + """
with store.read() as tx:
    tx.journal_end()
    print("reading", flush=True)
    sys.stdin.readline()
"""
)


def run(path: str, *, most_ms: int | None = None) -> Vacuumed:
    return vacuum(path, clock=Clock(), busy_ms=BUSY_MS, most_ms=most_ms)


@pytest.fixture
def fat(ledger: Ledger) -> Ledger:
    """A backlog with much space that nobody uses any more, and one item."""
    with ledger.store.transaction() as tx:
        for number in range(300):
            tx.connection.fetch(
                "INSERT INTO lock (name, token, host, pid, boot, acquired_at, expires_at, expires_boot)"
                " VALUES (:name, 1, 'here', 1, 'boot', 1, 1, 1)",
                {"name": f"{number}{'x' * 4_000}"},
            )
    ledger.add()
    with ledger.store.transaction() as tx:
        tx.connection.fetch("DELETE FROM lock", {})
    return ledger


def test_unused_pages_are_given_back_and_the_rest_stays(fat: Ledger, path: str) -> None:
    with fat.store.read() as tx:
        entries = tx.journal()
    done = run(path)
    assert done.bytes_after < done.bytes_before / 2
    assert os.path.getsize(path) == done.bytes_after
    assert os.path.getsize(f"{path}-wal") == 0
    with fat.store.read() as tx:
        assert tx.journal() == entries
        assert tx.orphans() == []


def test_whoever_has_it_open_goes_on_with_it(fat: Ledger, path: str) -> None:
    with child(STAYS, path) as one:
        assert heard(one) == "open"
        run(path)
        ended(one, "go\n")
    with fat.store.read() as tx:
        assert len(tx.journal(event="after")) == 1


def test_it_waits_its_turn(fat: Ledger, path: str) -> None:
    with fat.store.transaction() as tx:
        tx.note("a", "b")
        with pytest.raises(StoreBusy):
            vacuum(path, clock=Clock(), busy_ms=50, most_ms=None)


def test_what_would_cost_workers_their_leases_is_refused(fat: Ledger, path: str, tmp_path: Path) -> None:
    life = LifeLock(str(tmp_path), "a-worker")
    with pytest.raises(NotPossible, match="leases"):
        run(path, most_ms=0)
    assert run(path, most_ms=None).bytes_after
    life.release()
    assert run(path, most_ms=0).bytes_after


def test_without_room_for_it_nothing_is_done(fat: Ledger, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk that is nearly full is said to be the one that the database is on."""
    before = run(path).bytes_after
    temporary = tempfile.gettempdir()
    together = os.stat(path).st_dev == os.stat("/var/tmp" if temporary == "/tmp" else temporary).st_dev
    needed = 2 * before if together else before
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=needed - 1))
    with pytest.raises(StoreFull, match="are needed"):
        run(path)
    assert os.path.getsize(path) == before
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=needed))
    assert run(path).bytes_after == before


def test_what_is_left_in_the_log_for_a_reader_is_told(fat: Ledger, path: str) -> None:
    with child(READS, path) as one:
        assert heard(one) == "reading"
        assert run(path).log_bytes > 0
        ended(one, "go\n")
    assert run(path).log_bytes == 0


def test_a_backlog_that_has_moved_is_left_alone(fat: Ledger, path: str, tmp_path: Path) -> None:
    copy(path, str(tmp_path / "new" / "deespec.db"), actor="me", clock=Clock(), busy_ms=BUSY_MS)
    with pytest.raises(StoreSealed):
        run(path)
