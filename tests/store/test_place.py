"""Where a backlog may lie, and that the reasons which stand in the table are true where this can be tried."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import apsw
import pytest

from deespec.clock import Clock
from deespec.errors import StoreUnusable
from deespec.store import place
from deespec.store.opener import create_store
from deespec.store.place import Verdict, place_of, refuse_network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/mountinfo")

SYSTEM = "/bin:/sbin:/usr/bin:/usr/sbin"
HOLDER = """
import sys, apsw
raw = apsw.Connection(sys.argv[1])
raw.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        *((kind, Verdict.SOUND) for kind in ("ext4", "xfs", "btrfs", "zfs", "fuseblk", "nobody-heard-of-it")),
        *((kind, Verdict.DOUBTFUL) for kind in ("tmpfs", "overlay", "virtiofs", "exfat")),
        *((kind, Verdict.DOUBTFUL) for kind in ("fuse", "fuse.mergerfs", "fuse.fuse-overlayfs", "fuse.unheard-of")),
        *((kind, Verdict.REFUSED) for kind in ("nfs4", "cifs", "smb3", "9p", "drvfs", "ceph", "glusterfs")),
        *((kind, Verdict.REFUSED) for kind in ("fuse.sshfs", "fuse.rclone", "fuse.fusefat")),
    ],
)
def test_each_kind_of_file_system_has_its_verdict(
    kind: str, verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount(kind, tmp_path, monkeypatch)
    found = place_of(str(tmp_path / "project"))
    assert (found.kind, found.verdict) == (kind, verdict)
    assert bool(found.why) is (verdict is not Verdict.SOUND)


def test_no_kind_has_two_verdicts() -> None:
    tables = [set(place.REFUSED), set(place.DOUBTFUL), set(place.SOUND)]
    assert len(set.union(*tables)) == sum(map(len, tables))


def test_a_backlog_is_not_made_on_a_network_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount("nfs4", tmp_path, monkeypatch)
    with pytest.raises(StoreUnusable, match=r"WAL mode not enabled: .* is on nfs4, a network file system"):
        create_store(str(tmp_path / "deespec.db"), clock=Clock(), busy_ms=1_000)
    assert os.listdir(tmp_path) == ["mounts"]


def test_a_doubtful_place_is_not_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount("overlay", tmp_path, monkeypatch)
    refuse_network(str(tmp_path))


def test_where_mounts_are_not_told_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "MOUNTS", str(tmp_path / "none"))
    assert place_of(str(tmp_path)).verdict is Verdict.SOUND


def test_who_comes_from_below_an_overlay_is_not_locked_out(layers: Path) -> None:
    """The reason for its verdict."""
    assert locked_out(layers / "merged", layers / "merged")
    assert not locked_out(layers / "merged", layers / "upper")


def test_two_ways_to_one_ext4_or_xfs_lock_each_other_out(tmp_path: Path) -> None:
    if place_of(str(tmp_path)).verdict is not Verdict.SOUND:
        pytest.skip("the temporary folder is on a doubtful file system")
    (tmp_path / "real").mkdir()
    (tmp_path / "other").symlink_to(tmp_path / "real")
    assert locked_out(tmp_path / "real", tmp_path / "other")


def locked_out(one: Path, other: Path) -> bool:
    """Whether a process that writes through `one` keeps this one from writing through `other`."""
    raw = apsw.Connection(str(one / "deespec.db"))
    raw.execute("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (x)")
    raw.close()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(one / "deespec.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    raw = apsw.Connection(str(other / "deespec.db"))
    try:
        raw.execute("BEGIN IMMEDIATE")
        raw.execute("ROLLBACK")
    except apsw.BusyError:
        return True
    finally:
        raw.close()
        holder.communicate()
    return False


def mount(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Linux would tell of it."""
    (folder / "mounts").write_text(f"21 1 254:0 / / rw - ext4 /dev/vda rw\n22 21 0:9 / {folder} rw - {kind} none rw\n")
    monkeypatch.setattr(place, "MOUNTS", str(folder / "mounts"))


@pytest.fixture
def layers(tmp_path: Path) -> Iterator[Path]:
    """A folder with an overlay, `merged`, and what it is made of."""
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    if os.geteuid() != 0 or not (mount := shutil.which("mount", path=SYSTEM)):
        pytest.skip("only root can mount")
    where = ",".join(f"{name}dir={tmp_path / name}" for name in ("lower", "upper", "work"))
    told = subprocess.run(
        [mount, "-t", "overlay", "overlay", "-o", where, str(tmp_path / "merged")], capture_output=True, text=True
    )
    if told.returncode != 0:
        pytest.skip(f"no overlay can be mounted here: {told.stderr}")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path / "merged")], check=True)
