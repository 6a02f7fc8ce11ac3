"""An agent's output: read without waiting, cut into lines, kept; in bounded memory and on bounded disk."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections import deque
from io import StringIO
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
HEAD_BYTES = 4 * 1024 * 1024
"""What came first is written at once, so that a running call can be watched and a crash leaves it."""
LAST_BYTES = 1024 * 1024
"""What came last is held in memory (up to twice this) and written at the end."""
TAIL_BYTES = 64 * 1024
"""What the caller gets to see of a stream's end."""

WORDS_MOST = LINE_BYTES
"""Of what an agent says, so many characters are kept (up to twice this): no less than one line may have."""
MESSAGES_MOST = 1_000

log = logging.getLogger(__name__)


def make_folder(folder: Path, *, below: Path | None = None) -> None:
    """Makes a folder of a call, and those between it and `below` (else its parent). Agents may have been there before:
    a link in the way is not followed. Raises OSError."""
    if below is None:
        below = folder.parent
        below.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = below
    for name in folder.relative_to(below).parts:
        path /= name
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            if not stat.S_ISDIR(path.lstat().st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "A link or file is in the way of a folder", str(path)) from None


def new_file(path: Path) -> int:
    """Opens a new file that only its owner may read, for writing; a file or a link of that name is gone then. Raises
    OSError."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def write_new(path: Path, data: bytes) -> None:
    """Raises OSError."""
    with open(new_file(path), "wb") as file:
        file.write(data)


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
            self._file = new_file(path)
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


class LastWords:
    """The end of what an agent says, in messages that come in pieces."""

    def __init__(self) -> None:
        self._messages: deque[StringIO] = deque()
        self._size = 0

    def add(self, text: str, *, begins: bool = False) -> None:
        """Goes on with the last message, or begins another."""
        if begins or not self._messages:
            self._messages.append(StringIO())
        self._messages[-1].write(text)
        self._size += len(text)
        while len(self._messages) > 1 and (self._size > WORDS_MOST or len(self._messages) > MESSAGES_MOST):
            self._size -= self._messages.popleft().tell()
        if self._size > 2 * WORDS_MOST:
            rest = self._messages.pop().getvalue()[-WORDS_MOST:]
            self.clear()
            self.add(rest)

    def clear(self) -> None:
        self._messages.clear()
        self._size = 0

    def messages(self) -> list[str]:
        return [message.getvalue() for message in self._messages]
