"""Another program than Git, run to its end with what it says bounded: the one that opens pull requests."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TIMEOUT_S = 120
OUTPUT_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 65_536


def run_program(argv: Sequence[str], *, folder: Path, env: Mapping[str, str]) -> tuple[int, str, str]:
    """Exit status, output and complaints. Raises WorkspaceError if it is missing, slow, or says more than OUTPUT_BYTES.

    A program that is ended takes its whole session with it.
    """
    try:
        process = subprocess.Popen(
            [*argv],
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise WorkspaceError(f"{argv[0]} cannot be run: {reason}.", hint=f"Install it: {argv[0]}") from error
    try:
        out, err = _read(process, argv[0])
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")


def _read(process: subprocess.Popen[bytes], name: str) -> tuple[bytes, bytes]:
    """Until it has ended: what it has started in the background may hold its output open for longer."""
    until = time.monotonic() + TIMEOUT_S
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
            if time.monotonic() > until:
                raise WorkspaceError(f"{name} took more than {TIMEOUT_S} s.", hint=f"Try it yourself: {name}")
            if sum(map(len, said.values())) > OUTPUT_BYTES:
                raise WorkspaceError(f"{name} said more than {OUTPUT_BYTES} bytes.", hint=f"Try it yourself: {name}")
    while process.poll() is None:
        if time.monotonic() > until:
            raise WorkspaceError(f"{name} took more than {TIMEOUT_S} s.", hint=f"Try it yourself: {name}")
        time.sleep(0.01)
    out, err = (bytes(text) for text in said.values())
    return out, err
