"""The queue of writers: flock on `write.lock`, fair across processes, with the name of whoever holds it."""

from __future__ import annotations

import fcntl
import os
import threading

from deespec.errors import StoreBusy, StoreReadOnly


class WriteQueue:
    """A context manager: inside it this thread is the only writer of the backlog on this machine."""

    def __init__(self, path: str, *, busy_ms: int) -> None:
        self.path = path
        self.busy_ms = busy_ms
        self._threads = threading.Lock()
        self._file: int | None = None
        self._pid = 0
        self._holder = 0

    def __enter__(self) -> None:
        here = threading.get_ident()
        assert self._holder != here, "transactions do not nest"
        if not self._threads.acquire(timeout=self.busy_ms / 1000):
            raise self._busy()
        try:
            if self._file is None or self._pid != os.getpid():
                self._file = self._open()
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._wait_in_turn(self._file)
            self._holder = here
        except BaseException:
            if self._file is not None:
                fcntl.flock(self._file, fcntl.LOCK_UN)  # it may have been had when a signal came
            self._threads.release()
            raise

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        self._holder = 0
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def _open(self) -> int:
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StoreReadOnly(
                f"{self.path} cannot be opened for writing: {error.strerror}.",
                hint="The backlog's folder must be writable, its files yours.",
            ) from error
        self._pid = os.getpid()
        return file

    def _wait_in_turn(self, file: int) -> None:
        """Waits in the kernel's queue, which is fair; a thread does it because a blocked flock knows no time limit."""
        done = threading.Event()
        given_up = threading.Event()
        hand_over = threading.Lock()

        def wait() -> None:
            fcntl.flock(file, fcntl.LOCK_EX)
            with hand_over:
                if given_up.is_set():
                    os.close(file)  # which gives back what came too late
                done.set()

        threading.Thread(target=wait, name="write-queue", daemon=True).start()
        try:
            done.wait(self.busy_ms / 1000)
        finally:
            with hand_over:
                if not done.is_set():
                    given_up.set()
                    self._file = None  # the waiting thread keeps the old descriptor until it has given the lock back
        if given_up.is_set():
            raise self._busy()

    def _busy(self) -> StoreBusy:
        who = holder_of(self.path) or "Another process"
        return StoreBusy(
            f"{who} has been writing to this backlog for more than {self.busy_ms / 1000:g} s; nothing was written.",
            hint="Let it go on (kill -CONT) or end it, then run this command again.",
        )


WAL_WRITE_BYTE = 120
"""Whoever writes has locked this byte of the -shm file (sqlite.org/walformat.html, locks)."""
PENDING_BYTE = 0x40000000
"""Whoever has the whole database to itself has locked this byte of it (sqlite.org/fileformat.html)."""


def holder_of(path: str, byte: int = 0) -> str | None:
    """Which other process has locked this byte of the file for itself, in words; None where that cannot be known.

    It stands in /proc/locks, so the file is not opened.
    """
    try:
        found = os.stat(path)
        with open("/proc/locks", encoding="ascii") as file:
            lines = file.read().splitlines()
    except OSError:
        return None
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    for parts in map(str.split, lines):
        if "->" in parts or parts[3] != "WRITE" or parts[5] != device:
            continue
        pid, first, last = int(parts[4]), int(parts[6]), parts[7]
        if pid > 0 and pid != os.getpid() and first <= byte and (last == "EOF" or byte <= int(last)):
            return describe(pid)
    return None


def writer_of(database: str) -> str | None:
    """Which other process writes to this database now, or has it to itself."""
    return holder_of(database + "-shm", WAL_WRITE_BYTE) or holder_of(database, PENDING_BYTE)


def describe(pid: int) -> str:
    """A process in words: its program, pid, and whether it is stopped."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().decode(errors="replace").split("\0")
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            state = file.read().rpartition(")")[2].split()[0]
    except OSError:
        return f"Process {pid}"
    shown = " ".join(os.path.basename(word) for word in words[:4] if word) or "a process"
    return f"{shown} (pid {pid}{', stopped' if state in 'Tt' else ''})"
