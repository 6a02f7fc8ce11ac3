"""Signs of life of an agent that says nothing: CPU time of its processes, changed files in its workspace."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING

from deespec.agents import guard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deespec.clock import Clock

LOOKS = 5
"""How often the CPU time is looked at while an agent idles towards its limit ..."""
LOOK_EVERY_MS = 30_000
"""... but at least this often; a look reads all of /proc (some ms)."""
CPU_SHARE = 0.01
"""Of one CPU since the last look: less is a client's timers, not work."""
CPU_LEAST_MS = 10
"""One tick of the kernel's count."""
WALK_ENTRIES = 50_000
"""A workspace is looked through this far."""
WALK_SLICE_MS = 20
"""And this long at a time, as the caller has other duties."""
SKIPPED = frozenset((".git", ".deespec"))


class Idling:
    """Knows since when there was no sign of life. Times are ms of Clock.waking_ms()."""

    def __init__(
        self, limit_ms: int | None, *, guard_pid: int, workspace: Path, clock: Clock, cpu_share: float = CPU_SHARE
    ) -> None:
        self._limit_ms = limit_ms
        self._guard_pid = guard_pid
        self._workspace = workspace
        self._clock = clock
        self._cpu_share = cpu_share
        self._every_ms = min((limit_ms or 0) // LOOKS, LOOK_EVERY_MS)
        self.sign(clock.waking_ms())

    def sign(self, now: int) -> None:
        self._last = now
        self._look_at = now + self._every_ms
        self._cpu: tuple[int, int] | None = None
        self._walk: Iterator[int] | None = None

    def over(self, now: int) -> bool:
        """True: no sign of life for the whole limit. To be asked often; it spreads its work over the calls."""
        if self._limit_ms is None:
            return False
        if self._walk is not None:
            return self._over_after_walk(now)
        if now >= self._look_at or now - self._last >= self._limit_ms:
            self._look_at_cpu(now)
        if now - self._last >= self._limit_ms:
            self._walk = changes(self._workspace)
        return False

    def _look_at_cpu(self, now: int) -> None:
        used_ms = cpu_ms(self._guard_pid)
        before = self._cpu
        if before is not None and used_ms - before[1] >= max(CPU_LEAST_MS, (now - before[0]) * self._cpu_share):
            self.sign(now)
        self._cpu = (now, used_ms)
        self._look_at = now + self._every_ms

    def _over_after_walk(self, now: int) -> bool:
        assert self._walk is not None
        wall = self._clock.now_ms()
        silent_since = wall - (now - self._last)
        for changed in self._walk:
            if silent_since < changed <= wall:
                self.sign(now - (wall - changed))
                return False
            if self._clock.waking_ms() - now >= WALK_SLICE_MS:
                return False
        return True


def changes(root: Path) -> Iterator[int]:
    """For each folder of the workspace, the newest modification in it (wall ms); the upper folders first."""
    folders = [str(root)]
    seen = 0
    for folder in folders:  # grows on the way
        newest = _modified_ms(folder)
        for entry in _entries(folder):
            seen += 1
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            else:
                newest = max(newest, _modified_ms(entry.path))
        yield newest
        if seen >= WALK_ENTRIES:
            return


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return [entry for entry in islice(found, WALK_ENTRIES) if entry.name not in SKIPPED]
    except OSError:
        return []  # removed meanwhile, or closed to us


def _modified_ms(path: str) -> int:
    try:
        return os.lstat(path).st_mtime_ns // 1_000_000
    except OSError:
        return 0


def cpu_ms(guard_pid: int) -> int:
    """CPU time of a guard and all below it, the dead included."""
    if not guard.LINUX:
        return _cpu_ms_elsewhere(guard_pid)
    own = guard.stat_fields(guard_pid)
    everyone = [*guard.descendants(guard_pid).values(), *([own] if own else [])]
    ticks = sum(int(count) for fields in everyone for count in fields[guard.CPU])
    return ticks * 1000 // os.sysconf("SC_CLK_TCK")


def _cpu_ms_elsewhere(guard_pid: int) -> int:
    import psutil

    total = 0.0
    try:
        for process in psutil.Process(guard_pid).children(recursive=True):
            used = process.cpu_times()
            total += used.user + used.system
    except psutil.Error:
        pass  # one ended during the look
    return int(total * 1000)
