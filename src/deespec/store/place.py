"""Where a backlog may lie: the kind of file system below a folder, and what was measured or is documented about it.

Measured with two processes each (SQLite's locks, flock, 4 × 100 changes, kill -9 in 2,000 commits and more), and again
with the second process on another way to the same files: a second mount, or the folder below an overlay.
"""

from __future__ import annotations

import os
import re
import sys
from enum import StrEnum

from deespec.errors import StoreUnusable
from deespec.records import record


class Verdict(StrEnum):
    SOUND = "sound"
    DOUBTFUL = "doubtful"
    """It works, but not for everybody or not for long."""
    REFUSED = "refused"


@record
class Place:
    """The file system that holds a folder."""

    kind: str
    """As the system calls it; empty: not known."""
    verdict: Verdict
    why: str = ""


NETWORK = "a network file system: WAL's shared memory is not shared between machines, and locks are not reliable"
SHARED = "a folder shared by another machine or by the host of this one: neither sees the locks of the other"
OTHER_WAY = (
    "a program that reaches the same files another way (the folder below, a second mount) is not locked out: measured, "
    "200 of 400 changes were lost without an error"
)
NO_MODES = "it keeps no owners, permissions and hard links, so others may be able to write the backlog"

REFUSED = dict.fromkeys(
    (
        *(
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "smbfs",
            "afs",
            "afpfs",
            "webdav",
            "ceph",
            "glusterfs",
            "lustre",
            "ncpfs",
            "coda",
        ),
        *("fuse.sshfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse"),
        *("fuse.davfs2", "fuse.curlftpfs", "fuse.smbnetfs", "fuse.juicefs", "fuse.gvfsd-fuse"),
    ),
    NETWORK,
) | {
    **dict.fromkeys(("9p", "drvfs", "vboxsf", "prl_fs", "vmhgfs", "fuse.vmhgfs-fuse"), SHARED),
    "fuse.fusefat": "SQLite's shared memory does not work on it: the first write fails (measured)",
}
DOUBTFUL = {
    "tmpfs": "it is memory: everything is gone when the machine restarts",
    "ramfs": "it is memory: everything is gone when the machine restarts",
    "overlay": f"in a container it goes with the container, and {OTHER_WAY}",
    "aufs": f"in a container it goes with the container, and {OTHER_WAY}",
    "virtiofs": SHARED,
    "vfat": NO_MODES,
    "msdos": NO_MODES,
    "exfat": NO_MODES,
}
MODELESS = frozenset(("vfat", "msdos", "exfat", "fuseblk", "ntfs3"))
"""They show the permissions that they were mounted with; chmod changes nothing."""
SOUND = frozenset(
    (
        "ext2",
        "ext3",
        "ext4",
        "xfs",
        "btrfs",
        "zfs",
        "f2fs",
        "bcachefs",
        "jfs",
        "reiserfs",
        "fuseblk",
        "apfs",
        "hfs",
        "ufs",
    )
)
"""Measured: ext4, xfs, btrfs, fuseblk (exFAT)."""
FUSE = "fuse"
MOUNTS = "/proc/self/mountinfo"


def place_of(folder: str) -> Place:
    """What is known about the file system that holds this folder; of a kind never heard of nothing is said."""
    kind = file_system(os.path.realpath(folder), _mounts())
    if kind in REFUSED:
        return Place(kind=kind, verdict=Verdict.REFUSED, why=REFUSED[kind])
    if kind in DOUBTFUL:
        return Place(kind=kind, verdict=Verdict.DOUBTFUL, why=DOUBTFUL[kind])
    if kind not in SOUND and kind.partition(".")[0] == FUSE:
        return Place(kind=kind, verdict=Verdict.DOUBTFUL, why=OTHER_WAY)
    return Place(kind=kind, verdict=Verdict.SOUND)


def refuse_network(folder: str) -> None:
    """Raises StoreUnusable where the folder lies on a file system on which WAL mode is known not to be safe."""
    place = place_of(folder)
    if place.verdict is Verdict.REFUSED:
        raise StoreUnusable(
            f"WAL mode not enabled: {folder} is on {place.kind}, {place.why}.",
            hint="Keep the backlog on a local disk: deespec --home DIR init",
        )


def file_system(folder: str, mounts: list[tuple[str, str]]) -> str:
    """The kind of the innermost of these (mount point, kind) that holds the folder; the later of two on one point."""
    best, kind = "", ""
    for mount, of_kind in mounts:
        if (folder == mount or folder.startswith(mount.rstrip("/") + "/")) and len(mount) >= len(best):
            best, kind = mount, of_kind
    return kind


def parse_mounts(text: str) -> list[tuple[str, str]]:
    """(mount point, kind) of each line of /proc/self/mountinfo (man 5 proc)."""
    found = []
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        mount = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), left.split(" ")[4])
        found.append((mount, right.split(" ")[0]))
    return found


def _mounts() -> list[tuple[str, str]]:
    if sys.platform != "linux":
        import psutil

        return [(one.mountpoint, one.fstype) for one in psutil.disk_partitions(all=True)]
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            return parse_mounts(file.read())
    except OSError:
        return []


_ESCAPED = re.compile(r"\\([0-7]{3})")
"""Blank, tab, newline and backslash in a mount point."""
