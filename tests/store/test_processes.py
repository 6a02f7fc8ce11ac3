"""Real processes and their signals: deaths in the middle of a write, forks, files taken away, and who is blamed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest
from children import HOLDS, STORE, child, ended, heard

from deespec.clock import Clock
from deespec.errors import StoreBusy, StoreReplaced
from deespec.store.base import Store, Transaction
from deespec.store.opener import open_store

if TYPE_CHECKING:
    from ledger import FakeClock, Ledger

HOUR_MS = 3_600_000
LOCKS = (
    STORE
    + """
done = 0
counter = sys.argv[2]
while done < 200:
    with store.light_transaction() as tx:
        lock = tx.lock_acquire(
            counter, owner=str(os.getpid()), ttl_ms=60_000, host="", pid=os.getpid(), boot="", boot_ms=clock.boot_ms()
        )
    if lock is None:
        store.wait(20)
        continue
    with open(counter, "r+") as file:
        count = int(file.read())
        file.seek(0)
        file.write(f"{count + 1:06}")
    print(lock.token)
    with store.light_transaction() as tx:
        assert tx.lock_release(lock)
    done += 1
"""
)
WRITES = (
    STORE
    + """
from deespec.model.items import Kind, Sbi
while True:
    with store.transaction() as tx:
        number = tx.next_number(Kind.SBI)
        item = Sbi(number=number, uid=clock.uid(), title="An item", spec="Do it. " * 500)
        tx.add(item)
        tx.tie(item)
        for part in range(3):
            tx.note("child", f"part {part}", item=item.id)
        tx.note("child", "registered", item=item.id, to_status=item.status)
    print(number, flush=True)
"""
)
BEGINS = """
import sys
import apsw
raw = apsw.Connection(sys.argv[1])
raw.execute(sys.argv[2])
raw.execute("SELECT count(*) FROM journal").fetchall()
print("inside", flush=True)
sys.stdin.readline()
"""
FORKS = (
    STORE
    + """
def in_child(act):
    pid = os.fork()
    if pid == 0:
        try:
            act()
        except AssertionError as error:
            print(error, flush=True)
        os._exit(0)
    os.waitpid(pid, 0)

def write():
    with store.transaction() as tx:
        tx.note("child", "wrote")

with store.transaction() as tx:
    tx.note("parent", "first")
