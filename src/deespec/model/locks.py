"""A named lock, as the store keeps it."""

from __future__ import annotations

from deespec.records import record


@record
class Lock:
    """A named lock, shared by every process that uses the backlog."""

    name: str
    owner: str
    token: int
    host: str
    pid: int
    boot: str
    acquired_at: int
    expires_at: int
    """Wall time, for display."""
    expires_boot: int
    """On the clock of Clock.boot_ms(): what counts."""
