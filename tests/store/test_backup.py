"""Backups: each is whole and holds all that was acknowledged before, whoever writes meanwhile; no failed one stays."""

from __future__ import annotations

import functools
import os
import signal
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest
from children import PATIENCE_S, STORE, child, ended, heard

from deespec.clock import Clock
from deespec.errors import (
    DeespecError,
    InvalidInput,
    NotPossible,
    StoreCorrupt,
    StoreFull,
    StoreReadOnly,
    StoreUnusable,
)
from deespec.store.sqlite import APPLICATION_ID
from deespec.store.upkeep.backup import Backup, back_up, backup_name, backups_in, newest_seq, prune, verify
from deespec.store.upkeep.partial import PREFIX

if TYPE_CHECKING:
    from ledger import FakeClock, Ledger

WRITERS = 16
WRITES = (
    STORE
    + """
name = sys.argv[2]
number = 0
while True:
    number += 1
    with store.transaction() as tx:
        tx.note(name, "wrote", detail=str(number), error="x" * 500)
    print(f"{name} {number}", flush=True)
"""
)
STOPS_HALFWAY = """
import os, sys
from deespec.clock import Clock
from deespec.store.upkeep.backup import back_up

def stop(done, total):
    print("copying", flush=True)
    sys.stdin.readline()

back_up(sys.argv[1], sys.argv[2], clock=Clock(), busy_ms=60_000, progress=stop)
"""
TRIES = """
import json, os, resource, sys
from deespec.clock import Clock
from deespec.errors import DeespecError
from deespec.store.upkeep.backup import back_up
limit = int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    back_up(sys.argv[1], sys.argv[2], clock=Clock(), busy_ms=60_000)
except DeespecError as error:
    print(json.dumps([type(error).__name__, error.exit_status, error.message, os.listdir(sys.argv[2])]))
"""


def copy(database: str, target: Path | str, **more: object) -> Backup:
    return back_up(database, str(target), clock=Clock(), busy_ms=60_000, **more)  # type: ignore[arg-type]


def fetch(path: str, sql: str) -> list[tuple[object, ...]]:
    raw = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return raw.execute(sql).fetchall()
    finally:
        raw.close()


def check(path: str) -> None:
    assert fetch(path, "PRAGMA integrity_check") == [("ok",)]
    assert fetch(path, "PRAGMA foreign_key_check") == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "backups"
    made.mkdir()
    return made


# --- under writers --------------------------------------------------------------------------------------------------


