"""When a limit ends, read from a client's words: a time of day, a date with one, or how long from now. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import tzinfo

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
AT = re.compile(
    r"\bat (?:(?P<month>[a-z]{3})[a-z]* (?P<day>\d{1,2})(?:st|nd|rd|th)?,? (?:(?P<year>20\d{2}),? )?)?"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2}) ?(?P<half>[ap])\.?m\b",
    re.IGNORECASE,
)
"""`at 4:00 AM`, `at Nov 25th, 2026 3:10 PM`."""
SPAN = r"\d{1,9}(?:\.\d{1,9})?\s*(?:ms|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)"
IN = re.compile(rf"\b(?:in|after)\s+(?P<spans>{SPAN}(?:[\s,]*(?:and\s+)?{SPAN})*)(?![a-z0-9])", re.IGNORECASE)
"""`in 3 days 4 hours`, `after 2h7m14s`, `in 37.5s`."""
ONE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|[dhms])", re.IGNORECASE)
UNIT_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}

PASSED_MS = 600_000
"""A time of day that has passed by less than this is not tomorrow's: the clock moved on while the words came."""
FAR_MS = 366 * 86_400_000
"""No limit lasts longer; such a number is something else."""


def reset_in(text: str, *, now_ms: int, zone: tzinfo | None = None) -> int | None:
    """Wall time in ms at which the limit that `text` tells of ends; None: it names no time that is to come.

    A time of day is one of `zone` (None: this machine's), as clients print it; without a date, the next such one.
    """
    found = _at(text, now_ms, zone) or _in(text, now_ms)
    return found if found is not None and now_ms < found <= now_ms + FAR_MS else None


def _at(text: str, now_ms: int, zone: tzinfo | None) -> int | None:
    found = AT.search(text)
    if found is None:
        return None
    now = datetime.fromtimestamp(now_ms / 1000, zone)
    hour = int(found["hour"]) % 12 + (12 if found["half"].lower() == "p" else 0)
    try:
        when = now.replace(hour=hour, minute=int(found["minute"]), second=0, microsecond=0)
        if found["month"] is not None:
            month = MONTHS.index(found["month"].lower()) + 1
            when = when.replace(year=int(found["year"] or now.year), month=month, day=int(found["day"]))
    except ValueError:
        return None  # no such month, day or hour
    if found["month"] is None and _ms(when) <= now_ms - PASSED_MS:
        when += timedelta(days=1)
    if found["month"] is not None and found["year"] is None and _ms(when) <= now_ms - PASSED_MS:
        when += timedelta(days=365)
    return _ms(when)


def _in(text: str, now_ms: int) -> int | None:
    found = IN.search(text)
    if found is None:
        return None
    spans = ONE.finditer(found["spans"])
    return now_ms + int(sum(float(span["number"]) * UNIT_MS[span["unit"].lower()] for span in spans))


def _ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)
