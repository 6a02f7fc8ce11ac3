"""The queue of writers: flock on `write.lock`, fair across processes, with the name of whoever holds it."""

from __future__ import annotations

import fcntl
import math
import os
import threading
import time

from deespec.errors import StoreBusy
from deespec.store.barred import cannot_write
from deespec.store.holders import holder_of

OTHERS_S = 0.02
"""So long after it had to wait, a process takes it that others still wait."""
TURN_S = 0.001
"""Having had the lock for so long in all, a process gives way for as long: after some writes, or many light ones."""
IDLE_S = 1
"""So long a thread that waits for the lock stays when it is not needed."""


class WriteQueue:
    """A context manager: inside it this thread is the only writer of the backlog on this machine.

    The kernel wakes waiters in order, but whoever runs takes a free lock before the one just woken does. So a process
    that met others lately gives way after its turn.
    """

    def __init__(self, path: str, *, busy_ms: int) -> None:
        self.path = path
        self.busy_ms = busy_ms
        self._threads = threading.Lock()
        self._file: int | None = None
        self._pid = 0
        self._holder = 0
        self._waiter: Waiter | None = None
        self._entered = 0.0
        self._met_others = -math.inf
        """When this process had to wait last."""
        self._held = 0.0
        """So long it has had the lock in all since it waited or gave way."""
        self._gives_way_until = 0.0

    def __enter__(self) -> None:
        here = threading.get_ident()
        assert self._holder != here, "transactions do not nest"
        if not self._threads.acquire(timeout=self.busy_ms / 1000):
            raise self._busy()
        try:
            left = self._gives_way_until - time.monotonic()
            if left > 0:
                time.sleep(left)
            if self._file is None or self._pid != os.getpid():
                self._file = self._open()
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._entered = time.monotonic()
            except BlockingIOError:
                self._wait_in_turn(self._file)
                self._entered = self._met_others = time.monotonic()
                self._held = 0.0
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
        now = time.monotonic()
        self._held += now - self._entered
        if self._held > TURN_S:
            self._held = 0.0
            if now - self._met_others < OTHERS_S:
                self._gives_way_until = now + TURN_S
        self._threads.release()

    def __del__(self) -> None:
        if self._file is not None and self._pid == os.getpid():
            os.close(self._file)

    def _open(self) -> int:
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise cannot_write(self.path, error.strerror or str(error)) from error
        self._pid = os.getpid()
        self._waiter = None  # its thread has not crossed a fork
        return file

    def _wait_in_turn(self, file: int) -> None:
        """Waits in the kernel's queue; a thread does it because a blocked flock knows no time limit."""
        waiter = self._waiter = self._waiter or Waiter(file)
        try:
            waiter.wait(self.busy_ms / 1000)
        finally:
            given_up = waiter.give_up()
            if given_up:
                self._file = self._waiter = None  # the thread keeps them until it has given the lock back
        if given_up:
            raise self._busy()

    def _busy(self) -> StoreBusy:
        who = holder_of(self.path) or "Another process"
        return StoreBusy(
            f"{who} has been writing to this backlog for more than {self.busy_ms / 1000:g} s; nothing was written.",
            hint="Let it go on (kill -CONT) or end it, then run this command again.",
        )


class Waiter:
    """A thread that waits for the lock of an open file, each time it is asked to; idle for a while, it ends."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._state = threading.Lock()
        """Guards all that follows."""
        self._runs = False
        self._has_it = False
        self._given_up = False
        self._asked = _taken()
        self._answered = _taken()

    def wait(self, limit_s: float) -> None:
        """Returns when it has the lock, or after this time: `give_up` tells which."""
        with self._state:
            self._has_it = False
            self._answered.acquire(blocking=False)  # what nobody has heard
            self._asked.release()
            if not self._runs:
                threading.Thread(target=self._run, name="write-queue", daemon=True).start()
                self._runs = True
        self._answered.acquire(timeout=limit_s)

    def give_up(self) -> bool:
        """False: it has the lock. True: as soon as it has it, it gives it back by closing the file, and ends."""
        with self._state:
            self._given_up = not self._has_it
            return self._given_up

    def _run(self) -> None:
        while self._is_asked():
            fcntl.flock(self._file, fcntl.LOCK_EX)
            with self._state:
                if self._given_up:
                    os.close(self._file)
                    return
                self._has_it = True
                self._answered.release()

    def _is_asked(self) -> bool:
        if self._asked.acquire(timeout=IDLE_S):
            return True
        with self._state:
            self._runs = self._asked.acquire(blocking=False)
            return self._runs


def _taken() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock
