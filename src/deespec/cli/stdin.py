"""Reading standard input when a text is needed: bounded, and never for ever."""

from __future__ import annotations

import os
import select
import sys

from deespec.errors import InvalidInput

SILENCE_S = 2.0
STDIN_BYTES = 1024 * 1024 + 512 * 1024


def is_terminal() -> bool:
    """Whether a person can be asked here."""
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


def read_stdin() -> bytes:
    """All of standard input. Raises InvalidInput if it is closed, too large, or silent for its first 2 s."""
    if sys.stdin is None or sys.stdin.closed:
        raise InvalidInput("Standard input is closed, and there is no other text.", hint="Give --title or a file.")
    descriptor = sys.stdin.fileno()
    if not is_terminal() and not _speaks(descriptor):
        raise InvalidInput(
            "Nothing came on standard input for 2 s, and there is no other text.",
            hint='Give --title "…", --body or a file.',
        )
    parts, size = [], 0
    while chunk := os.read(descriptor, 65_536):
        parts.append(chunk)
        size += len(chunk)
        if size > STDIN_BYTES:
            raise InvalidInput("Standard input is larger than a spec may be (1 MiB).")
    return b"".join(parts)


def _speaks(descriptor: int) -> bool:
    """Whether anything comes in time, its end included."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(SILENCE_S * 1000))
