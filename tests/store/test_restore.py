"""Restoring: what a backup holds is there again, nothing is given out twice, and what it replaces is kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest
from children import HOLDS, PATIENCE_S, STORE, child, ended, heard

from deespec.errors import InvalidInput, LeaseLost, NotFound, NotPossible, SchemaTooNew, StoreCorrupt, StoreFull
from deespec.model.items import Answer, Kind, Worker
from deespec.model.lifecycle import Event, Status
from deespec.store import migrate, sqlite
from deespec.store.alive import LifeLock
from deespec.store.invariants import Invariants
from deespec.store.named_locks import NamedLocks
from deespec.store.opener import create_store, open_store
from deespec.store.origins import Marks
from deespec.store.upkeep.backup import back_up
from deespec.store.upkeep.restore import GAP, Restored, made_ready, put
from deespec.store.upkeep.shelf import backups_for, shelf_of

if TYPE_CHECKING:
    from ledger import FakeClock, Ledger

BUSY_MS = 20_000
SIDES = ("", "-wal", "-shm")
OPENS = """
import sys
import apsw
raw = apsw.Connection(sys.argv[1])
raw.execute("SELECT count(*) FROM sbi").fetchall()
print("open", flush=True)
sys.stdin.readline()
"""
WRITES_ON = (
    STORE
    + """
from deespec.model.items import Kind
number = 0
while True:
    number += 1
    with store.transaction() as tx:
        tx.note("writer", "wrote", detail=str(number))
        given = tx.next_number(Kind.SBI)
    print(number, given, tx.now, flush=True)
"""
)
RESTORES = """
import json, os, sys
from deespec.clock import Clock
from deespec.errors import DeespecError
from deespec.store.origins import Marks
from deespec.store.upkeep.restore import made_ready, put
database, file, state = sys.argv[1:4]
open(os.path.join(os.path.dirname(database), "ballast"), "wb").write(bytes(int(sys.argv[4])))
try:
    with made_ready(file, database, clock=Clock(), busy_ms=20_000) as ready:
        put(ready, database, state=state, given=Marks(), force=False, actor="me", clock=Clock(), busy_ms=20_000)
except DeespecError as error:
    print(json.dumps([type(error).__name__, error.exit_status]))
