"""A worker looks after the store: the day's backup, a log that grows, and what it says of both."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from workshop import PATIENCE_S, Workshop, steps

from deespec.app import App
from deespec.backlog.start import start
from deespec.config import Settings
from deespec.engine import upkeep
from deespec.engine.upkeep import DAILY_KEPT, DAY_MS, Upkeep
from deespec.records import replace
from deespec.store.upkeep.backup import back_up, backups_in
from deespec.store.upkeep.checkpoint import size_of, wal_health

if TYPE_CHECKING:
    from ledger import FakeClock

READS = """
import sys, apsw
raw = apsw.Connection(sys.argv[1])
raw.execute("BEGIN")
raw.execute("SELECT count(*) FROM journal").fetchall()
print("reading", flush=True)
sys.stdin.readline()
"""


class Kept:
    """A backlog, a clock for it, and what its worker says."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self.clock = clock
        home = folder / "project" / ".deespec"
        start(home, clock=self.clock, agents=["patch"])
        settings = Settings(home=home, root=home.parent)
        self.app = App(settings, clock=self.clock, env={"XDG_STATE_HOME": str(folder / "state")})
        self.said: list[str] = []
        self.worker = self.another()
        self.database = str(home / "deespec.db")

    def another(self) -> Upkeep:
        return Upkeep(self.app, actor="worker one", tell=self.said.append)

    @property
    def backups(self) -> list[str]:
        return [one.special for one in backups_in(str(self.app.backups_folder))]

    def write(self, times: int) -> None:
        for _ in range(times):
            with self.app.store.transaction() as tx:
                tx.note("somebody", "wrote")

    def events(self) -> list[str]:
        with self.app.store.read() as tx:
            return [entry.event for entry in tx.journal()]


@pytest.fixture
def kept(tmp_path: Path, clock: FakeClock) -> Iterator[Kept]:
    made = Kept(tmp_path, clock)
    yield made
    made.app.close()


@contextmanager
def reader(path: str) -> Iterator[int]:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", READS, path], stdin=pipe, stdout=pipe, text=True) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "reading\n"
        yield one.pid
        one.kill()


# --- the backup -----------------------------------------------------------------------------------------------------


def test_a_new_backlog_is_not_backed_up_at_once(kept: Kept) -> None:
    kept.worker.look()
    assert kept.backups == []


def test_each_day_has_one_backup(kept: Kept) -> None:
    for _ in range(3):
        kept.clock.forward(DAY_MS)
        kept.worker.look()
        kept.worker.look()
    assert kept.backups == ["daily"] * 3
    assert kept.events().count("backed_up") == 3


def test_seven_days_are_kept_and_what_people_made_stays(kept: Kept) -> None:
    for _ in range(DAILY_KEPT):
        kept.clock.forward(DAY_MS)
        kept.worker.look()
    back_up(kept.database, str(kept.app.backups_folder), clock=kept.clock, busy_ms=1_000)
    for _ in range(3):
        kept.clock.forward(DAY_MS)
        kept.worker.look()
    assert sorted(kept.backups) == ["", *["daily"] * DAILY_KEPT]


def test_a_backup_made_by_hand_is_the_days_backup(kept: Kept) -> None:
    kept.clock.forward(DAY_MS)
    back_up(kept.database, str(kept.app.backups_folder), clock=kept.clock, busy_ms=1_000)
    kept.worker.look()
    assert kept.backups == [""]


def test_of_two_workers_one_makes_it(kept: Kept) -> None:
    kept.clock.forward(DAY_MS)
    kept.worker.look()
    kept.another().look()
    assert kept.backups == ["daily"]


class Overtaken(Upkeep):
    """Another worker makes the backup just after this one has seen that it is due."""

    other: Upkeep | None = None

    def _is_due(self, folder: str) -> bool:
        due = super()._is_due(folder)
        other, self.other = self.other, None
        if other is not None:
            other.look()
        return due


def test_who_was_overtaken_makes_no_second_one(kept: Kept) -> None:
    kept.clock.forward(DAY_MS)
    worker = Overtaken(kept.app, actor="worker two", tell=kept.said.append)
    worker.other = kept.worker
    worker.look()
    assert kept.backups == ["daily"]
    assert kept.said == []


