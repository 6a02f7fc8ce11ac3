"""The log: what moves it into the database, who holds that back, and that writers lose nothing by it."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from children import HOLDS, STORE, child, ended, heard

from deespec.clock import Clock
from deespec.store.holders import Doing, holder_of, holders_of
from deespec.store.upkeep.checkpoint import Checkpoint, Mode, checkpoint, size_of, wal_health

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger import Ledger

BUSY_MS = 60_000
READS = (
    STORE
    + """
with store.read() as tx:
    tx.journal_end()
    print("reading", flush=True)
    sys.stdin.readline()
"""
)
"""Has an old state in view until it hears a line."""
REGISTERS = (
    STORE
    + """
for number in range(25):
    with store.transaction() as tx:
        tx.note(sys.argv[2], "wrote", detail=str(number))
print("done", flush=True)
"""
)
WRITERS = 8


def run(path: str, mode: Mode, *, wait_ms: int = 100) -> Checkpoint:
    return checkpoint(path, mode, clock=Clock(), busy_ms=BUSY_MS, wait_ms=wait_ms)


@contextmanager
def reader(path: str) -> Iterator[subprocess.Popen[str]]:
    with child(READS, path) as one:
        assert heard(one) == "reading"
        yield one


def write(ledger: Ledger, times: int = 3) -> None:
    for _ in range(times):
        ledger.add()


@pytest.mark.parametrize("mode", Mode)
def test_without_readers_all_of_the_log_is_moved(ledger: Ledger, path: str, mode: Mode) -> None:
    write(ledger)
    before = wal_health(path, clock=Clock(), busy_ms=BUSY_MS)
    done = run(path, mode)
    assert done.complete
    assert done.frames == done.moved == before.frames > 0
    after = wal_health(path, clock=Clock(), busy_ms=BUSY_MS)
    assert after.frames == after.moved
    assert ledger.sbi(3).title == "An item"


def test_truncate_leaves_an_empty_file(ledger: Ledger, path: str) -> None:
    write(ledger)
    done = run(path, Mode.TRUNCATE)
    assert done.bytes_before > 0
    assert done.bytes_after == size_of(f"{path}-wal") == 0


@pytest.mark.parametrize("mode", Mode)
def test_a_reader_that_holds_it_back_is_named(ledger: Ledger, path: str, mode: Mode) -> None:
    write(ledger)
    with reader(path) as one:
        write(ledger)
        done = run(path, mode)
        assert not done.complete
        [holder] = done.holders
        assert (holder.pid, holder.doing) == (one.pid, Doing.READING)
        assert f"(pid {one.pid})" in holder.what
        assert holder.since_at is not None
        assert holder.since_at <= Clock().now_ms()
    assert run(path, Mode.TRUNCATE).complete


def test_the_log_grows_while_a_reader_holds_it_and_is_cut_afterwards(ledger: Ledger, path: str) -> None:
    with reader(path):
        write(ledger, 20)
        health = wal_health(path, clock=Clock(), busy_ms=BUSY_MS)
        assert health.moved < health.frames
        assert len(health.readers) == 1
    assert run(path, Mode.TRUNCATE).bytes_after == 0


def test_looking_at_the_log_moves_nothing(ledger: Ledger, path: str) -> None:
    write(ledger)
    before = wal_health(path, clock=Clock(), busy_ms=BUSY_MS)
    assert before.frames > 0
    assert before.moved == 0
    assert wal_health(path, clock=Clock(), busy_ms=BUSY_MS) == before


def test_a_writer_is_named_with_what_it_does(ledger: Ledger, path: str) -> None:
    with child(HOLDS, path) as one:
        assert heard(one) == "inside"
        doing = {holder.doing for holder in holders_of(path, clock=Clock()) if holder.pid == one.pid}
        assert Doing.WRITING in doing


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.RESTART, Mode.TRUNCATE])
def test_a_writer_that_holds_it_back_is_named(ledger: Ledger, path: str, mode: Mode) -> None:
    write(ledger)
    with child(HOLDS, path) as one:
        assert heard(one) == "inside"
        done = run(path, mode)
        assert not done.complete
        assert [(holder.pid, holder.doing) for holder in done.holders] == [(one.pid, Doing.WRITING)]


def test_while_it_waits_for_a_reader_others_write(ledger: Ledger, path: str) -> None:
    write(ledger)
    with reader(path) as one, ThreadPoolExecutor(1) as pool:
        write(ledger)
        waiting = pool.submit(run, path, Mode.TRUNCATE, wait_ms=60_000)
        write(ledger, 10)
        assert not waiting.done()
        ended(one, "go\n")
        assert waiting.result().complete
    assert size_of(f"{path}-wal") == 0


def test_who_only_came_by_is_not_blamed(ledger: Ledger, path: str) -> None:
    write(ledger)
    with reader(path) as stays, reader(path) as leaves, ThreadPoolExecutor(1) as pool:
        write(ledger)
        assert {holder.pid for holder in run(path, Mode.FULL, wait_ms=0).holders} == {stays.pid, leaves.pid}
        waiting = pool.submit(run, path, Mode.FULL, wait_ms=3_000)
        ended(leaves, "go\n")
        assert [holder.pid for holder in waiting.result().holders] == [stays.pid]


def test_a_stopped_process_is_told_from_a_running_one(ledger: Ledger, path: str) -> None:
    import signal

    with reader(path) as one:
        os.kill(one.pid, signal.SIGSTOP)
        os.waitpid(one.pid, os.WUNTRACED)
        assert holders_of(path, clock=Clock())[0].what.endswith(f"(pid {one.pid}, stopped)")
        os.kill(one.pid, signal.SIGCONT)


def test_this_process_is_not_among_the_holders(ledger: Ledger, path: str) -> None:
    with ledger.store.read() as tx:
        tx.journal_end()
        assert holders_of(path, clock=Clock()) == ()


def test_of_a_file_that_is_not_there_nobody_is_the_holder(path: str) -> None:
    assert holder_of(path) is None
    assert holders_of(path, clock=Clock()) == ()


@pytest.mark.parametrize("mode", Mode)
def test_writers_go_on_meanwhile_and_lose_nothing(ledger: Ledger, path: str, mode: Mode) -> None:
    with ExitStack() as stack:
        writers = [stack.enter_context(child(REGISTERS, path, f"writer {number}")) for number in range(WRITERS)]
        while any(one.poll() is None for one in writers):
            run(path, mode)
            if all(_said_done(one) for one in writers):
                break
        for one in writers:
            ended(one)
    with ledger.store.read() as tx:
        written = [entry.actor for entry in tx.journal(event="wrote")]
    assert {name: written.count(name) for name in set(written)} == {f"writer {n}": 25 for n in range(WRITERS)}


def _said_done(one: subprocess.Popen[str]) -> bool:
    import select

    assert one.stdout is not None
    said = select.poll()
    said.register(one.stdout, select.POLLIN)
    return bool(said.poll(0))