"""


class Vault:
    """Backups of one database, and their way back."""

    def __init__(self, path: str, folder: Path, clock: FakeClock) -> None:
        self.path = path
        self.home = os.path.dirname(path)
        self.state = str(folder)
        self.clock = clock
        for _ in range(100):  # the database was made with another such clock: ids are not to come again
            clock.random_bytes(1)

    def back_up(self) -> str:
        folder = shelf_of(self.path, self.state, busy_ms=BUSY_MS)
        return back_up(self.path, folder, clock=self.clock, busy_ms=BUSY_MS).path

    def restore(self, file: str, *, force: bool = False, given: Marks | None = None) -> Restored:
        self.clock.forward(1_000)
        with made_ready(file, self.path, clock=self.clock, busy_ms=BUSY_MS) as ready:
            return put(
                ready,
                self.path,
                state=self.state,
                given=given or Marks(),
                force=force,
                actor="me@here",
                clock=self.clock,
                busy_ms=BUSY_MS,
            )


@pytest.fixture
def vault(path: str, tmp_path: Path, clock: FakeClock) -> Vault:
    return Vault(path, tmp_path / "state", clock)


def reopened(ledger: Ledger) -> Ledger:
    """The same backlog, opened as the next command opens it."""
    return type(ledger)(open_store(ledger.store.path, clock=ledger.clock, busy_ms=BUSY_MS), ledger.clock)  # type: ignore[attr-defined]


def titles(path: str) -> list[str]:
    raw = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    found = [str(row[0]) for row in raw.execute("SELECT title FROM sbi ORDER BY number").fetchall()]
    raw.close()
    return found


def check(ledger: Ledger) -> None:
    """All is as it must be, by every rule that there is."""
    raw = apsw.Connection(ledger.store.path)  # type: ignore[attr-defined]
    assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
    raw.close()
    assert ledger.violations() == []
    with ledger.store.read() as tx:
        told = Invariants(tx.connection, now=tx.now, clock=tx.clock).everything()
        assert [one.text for one in told] == []


# --- what comes back ------------------------------------------------------------------------------------------------


def test_what_the_backup_holds_is_there_again_for_those_who_have_it_open(ledger: Ledger, vault: Vault) -> None:
    ledger.add("Before")
    backup = vault.back_up()
    ledger.add("After")
    vault.restore(backup)
    assert titles(vault.path) == ["Before"]
    with ledger.store.read() as tx:
        assert tx.counts() == {"PENDING": 1}
    ledger.add("Later")
    check(ledger)


def test_the_journal_tells_of_it_and_numbers_are_not_given_twice(ledger: Ledger, vault: Vault) -> None:
    ledger.add("Before")
    backup = vault.back_up()
    ledger.add_many(4)
    ledger.add_pbi()
    with ledger.store.read() as tx:
        end = tx.journal_end()
    done = vault.restore(backup)
    assert done.gap == 0
    with ledger.store.read() as tx:
        told = tx.journal()[-1]
    assert (told.seq, told.event, told.actor) == (end + 1, "restored", "me@here")
    assert os.path.basename(backup) in (told.detail or "")
    assert [ledger.add().id, ledger.add_pbi().id] == ["SBI-6", "PBI-2"]


def test_numbers_and_tokens_go_on_above_those_that_git_knows(ledger: Ledger, vault: Vault) -> None:
    ledger.add()
    backup = vault.back_up()
    vault.restore(backup, given=Marks(counters=(("sbi", 70), ("token", 900))))
    assert ledger.add().id == "SBI-71"
    assert ledger.take().token == 901


def test_claims_end_and_their_items_stay_where_they_are(ledger: Ledger, vault: Vault) -> None:
    ledger.add()
    claim = ledger.begin()
    with ledger.store.transaction() as tx:
        answer = Answer(kind="implement", text="Done.")
        tx.store_answer(sbi=1, turn=1, token=claim.token, answer=answer, actor="agent")
        tx.add_worker(a_worker(ledger))
    backup = vault.back_up()
    vault.restore(backup)
    check(ledger)
    with ledger.store.read() as tx:
        assert (tx.running(), tx.calls(), tx.workers(), tx.stored_answer(1, 1)) == ([], [], [], None)
        assert tx.epoch() != claim.epoch
    after = ledger.sbi(1)
    assert (after.status, after.attempts, after.turn) == (Status.IMPLEMENTING, 0, 0)
    with pytest.raises(LeaseLost):
        ledger.settle(claim, Event.IMPLEMENTED)
    again = ledger.take()
    assert (again.sbi.id, again.step, again.leftovers) == ("SBI-1", claim.step, ())
    assert again.token > claim.token


def test_a_claim_given_after_the_backup_is_worth_nothing_in_it(ledger: Ledger, vault: Vault) -> None:
    """Its token may come again after all; its epoch does not."""
    ledger.add()
    backup = vault.back_up()
    lost = ledger.begin()
    vault.restore(backup)
    mine = ledger.begin()
    assert (mine.token, mine.epoch) > (lost.token, "")
    assert mine.epoch != lost.epoch
    with pytest.raises(LeaseLost):
        ledger.settle(lost, Event.IMPLEMENTED)
    ledger.settle(mine, Event.IMPLEMENTED)


def test_named_locks_stay_with_their_holders_and_their_tokens_grow(ledger: Ledger, vault: Vault) -> None:
    locks = NamedLocks(ledger.store, clock=ledger.clock, host="here", person="me@here")
    old = locks.acquire("free by now")
    gone = locks.acquire("held then")
    backup = vault.back_up()
    locks.release(old)
    locks.release(gone)
    newer = locks.acquire("free by now")
    locks.release(newer)
    held = locks.acquire("held now")
    vault.restore(backup)
    assert locks.holder("held now") == held
    assert locks.holder("held then") is None
    assert locks.acquire("free by now").token > newer.token
    assert locks.acquire("held then").token > gone.token
    assert locks.release(held)


def test_what_was_paid_stays_paid(ledger: Ledger, vault: Vault) -> None:
    ledger.add()
    backup = vault.back_up()
    ledger.settle(ledger.begin(), Event.IMPLEMENTED, cost_usd=2.5)
    vault.restore(backup)
    with ledger.store.read() as tx:
        assert tx._value("spent_since", since=0) == 2.5
    check(ledger)


def test_a_backup_of_an_older_schema_comes_up_to_date_and_stays_as_it_is(
    path: str, vault: Vault, tmp_path: Path
) -> None:
    steps = tmp_path / "steps"
    steps.mkdir()
    shutil.copy(migrate.migrations()[0][1], steps)
    older = str(tmp_path / "older.db")
    migrate.create(older, clock=vault.clock, busy_ms=BUSY_MS, folder=str(steps))
    before = Path(older).read_bytes()
    vault.restore(older)
    assert Path(older).read_bytes() == before
    assert not {*map(str, tmp_path.glob("older.db-*"))}
    store = open_store(path, clock=vault.clock, busy_ms=BUSY_MS)
    with store.read() as tx:
        assert tx.in_force().schema == sqlite.SCHEMA
        assert tx.journal_end() == 1
    store.close()


# --- what is kept ---------------------------------------------------------------------------------------------------


def test_what_it_replaced_is_a_backup_that_brings_it_back(ledger: Ledger, vault: Vault) -> None:
    ledger.add("Before")
    backup = vault.back_up()
    ledger.add("After")
    done = vault.restore(backup)
    assert done.kept_whole
    assert done.kept is not None
    assert done.kept.endswith("-replaced.db")
    vault.restore(done.kept)
    assert titles(vault.path) == ["Before", "After"]
    assert ledger.add().id == "SBI-3"
    check(ledger)


def test_a_home_that_has_lost_its_database_still_finds_its_backups(ledger: Ledger, vault: Vault) -> None:
    backup = vault.back_up()
    ledger.store.close()
    os.unlink(vault.path)
    assert [one.path for one in backups_for(vault.state, vault.home)] == [backup]
    assert backups_for(vault.state, "/elsewhere") == []


# --- over what is damaged -------------------------------------------------------------------------------------------


def cut(size: int, side: str = "") -> Callable[[str], None]:
    return lambda path: os.truncate(path + side, size)


def overwrite(at: int, data: bytes, side: str = "") -> Callable[[str], None]:
    def write(path: str) -> None:
        with open(path + side, "r+b") as file:
            file.seek(at)
            file.write(data)

    return write


def remove(*sides: str) -> Callable[[str], None]:
    def unlink(path: str) -> None:
        for side in sides:
            Path(path + side).unlink(missing_ok=True)

    return unlink


DAMAGE = {
    "emptied": cut(0),
    "cut to 50 bytes": cut(50),
    "cut to a page": cut(4_096),
    "cut in the middle of a page": cut(33_000),
    "header written over": overwrite(0, b"\xff" * 100),
    "name in the header written over": overwrite(0, b"garbage garbage!"),
    "another page size": overwrite(16, b"\x20\x00"),
    "the first page written over": overwrite(100, b"\xff" * 3_996),
    "a page written over": overwrite(5 * 4_096, b"\xff" * 4_096),
    "many pages written over": overwrite(4_096, b"\xee" * 150_000),
    "all written over": overwrite(0, b"\xee" * 200_000),
    "no more wal": overwrite(18, b"\x01\x01"),
    "shared memory written over": overwrite(0, b"\xff" * 32_768, "-shm"),
    "shared memory gone": remove("-shm"),
    "database gone": remove(""),
    "everything gone": remove(*SIDES),
}


LOG_LOST = {
    "log written over": overwrite(0, b"\xff" * 5_000, "-wal"),
    "log cut": cut(5_000, "-wal"),
    "log gone": remove("-wal", "-shm"),
}
"""SQLite takes what is left for the whole."""


def in_a_process(damage: Callable[[str], None], path: str) -> None:
    """What opens a database's file here would drop the locks that SQLite has in this process."""
    pid = os.fork()
    if pid == 0:
        try:
            damage(path)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.parametrize("kind", DAMAGE)
