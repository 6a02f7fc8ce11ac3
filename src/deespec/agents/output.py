"""An agent's output: read without waiting, cut into lines, kept; in bounded memory and on bounded disk."""

from __future__ import annotations

import logging
import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

READ_BYTES = 64 * 1024
"""One read takes what a pipe holds, so that a flood leaves time for everything else."""
DRAIN_READS = 64
"""Of what is still in a pipe at the end; somebody outside the tree may keep on writing to it."""
LINE_BYTES = 10 * 1024 * 1024
"""A longer line is cut here; clients put whole files into one line of JSON."""
HEAD_BYTES = 1024 * 1024
"""What came first is written at once, so that a running call can be watched and a crash leaves it."""
LAST_BYTES = 1024 * 1024
"""What came last is held in memory (up to twice this) and written at the end."""
TAIL_BYTES = 64 * 1024
"""What the caller gets to see of a stream's end."""

log = logging.getLogger(__name__)


class Stream:
    """One output of the agent: whatever comes is kept in a file and handed on by lines."""

    def __init__(self, pipe: IO[bytes], path: Path, on_line: Callable[[bytes], None] | None = None) -> None:
        os.set_blocking(pipe.fileno(), False)
        self._pipe = pipe
        self._kept = Kept(path)
        self._lines = Lines()
        self._on_line = on_line
        self.ended = False

    def fileno(self) -> int:
        return self._pipe.fileno()

    def read(self) -> bool:
        """Takes what is there; False: nothing now, or the end."""
        try:
            data = os.read(self._pipe.fileno(), READ_BYTES)
        except BlockingIOError:
            return False
        self.ended = not data
        self._kept.add(data)
        if self._on_line is not None:
            for line in self._lines.rest() if self.ended else self._lines.feed(data):
                self._on_line(line)
        return not self.ended

    def drain(self) -> None:
        """Takes what is left after the agent's end."""
        for _ in range(DRAIN_READS):
            if self.ended or not self.read():
                break

    def tail(self) -> str:
        return self._kept.last(TAIL_BYTES).decode(errors="replace")

    def close(self) -> None:
        self._pipe.close()
        self._kept.close()


class Lines:
    """Cuts a stream of bytes into lines."""

    def __init__(self) -> None:
        self._part = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that `data` completes, without their newlines."""
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._add(end)
            yield self._take()
        self._add(rest)

    def rest(self) -> Iterator[bytes]:
        """At the end of the stream: a last line without a newline."""
        if self._part:
            yield self._take()

    def _add(self, piece: bytes) -> None:
        self._part += piece[: LINE_BYTES - len(self._part)]

    def _take(self) -> bytes:
        line = bytes(self._part)
        self._part.clear()
        return line


class Kept:
    """The head and the end of a stream in a file that only its owner may read. A full disk costs the file only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._total = 0
        self._last = bytearray()
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.fchmod(self._file, 0o600)
        except OSError as error:
            self._give_up(error)

    def add(self, data: bytes) -> None:
        if self._total < HEAD_BYTES:
            self._write(data[: HEAD_BYTES - self._total])
        self._total += len(data)
        self._last += data
        if len(self._last) > 2 * LAST_BYTES:
            del self._last[:-LAST_BYTES]

    def last(self, limit: int) -> bytes:
        return bytes(self._last[-limit:])

    def close(self) -> None:
        beyond = max(0, self._total - HEAD_BYTES)
        if beyond > LAST_BYTES:
            self._write(b"\n[... %d bytes left out ...]\n" % (beyond - LAST_BYTES))
        if beyond:
            self._write(self.last(min(beyond, LAST_BYTES)))
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, data: bytes) -> None:
        try:
            while data and self._file is not None:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        log.warning("agent output is not kept", extra={"path": str(self._path), "error": str(error)})
        if self._file is not None:
            os.close(self._file)
            self._file = None
