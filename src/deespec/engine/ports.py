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
        for part in (os.path.dirname(self.folder), self.folder):
            with suppress(OSError):
                os.mkdir(part, mode=0o700)
        for number in range(BLOCKS):
            first = FIRST + number * SIZE
            file = _hold(os.path.join(self.folder, f"{first}.lock"))
            if file is None:
                continue
            if all(map(_is_free, range(first, first + SIZE))):
                self._mine.first = first
                break
            os.close(file)
        else:
            file = None
        try:
            yield
        finally:
            self._mine.first = None
            if file is not None:
                os.close(file)


def _hold(path: str) -> int | None:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
