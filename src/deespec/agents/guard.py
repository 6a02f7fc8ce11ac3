"""The guard of one agent call: a program of its own (`python -I -S guard.py`), so that nothing of the call outlives it.

The worker cannot promise that: it may be killed, or frozen, or its machine put to sleep. So a second process stands
between it and the agent. It is a *child subreaper*: whatever the agent starts, detached or not, stays below the guard
in the process tree, and `waitpid` says "no children" only when all of it is gone. Until then the guard holds a lock
file, and then it writes so into it: that is the proof for whoever comes later. It kills the whole tree when the worker
says so, when the control socket ends (the worker is gone, however), and when a deadline passes that a living worker
keeps moving on (this is what stops the agents of a frozen one).

It speaks lines over the socket. From the worker: `deadline MS`, `go`, `stop SIGNAL` (to the agent's process group)
and `kill`. To the worker: `started PID`, `exited STATUS`, `expired`, `failed ERRNO TEXT` (the program cannot be
started), `broken TEXT` (the guard cannot do its duty) and at last `empty`.

Systems without subreapers get less: the agent's process group is killed, and the worker looks for the rest by the
environment (agents.leftovers). This file imports next to nothing, as each call waits for its start.
"""

import _signal as signal  # type: ignore[import-not-found]  # `signal` without its enums, half of the start-up time
import fcntl
import os
import select
import sys
import time

LINUX = sys.platform == "linux"
BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
IDLE_MS = 1_000
"""Waits are cut to this: poll() stands still in suspend, the deadline's clock does not."""
KILL_PAUSES_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, IDLE_MS)
"""Between two looks for what is left; the last one repeats (a process of another user cannot be killed)."""
REAPS = 1_000
"""Dead children taken at once, so that one who forks without end cannot keep the guard from killing."""
IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
"""A terminal's signals, or a person's `kill`, must not take the guard away from what it guards."""
DEFAULTED = (*IGNORED, signal.SIGPIPE, signal.SIGCHLD, signal.SIGXFSZ)
"""What Python or the guard has changed and the agent must not inherit."""
EMPTY = b"empty\n"
"""The last line of a lock file: nothing is left."""
PR_SET_CHILD_SUBREAPER = 36

STATE, PARENT, GROUP, START = 0, 1, 2, 19
CPU = slice(11, 15)
"""Places in `stat_fields`: utime, stime and those of reaped children are fields 14 to 17 of proc_pid_stat(5)."""


def main() -> None:
    control, lock, program = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    os.set_inheritable(control, False)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    call = Call(control)
    try:
        file = hold(lock)
        if LINUX:
            become_subreaper()
    except OSError as error:
        call.say(f"broken {error}")
        return
    try:
        if call.wait_for_go():
            call.start(program)
    except OSError as error:
        call.say(f"failed {error.errno} {error.strerror}: {program[0]}")
    else:
        call.stand_by()
    if LINUX:
        os.write(file, EMPTY)
    call.say("empty")


class Call:
    """The call this process stands over: its worker, its agent, and until when."""

    def __init__(self, control: int) -> None:
        self.control = control
        self.unread = b""
        self.allowed = False
        self.ended = False
        """The worker wants the end, or is gone."""
        self.deadline: int | None = None
        self.agent: int | None = None
        """None: not started, or reaped; then its number may be another's."""
        self.woken, wake = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)
        self.poll.register(self.woken, select.POLLIN)

    def wait_for_go(self) -> bool:
        """The worker first makes this guard known to others; False: the call is off."""
        while not self.allowed and not self.must_end():
            self.wait(IDLE_MS)
        return self.allowed and not self.ended

    def start(self, program: list[str]) -> None:
        """Starts the agent in a session of its own. The guard lets go of its output, so that it can end."""
        self.agent = os.posix_spawnp(
            program[0], program, environment(), setsid=True, setsigmask=(), setsigdef=DEFAULTED
        )
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        self.say(f"started {self.agent}")

    def stand_by(self) -> None:
        """Returns when no descendant is left."""
        while self.reap():
            if self.must_end():
                self.kill_all()
                break
            self.wait(IDLE_MS)

    def kill_all(self) -> None:
        pauses = iter(KILL_PAUSES_MS)
        pause = 0
        while self.reap():
            if self.agent is not None:
                kill_group(self.agent)
            kill_tree(os.getpid())
            pause = next(pauses, pause)
            if select.select([self.woken], [], [], pause / 1000)[0]:
                drain(self.woken)

    def reap(self) -> bool:
        """Takes dead children; False: there are none left, dead or alive."""
        for _ in range(REAPS):
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.agent:
                self.agent = None
                if not LINUX:
                    kill_group(pid)
                self.say(f"exited {status}")
        return True

    def must_end(self) -> bool:
        if not self.ended and self.deadline is not None and boot_ms() >= self.deadline:
            self.ended = True
            self.say("expired")
        return self.ended

    def wait(self, limit_ms: int) -> None:
        """Until a message, a child's death, the deadline or the limit."""
        if self.deadline is not None:
            limit_ms = max(0, min(limit_ms, self.deadline - boot_ms()))
        for number, _ in self.poll.poll(limit_ms):
            if number == self.control:
                self.listen()
            else:
                drain(number)

    def listen(self) -> None:
        try:
            data = os.read(self.control, 4096)
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
        *lines, self.unread = (self.unread + data).split(b"\n")
        for line in lines:
            self.obey(*line.split())

    def obey(self, verb: bytes, value: bytes = b"0") -> None:
        if verb == b"deadline":
            self.deadline = int(value)
        elif verb == b"go":
            self.allowed = True
        elif verb == b"stop" and self.agent is not None:
            kill_group(self.agent, int(value))
        elif verb in (b"stop", b"kill"):
            self.ended = True

    def say(self, message: str) -> None:
        try:
            os.write(self.control, message.encode(errors="replace") + b"\n")
        except OSError:
            self.ended = True  # nobody listens