def test_over_whatever_damage_a_backup_comes_back_and_no_number_is_given_twice(
    ledger: Ledger, vault: Vault, kind: str
) -> None:
    ledger.add("Before")
    backup = vault.back_up()
    ledger.add_many(30)
    highest = ledger.add("After").number
    with child(OPENS, vault.path) as other:  # so that closing does not tidy up
        heard(other)
        ledger.store.close()
        other.kill()
        other.wait()
    in_a_process(DAMAGE[kind], vault.path)
    there = {side for side in SIDES if os.path.exists(vault.path + side)}
    done = vault.restore(backup)
    later = reopened(ledger)
    assert titles(vault.path) == ["Before"]
    assert later.add().number > highest
    check(later)
    assert (done.kept is not None) == ("" in there or "-wal" in there)
    if done.kept is not None:
        assert os.path.exists(done.kept)
    if done.kept is not None and os.path.isdir(done.kept):
        assert {*os.listdir(done.kept)} >= {f"deespec.db{side}" for side in there - {"-shm"}}
    later.store.close()


@pytest.mark.parametrize("kind", LOG_LOST)
def test_a_database_that_has_lost_its_log_is_not_trusted_about_what_it_has_given(
    ledger: Ledger, vault: Vault, kind: str
) -> None:
    """A backup knows of more than it does."""
    ledger.add("Before")
    backup = vault.back_up()
    ledger.add_many(30)
    vault.back_up()
    highest = ledger.add("After").number
    with child(OPENS, vault.path) as other:
        heard(other)
        ledger.store.close()
        other.kill()
        other.wait()
    in_a_process(LOG_LOST[kind], vault.path)
    assert vault.restore(backup).gap == GAP
    later = reopened(ledger)
    assert titles(vault.path) == ["Before"]
    assert later.add().number > highest
    check(later)
    later.store.close()


