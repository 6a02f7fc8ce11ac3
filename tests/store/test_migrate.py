"""Migrating: only by command, after a backup, without workers, one step a transaction; a failed one changes nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from children import HOLDS, child, ended, heard

from deespec.clock import Clock
from deespec.errors import NotPossible, SchemaTooNew, StoreBusy, StoreFull, StoreUnusable
from deespec.store import migrate
from deespec.store.alive import LifeLock
from deespec.store.migrate import Migrated, create
from deespec.store.opener import create_store, open_store
from deespec.store.sqlite import SCHEMA
from deespec.store.upkeep.backup import back_up, newest_seq

NEXT = "CREATE TABLE added (a INTEGER) STRICT;"
REBUILDS = """
CREATE TABLE sbi_new AS SELECT * FROM sbi;
DROP VIEW sbi_full;
DROP TABLE sbi;
ALTER TABLE sbi_new RENAME TO sbi;
CREATE UNIQUE INDEX sbi_number ON sbi (number);
"""
"""With foreign keys on, the drop would take the rows of `need` with it."""


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """A folder of migrations that has the first of ours."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    shutil.copy(migrate.migrations()[0][1], folder)
    return folder


def add_step(folder: Path, number: int, sql: str) -> None:
    (folder / f"{number:04}_step.sql").write_text(sql)


@pytest.fixture
def older(path: str, steps: Path) -> str:
    """A backlog of the first schema with two items, one of which needs the other."""
    create(path, clock=Clock(), busy_ms=1_000, folder=str(steps))
    raw = apsw.Connection(path)
    with raw:
        for number in (1, 2):
            columns = ("title", "spec", "labels", "paths", "agent", "reviewer", "checks", "owner")
            raw.execute(
                f"INSERT INTO sbi (number, uid, status, stage, priority, rank, only_implement, held, turn,"
                f" turns_before, turns_reset, attempts, setbacks, reviews, resume, registered_at, updated_at,"
                f" {', '.join(columns)})"
                f" VALUES (?1, ?1, 'PENDING', 'pending', 'low', 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1,"
                f" 'T', 'S', '[]', '[]', '[]', '[]', '[]', 'me')",
                (number,),
            )
        raw.execute("INSERT INTO need VALUES (2, 1, 3)")
        raw.execute("INSERT INTO journal (at, actor, event) VALUES (1, 'me', 'was here')")
    raw.close()
    return path


@pytest.fixture
def up(older: str, steps: Path, tmp_path: Path) -> Callable[[], Migrated]:
    """Brings it up to what is in the folder of migrations."""
    backups = tmp_path / "backups"
    backups.mkdir()

    def keep(schema: int) -> str:
        return back_up(older, str(backups), clock=Clock(), busy_ms=1_000, special=f"schema{schema}").path

    def run() -> Migrated:
        return migrate.migrate(older, back_up=keep, actor="me", clock=Clock(), busy_ms=1_000, folder=str(steps))

    return run


def fetch(path: str, sql: str) -> list[tuple[object, ...]]:
    raw = apsw.Connection(path)
    try:
        return raw.execute(sql).fetchall()
    finally:
        raw.close()


def state(path: str) -> list[object]:
    """All of a database that counts."""
    tables = [row[0] for row in fetch(path, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    return [fetch(path, "PRAGMA user_version"), *(fetch(path, f"SELECT * FROM {name}") for name in tables)]


# --- the way up -----------------------------------------------------------------------------------------------------


def test_a_backlog_of_the_first_schema_comes_up_to_the_newest(older: str, tmp_path: Path) -> None:
    def keep(schema: int) -> str:
        return back_up(older, str(tmp_path / f"{schema}.db"), clock=Clock(), busy_ms=1_000).path

    done = migrate.migrate(older, back_up=keep, actor="me", clock=Clock(), busy_ms=1_000)
    assert (done.before, done.after, done.backup) == (1, SCHEMA, str(tmp_path / "1.db"))
    store = open_store(older, clock=Clock(), busy_ms=1_000)
    with store.transaction() as tx:
        assert [tx.sbi(2).title, tx.sbi(2).depends_on] == ["T", ("SBI-1",)]
        assert tx.journal()[-1].event == "migrated"
    store.close()


def test_each_step_is_made_once_and_the_journal_tells_of_it(
    older: str, steps: Path, up: Callable[[], Migrated]
) -> None:
    add_step(steps, 2, NEXT)
    add_step(steps, 3, "INSERT INTO added VALUES (7);")
    assert up().after == 3
    assert fetch(older, "SELECT a FROM added") == [(7,)]
    told = fetch(older, "SELECT actor, detail FROM journal WHERE event = 'migrated'")
    assert told == [("me", "schema 1 to 2"), ("me", "schema 2 to 3")]
    again = up()
    assert (again.before, again.after, again.backup) == (3, 3, None)
    assert fetch(older, "SELECT a FROM added") == [(7,)]


def test_the_backup_holds_the_database_as_it_was(older: str, steps: Path, up: Callable[[], Migrated]) -> None:
    before = state(older)
    add_step(steps, 2, NEXT)
    backup = up().backup
    assert backup is not None
    assert backup.endswith("Z-schema1.db")
    assert state(backup) == before
    assert newest_seq(backup) == 1


def test_a_table_that_is_rebuilt_takes_nothing_else_with_it(
    older: str, steps: Path, up: Callable[[], Migrated]
) -> None:
    add_step(steps, 2, REBUILDS)
    up()
    assert fetch(older, "SELECT sbi, needs FROM need") == [(2, 1)]


# --- what fails -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        "CREATE TABLE added (a); INSERT INTO nowhere VALUES (1);",
        "DELETE FROM sbi WHERE number = 1;",
        "CREATE TABLE journal (a);",
    ],
    ids=["no such table", "broken reference", "there already"],
)
def test_a_step_that_fails_changes_nothing_and_names_the_backup(
    older: str, steps: Path, up: Callable[[], Migrated], tmp_path: Path, broken: str
) -> None:
    before = state(older)
    add_step(steps, 2, broken)
    with pytest.raises(StoreUnusable, match=r"Migration 2 of .* failed") as failed:
        up()
    assert state(older) == before
    [backup] = (tmp_path / "backups").iterdir()
    assert str(backup) in failed.value.message
    assert state(str(backup)) == before


