"""Time and ids: the only place that reads either. Times are integer milliseconds; which clock is in the name."""

from __future__ import annotations

import os
import time

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Clock:
    """The machine's clocks. Tests pass a subclass that they move by hand."""

    def now_ms(self) -> int:
        """Wall time, ms since 1970 UTC: for display and for reset times that vendors name."""
        return time.time_ns() // 1_000_000

    def boot_ms(self) -> int:
        """Time since boot in ms, suspend included: for leases (CLOCK_BOOTTIME; macOS: CLOCK_MONOTONIC counts sleep)."""
        return time.clock_gettime_ns(_BOOTTIME) // 1_000_000

    def waking_ms(self) -> int:
        """Time in ms that stops in suspend: for the limits of turns."""
        return time.clock_gettime_ns(_WAKING) // 1_000_000

    def boot_id(self) -> str:
        """Names this boot of this kernel; a lease of another boot is dead."""
        try:
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
                return file.read().strip()
        except OSError:
            return f"boot-{(self.now_ms() - self.boot_ms()) // 60_000}"

    def uid(self) -> str:
        """A ULID: 26 characters, sortable by time of creation (github.com/ulid/spec)."""
        value = (self.now_ms() << 80) | int.from_bytes(self.random_bytes(10), "big")
        return "".join(CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))

    def random_bytes(self, count: int) -> bytes:
        return os.urandom(count)

    def jitter(self, upper_ms: int) -> int:
        """A random number of ms from 0 up to `upper_ms`."""
        return int.from_bytes(self.random_bytes(8), "big") % (upper_ms + 1)


_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_WAKING = getattr(time, "CLOCK_UPTIME_RAW", time.CLOCK_MONOTONIC)


def iso(at_ms: int | None) -> str | None:
    """RFC 3339 in UTC with milliseconds, or None."""
    if at_ms is None:
        return None
    seconds, millis = divmod(at_ms, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{millis:03d}Z"


def ms_of(text: str) -> int:
    """The time that iso() has written."""
    from datetime import datetime  # only here: it is slow to load

    return round(datetime.fromisoformat(text).timestamp() * 1000)


def midnight(at_ms: int) -> int:
    """When the day began here to which this time belongs."""
    return _midnight(at_ms, days=0)


def next_midnight(at_ms: int) -> int:
    """When the day ends here to which this time belongs; some days have 23 hours, or 25."""
    return _midnight(at_ms, days=1)


def _midnight(at_ms: int, *, days: int) -> int:
    here = time.localtime(at_ms / 1000)
    return int(time.mktime((here.tm_year, here.tm_mon, here.tm_mday + days, 0, 0, 0, 0, 0, -1))) * 1000


def local(at_ms: int) -> str:
    """Date and time of day as people here read it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_ms / 1000))


def from_local(text: str) -> int | None:
    """The ms of a date, or a date and time of day, as people here write it; None: it is neither."""
    for shape in ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"):
        try:
            return int(time.mktime(time.strptime(text, shape)) * 1000)
        except (ValueError, OverflowError):
            continue
    return None
