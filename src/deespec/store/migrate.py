"""Creating and migrating: numbered .sql files, each applied once, in its own transaction, one process at a time."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import apsw

from deespec.errors import StoreCorrupt, StoreUnusable
from deespec.store import sqlite
from deespec.store.queue import WriteQueue
from deespec.store.translate import Translated

if TYPE_CHECKING:
    from deespec.clock import Clock

FOLDER = os.path.join(os.path.dirname(__file__), "migrations", "sqlite")


def create(path: str, *, clock: Clock, busy_ms: int) -> bool:
    """Makes the database if it is not there, and brings it up to date. False: it was there and up to date.

    Any number of processes may call it at once: they take turns, and the first does the work.
    """
    sqlite.check_library(apsw.sqlite_lib_version())
    path = sqlite.real_path(path)
    refuse_network(os.path.dirname(path))
    with Translated(path, busy_ms=busy_ms), WriteQueue(sqlite.lock_path(path), busy_ms=busy_ms):
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_NOFOLLOW
        raw = apsw.Connection(path, flags=flags)
        try:
            raw.set_busy_timeout(busy_ms)
            raw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            if _is_empty(raw):
                os.chmod(path, 0o600)
                # Before all else, and atomic: whatever dies here leaves an empty file or one that is known to be ours.
                raw.execute(f"PRAGMA application_id = {sqlite.APPLICATION_ID}")
            sqlite.check_ours(raw, path)
            sqlite.check_version(sqlite.schema_of(raw), path)
            raw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
            raw.execute("PRAGMA synchronous = FULL")
            raw.execute("PRAGMA fullfsync = ON")
            _switch_to_wal(raw)
            return _migrate(raw, path, clock) > 0
        finally:
            raw.close()


def migrations() -> list[tuple[int, str]]:
    """(number, file) in order; without gaps."""
    files = sorted(name for name in os.listdir(FOLDER) if name.endswith(".sql"))
    numbered = [(int(name.split("_")[0]), os.path.join(FOLDER, name)) for name in files]
    assert [number for number, _ in numbered] == list(range(1, len(numbered) + 1)), "migrations have gaps"
    return numbered


def _is_empty(raw: apsw.Connection) -> bool:
    try:
        return bool(raw.execute("PRAGMA page_count").fetchall()[0][0] == 0)
    except apsw.NotADBError:
        return False


def _switch_to_wal(raw: apsw.Connection) -> None:
    mode = raw.execute("PRAGMA journal_mode = WAL").fetchall()[0][0]
    if mode != "wal":
        raise StoreUnusable(
            f"WAL mode not enabled, got: {mode}", hint="The folder must be on a local disk that this user may write."
        )


def _migrate(raw: apsw.Connection, path: str, clock: Clock) -> int:
    done = 0
    for number, file in migrations():
        if number <= sqlite.schema_of(raw):
            continue
        # Outside the transaction: inside it the pragma is ignored, and a table rebuilt would cascade.
        raw.execute("PRAGMA foreign_keys = OFF")
        with open(file, encoding="utf-8") as text:
            statements = text.read()
        raw.execute("BEGIN IMMEDIATE")
        try:
            raw.execute(statements)
            broken = raw.execute("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise StoreCorrupt(f"{path}: migration {number} would leave {len(broken)} broken references.")
            if number == 1:
                _identify(raw, clock)
            raw.execute(f"PRAGMA user_version = {number}")
            raw.execute("COMMIT")
        except BaseException:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            raise
        done += 1
    return done


def _identify(raw: apsw.Connection, clock: Clock) -> None:
    facts = {"uid": clock.uid(), "epoch": clock.random_bytes(4).hex(), "created_at": str(clock.now_ms())}
    for name, value in facts.items():
        raw.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (name, value))


NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs", "fuse.glusterfs"}
"""File systems on which WAL's shared memory is not shared between hosts, or whose locks are not reliable."""


def refuse_network(folder: str) -> None:
    """Raises StoreUnusable where the folder lies on a network file system (on Linux; elsewhere it is not looked at)."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            mounts = file.read()
    except OSError:
        return
    kind = file_system(os.path.realpath(folder), mounts)
    if kind in NETWORK:
        raise StoreUnusable(
            f"WAL mode not enabled: {folder} is on {kind}, a network file system, where it is not safe.",
            hint="Keep the backlog on a local disk: deespec --home DIR init",
        )


def file_system(folder: str, mounts: str) -> str | None:
    """The type of the file system that holds the folder, by the text of /proc/self/mountinfo (man 5 proc)."""
    best, kind = "", None
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        mount = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), left.split(" ")[4])
        if (folder == mount or folder.startswith(mount.rstrip("/") + "/")) and len(mount) >= len(best):
            best, kind = mount, right.split(" ")[0]
    return kind


_ESCAPED = re.compile(r"\\([0-7]{3})")
"""Blank, tab, newline and backslash in a mount point."""
