"""The worker's end of the socket to the guard of a call: lines each way, none of them waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator


class Control:
    """What the guard is told, and what it says (agents.guard has the words)."""

    def __init__(self, ours: socket.socket) -> None:
        ours.setblocking(False)
        self._socket = ours
        self._unread = b""
        self._deadline: int | None = None
        self.ended = False
        """The guard is gone."""

    def fileno(self) -> int:
        return self._socket.fileno()

    def tell(self, message: str) -> None:
        try:
            self._socket.send(message.encode() + b"\n")
        except OSError:
            pass  # the guard is gone (its end is heard next), or stands still (the wait for the kill finds out)

    def tell_deadline(self, deadline: int) -> None:
        if deadline != self._deadline:
            self._deadline = deadline
            self.tell(f"deadline {deadline}")

    def hear(self) -> Iterator[tuple[str, str]]:
        """Messages that are there, each as its verb and the rest."""
        try:
            data = self._socket.recv(4096)
        except ConnectionResetError:
            data = b""
        *messages, self._unread = (self._unread + data).split(b"\n")
        for message in messages:
            verb, _, value = message.decode().partition(" ")
            yield verb, value
        self.ended = not data

    def close(self) -> None:
        self._socket.close()
