"""Starts an agent's program under its guard, reads it, and makes sure that nothing of it is left."""

from __future__ import annotations

import errno
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
from enum import Enum, auto
from functools import partial
from typing import IO, TYPE_CHECKING

from deespec.agents import guard as guards
from deespec.agents.base import AgentError, Blame
from deespec.agents.guard_file import guard_file
from deespec.agents.leftovers import identity, kill_tagged
from deespec.agents.metering import BUDGET
from deespec.agents.output import Stream
from deespec.agents.signs import Idling
from deespec.clock import Clock
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from deespec.agents.base import AgentRequest, Watch

PROMPT_FILE = "prompt.md"
STDOUT_FILE = "output.log"
STDERR_FILE = "stderr.log"

TICK_MS = 50
"""How often the engine is asked whether to go on (it wants 100)."""
LEFT_GRACE_MS = 500
"""What the program leaves running when it ends may finish in this time."""
KILL_WAIT_MS = 10_000
"""For the guard to kill everything; only a process that the kernel or another user holds takes longer."""

UNUSABLE = frozenset(
    (errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG)
)
"""What exec says when the program is wrong, and not the moment."""
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

log = logging.getLogger(__name__)


@record
class Program:
    """What to start, and how to end it."""

    argv: tuple[str, ...]
    stop_signal: int = signal.SIGTERM
    stop_grace_ms: int = 1_500
    """Between the stop signal and the kill: a cancelled item's agent is gone within 2 s."""
    end_grace_ms: int = 2_000
    """Between the final event of its stream and the kill."""


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
    clock: Clock | None = None,
) -> Ended:
    """Runs the program to its end, the prompt on its stdin; when this returns, none of its descendants is alive.

    `on_line` gets each line of stdout without its newline (cut at LINE_BYTES); True: that was the stream's last event.
    """
    try:
        guard, control = _start_guard(program, request)
    except (OSError, ValueError) as error:
        return Ended(error=f"The call could not be set up: {error}")
    call = _Call(program, request, watch, guard=guard, control=control, on_line=on_line, clock=clock or Clock())
    try:
        watch.started(identity(guard.pid, request.guard_lock))
        call.run()
    finally:
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


