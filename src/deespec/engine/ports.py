"""Ports that items worked on side by side may listen on: each slot has a block of its own, over all workers of a user.

A block is held by a lock on a file in the system's temporary folder, so it is free when its worker is gone. What else
runs on the machine may use the ports, too: a block of which one is taken at the start is passed over.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = 21_000
SIZE = 10
BLOCKS = 400


class Ports:
    """The blocks of one worker's slots; a slot is a thread."""

    def __init__(self, temporary: str) -> None:
        self.folder = os.path.join(temporary, f"deespec-{os.getuid()}", "ports")
        self._mine = threading.local()

    @property
    def variables(self) -> dict[str, str]:
        """What tells a child of this slot which ports are its own; nothing where no block was free."""
        first: int | None = getattr(self._mine, "first", None)
        return {} if first is None else {"DEESPEC_PORT": str(first), "DEESPEC_PORTS": f"{first}-{first + SIZE - 1}"}

    @contextmanager
    def block(self) -> Iterator[None]:
        """Holds a block for this thread."""
        held = self._take()
        self._mine.first = held and held[0]
        try:
            yield
        finally:
            self._mine.first = None
            if held is not None:
                self._give_back(*held)

    def _take(self) -> tuple[int, int] | None:
        """The first port of a block that is free, and the file that is locked for it."""
        for part in (os.path.dirname(self.folder), self.folder):
            with suppress(OSError):
                os.mkdir(part, mode=0o700)
        for first in range(FIRST, FIRST + BLOCKS * SIZE, SIZE):
            file = _hold(self._path(first))
            if file is None:
                continue
            if all(map(_is_free, range(first, first + SIZE))):
                return first, file
            self._give_back(first, file)
        return None

    def _give_back(self, first: int, file: int) -> None:
        """While it is locked, so that nobody has locked it before it goes; then the folder, if it was the last."""
        with suppress(OSError):
            os.unlink(self._path(first))
        os.close(file)
        with suppress(OSError):
            os.rmdir(self.folder)

    def _path(self, first: int) -> str:
        return os.path.join(self.folder, f"{first}.lock")


def _hold(path: str) -> int | None:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file), os.stat(path)):
            return file
    except OSError:  # another slot has it, or has just removed it
        pass
    os.close(file)
    return None


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
