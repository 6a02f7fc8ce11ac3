"""A file of its own that a client adds lines to while it works, read as it grows: for what its output says too late.

It is the client's private format and may be missing or change: whoever reads it has to do without.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from deespec.agents.output import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READ_BYTES = 1024 * 1024
READS_MOST = 16
"""At one time; the rest comes the next time."""
LOOKS_MOST = 20
"""So often is looked for the file; each look reads some hundred folders at most."""


class Trail:
    """The first file below `folder` that fits a pattern."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None
        self._at = 0
        self._looks = 0
        self._lines = Lines()

    def skip(self, pattern: str) -> None:
        """What is in the file already is of another call."""
        self._find(pattern)
        if self._path is not None:
            try:
                self._at = os.stat(self._path).st_size
            except OSError:
                self._path = None

    def added(self, pattern: str) -> Iterator[bytes]:
        """The whole lines that have come since the last time."""
        if self._path is None:
            self._find(pattern)
        for _ in range(READS_MOST):
            if self._path is None or not (data := self._read(self._path)):
                break
            yield from self._lines.feed(data)

    def _find(self, pattern: str) -> None:
        self._looks += 1
        if self._looks > LOOKS_MOST:
            return
        try:
            self._path = next((path for path in self._folder.glob(pattern) if path.is_file()), None)
        except (OSError, ValueError):
            self._looks = LOOKS_MOST

    def _read(self, path: Path) -> bytes:
        try:
            file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            data = os.pread(file, READ_BYTES, self._at) if stat.S_ISREG(os.fstat(file).st_mode) else b""
        except OSError:
            return b""
        finally:
            os.close(file)
        self._at += len(data)
        return data
