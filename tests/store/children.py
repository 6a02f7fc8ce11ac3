"""Real processes for tests: small programs that say on standard output how far they are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

PATIENCE_S = 60
"""A test that waits this long has failed; on a quiet machine everything here takes seconds at most."""
STORE = """
import os, sys
from deespec.clock import Clock
from deespec.store.opener import open_store
clock = Clock()
store = open_store(sys.argv[1], clock=clock, busy_ms=60_000)
"""
"""How a program begins that opens the backlog it is told."""
HOLDS = (
    STORE
    + """
with store.transaction() as tx:
    tx.note("holder", "held")
    print("inside", flush=True)
    sys.stdin.readline()
"""
)
"""Is in the middle of a transaction until it hears a line."""


@contextmanager
def child(program: str, *args: object, before: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
    """The running program; killed at the end, if it still runs. `before`: words to start it with, like `unshare -m`."""
    words = [*before, sys.executable, "-c", program, *map(str, args)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()


def heard(one: subprocess.Popen[str]) -> str:
    """Its next line."""
    assert one.stdout is not None
    line = one.stdout.readline()
    assert line, one.communicate(timeout=PATIENCE_S)[1]
    return line.rstrip("\n")


def ended(one: subprocess.Popen[str], word: str = "", *, status: int = 0) -> list[str]:
    """What it has still said, after it has heard this word and has come to its end."""
    out, err = one.communicate(word, timeout=PATIENCE_S)
    assert one.returncode == status, err
    return out.splitlines()
