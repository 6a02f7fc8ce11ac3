"""What is said to an agent: written without waiting, and what its pipe does not take yet is held in bounded memory."""

from __future__ import annotations

import os
from typing import IO, Protocol

WAITING_BYTES = 64 * 1024 * 1024
"""Held for a program that does not read; more than any prompt has. One that lets more come gets nothing any more."""
WRITE_BYTES = 64 * 1024
"""One write fills a pipe, so that a long prompt leaves time for everything else."""


class Say(Protocol):
    def __call__(self, data: bytes) -> None: ...


class Talk(Protocol):
    """An adapter's side of a program that it speaks with, where others get one prompt on their stdin."""

    def begin(self, say: Say) -> None:
        """The program is about to run. `say` gives it bytes, now and later, and never waits."""

    def take(self, line: bytes) -> bool:
        """A line of its stdout, without its newline. True: it was the last; the program's stdin ends."""

    def cancel(self) -> bool:
        """The call is to end: tells the program so in its own words. False: there is nothing to tell."""


class Inlet:
    """The stdin of a program, to which more may be said while it runs."""

    def __init__(self, pipe: IO[bytes]) -> None:
        os.set_blocking(pipe.fileno(), False)
        self._pipe = pipe
        self._waiting = bytearray()
        self._is_ending = False

    def fileno(self) -> int:
        return self._pipe.fileno()

    @property
    def is_full(self) -> bool:
        """There is more to say than the pipe has taken."""
        return bool(self._waiting) and not self._pipe.closed

    def say(self, data: bytes) -> None:
        """Nothing is an error: a program that is gone is heard of by other ways."""
        if self._is_ending:
            return
        self._waiting += data
        if len(self._waiting) > WAITING_BYTES:
            self.close()
        else:
            self.write()

    def write(self) -> None:
        """As much as the pipe takes now."""
        try:
            while self._waiting and not self._pipe.closed:
                written = os.write(self._pipe.fileno(), self._waiting[:WRITE_BYTES])
                del self._waiting[:written]
        except BlockingIOError:
            return
        except OSError:
            self.close()
        if self._is_ending:
            self.close()

    def end(self) -> None:
        """No more is said; the pipe ends after what is waiting."""
        self._is_ending = True
        if not self._waiting:
            self.close()

    def close(self) -> None:
        self._is_ending = True
        self._waiting.clear()
        self._pipe.close()