def test_while_another_makes_it_nobody_waits_for_it(kept: Kept) -> None:
    import fcntl

    kept.clock.forward(DAY_MS)
    with (kept.app.backups_folder / "daily.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        kept.worker.look()
    assert kept.backups == []


def test_it_can_be_switched_off(kept: Kept) -> None:
    kept.app.settings = replace(kept.app.settings, backup="off")
    kept.clock.forward(DAY_MS)
    kept.worker.look()
    assert kept.backups == []


def test_what_makes_it_impossible_is_told_once_a_day_and_work_goes_on(kept: Kept) -> None:
    kept.clock.forward(DAY_MS)
    folder = kept.app.backups_folder
    folder.joinpath("daily.lock").mkdir()
    for hours in (0, 1, 23):
        kept.clock.forward(hours * 3_600_000)
        kept.worker.look()
    assert len(kept.said) == 2
    assert kept.said[0].startswith("The daily backup failed: ")
    folder.joinpath("daily.lock").rmdir()
    kept.worker.look()
    assert kept.backups == [], "what has just failed is left alone for a while"
    kept.clock.forward(upkeep.FAILED_AGAIN_MS)
    kept.worker.look()
    assert kept.backups == ["daily"]


# --- the log --------------------------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a test reaches."""
    monkeypatch.setattr(upkeep, "RESTART_BYTES", 50_000)
    monkeypatch.setattr(upkeep, "TRUNCATE_BYTES", 200_000)


def log_bytes(kept: Kept) -> int:
    return size_of(f"{kept.database}-wal")


@pytest.mark.usefixtures("small")
def test_a_very_long_log_is_cut(kept: Kept) -> None:
    kept.write(50)
    assert log_bytes(kept) > 200_000
    kept.worker.look()
    assert log_bytes(kept) == 0
    assert kept.said == []


@pytest.mark.usefixtures("small")
def test_a_long_log_begins_anew_and_does_not_grow(kept: Kept) -> None:
    kept.write(10)
    before = log_bytes(kept)
    kept.worker.look()
    kept.write(5)
    assert log_bytes(kept) == before > 50_000


@pytest.mark.usefixtures("small")
def test_who_holds_the_log_back_is_named_and_since_when(kept: Kept) -> None:
    with reader(kept.database) as pid:
        kept.write(50)
        kept.worker.look()
        kept.worker.look()
    [words] = kept.said
    assert f"(pid {pid})" in words
    assert "at least since" in words
    assert kept.events().count("log_held_back") == 1
    kept.worker.look()
    assert log_bytes(kept) == 0


@pytest.mark.usefixtures("small")
def test_it_is_told_again_when_the_log_has_doubled_or_an_hour_has_passed(kept: Kept) -> None:
    with reader(kept.database):
        kept.write(50)
        kept.worker.look()
        kept.write(60)
        kept.worker.look()
        assert len(kept.said) == 2
        kept.worker.look()
        assert len(kept.said) == 2
        kept.clock.forward(upkeep.TOLD_AGAIN_MS)
        kept.worker.look()
        assert len(kept.said) == 3


def test_a_short_log_is_left_to_sqlite(kept: Kept) -> None:
    kept.write(5)
    before = log_bytes(kept)
    kept.worker.look()
    assert log_bytes(kept) == before > 0
    assert os.path.exists(kept.database)


@pytest.mark.usefixtures("small")
def test_a_file_that_keeps_its_size_while_the_log_in_it_is_short_is_no_reason_to_blame_readers(kept: Kept) -> None:
    kept.write(20)
    kept.worker.look()
    kept.write(1)
    with reader(kept.database):
        kept.write(1)
        assert log_bytes(kept) > upkeep.RESTART_BYTES
        before = wal_health(kept.database, clock=kept.clock, busy_ms=1_000)
        kept.worker.look()
        assert wal_health(kept.database, clock=kept.clock, busy_ms=1_000).moved == before.moved < before.frames
    assert kept.said == []


@pytest.mark.usefixtures("small")
def test_two_workers_that_see_the_same_write_one_entry(kept: Kept) -> None:
    with reader(kept.database):
        kept.write(50)
        kept.worker.look()
        kept.another().look()
    assert len(kept.said) == 2
    assert kept.events().count("log_held_back") == 1


def test_a_failing_look_at_the_log_does_not_keep_the_backup_from_being_made(kept: Kept) -> None:
    kept.clock.forward(DAY_MS)
    kept.worker.log = os.path.join(kept.database, "no folder")
    kept.worker.look()
    assert kept.backups == ["daily"]
    assert kept.said[0].startswith("The log could not be looked after: ")


# --- as processes ---------------------------------------------------------------------------------------------------


def long_log(project: Workshop) -> None:
    """So long that a worker cares for it."""
    for _ in range(2 + upkeep.RESTART_BYTES // 1_000_000):
        with project.app.store.transaction() as tx:
            tx.note("somebody", "wrote", detail="x" * 1_000_000)


def test_a_running_worker_names_the_process_that_holds_the_log_back(project: Workshop) -> None:
    project.agent(steps())
    database = str(project.home / "deespec.db")
    with project.app.store.read() as tx:
        assert tx.journal() == []
    with reader(database) as pid:
        long_log(project)
        with project.process("run") as worker:
            assert worker.stdout is not None
            told = next(line for line in worker.stdout if "held back" in line)
            assert f"(pid {pid})" in told
            status, out, err = project.command("db", "checkpoint", "--mode", "truncate", "--wait", "1 ms")
            assert (status, f"(pid {pid})" in out, f"kill {pid}" in err) == (1, True, True)
    with project.app.store.read() as tx:
        [entry] = tx.journal(event="log_held_back")
        assert f"(pid {pid})" in (entry.detail or "")
    status, out, _ = project.command("db", "checkpoint", "--mode", "truncate")
    assert status == 0
    assert size_of(f"{database}-wal") == 0


def test_a_worker_says_nothing_of_the_store_when_all_is_well(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    _, _, err = project.command("run", "--drain")
    assert "held back" not in err
    assert "backup" not in err


def test_of_two_worker_processes_one_makes_the_days_backup(project: Workshop) -> None:
    project.agent(steps())
    begun = project.app.clock.now_ms() - DAY_MS
    with project.app.store.transaction() as tx:
        tx.connection.fetch("UPDATE meta SET value = :at WHERE name = 'created_at'", {"at": str(begun)})
    with project.process("run", "--drain") as one, project.process("run", "--drain") as other:
        assert [one.wait(PATIENCE_S), other.wait(PATIENCE_S)] == [0, 0]
    [made] = backups_in(str(project.app.backups_folder))
    assert made.special == "daily"
    with project.app.store.read() as tx:
        [entry] = tx.journal(event="backed_up")
        assert (entry.detail or "").startswith(made.path)
