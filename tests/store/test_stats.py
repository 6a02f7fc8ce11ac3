"""`stats` tells what is in force and how large things are, and only looks."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.clock import Clock
from deespec.model.lifecycle import Event
from deespec.store.upkeep.checkpoint import Mode, checkpoint
from deespec.store.upkeep.stats import Stats, stats

if TYPE_CHECKING:
    from ledger import Ledger

BUSY_MS = 12_345


def run(path: str) -> Stats:
    return stats(path, clock=Clock(), busy_ms=BUSY_MS)


def test_rows_are_counted_by_table(ledger: Ledger, path: str) -> None:
    for _ in range(3):
        ledger.add()
    tables = {one.name: one for one in run(path).tables}
    assert (tables["sbi"].rows, tables["journal"].rows, tables["turn"].rows) == (3, 3, 0)
    assert tables["sbi"].bytes > 0


def test_what_is_in_force_is_asked_of_a_connection(ledger: Ledger, path: str) -> None:
    in_force = dict(run(path).in_force)
    assert in_force["journal_mode"] == "wal"
    assert in_force["synchronous"] == "FULL"
    assert in_force["foreign_keys"] == "1"
    assert in_force["busy_timeout"] == str(BUSY_MS)


def test_the_log_is_told_with_what_a_checkpoint_has_to_do(ledger: Ledger, path: str) -> None:
    ledger.add()
    before = run(path)
    assert before.wal_frames > before.wal_moved == 0
    checkpoint(path, Mode.PASSIVE, clock=Clock(), busy_ms=BUSY_MS, wait_ms=0)
    after = run(path)
    assert after.wal_moved == after.wal_frames == before.wal_frames
    assert after.wal_bytes == os.path.getsize(f"{path}-wal")


def test_free_pages_are_those_that_a_vacuum_gives_back(ledger: Ledger, path: str) -> None:
    with ledger.store.transaction() as tx:
        tx.connection.fetch("CREATE TABLE filler (x TEXT)", {})
        tx.connection.fetch("INSERT INTO filler VALUES (:x)", {"x": "x" * 100_000})
    with ledger.store.transaction() as tx:
        tx.connection.fetch("DROP TABLE filler", {})
    found = run(path)
    assert found.free_pages >= 100_000 // 4096
    assert found.pages * 4096 >= found.free_pages * 4096


def test_the_longest_specs_come_first_in_bytes(ledger: Ledger, path: str) -> None:
    ledger.add(spec="short")
    ledger.add(spec="日本語" * 100)
    assert run(path).largest[0] == ("SBI-2", 900)


def test_turns_count_with_their_item(ledger: Ledger, path: str) -> None:
    ledger.add(spec="ab")
    ledger.settle(ledger.begin(), Event.IMPLEMENTED, report="日本")
    assert run(path).largest == (("SBI-1", 2 + 6 + len("[]")),)


def test_pages_that_are_out_of_order_are_counted(ledger: Ledger, path: str) -> None:
    """Two tables that grow by turns have their pages by turns."""
    with ledger.store.transaction() as tx:
        for table in ("one", "two"):
            tx.connection.fetch(f"CREATE TABLE {table} (x TEXT)", {})
        before = run(path).jumps
        for _ in range(10):
            for table in ("one", "two"):
                tx.connection.fetch(f"INSERT INTO {table} VALUES (:x)", {"x": "x" * 3_000})
    assert run(path).jumps >= before + 15


def test_growth_counts_what_is_young_enough(ledger: Ledger, path: str) -> None:
    """The ledger's clock stands in the past."""
    ledger.add()
    ledger.clock.wall = Clock().now_ms() - 10 * 86_400_000
    ledger.add()
    week, month = run(path).grown
    assert (week.days, week.items) == (7, 0)
    assert (month.days, month.items) == (30, 1)


def test_it_changes_nothing(ledger: Ledger, path: str) -> None:
    ledger.add()
    with ledger.store.read() as tx:
        before = tx.journal_end()
    sizes = [os.path.getsize(path + suffix) for suffix in ("", "-wal")]
    run(path)
    assert [os.path.getsize(path + suffix) for suffix in ("", "-wal")] == sizes
    with ledger.store.read() as tx:
        assert tx.journal_end() == before


def test_a_log_that_somebody_left_is_told_and_stays(ledger: Ledger, path: str, tmp_path: Path) -> None:
    ledger.add()
    copy = tmp_path / "copy" / "deespec.db"
    copy.parent.mkdir()
    for suffix in ("", "-wal"):
        shutil.copyfile(path + suffix, f"{copy}{suffix}")
    before = [Path(f"{copy}{suffix}").read_bytes() for suffix in ("", "-wal")]
    assert run(str(copy)).wal_frames > 0
    assert [Path(f"{copy}{suffix}").read_bytes() for suffix in ("", "-wal")] == before
