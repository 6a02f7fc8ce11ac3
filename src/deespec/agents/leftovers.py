"""Ends what a predecessor left running, before a new owner starts anything on the same work.

Processes are recognised by the guard's identity (its descendants) and by the claim in their environment. What has
neither, because its guard was killed and its environment emptied, cannot be found.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.agents import guard as guards
from deespec.clock import Clock
from deespec.model.items import Guard

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_EVERY_S = 0.01
CLEAN_LOOKS = 2
"""In a row: a process in the middle of a fork or an exec shows no environment for a moment."""


def clear_leftovers(guard: Guard | None, claim_text: str, *, timeout_ms: int, clock: Clock | None = None) -> bool:
    """Kills a dead claim's processes; True: proven that none is left, False: that cannot be proven from here.

    Without a guard no agent was started, as its identity is recorded first; but one may still be about to stand up.
    """
    clock = clock or Clock()
    until = clock.waking_ms() + timeout_ms
    if guard is None:
        return kill_tagged(claim_text, until=until, clock=clock)
    provable = guard.namespace == namespace()
    if provable:
        provable = _by(until, clock, lambda: _guard_ended(guard)) and _by(until, clock, lambda: _free(guard.lock))
    return kill_tagged(claim_text, until=until, clock=clock, since=guard.start) and provable


def kill_tagged(claim_text: str, *, until: int, clock: Clock, since: str | None = None) -> bool:
    """Kills every process with this claim in its environment; True: none is left, as far as one can look.

    `since` is the start time of the claim's guard: what is older than that needs no look.
    """
    tag = b"DEESPEC_CLAIM=" + claim_text.encode()
    kill = _kill_tagged_once if guards.LINUX else _kill_tagged_elsewhere
    clean = 0

    def all_clean() -> bool:
        nonlocal clean
        clean = clean + 1 if kill(tag, since) == 0 else 0
        return clean >= CLEAN_LOOKS

    return _by(until, clock, all_clean)


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


def _kill_tagged_once(tag: bytes, since: str | None) -> int:
    """One look at all processes; returns how many have the tag, or may have it but cannot be looked into."""
    found = 0
    for pid in guards.pids():
        if pid == os.getpid():
            continue
        try:
            tagged = tag in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except PermissionError:
            found += _may_be_ours(pid, since)
            continue
        except OSError:
            continue  # gone
        if tagged:
            found += 1
            guards.kill_one(pid)
    return found


def _may_be_ours(pid: int, since: str | None) -> bool:
    """A process of this user that hides its environment (ssh-agent does) and is not older than the claim's guard."""
    fields = guards.stat_fields(pid)
    if fields is None or fields[guards.STATE] in (b"Z", b"X"):
        return False
    try:
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return False
    user = next((line.split()[1] for line in status.splitlines() if line.startswith("Uid:")), "")
    return user == str(os.getuid()) and (not since or int(fields[guards.START]) >= int(since))


def _kill_tagged_elsewhere(tag: bytes, _since: str | None) -> int:
    import psutil

    name, _, claim = tag.decode().partition("=")
    found = 0
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(name) == claim:
                found += 1
                process.send_signal(signal.SIGKILL)
        except (psutil.Error, OSError):
            continue  # gone, or another user's
    return found


def _start_time_elsewhere(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else repr(process.create_time())
    except psutil.Error:
        return None