in_child(write)
writing = store.transaction()
tx = writing.__enter__()
tx.note("parent", "second")
in_child(lambda: writing.__exit__(None, None, None))
writing.__exit__(None, None, None)
"""
)


@pytest.fixture
def impatient(store: Store, path: str) -> Store:
    """The same backlog, opened by somebody who waits for 300 ms only."""
    return open_store(path, clock=Clock(), busy_ms=300)


def events(store: Store) -> list[str]:
    with store.read() as tx:
        return [entry.event for entry in tx.journal()]


# --- many at once ---------------------------------------------------------------------------------------------------


def test_sixteen_processes_share_locks_and_never_hold_one_together(store: Store, path: str, tmp_path: Path) -> None:
    """Each lock guards a file in which four processes count, which goes wrong as soon as two of them are inside."""
    counters = [tmp_path / f"counter {number}" for number in range(4)]
    for counter in counters:
        counter.write_text("000000")
    with ExitStack() as stack:
        children = [stack.enter_context(child(LOCKS, path, counters[number % 4])) for number in range(16)]
        tokens = [ended(each) for each in children]
    assert [counter.read_text() for counter in counters] == ["000800"] * 4
    assert all(len({token for each in tokens[start::4] for token in each}) == 800 for start in range(4))


def test_threads_of_one_process_take_turns(store: Store) -> None:
    def write(number: int) -> None:
        for _ in range(50):
            with store.transaction() as tx:
                tx.note("thread", f"thread {number}")
        store.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert Counter(events(store)) == {f"thread {number}": 50 for number in range(8)}


# --- death ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_a_writer_killed_at_any_moment_loses_nothing_and_leaves_nothing_half(
    ledger: Ledger, path: str, seed: int
) -> None:
    seeded = random.Random(seed)
    acknowledged: list[int] = []
    for _ in range(3):
        with child(WRITES, path) as one:
            acknowledged += [int(heard(one)) for _ in range(seeded.randint(1, 30))]
            one.kill()
            acknowledged += [int(line) for line in ended(one, status=-signal.SIGKILL) if line]
    with ledger.store.read() as tx:
        there = [entry.item for entry in tx.journal(event="registered")]
        parts = Counter(entry.item for entry in tx.journal() if entry.event.startswith("part"))
    assert {f"SBI-{number}" for number in acknowledged} <= set(there)
    assert parts == dict.fromkeys(there, 3)
    assert ledger.violations() == []
    assert integrity(path) == "ok"


def integrity(path: str) -> object:
    raw = apsw.Connection(path)
    found = raw.execute("PRAGMA integrity_check").fetchall()[0][0]
    raw.close()
    return found


def test_whoever_waits_goes_on_at_once_when_the_writer_was_killed(store: Store, path: str) -> None:
    with child(HOLDS, path) as holder:
        assert heard(holder) == "inside"
        holder.kill()
        with store.transaction() as tx:
            tx.note("test", "wrote")
    assert events(store) == ["wrote"]


# --- who is to blame ------------------------------------------------------------------------------------------------


def test_others_write_again_when_a_stopped_writer_goes_on(impatient: Store, path: str) -> None:
    with child(HOLDS, path) as holder:
        assert heard(holder) == "inside"
        os.kill(holder.pid, signal.SIGSTOP)
        with (
            pytest.raises(StoreBusy, match=rf"\(pid {holder.pid}, stopped\) .* more than 0\.3 s"),
            impatient.transaction(),
        ):
            pass
        os.kill(holder.pid, signal.SIGCONT)
        ended(holder, "\n")
    with impatient.transaction() as tx:
        tx.note("test", "wrote")
    assert events(impatient) == ["held", "wrote"]


@pytest.mark.parametrize("hold", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_another_program_that_writes_is_named_and_those_who_only_read_are_not(
    impatient: Store, path: str, hold: str
) -> None:
    with child(BEGINS, path, "BEGIN") as reader:
        assert heard(reader) == "inside"  # first: who opens the database may lock it for a moment
        with child(BEGINS, path, hold) as writer:
            assert heard(writer) == "inside"
            with pytest.raises(StoreBusy) as refused, impatient.transaction():
                pass
    assert f"pid {writer.pid})" in refused.value.message
    assert f"pid {reader.pid})" not in refused.value.message


# --- forks ----------------------------------------------------------------------------------------------------------


def test_a_fork_neither_writes_nor_commits_with_its_parent_s_connection(store: Store, path: str) -> None:
    with child(FORKS, path) as one:
        said = ended(one)
    assert len(said) == 2
    assert all("does not cross a fork" in line for line in said)
    assert events(store) == ["first", "second"]


# --- files that are taken away --------------------------------------------------------------------------------------


def take_away(path: str, suffix: str, how: str) -> None:
    file = path + suffix
    if how == "removed":
        os.unlink(file)
    elif how == "moved":
        os.rename(file, file + ".old")
    else:
        shutil.copyfile(file, file + ".new")
        os.rename(file + ".new", file)


def wait_for_the_next_step_of_the_file_system_s_clock(folder: Path) -> None:
    before = folder.stat().st_ctime_ns
    while folder.stat().st_ctime_ns == before:
        os.utime(folder)


@pytest.fixture(params=["transaction", "light_transaction"])
def begin(request: pytest.FixtureRequest, store: Store) -> Callable[[], AbstractContextManager[Transaction]]:
    """Either kind of write."""
    return getattr(store, request.param)


@pytest.fixture(params=["fresh", "settled"])
def settled(request: pytest.FixtureRequest, clock: FakeClock) -> None:
    """Settled: the last change of the folder lies so far back that to look at the folder alone is enough."""
    if request.param == "settled":
        clock.wall = Clock().now_ms() + HOUR_MS


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("how", ["removed", "moved", "replaced"])
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_nothing_is_written_when_a_file_was_taken_away(
    begin: Callable[[], AbstractContextManager[Transaction]], path: str, tmp_path: Path, suffix: str, how: str
) -> None:
    with begin() as tx:
        tx.note("test", "before")
    wait_for_the_next_step_of_the_file_system_s_clock(tmp_path.parent)
    take_away(path, suffix, how)
    with pytest.raises(StoreReplaced), begin() as tx:
        tx.note("test", "after")


def test_nothing_is_written_when_the_whole_home_was_taken_away(store: Store, path: str, tmp_path: Path) -> None:
    with store.transaction() as tx:
        tx.note("test", "before")
    os.rename(tmp_path, tmp_path.with_name("elsewhere"))
    with pytest.raises(StoreReplaced), store.transaction():
        pass


def test_a_thread_that_comes_later_does_not_open_a_replaced_database(store: Store, path: str) -> None:
    with store.transaction() as tx:
        tx.note("test", "before")
    take_away(path, "", "replaced")
    refused = []

    def write() -> None:
        try:
            with store.transaction():
                pass
        except StoreReplaced as error:
            refused.append(error)

    later = threading.Thread(target=write)
    later.start()
    later.join()
    assert len(refused) == 1