@contextmanager
def writers(path: str, count: int) -> Iterator[dict[str, int]]:
    """So many processes that write all the time; what of each has been acknowledged."""
    acknowledged: dict[str, int] = {}

    def listen(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith("\n"):
                name, number = line.split()
                acknowledged[name] = int(number)

    with ExitStack() as running:
        processes = [running.enter_context(child(WRITES, path, f"writer-{number}")) for number in range(count)]
        for one in processes:
            name, number = heard(one).split()
            acknowledged[name] = int(number)
        threads = [threading.Thread(target=listen, args=(one,)) for one in processes]
        for thread in threads:
            thread.start()
        yield acknowledged
        assert [one.poll() for one in processes] == [None] * count, "a writer has failed"
        for one in processes:
            one.kill()
        for thread in threads:
            thread.join(PATIENCE_S)


def backups_under_writers(ledger: Ledger, path: str, folder: Path, times: int) -> None:
    ledger.add_many(200)
    ledger.store.close()
    with writers(path, WRITERS) as acknowledged:
        for _ in range(times):
            before = dict(acknowledged)
            made = copy(path, folder)
            check(made.path)
            there = dict(
                fetch(made.path, "SELECT actor, max(detail + 0) FROM journal WHERE event = 'wrote' GROUP BY 1")
            )
            assert {name: number for name, number in before.items() if there.get(name, 0) < number} == {}
            assert fetch(made.path, "SELECT max(seq) FROM journal") == [(made.seq,)]
        assert sum(acknowledged.values()) > sum(before.values()), "nobody wrote meanwhile"
    assert len(backups_in(str(folder))) == times


def test_a_backup_under_sixteen_writers_is_whole_and_holds_all_that_was_acknowledged(
    ledger: Ledger, path: str, folder: Path
) -> None:
    backups_under_writers(ledger, path, folder, times=5)


@pytest.mark.soak
def test_a_hundred_backups_under_sixteen_writers_are_whole(ledger: Ledger, path: str, folder: Path) -> None:
    backups_under_writers(ledger, path, folder, times=100)


def test_what_is_written_while_it_is_copied_is_not_in_it(ledger: Ledger, path: str, folder: Path) -> None:
    """It is one snapshot from its beginning on: no write makes it begin anew, and it does not end as a mixture."""
    for _ in range(60):
        ledger.add_many(1, spec="x" * 200_000)
    steps: list[int] = []

    def meanwhile(done: int, total: int) -> None:
        steps.append(done)
        assert len(steps) < 100, "it begins anew for ever"
        ledger.add("Written meanwhile")

    made = copy(path, folder, progress=meanwhile)
    assert len(steps) >= 2
    assert steps == sorted(set(steps))
    assert fetch(made.path, "SELECT count(*) FROM sbi WHERE title = 'Written meanwhile'") == [(0,)]
    assert newest_seq(made.path) == made.seq == 60


# --- what it is -----------------------------------------------------------------------------------------------------


def test_a_backup_is_one_private_file_that_is_ours(ledger: Ledger, path: str, folder: Path) -> None:
    ledger.add()
    made = copy(path, folder)
    assert os.listdir(folder) == [os.path.basename(made.path)]
    assert stat.S_IMODE(os.stat(made.path).st_mode) == 0o600
    assert fetch(made.path, "PRAGMA journal_mode") == [("delete",)]
    assert fetch(made.path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert made.bytes == os.path.getsize(made.path)


def test_rows_that_are_only_in_the_log_yet_are_in_it(ledger: Ledger, path: str, folder: Path) -> None:
    ledger.add("In the log")
    assert os.path.getsize(path + "-wal") > 0
    made = copy(path, folder / "named.db")
    assert fetch(made.path, "SELECT title FROM sbi") == [("In the log",)]
    assert made.path == str(folder / "named.db")


def test_backups_of_one_second_get_names_of_their_own(
    ledger: Ledger, path: str, folder: Path, clock: FakeClock
) -> None:
    made = [back_up(path, str(folder), clock=clock, busy_ms=1_000).path for _ in range(3)]
    assert len({*made}) == 3
    assert [one.path for one in backups_in(str(folder))] == made[::-1]
    assert os.path.basename(made[0]) == backup_name(clock.now_ms()) == "deespec-20260101T000000Z.db"


# --- where it may not go --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("over", [False, True])
def test_it_never_goes_onto_the_backlog_s_own_files(ledger: Ledger, path: str, suffix: str, over: bool) -> None:
    ledger.add()
    with pytest.raises(InvalidInput, match="is the backlog itself"):
        copy(path, path + suffix, over=over)
    assert ledger.sbi(1).title == "An item"


def test_it_never_goes_onto_another_name_of_the_database(ledger: Ledger, path: str, folder: Path) -> None:
    os.link(path, folder / "other.db")
    with pytest.raises(InvalidInput, match="is the backlog itself"):
        copy(path, folder / "other.db", over=True)


@pytest.mark.parametrize("over", [False, True])
def test_it_never_goes_through_a_symbolic_link(ledger: Ledger, path: str, folder: Path, over: bool) -> None:
    (folder / "elsewhere").write_text("precious")
    (folder / "link.db").symlink_to(folder / "elsewhere")
    with pytest.raises(InvalidInput, match="symbolic link"):
        copy(path, folder / "link.db", over=over)
    assert (folder / "elsewhere").read_text() == "precious"


def test_an_existing_file_stays_unless_it_may_be_replaced(ledger: Ledger, path: str, folder: Path) -> None:
    (folder / "notes").write_text("precious")
    with pytest.raises(NotPossible, match="already") as refused:
        copy(path, folder / "notes")
    assert "--force" in (refused.value.hint or "")
    assert (folder / "notes").read_text() == "precious"
    copy(path, folder / "notes", over=True)
    check(str(folder / "notes"))


def test_a_folder_that_is_not_there_is_told(ledger: Ledger, path: str, folder: Path) -> None:
    with pytest.raises(StoreReadOnly, match="cannot be written"):
        copy(path, folder / "no" / "such.db")


# --- keeping some ---------------------------------------------------------------------------------------------------


def test_only_ordinary_backups_beyond_the_number_are_removed_and_never_the_one_just_made(folder: Path) -> None:
    ours = [backup_name(at * 1_000) for at in range(5)]
    others = ["deespec.db", "notes", "deespec-today.db", backup_name(0, special="replaced"), f"{ours[0]}-journal"]
    for name in (*ours, *others):
        (folder / name).touch()
    (folder / backup_name(9_000)).mkdir()
    removed = prune(str(folder), 2, but=str(folder / ours[0]))
    assert sorted(map(os.path.basename, removed)) == ours[1:4]
    left = {backup_name(9_000), ours[0], ours[4], *others}
    assert {*os.listdir(folder)} == left


def test_a_file_that_is_no_backup_has_no_newest_entry(folder: Path) -> None:
    (folder / "notes").write_text("These are notes.\n" * 100)
    apsw.Connection(str(folder / "other.db")).execute("CREATE TABLE other (a)")
    assert newest_seq(str(folder / "notes")) is None
    assert newest_seq(str(folder / "other.db")) is None
    assert newest_seq(str(folder / "absent")) is None


# --- what goes wrong ------------------------------------------------------------------------------------------------


def test_an_interrupted_backup_leaves_nothing(ledger: Ledger, path: str, folder: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(path, folder, progress=interrupt)
    assert os.listdir(folder) == []


def test_what_a_killed_backup_leaves_goes_with_the_next_one_and_not_while_it_lives(
    ledger: Ledger, path: str, folder: Path
) -> None:
    with child(STOPS_HALFWAY, path, folder) as one:
        assert heard(one) == "copying"
        [partial] = os.listdir(folder)
        assert partial.startswith(PREFIX)
        copy(path, folder)
        assert partial in os.listdir(folder)
        one.kill()
        ended(one, status=-signal.SIGKILL)
    copy(path, folder)
    assert all(name.startswith("deespec-") for name in os.listdir(folder))


def damage(path: str, page: int) -> None:
    with open(path, "r+b") as file:
        file.seek((page - 1) * 4_096)
        file.write(b"\xff" * 4_096)


def test_a_damaged_database_gives_no_backup(ledger: Ledger, path: str, folder: Path) -> None:
    ledger.add_many(300)
    ledger.store.close()
    damage(path, os.path.getsize(path) // 4_096 - 3)
    with pytest.raises(StoreCorrupt, match="is damaged"):
        copy(path, folder)
    assert os.listdir(folder) == []


def test_a_damaged_backup_is_known(ledger: Ledger, path: str, folder: Path) -> None:
    ledger.add_many(300)
    made = copy(path, folder)
    verify(made.path, called="it")
    damage(made.path, made.bytes // 4_096 - 3)
    with pytest.raises(StoreCorrupt, match="it is damaged"):
        verify(made.path, called="it")


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(StoreUnusable, match="There is no database"):
        copy(str(tmp_path / "deespec.db"), folder)
    assert os.listdir(folder) == []
    assert not (tmp_path / "deespec.db").exists()


@functools.cache
def may_mount() -> bool:
    return subprocess.run(tiny_disk("/tmp", "true"), capture_output=True, timeout=PATIENCE_S).returncode == 0


def tiny_disk(folder: str, *words: str) -> list[str]:
    return ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && exec "$@"', folder, *words]


def outcome(one: subprocess.Popen[str]) -> tuple[str, int, str, list[str]]:
    import json

    kind, status, message, left = json.loads(ended(one)[0])
    return kind, status, message, left


def test_on_a_disk_without_room_nothing_is_left_and_it_says_how_much_is_needed(
    ledger: Ledger, path: str, folder: Path
) -> None:
    if not may_mount():
        pytest.skip("this user may not mount a small disk")
    ledger.add_many(1, spec="x" * 900_000)
    with child(TRIES, path, folder, 0, before=tiny_disk(str(folder))) as one:
        kind, status, message, left = outcome(one)
    assert (kind, status, left) == (StoreFull.__name__, 5, [])
    assert "needs 1.2 MB" in message
    assert "1.0 MB are free" in message


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(ledger: Ledger, path: str, folder: Path) -> None:
    """The room is there when it begins, and another program takes it."""
    if not may_mount():
        pytest.skip("this user may not mount a small disk")
    ledger.add_many(1, spec="x" * 500_000)
    takes = "import shutil; shutil.disk_usage = lambda path: type('', (), {'free': 10**9})"
    program = f"{takes}\nopen(__import__('sys').argv[2] + '/ballast', 'wb').write(bytes(400_000))\n{TRIES}"
    with child(program, path, folder, 0, before=tiny_disk(str(folder))) as one:
        kind, status, _, left = outcome(one)
    assert (kind, status, left) == (StoreFull.__name__, 5, ["ballast"])


def test_a_copy_that_the_system_refuses_leaves_nothing(ledger: Ledger, path: str, folder: Path) -> None:
    ledger.add_many(1, spec="x" * 500_000)
    with child(TRIES, path, folder, 100_000) as one:
        kind, status, message, left = outcome(one)
    assert (kind, status, left) == (StoreUnusable.__name__, 5, [])
    assert str(folder) in message


def test_a_reader_of_backups_is_told_the_reason_in_our_words(ledger: Ledger, path: str, folder: Path) -> None:
    """No error of the driver comes through."""
    ledger.store.close()
    Path(path).write_bytes(b"These are notes.\n" * 500)
    with pytest.raises(DeespecError, match="is not a database"):
        copy(path, folder)