def test_what_cannot_be_written_is_not_moved_away_from_those_who_have_it_open(ledger: Ledger, vault: Vault) -> None:
    ledger.add("Before")
    backup = vault.back_up()
    ledger.store.close()
    with child(OPENS, vault.path) as other:
        heard(other)
        in_a_process(overwrite(0, b"\xff" * 100), vault.path)
        before = Path(vault.path).read_bytes()
        with pytest.raises(NotPossible, match=f"pid {other.pid}"):
            vault.restore(backup)
        assert Path(vault.path).read_bytes() == before
        ended(other, "go\n")
    vault.restore(backup)
    assert titles(vault.path) == ["Before"]


def test_numbers_are_not_given_twice_though_the_database_is_lost_again_and_again(ledger: Ledger, vault: Vault) -> None:
    ledger.add("Before")
    backup = vault.back_up()
    ledger.store.close()
    given = []
    for _ in range(3):
        for side in SIDES:
            Path(vault.path + side).unlink(missing_ok=True)
        create_store(vault.path, clock=vault.clock, busy_ms=BUSY_MS)
        assert vault.restore(backup).gap == GAP
        later = reopened(ledger)
        given += [later.add().number for _ in range(2)]
        check(later)
        later.store.close()
    assert sorted({*given}) == given
    assert given[0] > 1


# --- what is refused ------------------------------------------------------------------------------------------------


def a_worker(ledger: Ledger, uid: str = "01X") -> Worker:
    return Worker(uid=uid, name="here-77", host="here", pid=77, pid_start="", namespace="", boot="", slots=1)


def test_while_workers_live_only_force_restores_and_their_claims_are_lost(ledger: Ledger, vault: Vault) -> None:
    ledger.add()
    with ledger.store.transaction() as tx:
        tx.add_worker(a_worker(ledger))
        tx.add_worker(a_worker(ledger, "01Y"))
    backup = vault.back_up()
    claim = ledger.begin()
    life = LifeLock(vault.home, "01X")
    with pytest.raises(NotPossible, match=r"Workers are running: here-77\.") as refused:
        vault.restore(backup)
    assert refused.value.exit_status == 4
    assert ledger.sbi(1).status is Status.IMPLEMENTING
    vault.restore(backup, force=True)
    assert ledger.sbi(1).status is Status.PENDING
    with pytest.raises(LeaseLost):
        ledger.settle(claim, Event.IMPLEMENTED)
    with ledger.store.read() as tx:
        assert [worker.uid for worker in tx.workers()] == ["01X"], "of two, this one lives on"
    check(ledger)
    life.release()


