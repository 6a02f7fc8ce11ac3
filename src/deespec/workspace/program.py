"""Other programs than Git: run to their end with what they say bounded, or beside us for as long as we live."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from deespec.errors import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

TIMEOUT_S = 120.0
END_GRACE_S = 1.0
"""For a program beside us to end by itself."""
OUTPUT_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 65_536


def run_program(
    argv: Sequence[str],
    *,
    folder: Path,
    env: Mapping[str, str],
    stdin: bytes = b"",
    may_take_s: Callable[[], float] = lambda: TIMEOUT_S,
) -> tuple[int, str, str]:
    """Exit status, output and complaints. Raises WorkspaceError if it is missing, slow, or says more than OUTPUT_BYTES.

    How long it may take in all is asked while it runs, too. A program that is ended takes its whole session with it.
    """
    with TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        process = _start(argv, folder=folder, env=env, stdin=given)
    try:
        out, err = _read(process, argv[0], may_take_s)
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")


class Beside:
    """A program that runs beside us. Its standard input is a pipe that only we hold: it hears the end of that when we
    let it go, and when we die, however that is.
    """

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str]) -> None:
        """Raises OSError if it cannot be started."""
        self._process = subprocess.Popen(
            [*argv],
            cwd="/",
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def runs(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """Lets it go; one that does not heed that is killed."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_GRACE_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _start(argv: Sequence[str], *, folder: Path, env: Mapping[str, str], stdin: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [*argv],
            cwd=folder,
            env=dict(env),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise WorkspaceError(f"{argv[0]} cannot be run: {reason}.", hint=f"Install it: {argv[0]}") from error


def _read(process: subprocess.Popen[bytes], name: str, may_take_s: Callable[[], float]) -> tuple[bytes, bytes]:
    """Until it has ended: what it has started in the background may hold its output open for longer."""
    began = time.monotonic()
    said = {stream: bytearray() for stream in (process.stdout, process.stderr) if stream is not None}
    with selectors.DefaultSelector() as selector:
        for stream in said:
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ended = process.poll() is not None
            ready = selector.select(0 if ended else 0.1)
            for key, _ in ready:
                chunk = os.read(key.fd, CHUNK_BYTES)
                if not chunk:
                    selector.unregister(key.fileobj)
                for stream in said:
                    if stream is key.fileobj:
                        said[stream] += chunk
            if ended and not ready:
                break
            _refuse_slow(name, began, may_take_s())
            if sum(map(len, said.values())) > OUTPUT_BYTES:
                raise WorkspaceError(f"{name} said more than {OUTPUT_BYTES} bytes.", hint=f"Try it yourself: {name}")
    while process.poll() is None:
        _refuse_slow(name, began, may_take_s())
        time.sleep(0.01)
    out, err = (bytes(text) for text in said.values())
    return out, err


def _refuse_slow(name: str, began: float, may_take_s: float) -> None:
    if time.monotonic() > began + may_take_s:
        raise WorkspaceError(f"{name} took more than {may_take_s:.3g} s.", hint=f"Try it yourself: {name}")