def hold(path: str) -> int:
    """Locks the file for the rest of this process's life, and says whose it is; the agent does not inherit it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        error.filename = path
        raise
    os.ftruncate(file, 0)
    os.write(file, inscription(os.getpid()))
    return file


def inscription(pid: int) -> bytes:
    """The first line of a guard's lock file."""
    if not LINUX:
        return b"%d\n" % pid
    with open("/proc/sys/kernel/random/boot_id", "rb") as boot:
        return b"%d %s\n" % (pid, boot.read().strip())


def become_subreaper() -> None:
    """Orphans among the descendants become children of this process (prctl(2))."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def environment() -> dict[bytes, bytes]:
    """The environment this program was given: in the C locale Python adds LC_CTYPE to its own (PEP 538)."""
    if not LINUX:
        return dict(os.environb)
    with open("/proc/self/environ", "rb") as file:
        pairs = (entry.partition(b"=") for entry in file.read().split(b"\0") if entry)
        return {name: value for name, _, value in pairs}


def boot_ms() -> int:
    """The clock of the deadline, deespec.clock.Clock.boot_ms()."""
    return time.clock_gettime_ns(BOOTTIME) // 1_000_000


def kill_tree(root: int) -> int:
    """SIGKILL for all below `root`, which leads a session; returns how many were alive. New ones are for the next look.

    By process group where possible: the kernel does that between two forks, so that no group outgrows it. Groups and
    sessions are only ever inherited, so below a session's leader each group but its own holds descendants only.
    """
    living = {pid: fields for pid, fields in descendants(root).items() if fields[STATE] not in (b"Z", b"X")}
    groups = {int(fields[GROUP]) for fields in living.values()} - {0, 1, root}
    for group in groups:
        kill_group(group)
    for pid, fields in living.items():
        if int(fields[GROUP]) not in groups:
            kill_one(pid)
    return len(living)


def kill_group(group: int, number: int = signal.SIGKILL) -> None:
    if group <= 1:
        raise ValueError(f"process group {group} stands for many others")
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass  # gone, or not ours to kill: the lock stays held


def kill_one(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def descendants(root: int) -> dict[int, list[bytes]]:
    """All processes below `root` with their `stat_fields`; one whose parent dies during the look may be missed."""
    fields_of: dict[int, list[bytes]] = {}
    children: dict[int, list[int]] = {}
    for pid in pids():
        fields = stat_fields(pid)
        if fields is not None:
            fields_of[pid] = fields
            children.setdefault(int(fields[PARENT]), []).append(pid)
    below: list[int] = []
    level = children.get(root, [])
    while level:
        below += level
        level = [child for pid in level for child in children.get(pid, [])]
    return {pid: fields_of[pid] for pid in below}


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()] if LINUX else []


def stat_fields(pid: int) -> list[bytes] | None:
    """Fields 3 and up of /proc/PID/stat, or None: gone. Field 2, the name, may hold spaces and parentheses."""
    try:
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return None
    try:
        return os.read(file, 4096).rpartition(b")")[2].split()
    except OSError:
        return None
    finally:
        os.close(file)


def drain(pipe: int) -> None:
    try:
        os.read(pipe, 4096)
    except BlockingIOError:
        pass


if __name__ == "__main__":
    main()
    os._exit(0)  # Python's own tidying up would only cost time