def test_a_backup_of_another_backlog_needs_force_unless_this_one_is_empty(
    ledger: Ledger, vault: Vault, tmp_path: Path, clock: FakeClock
) -> None:
    (tmp_path / "other").mkdir()
    other = Vault(str(tmp_path / "other" / "deespec.db"), Path(vault.state), clock)
    create_store(other.path, clock=clock, busy_ms=BUSY_MS)
    theirs = other.back_up()
    ledger.add("Ours")
    ours = vault.back_up()
    with pytest.raises(NotPossible, match="of another backlog"):
        vault.restore(theirs)
    assert titles(vault.path) == ["Ours"]
    other.restore(ours)
    assert titles(other.path) == ["Ours"]
    vault.restore(theirs, force=True)
    assert titles(vault.path) == []


def test_a_database_of_a_newer_deespec_is_kept_whole_and_gives_way(ledger: Ledger, vault: Vault) -> None:
    """The way back after an upgrade that was a mistake."""
    ledger.add("Before")
    backup = vault.back_up()
    ledger.store.close()
    raw = apsw.Connection(vault.path)
    raw.execute("ALTER TABLE worker RENAME COLUMN slots TO places; PRAGMA user_version = 99")
    raw.close()
    done = vault.restore(backup)
    assert (done.kept_whole, done.gap) == (True, GAP)
    later = reopened(ledger)
    assert titles(vault.path) == ["Before"]
    check(later)
    later.store.close()


def test_a_backup_in_which_not_all_is_right_needs_force(ledger: Ledger, vault: Vault) -> None:
    ledger.add("Before")
    backup = vault.back_up()
    raw = apsw.Connection(backup)
    raw.execute("UPDATE sbi SET turn = 3")
    raw.close()
    with pytest.raises(NotPossible, match="SBI-1 has ended 3 turns, but 0 are recorded"):
        vault.restore(backup)
    vault.restore(backup, force=True)
    assert ledger.sbi(1).turn == 3


def spoil(backup: str, *statements: str) -> None:
    raw = apsw.Connection(backup)
    for statement in statements:
        raw.execute(statement)
    raw.close()


@pytest.mark.parametrize(
    ("spoiled", "error", "words"),
    [
        (overwrite(5 * 4_096, b"\xff" * 40_000), StoreCorrupt, "is damaged"),
        (overwrite(0, b"These are notes."), InvalidInput, "is not a database"),
        (lambda file: spoil(file, "PRAGMA application_id = 7"), InvalidInput, "not a backup of a backlog"),
        (lambda file: spoil(file, "PRAGMA user_version = 99"), SchemaTooNew, "has schema 99"),
        (lambda file: spoil(file, "PRAGMA user_version = -1"), InvalidInput, "another store"),
        (
            lambda file: spoil(file, "PRAGMA foreign_keys = OFF", "INSERT INTO need VALUES (1, 77, 0)"),
            StoreCorrupt,
            "missing",
        ),
        (lambda file: os.truncate(file, 0), InvalidInput, "not a backup of a backlog"),
        (os.unlink, NotFound, "There is no file"),
    ],
    ids=["damaged", "no database", "foreign", "too new", "sealed", "broken reference", "empty", "absent"],
)
def test_what_is_no_sound_backup_changes_nothing(
    ledger: Ledger, vault: Vault, spoiled: Callable[[str], None], error: type[Exception], words: str
) -> None:
    ledger.add_many(20)
    backup = vault.back_up()
    ledger.add("Newest")
    spoiled(backup)
    for force in (False, True):
        with pytest.raises(error, match=words):
            vault.restore(backup, force=force)
    assert ledger.sbi(21).title == "Newest"
    assert [name for name in os.listdir(vault.home) if "partial" in name or "replaced" in name] == []