def _start_guard(program: Program, request: AgentRequest) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """The guard waits for `go`. No Python code of ours runs in a fork: there are threads here, and a database."""
    request.folder.mkdir(parents=True, exist_ok=True)
    ours, theirs = socket.socketpair()
    with theirs, _prompt(request) as prompt:
        try:
            guard = subprocess.Popen(
                [sys.executable, "-I", "-S", guard_file(), str(theirs.fileno()), request.guard_lock, *program.argv],
                stdin=prompt,
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
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(request.prompt.encode(errors="replace"))
    return path.open("rb")


class _Phase(Enum):
    RUNNING = auto()
    ENDING = auto()
    """The final event came."""
    STOPPING = auto()
    """It was asked to end."""
    LEAVING = auto()
    """The program has ended; what it started may follow."""
    KILLING = auto()
    GONE = auto()


class _Call:
    """A running call: what is known of it, and what is to happen next. Times are ms of Clock.waking_ms()."""

    def __init__(
        self,
        program: Program,
        request: AgentRequest,
        watch: Watch,
        *,
        guard: subprocess.Popen[bytes],
        control: socket.socket,
        on_line: Callable[[bytes], bool] | None,
        clock: Clock,
    ) -> None:
        self.program, self.request, self.watch = program, request, watch
        self.guard, self.control, self.on_line, self.clock = guard, control, on_line, clock
        self.end = Ended()
        self.phase = _Phase.RUNNING
        self.force_at = 0
        self.agent: int | None = None
        """Its pid and its process group, once it was started."""
        self.empty = False
        """The guard has said so: nothing is left."""
        self.unread = b""
        self.deadline: int | None = None
        self.tick_at = clock.waking_ms()
        self.turn_ends_at = self.tick_at + request.turn_timeout_ms
        self.idling = Idling(request.idle_timeout_ms, guard_pid=guard.pid, workspace=request.workspace, clock=clock)
        assert guard.stdout is not None
        assert guard.stderr is not None
        self.stdout = Stream(guard.stdout, request.folder / STDOUT_FILE, self._take_line if on_line else None)
        self.stderr = Stream(guard.stderr, request.folder / STDERR_FILE)
        self.selector = selectors.DefaultSelector()
        control.setblocking(False)
        self.selector.register(control, selectors.EVENT_READ, self._hear)
        for stream in (self.stdout, self.stderr):
            self.selector.register(stream, selectors.EVENT_READ, partial(self._read, stream))

    def run(self) -> None:
        """Until nothing of the call is left, or its guard is gone."""
        self._tell_deadline()
        self._tell("go")
        while self.phase is not _Phase.GONE:
            wait_ms = max(0, self.tick_at - self.clock.waking_ms())
            for key, _ in self.selector.select(wait_ms / 1000):
                key.data()
            now = self.clock.waking_ms()
            if now >= self.tick_at:
                self.tick_at = now + TICK_MS
                self._tick(now)
        self.stdout.drain()
        self.stderr.drain()

    def close(self) -> None:
        """Whatever happened: the guard is reaped, nothing is left, all files are closed."""
        self.control.close()  # a guard that still stands kills everything now
        try:
            self.guard.wait(KILL_WAIT_MS / 1000)
        except subprocess.TimeoutExpired:
            self.guard.kill()
            self.guard.wait()
        if not self.empty or not guards.LINUX:
            self._sweep()
        self.selector.close()
        self.stdout.close()
        self.stderr.close()

    def ended(self) -> Ended:
        end = replace(self.end, stdout_tail=self.stdout.tail(), stderr_tail=self.stderr.tail())
        if self.empty or end.error or end.stopped or self._exited():
            return end
        if self.agent is None:
            return replace(end, error=f"The guard did not stand up: {end.stderr_tail.strip()}")
        return replace(end, stopped="guard_died")

    # --- what happens ------------------------------------------------------------------------------------------------

    def _tick(self, now: int) -> None:
        reason = self.watch.tick()
        self._tell_deadline()
        if reason is not None and self.phase in (_Phase.RUNNING, _Phase.ENDING):
            self._stop(reason, now)
        elif self.phase is not _Phase.RUNNING:
            if now >= self.force_at:
                self._force(now)
        elif now >= self.turn_ends_at:
            self._stop("turn_timeout", now)
        elif self.idling.over(now):
            self._stop("idle_timeout", now)

    def _read(self, stream: Stream) -> None:
        if stream.read():
            self.idling.sign(self.clock.waking_ms())
        if stream.ended:
            self.selector.unregister(stream)

    def _take_line(self, line: bytes) -> None:
        if self.on_line is not None and self.on_line(line) and self.phase is _Phase.RUNNING:
            self._enter(_Phase.ENDING, self.clock.waking_ms() + self.program.end_grace_ms)

    def _hear(self) -> None:
        try:
            data = self.control.recv(4096)
        except ConnectionResetError:
            data = b""
        *messages, self.unread = (self.unread + data).split(b"\n")
        for message in messages:
            verb, _, value = message.decode().partition(" ")
            self._take_message(verb, value)
        if not data:
            self.phase = _Phase.GONE

    def _take_message(self, verb: str, value: str) -> None:
        match verb:
            case "started":
                self.agent = int(value)
            case "exited":
                self._take_exit(os.waitstatus_to_exitcode(int(value)))
            case "expired":
                self.end = replace(self.end, stopped=self.end.stopped or "deadline")
            case "failed":
                number, _, text = value.partition(" ")
                self.end = replace(self.end, error=text, unusable=int(number) in UNUSABLE)
            case "broken":
                self.end = replace(self.end, error=f"The guard cannot do its duty: {value}")
                self.empty = True
            case "empty":
                self.empty = True
                self.phase = _Phase.GONE

    def _exited(self) -> bool:
        return self.end.exit_code is not None or self.end.signal is not None

    def _take_exit(self, code: int) -> None:
        self.end = replace(self.end, exit_code=code) if code >= 0 else replace(self.end, signal=-code)
        if self.phase in (_Phase.RUNNING, _Phase.ENDING):
            self._enter(_Phase.LEAVING, self.clock.waking_ms() + LEFT_GRACE_MS)
        elif self.phase is _Phase.STOPPING:
            self._force(self.clock.waking_ms())

    # --- what is done about it ---------------------------------------------------------------------------------------

    def _stop(self, reason: str, now: int) -> None:
        self.end = replace(self.end, stopped=reason)
        self._tell(f"stop {int(self.program.stop_signal)}")
        self._enter(_Phase.STOPPING, now + self.program.stop_grace_ms)

    def _force(self, now: int) -> None:
        """The grace is over."""
        if self.phase is _Phase.KILLING:
            log.warning("guard did not end", extra={"pid": self.guard.pid, "item": self.request.item})
            self.guard.kill()
            self.phase = _Phase.GONE
            return
        if self.phase is _Phase.ENDING:
            self.end = replace(self.end, hung=True)
        self._tell("kill")
        self._enter(_Phase.KILLING, now + KILL_WAIT_MS)

    def _enter(self, phase: _Phase, force_at: int) -> None:
        self.phase = phase
        self.force_at = force_at

    def _tell_deadline(self) -> None:
        deadline = self.watch.deadline()
        if deadline != self.deadline:
            self.deadline = deadline
            self._tell(f"deadline {deadline}")

    def _tell(self, message: str) -> None:
        try:
            self.control.send(message.encode() + b"\n")
        except OSError:
            pass  # the guard is gone (its end is heard next), or stands still (the wait for the kill finds out)

    def _sweep(self) -> None:
        """Without the guard's word: by group and by environment (some clients hide theirs)."""
        if self.agent is not None and not self._exited():
            guards.kill_group(self.agent)
        claim = self.request.env.get("DEESPEC_CLAIM")
        until = self.clock.waking_ms() + KILL_WAIT_MS
        if claim and not kill_tagged(claim, until=until, clock=self.clock):
            log.warning("processes left", extra={"claim": claim, "item": self.request.item})


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