def test_without_a_backup_nothing_is_begun(older: str, steps: Path) -> None:
    def full(schema: int) -> str:
        raise StoreFull("No room.")

    before = state(older)
    add_step(steps, 2, NEXT)
    with pytest.raises(StoreFull, match=r"^No room\.$"):
        migrate.migrate(older, back_up=full, actor="me", clock=Clock(), busy_ms=1_000, folder=str(steps))
    assert state(older) == before


def test_while_workers_live_it_is_refused_and_they_are_named(
    older: str, steps: Path, up: Callable[[], Migrated]
) -> None:
    add_step(steps, 2, NEXT)
    fetch(
        older,
        "INSERT INTO worker (uid, name, host, pid, pid_start, namespace, boot, slots, state, started_at, seen_at)"
        " VALUES ('01X', 'here-77', 'here', 77, '', '', '', 1, 'running', 1, 1)",
    )
    life = LifeLock(os.path.dirname(older), "01X")
    with pytest.raises(NotPossible, match=r"Workers are running: here-77\."):
        up()
    life.release()
    assert up().after == 2


def test_it_waits_its_turn_behind_whoever_writes(path: str, tmp_path: Path, fresh_database: Path) -> None:
    shutil.copyfile(fresh_database, path)
    steps = tmp_path / "steps"
    shutil.copytree(migrate.FOLDER, steps)
    add_step(steps, SCHEMA + 1, NEXT)
    with child(HOLDS, path) as holder:
        heard(holder)
        with pytest.raises(StoreBusy, match=f"pid {holder.pid}"):
            migrate.migrate(path, back_up=str, actor="me", clock=Clock(), busy_ms=100, folder=str(steps))
        ended(holder, "go\n")


def test_a_newer_database_is_refused_untouched(older: str, steps: Path, up: Callable[[], Migrated]) -> None:
    fetch(older, "PRAGMA user_version = 99")
    before = state(older)
    with pytest.raises(SchemaTooNew, match="schema 99"):
        up()
    assert state(older) == before


def test_processes_of_an_older_program_are_refused_after_it(path: str, tmp_path: Path, fresh_database: Path) -> None:
    """They have the database open while it is migrated, and know only the schema before."""
    shutil.copyfile(fresh_database, path)
    store = open_store(path, clock=Clock(), busy_ms=1_000)
    with store.transaction() as tx:
        tx.note("me", "wrote")
    steps = tmp_path / "steps"
    shutil.copytree(migrate.FOLDER, steps)
    add_step(steps, SCHEMA + 1, NEXT)
    migrate.migrate(path, back_up=str, actor="me", clock=Clock(), busy_ms=1_000, folder=str(steps))
    with pytest.raises(SchemaTooNew), store.transaction() as tx:
        tx.note("me", "wrote too late")
    store.close()


# --- creating is not migrating --------------------------------------------------------------------------------------


def test_creating_never_migrates(older: str) -> None:
    before = state(older)
    with pytest.raises(StoreUnusable, match="has schema 1") as refused:
        create_store(older, clock=Clock(), busy_ms=1_000)
    assert "deespec db migrate" in (refused.value.hint or "")
    assert state(older) == before


def test_a_log_without_its_database_is_not_taken_for_a_place_for_a_new_one(path: str) -> None:
    Path(f"{path}-wal").write_bytes(b"what was acknowledged last")
    with pytest.raises(StoreUnusable, match=r"but still its deespec\.db-wal") as refused:
        create_store(path, clock=Clock(), busy_ms=1_000)
    assert "deespec db restore" in (refused.value.hint or "")
    assert Path(f"{path}-wal").read_bytes() == b"what was acknowledged last"
    assert not os.path.exists(path)


def test_a_backup_put_there_by_hand_is_brought_into_wal_mode_by_init(older: str, path: str, tmp_path: Path) -> None:
    create_store(str(tmp_path / "fresh.db"), clock=Clock(), busy_ms=1_000)
    os.unlink(path)
    back_up(str(tmp_path / "fresh.db"), path, clock=Clock(), busy_ms=1_000)
    assert create_store(path, clock=Clock(), busy_ms=1_000) is False
    store = open_store(path, clock=Clock(), busy_ms=1_000)
    with store.read() as tx:
        assert tx.in_force().journal_mode == "wal"
    store.close()
