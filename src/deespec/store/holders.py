"""Who holds a file of ours, as the kernel lists it in /proc/locks: nothing is opened to find out.

SQLite locks single bytes of the `-shm` file, one for each thing that only one process, or only readers, may do
(sqlite.org/walformat.html, "WAL locks"). Where there is no /proc, or the holder lives in another PID namespace, nobody
is found, which does not mean that nobody is there.
"""

from __future__ import annotations

import os
from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.records import record
from deespec.store.place import place_of

if TYPE_CHECKING:
    from deespec.clock import Clock

WAL_WRITE_BYTE = 120
WAL_CHECKPOINT_BYTE = 121
WAL_READ_BYTES = range(123, 128)
PENDING_BYTE = 0x40000000
"""Whoever has the whole database to itself has locked this byte of it (sqlite.org/fileformat.html)."""
WRITE_LOCK = "write.lock"
"""Beside the database: whoever is about to write holds it (store/queue.py)."""
SHOWN_CHARACTERS = 80
RENUMBERED = ("btrfs", "overlay")
"""File systems of whose files stat() names another device than the kernel's list of locks does."""


class Doing(StrEnum):
    READING = "reading"
    WRITING = "writing"
    CHECKPOINTING = "checkpointing"


@record
class Holder:
    """Another process that has the database in use at this moment."""

    pid: int
    what: str
    """In words, with its pid."""
    doing: Doing
    since_at: int | None
    """When the process began, so it may have held the database since then; wall time."""


@record
class FileLock:
    """One line of /proc/locks."""

    pid: int
    exclusive: bool
    first: int
    last: int | None
    """None: to the end of the file."""

    def covers(self, byte: int) -> bool:
        return self.first <= byte and (self.last is None or byte <= self.last)


def holder_of(path: str, byte: int = 0) -> str | None:
    """Which other process has locked this byte of the file for itself, in words; None where that cannot be known."""
    return next((describe(lock.pid) for lock in _locks_on(path) if lock.exclusive and lock.covers(byte)), None)


def writer_of(database: str) -> str | None:
    """Which other process writes to this database now, or has it to itself."""
    return holder_of(database + "-shm", WAL_WRITE_BYTE) or holder_of(database, PENDING_BYTE)


def holders_of(database: str, *, clock: Clock) -> tuple[Holder, ...]:
    """Who reads, writes or checkpoints it now, but for this process."""
    found: dict[tuple[int, Doing], Holder] = {}
    queue = os.path.join(os.path.dirname(database), WRITE_LOCK)
    held = [(lock.pid, _doing(lock)) for lock in _locks_on(database + "-shm")]
    held += [(lock.pid, Doing.WRITING) for lock in _locks_on(queue) if lock.exclusive]
    for pid, doing in held:
        if doing is not None:
            found[pid, doing] = Holder(pid=pid, what=describe(pid), doing=doing, since_at=_began_at(pid, clock))
    return tuple(found[key] for key in sorted(found))


def describe(pid: int) -> str:
    """A process in words: its program, pid, and whether it is stopped."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().decode(errors="replace").split("\0")
        state = _stat(pid)[0]
    except OSError:
        return f"Process {pid}"
    if "-c" in words:
        words = words[: words.index("-c") + 1]  # the rest is a program's text
    shown = " ".join(os.path.basename(word) for word in words[:4] if word)[:SHOWN_CHARACTERS] or "a process"
    return f"{shown} (pid {pid}{', stopped' if state in 'Tt' else ''})"


# --- below ----------------------------------------------------------------------------------------------------------


def _doing(lock: FileLock) -> Doing | None:
    if lock.exclusive and lock.covers(WAL_WRITE_BYTE):
        return Doing.WRITING
    if lock.exclusive and lock.covers(WAL_CHECKPOINT_BYTE):
        return Doing.CHECKPOINTING
    return Doing.READING if any(map(lock.covers, WAL_READ_BYTES)) else None


def _locks_on(path: str) -> list[FileLock]:
    """The locks that other processes have on a file."""
    try:
        found = os.stat(path)
        with open("/proc/locks", encoding="ascii") as file:
            text = file.read()
    except OSError:
        return []
    listed = parse_locks(text, found.st_ino, f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}")
    if not listed and place_of(os.path.dirname(path)).kind in RENUMBERED:
        listed = parse_locks(text, found.st_ino, "")
    return [lock for lock in listed if lock.pid > 0 and lock.pid != os.getpid()]


def parse_locks(text: str, inode: int, device: str) -> list[FileLock]:
    """Those on one file, of lines like `1: POSIX  ADVISORY  READ 4711 fe:01:1234 123 123`.

    Without a device the inode's number alone tells, unless files of several devices have it.
    """
    lines = [parts for parts in map(str.split, text.splitlines()) if "->" not in parts]
    places = [(parts, parts[5].rpartition(":")) for parts in lines]
    alike = [(parts, on) for parts, (on, _, number) in places if int(number) == inode and device in ("", on)]
    unambiguous = len({on for _, on in alike}) == 1
    return [_file_lock(parts) for parts, _ in alike] if unambiguous else []


def _file_lock(parts: list[str]) -> FileLock:
    last = None if parts[7] == "EOF" else int(parts[7])
    return FileLock(pid=int(parts[4]), exclusive=parts[3] == "WRITE", first=int(parts[6]), last=last)


def _began_at(pid: int, clock: Clock) -> int | None:
    """When a process began, by field 22 of /proc/PID/stat: ticks since boot (proc_pid_stat(5))."""
    try:
        ticks = int(_stat(pid)[19])
    except (OSError, ValueError, IndexError):
        return None
    began_ms = ticks * 1_000 // os.sysconf("SC_CLK_TCK")
    return clock.now_ms() - (clock.boot_ms() - began_ms)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on: what comes before may hold blanks."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()
