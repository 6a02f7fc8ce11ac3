"""Who holds the database: as the kernel lists it, without opening a file to find out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from children import STORE, child, heard

from deespec.clock import Clock
from deespec.store.holders import Doing, holders_of, parse_locks, writer_of

if TYPE_CHECKING:
    from ledger import Ledger

LISTED = """\
1: POSIX  ADVISORY  WRITE 11 fe:01:77 120 120
1: -> POSIX  ADVISORY  WRITE 12 fe:01:77 120 120
2: POSIX  ADVISORY  READ 13 fe:01:77 123 125
3: POSIX  ADVISORY  READ 14 00:27:77 124 124
4: FLOCK  ADVISORY  WRITE 15 fe:01:78 0 EOF
"""
QUEUES = """
import sys
from deespec.store.queue import WriteQueue
with WriteQueue(sys.argv[1], busy_ms=60_000):
    print("inside", flush=True)
    sys.stdin.readline()
"""
MAKES_AND_WRITES = (
    STORE
    + """
from deespec.store.opener import create_store
create_store(sys.argv[1], clock=clock, busy_ms=60_000)
with store.transaction() as tx:
    tx.note("holder", "held")
    print("inside", flush=True)
    sys.stdin.readline()
"""
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists locks")


def pids(inode: int, device: str) -> list[int]:
    return [lock.pid for lock in parse_locks(LISTED, inode, device)]


def test_only_locks_on_this_very_file_count_and_who_waits_holds_nothing() -> None:
    assert pids(77, "fe:01") == [11, 13]
    assert pids(78, "fe:01") == [15]
    assert pids(79, "fe:01") == []


def test_a_file_of_the_same_number_on_another_device_is_another_file() -> None:
    assert pids(78, "00:27") == []


def test_without_a_device_the_number_tells_unless_two_files_have_it() -> None:
    assert pids(78, "") == [15]
    assert pids(77, "") == []


def test_locks_that_lie_side_by_side_are_listed_as_one() -> None:
    lock = parse_locks(LISTED, 77, "fe:01")[1]
    assert [lock.covers(byte) for byte in (122, 123, 124, 125, 126)] == [False, True, True, True, False]
    assert parse_locks(LISTED, 78, "fe:01")[0].covers(2**40)


def test_who_has_its_turn_to_write_is_known_before_it_begins(ledger: Ledger, path: str, tmp_path: Path) -> None:
    with child(QUEUES, tmp_path / "write.lock") as one:
        assert heard(one) == "inside"
        assert [(holder.pid, holder.doing) for holder in holders_of(path, clock=Clock())] == [(one.pid, Doing.WRITING)]


# --- file systems that number their devices twice -------------------------------------------------------------------


@contextmanager
def mounted(folder: Path, *words: str) -> Iterator[Path]:
    """A folder on a file system of its own; skipped where we may not mount."""
    folder.mkdir()
    done = subprocess.run(["mount", *words, str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def is_named_on(folder: Path) -> bool:
    """Another process makes the backlog: nothing of ours keeps the file system from being unmounted."""
    path = str(folder / "deespec.db")
    with child(MAKES_AND_WRITES, path) as one:
        assert heard(one) == "inside"
        named = {holder.pid for holder in holders_of(path, clock=Clock())} == {one.pid}
        return named and f"(pid {one.pid})" in (writer_of(path) or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_the_holder_is_found_on_an_overlay(tmp_path: Path) -> None:
    for name in ("lower", "upper", "work"):
        (tmp_path / name).mkdir()
    options = f"lowerdir={tmp_path / 'lower'},upperdir={tmp_path / 'upper'},workdir={tmp_path / 'work'}"
    with mounted(tmp_path / "seen", "-t", "overlay", "overlay", "-o", options) as folder:
        assert is_named_on(folder)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mkfs.btrfs") is None, reason="needs root and btrfs")
def test_the_holder_is_found_on_btrfs(tmp_path: Path) -> None:
    image = tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(150 * 1024 * 1024)
    subprocess.run(["mkfs.btrfs", "-q", str(image)], check=True, capture_output=True)
    with mounted(tmp_path / "seen", "-o", "loop", str(image)) as folder:
        assert is_named_on(folder)
