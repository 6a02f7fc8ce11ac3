"""Many processes on one backlog: nothing fails, nothing is lost, and whoever blocks the others is named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deespec.clock import Clock
from deespec.errors import StoreBusy
from deespec.store.base import Store
from deespec.store.opener import create_store, open_store

LIMIT_S = 120
REGISTERS = """
import sys
from deespec.backlog.register import Order, register
from deespec.clock import Clock
from deespec.model.items import Kind
from deespec.model.spec import new_item
from deespec.store.opener import create_store, open_store
path, count, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
clock = Clock()
if "first" in sys.argv:
    create_store(path, clock=clock, busy_ms=30_000)
store = open_store(path, clock=clock, busy_ms=30_000)
for number in range(count):
    order = Order(kind=Kind.SBI, new=new_item(Kind.SBI, title=f"{name} {number}"))
    done = register(store, [order], uids=[clock.uid()], owner=name)
    print(done[0].item.id, flush=True)
"""
HOLDS = """
import sys
from deespec.clock import Clock
from deespec.store.opener import open_store
store = open_store(sys.argv[1], clock=Clock(), busy_ms=30_000)
with store.transaction() as tx:
    tx.note("holder", "held")
    print("inside", flush=True)
    sys.stdin.readline()
"""
FOREIGN = """
import sys
import apsw
raw = apsw.Connection(sys.argv[1])
raw.execute("BEGIN IMMEDIATE")
print("inside", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "deespec.db")


@pytest.fixture
def store(path: str) -> Iterator[Store]:
    create_store(path, clock=Clock(), busy_ms=30_000)
    opened = open_store(path, clock=Clock(), busy_ms=300)
    yield opened
    opened.close()


def child(script: str, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(one: subprocess.Popen[str]) -> list[str]:
    out, err = one.communicate(timeout=LIMIT_S)
    assert one.returncode == 0, err
    return out.split()


def numbers(store: Store) -> list[int]:
    with store.read() as tx:
        from deespec.model.wanted import Scope

        return [line.number for line in tx.list_sbis(Scope()).lines]


def test_eight_processes_register_fifty_items_each_and_none_is_lost(store: Store, path: str) -> None:
    children = [child(REGISTERS, path, "50", f"process {number}") for number in range(8)]
    acknowledged = [one for each in children for one in finished(each)]
    assert sorted(acknowledged) == sorted(f"SBI-{number}" for number in range(1, 401))
    assert numbers(store) == list(range(1, 401))


def test_every_registration_stands_in_the_journal_once(store: Store, path: str) -> None:
    for one in [child(REGISTERS, path, "20", f"process {number}") for number in range(4)]:
        finished(one)
    with store.read() as tx:
        items = [entry.item for entry in tx.journal() if entry.event == "registered"]
    assert sorted(items, key=str) == sorted((f"SBI-{number}" for number in range(1, 81)), key=str)


def test_the_first_use_by_eight_processes_at_once_makes_one_backlog(path: str) -> None:
    children = [child(REGISTERS, path, "5", f"process {number}", "first") for number in range(8)]
    acknowledged = [one for each in children for one in finished(each)]
    assert sorted(acknowledged) == sorted(f"SBI-{number}" for number in range(1, 41))


def test_a_process_killed_while_it_registers_loses_nothing_it_acknowledged(store: Store, path: str) -> None:
    one = child(REGISTERS, path, "10000", "victim")
    assert one.stdout is not None
    acknowledged = [one.stdout.readline().strip() for _ in range(20)]
    one.kill()
    acknowledged += one.communicate(timeout=LIMIT_S)[0].split()
    there = {f"SBI-{number}" for number in numbers(store)}
    assert {name for name in acknowledged if name} <= there
    assert len(there) - len(acknowledged) in (0, 1)


def test_a_stopped_writer_is_named_with_its_pid_and_that_it_is_stopped(store: Store, path: str) -> None:
    holder = child(HOLDS, path)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "inside\n"
        os.kill(holder.pid, signal.SIGSTOP)
        with pytest.raises(StoreBusy) as refused, store.transaction():
            pass
        assert f"pid {holder.pid}, stopped" in refused.value.message
        os.kill(holder.pid, signal.SIGCONT)
    finally:
        holder.communicate("\n", timeout=LIMIT_S)


def test_after_a_stopped_writer_goes_on_others_write_again(store: Store, path: str) -> None:
    holder = child(HOLDS, path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "inside\n"
    with pytest.raises(StoreBusy), store.transaction():
        pass
    holder.communicate("\n", timeout=LIMIT_S)
    with store.transaction() as tx:
        tx.note("we", "wrote")
    with store.read() as tx:
        assert [entry.event for entry in tx.journal()] == ["held", "wrote"]


def test_another_program_that_holds_the_database_is_named(store: Store, path: str) -> None:
    holder = child(FOREIGN, path)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "inside\n"
        with pytest.raises(StoreBusy) as refused, store.transaction():
            pass
        assert f"pid {holder.pid}" in refused.value.message
    finally:
        holder.communicate("\n", timeout=LIMIT_S)


def test_readers_never_wait_for_a_writer(store: Store, path: str) -> None:
    holder = child(HOLDS, path)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "inside\n"
        with store.read() as tx:
            assert tx.counts() == {}
    finally:
        holder.communicate("\n", timeout=LIMIT_S)


def test_the_command_registers_at_once_from_eight_terminals(tmp_path: Path) -> None:
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DEESPEC_")},
        "HOME": str(tmp_path),
    }
    command = [sys.executable, "-m", "deespec"]
    subprocess.run([*command, "init"], cwd=tmp_path, env=env, check=True, capture_output=True, timeout=LIMIT_S)
    calls = [
        subprocess.Popen(
            [*command, "register", "sbi", "--title", f"Item {number}", "--json"],
            cwd=tmp_path,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    answers = [call.communicate(timeout=LIMIT_S) for call in calls]
    assert [call.returncode for call in calls] == [0] * 8, answers
    assert sorted(json.loads(out)["id"] for out, _ in answers) == [f"SBI-{number}" for number in range(1, 9)]
