"""What a check says: how bad it is, what was found, why it matters, and the one thing that mends it."""

from __future__ import annotations

from enum import StrEnum

from deespec.records import record


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@record
class Finding:
    """One check."""

    level: Level
    id: str
    """The check's stable name, for programs."""
    what: str
    """What was found."""
    why: str = ""
    """Why it matters; empty where all is well."""
    fix: str = ""
    """What mends it, as one command where there is one; empty where all is well."""
    fixable: bool = False
    """`doctor --fix` does it."""


def ok(id: str, what: str) -> Finding:
    return Finding(level=Level.OK, id=id, what=what)


def warning(id: str, what: str, *, why: str, fix: str, fixable: bool = False) -> Finding:
    return Finding(level=Level.WARNING, id=id, what=what, why=why, fix=fix, fixable=fixable)


def broken(id: str, what: str, *, why: str, fix: str) -> Finding:
    return Finding(level=Level.BROKEN, id=id, what=what, why=why, fix=fix)


def size(count: int) -> str:
    """Bytes as people say them."""
    for unit, one in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= one:
            return f"{count / one:,.1f} {unit}" if count < 10 * one else f"{count / one:,.0f} {unit}"
    return f"{count} bytes"


def several(names: list[str], *, most: int = 5) -> str:
    """A list in a sentence, its rest as a number."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