@pytest.mark.parametrize("side", SIDES)
def test_the_backlog_is_no_backup_of_itself(ledger: Ledger, vault: Vault, side: str) -> None:
    ledger.add()
    with pytest.raises(InvalidInput, match="is the backlog itself"):
        vault.restore(vault.path + side)


def test_without_room_for_it_nothing_changes(ledger: Ledger, vault: Vault, tmp_path: Path) -> None:
    """A disk that has room for the copy, and not for the log of the restore."""
    probe = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=900k none "$0" && exec "$@"']
    if subprocess.run([*probe, "/tmp", "true"], capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    ledger.add("Before", spec="x" * 50_000)
    backup = vault.back_up()
    ledger.store.close()
    (tmp_path / "small").mkdir()
    database = str(tmp_path / "small" / "deespec.db")
    looks = f"{RESTORES}\nprint(os.path.getsize(database), sorted(os.listdir(os.path.dirname(database))))"
    script = 'cp "$1" "$0"/deespec.db && shift && exec "$@"'
    words = [*probe, str(tmp_path / "small"), "sh", "-c", script, str(tmp_path / "small"), vault.path]
    size = os.path.getsize(vault.path)
    with child(looks, database, backup, vault.state, 900_000 - size - size - 60_000, before=words) as one:
        kind, left = ended(one)
    assert kind == f'["{StoreFull.__name__}", 5]'
    assert left.startswith(f"{size} ")
    assert "partial" not in left


# --- while others work ----------------------------------------------------------------------------------------------


def test_it_waits_its_turn_and_others_wait_for_it(ledger: Ledger, vault: Vault) -> None:
    ledger.add("Before")
    backup = vault.back_up()
    with child(HOLDS, vault.path) as holder:
        heard(holder)
        done: list[Restored] = []
        restoring = threading.Thread(target=lambda: done.append(vault.restore(backup)))
        restoring.start()
        assert not done
        ended(holder, "go\n")
        restoring.join(PATIENCE_S)
    assert done[0].kept is not None
    kept = open_store_read(done[0].kept)
    assert "held" in kept, "what was acknowledged before it is in what was replaced"


def open_store_read(path: str) -> list[str]:
    raw = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    found = [str(row[0]) for row in raw.execute("SELECT event FROM journal ORDER BY seq").fetchall()]
    raw.close()
    return found


def test_a_process_that_writes_all_the_time_loses_nothing_and_gets_no_number_twice(
    ledger: Ledger, vault: Vault
) -> None:
    """Whatever it was told is written is in what was replaced or in what is there now."""
    ledger.add("Before")
    backup = vault.back_up()
    ledger.store.close()
    heard_so_far: list[tuple[int, int]] = []
    with child(WRITES_ON, vault.path) as writer:
        assert writer.stdout is not None

        def listen() -> None:
            for line in writer.stdout or ():
                if line.endswith("\n"):
                    number, given, _ = map(int, line.split())
                    heard_so_far.append((number, given))

        heard(writer)
        listening = threading.Thread(target=listen)
        listening.start()
        kept = []
        for _ in range(5):
            done = vault.restore(backup)
            assert done.kept is not None
            kept.append(done.kept)
        count = len(heard_so_far)
        while len(heard_so_far) < count + 20 and listening.is_alive():
            listening.join(0.01)
        assert writer.poll() is None, writer.communicate()[1]
        writer.kill()
        listening.join(PATIENCE_S)
    there: set[int] = set()
    for file in (*kept, vault.path):
        raw = apsw.Connection(file, flags=apsw.SQLITE_OPEN_READONLY)
        there |= {
            int(str(row[0])) for row in raw.execute("SELECT detail FROM journal WHERE event = 'wrote'").fetchall()
        }
        raw.close()
    assert {number for number, _ in heard_so_far} - there == set()
    given = [one for _, one in heard_so_far]
    assert given == sorted({*given})
    later = reopened(ledger)
    assert later.store.wait(0) in (True, False)
    with later.store.transaction() as tx:
        assert tx.next_number(Kind.SBI) > max(given)
    later.store.close()
