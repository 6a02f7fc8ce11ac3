"""Ends what a predecessor left running, before a new owner starts anything on the same work.

The best proof is the guard's own word in its lock file. Without it (the guard was killed too) processes are found by
the claim in their environment; some clients hide theirs, and then there is no proof.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.agents import guard as guards
from deespec.clock import Clock
from deespec.model.items import Guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOOK_EVERY_S = 0.01
CLEAN_LOOKS = 2
"""In a row: a process in the middle of a fork or an exec shows no environment for a moment."""


def clear_leftovers(guard: Guard | None, claim_text: str, *, timeout_ms: int, clock: Clock | None = None) -> bool:
    """Kills a dead claim's processes; True: proven that none is left, False: that cannot be proven from here.

    Without a guard no agent was started, as its identity is recorded first; but one may still be about to stand up.
    Knows nothing of other hosts: a claim of theirs is not for this function.
    """
    clock = clock or Clock()
    until = clock.waking_ms() + timeout_ms
    if guard is None:
        return kill_tagged(claim_text, until=until, clock=clock)
    visible = guard.namespace == namespace()
    ended = visible and _by(until, clock, lambda: _guard_ended(guard))
    freed = _by(until, clock, lambda: _free(guard.lock))
    if freed and _says_empty(guard):
        return True
    swept = kill_tagged(claim_text, until=until, clock=clock)
    return ended and freed and swept and not hidden_since(guard.start)


def kill_tagged(claim_text: str, *, until: int, clock: Clock) -> bool:
    """Kills every process that shows this claim in its environment; True: none is left that does."""
    clean_looks = 0

    def clean() -> bool:
        nonlocal clean_looks
        clean_looks += 1
        for pid in tagged(claim_text):
            guards.kill_one(pid)
            clean_looks = 0
        return clean_looks >= CLEAN_LOOKS

    return _by(until, clock, clean)


def tagged(claim_text: str) -> Iterator[int]:
    """Every other process that shows this claim in its environment, as they are found."""
    if not guards.LINUX:
        return _tagged_elsewhere(claim_text)
    tag = b"DEESPEC_CLAIM=" + claim_text.encode()
    return (pid for pid in guards.pids() if pid != os.getpid() and tag in _environment(pid))


def hidden_since(start: str) -> bool:
    """Is there a process of this user, not older than that, which hides its environment (as ssh-agent does)?"""
    return any(_hides(pid) and _started_since(pid, start) for pid in guards.pids())


def identity(pid: int, lock: Path) -> Guard:
    """Who the guard with this pid is, for a process that meets it later."""
    return Guard(pid=pid, start=start_time(pid) or "", namespace=namespace(), lock=str(lock))


def start_time(pid: int) -> str | None:
    """The start time of a living process as the kernel counts it; a pid and this name a process for good."""
    if not guards.LINUX:
        return _start_time_elsewhere(pid)
    fields = guards.stat_fields(pid)
    return None if fields is None or fields[guards.STATE] in (b"Z", b"X") else fields[guards.START].decode()


def namespace() -> str:
    """The inode of this process's PID namespace; empty where there are none."""
    return str(os.stat("/proc/self/ns/pid").st_ino) if guards.LINUX else ""


def _by(until: int, clock: Clock, done: Callable[[], bool]) -> bool:
    """Looks until it is done or the time is up; at least once."""
    while not done():
        if clock.waking_ms() >= until:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


def _guard_ended(guard: Guard) -> bool:
    """Kills below a living guard first: it collects the detached ones, which are lost from sight with it."""
    if start_time(guard.pid) != guard.start:
        return True
    if guards.kill_tree(guard.pid) == 0:
        guards.kill_one(guard.pid)
    return False


def _free(lock: str) -> bool:
    try:
        file = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return True
    except PermissionError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(file)


def _says_empty(guard: Guard) -> bool:
    """Has it seen all of its processes end, or did this machine stop since?"""
    if not guards.LINUX:
        return False
    try:
        words = Path(guard.lock).read_bytes()
    except OSError:
        return False
    own = guards.inscription(guard.pid)
    is_its = words.split(b" ")[0] == own.split(b" ")[0]
    return is_its and (words == own + guards.EMPTY or not words.startswith(own))


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []  # gone, or hidden


def _tagged_elsewhere(claim_text: str) -> Iterator[int]:
    import psutil

    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("DEESPEC_CLAIM") == claim_text:
                yield process.pid
        except (psutil.Error, OSError):
            continue  # gone, or another user's


def _hides(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb"):
            return False
    except PermissionError:
        return _user(pid) == str(os.getuid())
    except OSError:
        return False  # gone


def _user(pid: int) -> str:
    """The real user; the owner of its files in /proc is root when it hides."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return ""
    return next((line.split()[1] for line in status.splitlines() if line.startswith("Uid:")), "")


def _started_since(pid: int, start: str) -> bool:
    started = start_time(pid)
    return started is not None and int(started) >= int(start or 0)


def _start_time_elsewhere(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else repr(process.create_time())
    except psutil.Error:
        return None
