"""Single values as the Go program's database and files hold them: of any type, in several formats, or missing."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from calendar import timegm
from typing import TYPE_CHECKING

from deespec.clock import CROCKFORD
from deespec.model.fields import MAX_TITLE_CHARACTERS, is_control

if TYPE_CHECKING:
    from deespec.store.upkeep.foreign import Value

_ULID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"
_TIME = r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?\s*(Z|[+-]\d\d:?\d\d)?"
AGENTS = {"": "claude", "claude-code": "claude", "claude_cli": "claude", "claude-cli": "claude", "claude": "claude"}
"""What it called its agents; it worked with one only."""
MAX_COUNT = 2**31 - 1
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999."""
MAX_SECONDS = 100_000_000_000
"""A bare number below it counts seconds, above it milliseconds."""


def text(value: object) -> str:
    """Text, without what no text of ours may hold; empty for nothing."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if value is None:
        return ""
    return str(value).replace("\0", "�").encode("utf-8", errors="replace").decode()


def whole(value: object) -> int | None:
    try:
        found = int(float(text(value)))
    except (ValueError, OverflowError):
        return None
    return found if -MAX_COUNT <= found <= MAX_COUNT else None


def number(value: object) -> float | None:
    try:
        found = float(text(value))
    except ValueError:
        return None
    return found if abs(found) <= MAX_COUNT else None


def truth(value: Value) -> bool:
    return text(value).strip().lower() in ("1", "true", "t", "yes")


def words(value: Value) -> tuple[str, ...]:
    """The texts of a JSON list; nothing for `null`, and for what is no list."""
    try:
        found = json.loads(text(value) or "null")
    except (ValueError, RecursionError):
        return ()
    return tuple(text(one) for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def names(value: Value) -> tuple[str, ...]:
    """As `words`; and names between commas, as people wrote them into the database."""
    said = text(value).strip()
    if said[:1] in ("", "[") or said == "null":
        return words(value)
    return tuple(one.strip().strip('"') for one in said.split(",") if one.strip())


def agent_name(old: str) -> str:
    """What the agent is called here."""
    return AGENTS.get(old.lower(), old)


def time_ms(value: object) -> int | None:
    """A time as ms since 1970 UTC; None for what is none. Without a zone it is UTC, as SQLite writes it.

    The program wrote `2026-11-23 03:20:54.574210179+00:00`, `2026-11-23 03:20:33` and RFC 3339, by column and writer.
    """
    found = re.match(_TIME, text(value).strip())
    if found is None:
        return _counted_ms(value)
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
        return None
    zone = found[8] or "Z"
    offset_s = 0
    if zone != "Z":
        sign = -1 if zone[0] == "-" else 1
        offset_s = sign * (int(zone[1:3]) * 3600 + int(zone[-2:]) * 60)
    seconds = timegm((year, month, day, hour, minute, second)) - offset_s
    ms = seconds * 1000 + int((found[7] or "0").ljust(3, "0")[:3])
    return ms if 0 <= ms <= LATEST_MS else None


def _counted_ms(value: object) -> int | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < LATEST_MS:
        return None
    return int(value * 1000 if value < MAX_SECONDS else value)


def uid_of(kind: str, old: str, *, salt: str) -> str:
    """The uid of an item: its own id where that is a ULID, else one made of it, the same each time."""
    if re.fullmatch(_ULID, old.upper()):
        return old.upper()
    return made_uid(f"{kind}\n{old}\n{salt}")


def made_uid(of: str) -> str:
    value = int.from_bytes(hashlib.sha256(f"deespec legacy\n{of}".encode()).digest()[:16], "big")
    return "".join(CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))


def title_of(old: str) -> str:
    """A title as ours may be: one line, without control characters, not too long."""
    flat = "".join(" " if is_control(character) else character for character in old)
    flat = unicodedata.normalize("NFC", re.sub(r"\s+", " ", flat).strip())
    return flat if len(flat) <= MAX_TITLE_CHARACTERS else flat[: MAX_TITLE_CHARACTERS - 1] + "…"
