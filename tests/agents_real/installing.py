"""The real clients, as their lock files name them.

`make test-agents` runs what needs them: installing takes a minute and hundreds of megabytes.
"""

from __future__ import annotations

from pathlib import Path

from npm_packages import fetched

LOCKS = Path(__file__).parent / "clients"
LINUX_ONLY = ("opencode",)
"""Locks that hold the packages of this platform alone: `npm ci` wants all of them."""
CLIENTS = tuple(sorted(folder.name for folder in LOCKS.iterdir()))


def installed(name: str) -> Path:
    """The program of a client; skips where npm or its registry is out of reach."""
    how = ("install", "--no-save") if name in LINUX_ONLY else ("ci",)
    return fetched(LOCKS / name, f"agents/{name}", how=how) / ".bin" / name
