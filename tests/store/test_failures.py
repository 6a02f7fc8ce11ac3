"""A full disk, a refused write, a death at the n-th write: nothing acknowledged is lost, and the error says why."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest
from children import PATIENCE_S, STORE, child, ended

from deespec.clock import Clock
from deespec.errors import StoreCorrupt
from deespec.store.opener import create_store, open_store

if TYPE_CHECKING:
    from deespec.store.base import Store
    from ledger import Ledger

ACTS = """
def write(size=4_000):
    with store.transaction() as tx:
        tx.note("child", "wrote", detail="x" * size)
        return tx.journal_end()

def write_until_it_fails():
    written = 0
    while True:
        try:
            written = write()
        except DeespecError as error:
            return written, error

def there():
    with store.read() as tx:
        return tx.journal_end()
"""
FULL = (
    """
import json, os, sys
from deespec.clock import Clock
from deespec.errors import DeespecError
from deespec.store.opener import create_store, open_store
folder = sys.argv[1]
ballast = os.path.join(folder, "ballast")
with open(ballast, "wb") as file:
    file.write(bytes(500_000))
path = os.path.join(folder, "deespec.db")
create_store(path, clock=Clock(), busy_ms=1_000)
store = open_store(path, clock=Clock(), busy_ms=1_000)
"""
    + ACTS
    + """
written, error = write_until_it_fails()
seen = there()
os.unlink(ballast)
after = write()
store.close()
store = open_store(path, clock=Clock(), busy_ms=1_000)
print(json.dumps([type(error).__name__, error.exit_status, written, seen, after, there()]))
"""
)
REFUSED = (
    STORE
    + """
import json, resource
from deespec.errors import DeespecError
"""
    + ACTS
    + """
write()
limit = os.stat(sys.argv[1] + "-wal").st_size + 100_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
written, error = write_until_it_fails()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
seen = there()
after = write()
print(json.dumps([type(error).__name__, error.exit_status, written, seen, after, there()]))
"""
)
DIES = """
import os, signal, sys
import apsw

class File(apsw.VFSFile):
    def xWrite(self, data, offset):
        global left
        left -= 1
        if left == 0:
            super().xWrite(data[: len(data) // 2], offset)
            os.kill(os.getpid(), signal.SIGKILL)
        super().xWrite(data, offset)

class Disk(apsw.VFS):
    def __init__(self):
        super().__init__("dies", base="unix", makedefault=True)

    def xOpen(self, name, flags):
        return File("unix", name, flags)

left = int(sys.argv[2])
disk = Disk()
"""
CREATES = (
    DIES
    + """
from deespec.clock import Clock
from deespec.store.opener import create_store
create_store(sys.argv[1], clock=Clock(), busy_ms=1_000)
"""
)
WORKS = (
    DIES
    + STORE
    + """
from deespec.model.items import Kind, Sbi
while True:
    with store.transaction() as tx:
        number = tx.next_number(Kind.SBI)
        item = Sbi(number=number, uid=clock.uid(), title="An item", spec="x" * 200_000)
        tx.add(item)
        tx.tie(item)
        tx.note("child", "registered", item=item.id, to_status=item.status)
    print(number, flush=True)
    with store.light_transaction() as tx:
        lock = tx.lock_acquire("a", owner="b", ttl_ms=9, host="", pid=1, boot="", boot_ms=clock.boot_ms())
"""
)
"""A write in it is 24 bytes or a page, and the log is moved into the database after each 2,000 or so."""


@functools.cache
def may_mount() -> bool:
    """Whether this user may have a disk of its own: mounts in a namespace of the process's own."""
    try:
        tried = subprocess.run(tiny_disk("/tmp", "true"), capture_output=True, timeout=PATIENCE_S)
    except OSError:
        return False
    return tried.returncode == 0


def tiny_disk(folder: str, *words: str) -> list[str]:
    """The words that start a program that alone sees a disk of 2 MB at this folder; it goes when the program ends."""
    script = 'mount -t tmpfs -o size=2m none "$0" && exec "$@"'
    return ["unshare", "-m", "sh", "-c", script, folder, *words]


# --- no room --------------------------------------------------------------------------------------------------------


def test_on_a_full_disk_nothing_is_lost_and_work_goes_on_when_there_is_room(tmp_path: Path) -> None:
    if not may_mount():
        pytest.skip("this user may not mount a small disk")
    with child(FULL, tmp_path, before=tiny_disk(str(tmp_path))) as one:
        kind, status, written, seen, after, there = json.loads(ended(one)[0])
    assert (kind, status) == ("StoreFull", 5)
    assert written > 0
    assert [seen, after, there] == [written, written + 1, written + 1]


def test_a_write_that_the_system_refuses_is_an_error_of_the_disk_and_nothing_is_lost(store: Store, path: str) -> None:
    with child(REFUSED, path) as one:
        kind, status, written, seen, after, there = json.loads(ended(one)[0])
    assert (kind, status) == ("StoreUnusable", 5)
    assert written > 0
    assert [seen, after, there] == [written, written + 1, written + 1]


# --- death at the n-th write ----------------------------------------------------------------------------------------


def dies(path: str, program: str, at: int) -> list[str]:
    """What the program has said before it died at this write, of which only half was done."""
    with child(program, path, at) as one:
        return ended(one, status=-signal.SIGKILL)


def check(ledger: Ledger, path: str, acknowledged: list[int]) -> None:
    """At most one transaction more than was acknowledged is there, all of it, and all is sound."""
    with ledger.store.read() as tx:
        numbers = [int((entry.item or "")[4:]) for entry in tx.journal(event="registered")]
        assert {len(tx.sbi(number).spec) for number in numbers} <= {200_000}
    assert numbers in (acknowledged, [*acknowledged, len(acknowledged) + 1])
    assert ledger.violations() == []
    raw = apsw.Connection(path)
    assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    raw.close()


@pytest.mark.parametrize("at", [1, 2, 3, 50, 107, 999, 2_060, 2_150, 2_400, 3_300])
def test_a_death_in_the_middle_of_a_write_loses_nothing(ledger: Ledger, path: str, at: int) -> None:
    check(ledger, path, [int(line) for line in dies(path, WORKS, at)])


@pytest.mark.soak
@pytest.mark.parametrize("at", range(1, 5_000, 7))
def test_a_death_in_the_middle_of_any_write_loses_nothing(ledger: Ledger, path: str, at: int) -> None:
    check(ledger, path, [int(line) for line in dies(path, WORKS, at)])


@pytest.mark.parametrize("at", [1, 2, 4, 7, 12, 30, 90])
def test_a_creation_that_died_in_the_middle_of_a_write_is_completed(path: str, at: int) -> None:
    dies(path, CREATES, at)
    create_store(path, clock=Clock(), busy_ms=1_000)
    opened = open_store(path, clock=Clock(), busy_ms=1_000)
    with opened.transaction() as tx:
        tx.note("test", "wrote")
        assert tx.in_force().journal_mode == "wal"
    opened.close()


# --- damage ---------------------------------------------------------------------------------------------------------


def test_a_damaged_database_is_called_damaged(ledger: Ledger, path: str) -> None:
    ledger.add_many(50)
    ledger.store.close()
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        file.seek(4_096)
        file.write(b"\xff" * (size - 4_096))
    with pytest.raises(StoreCorrupt) as refused:
        ledger.violations()
    assert refused.value.exit_status == 5
