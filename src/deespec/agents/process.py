"""Starts an agent's program under its guard, reads it, and makes sure that nothing of it is left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import IO, TYPE_CHECKING

from deespec.agents.base import AgentError, Blame
from deespec.agents.call import KILL_WAIT_MS, Call
from deespec.agents.guard_file import guard_file
from deespec.agents.leftovers import identity
from deespec.agents.metering import BUDGET
from deespec.agents.output import make_folder, write_new
from deespec.agents.signs import CPU_SHARE
from deespec.clock import Clock
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from deespec.agents.base import AgentRequest, Watch
    from deespec.agents.input import Talk

PROMPT_FILE = "prompt.md"

LIMITS = {
    "turn_timeout": (Blame.CALL, "timeout", "The turn took longer than its limit."),
    "idle_timeout": (Blame.CALL, "idle", "There was no sign of life for the whole idle limit."),
    "guard_died": (Blame.CALL, "crash", "The process that guards the call was killed."),
    BUDGET: (Blame.BUDGET, BUDGET, "The call has cost what it was given."),
}
"""Ends that are errors of this call; every other reason is the engine's own."""
STOPS = {
    "worker": "The worker was told to stop.",
    "revoked": "The claim was taken away.",
    "deadline": "The worker stood still (a suspended machine, a stopped process), so the guard ended the agent.",
}


@record
class Program:
    """What to start, and how to end it."""

    argv: tuple[str, ...]
    stop_signal: int = signal.SIGTERM
    cancel_grace_ms: int = 700
    """Between the words that end the work of a program that is spoken with, and the stop signal."""
    stop_grace_ms: int = 1_500
    """Between the stop signal and the kill: a cancelled item's agent is gone within 2 s."""
    end_grace_ms: int = 2_000
    """Between the final event of its stream and the kill."""
    idle_cpu_share: float = CPU_SHARE
    """Of one CPU: what the client uses although it only waits; less is no sign of life."""


@record
class Ended:
    """How a program ended. Neither exit code nor signal: that is not known, or it was never started."""

    exit_code: int | None = None
    signal: int | None = None
    stopped: str | None = None
    """Why it was ended before its time: what watch.tick() said, turn_timeout, idle_timeout, deadline or guard_died."""
    error: str | None = None
    """Why it could not be started."""
    unusable: bool = False
    """The program itself is the reason: missing, not executable."""
    hung: bool = False
    """The final event of its stream had come, but it did not end and was killed."""
    stdout_tail: str = ""
    stderr_tail: str = ""


def run_process(
    program: Program,
    request: AgentRequest,
    watch: Watch,
    *,
    on_line: Callable[[bytes], bool] | None = None,
    on_stderr: Callable[[bytes], None] | None = None,
    talk: Talk | None = None,
    clock: Clock | None = None,
) -> Ended:
    """Runs the program to its end, the prompt on its stdin; when this returns, none of its descendants is alive.

    `on_line` gets each line of stdout without its newline (cut at LINE_BYTES); True: that was the stream's last event.
    `on_stderr` gets those of stderr. A program with a `talk` gets no prompt: it is the adapter's to say.
    """
    try:
        guard, control = _start_guard(program, request, talks=talk is not None)
    except (OSError, ValueError) as error:
        return Ended(error=f"The call could not be set up: {error}")
    call = Call(program, request, watch, guard=guard, control=control, talk=talk, end=Ended(), clock=clock or Clock())
    call.listen(talk.take if talk else on_line, on_stderr)
    try:
        watch.started(identity(guard.pid, request.guard_lock))
        call.run()
    finally:
        call.let_go()
        _reap(guard)
        call.close()
    return call.ended()


def error_of(ended: Ended) -> AgentError | None:
    """What is wrong with an end, whatever the client wrote. Exit code and signal are for the client's adapter."""
    if ended.error is not None:
        blame, code = (Blame.AGENT, "missing") if ended.unusable else (Blame.CALL, "start")
        return AgentError(blame=blame, code=code, message=ended.error)
    if ended.stopped is None:
        return None
    if ended.stopped in LIMITS:
        blame, code, message = LIMITS[ended.stopped]
        return AgentError(blame=blame, code=code, message=message)
    message = STOPS.get(ended.stopped, f"The engine stopped it: {ended.stopped}.")
    return AgentError(blame=Blame.STOPPED, code=ended.stopped, message=message)


def _start_guard(
    program: Program, request: AgentRequest, *, talks: bool
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """The guard waits for `go`. No Python code of ours runs in a fork: there are threads here, and a database."""
    make_folder(request.folder)
    ours, theirs = socket.socketpair()
    with theirs, _prompt(request) as prompt:
        try:
            guard = subprocess.Popen(
                [sys.executable, "-I", "-S", guard_file(), str(theirs.fileno()), request.guard_lock, *program.argv],
                stdin=subprocess.PIPE if talks else prompt,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=request.workspace,
                env=request.env,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
    return guard, ours


def _prompt(request: AgentRequest) -> IO[bytes]:
    """The prompt as a file, kept for people who want to know what the agent was told."""
    path = request.folder / PROMPT_FILE
    write_new(path, request.prompt.encode(errors="replace"))
    return open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")


def _reap(guard: subprocess.Popen[bytes]) -> None:
    try:
        guard.wait(KILL_WAIT_MS / 1000)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()


def capture(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    timeout_ms: int,
    cwd: Path | None = None,
    stdin: bytes = b"",
) -> tuple[int, str]:
    """A short command's exit code and all its output; -1 with the reason if it cannot be started or takes too long.

    For looks at a program (`--version`) and small tools, not for agents: nothing guards it.
    """
    try:
        done = subprocess.run(
            list(argv),
            cwd=cwd,
            env=dict(env),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_ms / 1000,
            check=False,
            start_new_session=True,
        )
    except FileNotFoundError:
        return -1, f"{argv[0]} is not there"
    except subprocess.TimeoutExpired:
        return -1, f"{argv[0]} took more than {timeout_ms / 1000:g} s"
    except OSError as error:
        return -1, f"{argv[0]}: {error.strerror}"
    return done.returncode, done.stdout.decode(errors="replace")
