"""A running call of an agent's program: what is known of it, and what happens to it until nothing of it is left."""

from __future__ import annotations

import errno
import logging
import os
import selectors
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING

from deespec.agents import guard as guards
from deespec.agents.control import Control
from deespec.agents.input import Inlet
from deespec.agents.leftovers import kill_tagged
from deespec.agents.output import Stream
from deespec.agents.signs import Idling
from deespec.records import replace

if TYPE_CHECKING:
    import socket
    import subprocess
    from collections.abc import Callable

    from deespec.agents.base import AgentRequest, Watch
    from deespec.agents.input import Talk
    from deespec.agents.process import Ended, Program
    from deespec.clock import Clock

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

log = logging.getLogger(__name__)


class Phase(Enum):
    RUNNING = auto()
    ENDING = auto()
    """The final event came."""
    CANCELLING = auto()
    """It was told to end in its own words."""
    STOPPING = auto()
    """It was asked to end."""
    LEAVING = auto()
    """The program has ended; what it started may follow."""
    KILLING = auto()
    GONE = auto()


class Call:
    """A running call: what is known of it, and what is to happen next. Times are ms of Clock.waking_ms()."""

    def __init__(
        self,
        program: Program,
        request: AgentRequest,
        watch: Watch,
        *,
        guard: subprocess.Popen[bytes],
        control: socket.socket,
        talk: Talk | None,
        end: Ended,
        clock: Clock,
    ) -> None:
        self.program, self.request, self.watch = program, request, watch
        self.guard, self.talk, self.clock = guard, talk, clock
        self.control = Control(control)
        self.end = end
        self.phase = Phase.RUNNING
        self.force_at = 0
        self.agent: int | None = None
        """Its pid and its process group, once it was started."""
        self.empty = False
        """The guard has said so: nothing is left."""
        self.tick_at = clock.waking_ms()
        self.turn_ends_at = self.tick_at + request.turn_timeout_ms
        self.idling = Idling(
            request.idle_timeout_ms,
            guard_pid=guard.pid,
            workspace=request.workspace,
            clock=clock,
            cpu_share=program.idle_cpu_share,
        )
        self.inlet = Inlet(guard.stdin) if guard.stdin else None
        self.inlet_is_watched = False
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.control, selectors.EVENT_READ, self._hear)

    def listen(self, on_line: Callable[[bytes], bool] | None, on_stderr: Callable[[bytes], None] | None) -> None:
        assert self.guard.stdout is not None
        assert self.guard.stderr is not None
        self.on_line = on_line
        folder = self.request.folder
        self.stdout = Stream(self.guard.stdout, folder / STDOUT_FILE, self._take_line if on_line else None)
        self.stderr = Stream(self.guard.stderr, folder / STDERR_FILE, on_stderr)
        for stream in (self.stdout, self.stderr):
            self.selector.register(stream, selectors.EVENT_READ, partial(self._read, stream))

    def run(self) -> None:
        """Until nothing of the call is left, or its guard is gone."""
        if self.talk is not None and self.inlet is not None:
            self.talk.begin(self.inlet.say)  # before the program, whose words may come before the guard's
        self.control.tell_deadline(self.watch.deadline())
        self.control.tell("go")
        while self.phase is not Phase.GONE:
            self._watch_inlet()
            wait_ms = max(0, self.tick_at - self.clock.waking_ms())
            for key, _ in self.selector.select(wait_ms / 1000):
                key.data()
            now = self.clock.waking_ms()
            if now >= self.tick_at:
                self.tick_at = now + TICK_MS
                self._tick(now)
        self.stdout.drain()
        self.stderr.drain()

    def let_go(self) -> None:
        """A guard that still stands kills everything now, and ends."""
        self.control.close()

    def close(self) -> None:
        """After the guard's end: what it did not see to is done, all files are closed."""
        if not self.empty or not guards.LINUX:
            self._sweep()
        self.selector.close()
        if self.inlet is not None:
            self.inlet.close()
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
        self.control.tell_deadline(self.watch.deadline())
        if reason is not None and self.phase in (Phase.RUNNING, Phase.ENDING):
            self._stop(reason, now)
        elif self.phase is not Phase.RUNNING:
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
        if self.on_line is None or not self.on_line(line):
            return
        if self.inlet is not None:
            self.inlet.end()
        if self.phase is Phase.RUNNING:
            self._enter(Phase.ENDING, self.clock.waking_ms() + self.program.end_grace_ms)
        elif self.phase is Phase.CANCELLING:
            self._signal(self.clock.waking_ms())

    def _watch_inlet(self) -> None:
        """The selector is asked about the program's stdin only while there is more to say than it takes."""
        if self.inlet is None:
            return
        if not self.inlet_is_watched and self.inlet.is_full:
            self.selector.register(self.inlet, selectors.EVENT_WRITE, self.inlet.write)
        elif self.inlet_is_watched and not self.inlet.is_full:
            self.selector.unregister(self.inlet)
        self.inlet_is_watched = self.inlet.is_full

    def _hear(self) -> None:
        for verb, value in self.control.hear():
            self._take_message(verb, value)
        if self.control.ended:
            self.phase = Phase.GONE

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
                self.phase = Phase.GONE

    def _exited(self) -> bool:
        return self.end.exit_code is not None or self.end.signal is not None

    def _take_exit(self, code: int) -> None:
        self.end = replace(self.end, exit_code=code) if code >= 0 else replace(self.end, signal=-code)
        if self.phase in (Phase.RUNNING, Phase.ENDING):
            self._enter(Phase.LEAVING, self.clock.waking_ms() + LEFT_GRACE_MS)
        elif self.phase in (Phase.CANCELLING, Phase.STOPPING):
            self._kill(self.clock.waking_ms())

    # --- what is done about it ---------------------------------------------------------------------------------------

    def _stop(self, reason: str, now: int) -> None:
        self.end = replace(self.end, stopped=reason)
        if self.talk is not None and self.agent is not None and self.talk.cancel():
            self._enter(Phase.CANCELLING, now + self.program.cancel_grace_ms)
        else:
            self._signal(now)

    def _signal(self, now: int) -> None:
        self.control.tell(f"stop {int(self.program.stop_signal)}")
        self._enter(Phase.STOPPING, now + self.program.stop_grace_ms)

    def _force(self, now: int) -> None:
        """The grace is over."""
        if self.phase is Phase.CANCELLING:
            self._signal(now)
        elif self.phase is Phase.KILLING:
            log.warning("guard did not end", extra={"pid": self.guard.pid, "item": self.request.item})
            self.guard.kill()
            self.phase = Phase.GONE
        else:
            if self.phase is Phase.ENDING:
                self.end = replace(self.end, hung=True)
            self._kill(now)

    def _kill(self, now: int) -> None:
        self.control.tell("kill")
        self._enter(Phase.KILLING, now + KILL_WAIT_MS)

    def _enter(self, phase: Phase, force_at: int) -> None:
        self.phase = phase
        self.force_at = force_at

    def _sweep(self) -> None:
        """Without the guard's word: by group and by environment (some clients hide theirs)."""
        if self.agent is not None and not self._exited():
            guards.kill_group(self.agent)
        claim = self.request.env.get("DEESPEC_CLAIM")
        until = self.clock.waking_ms() + KILL_WAIT_MS
        if claim and not kill_tagged(claim, until=until, clock=self.clock):
            log.warning("processes left", extra={"claim": claim, "item": self.request.item})
