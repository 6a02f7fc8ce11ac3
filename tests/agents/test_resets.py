"""When a limit ends, read from a client's words."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deespec.agents.resets import FAR_MS, reset_in

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 11, 23, 3, 2, 30, tzinfo=ZONE)
NOW_MS = int(NOW.timestamp() * 1000)


def read(text: str) -> datetime | None:
    found = reset_in(text, now_ms=NOW_MS, zone=ZONE)
    return None if found is None else datetime.fromtimestamp(found / 1000, ZONE)


def at(day: int, hour: int, minute: int, second: int = 0, *, month: int = 11, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("or try again at 4:00 AM.", at(23, 4, 0)),
        ("or try again at 12:05 PM.", at(23, 12, 5)),
        ("or try again at 12:05 AM.", at(24, 0, 5)),
        ("try again at 2:00 am", at(24, 2, 0)),
        ("try again at Nov 25th, 2026 3:10 PM.", at(25, 15, 10)),
        ("try again at Dec 1st, 2026 11:59 PM.", at(1, 23, 59, month=12)),
        ("resets at Jan 2, 3:10 PM", at(2, 15, 10, month=1, year=2027)),
        ("try again in 3 days 4 hours 5 minutes.", at(26, 7, 7, 30)),
        ("Your quota will reset after 2h7m14s.", at(23, 5, 9, 44)),
        ("Suggested retry after 2s.", at(23, 3, 2, 32)),
        ("in 1 hour, 30 minutes and 10 seconds", at(23, 4, 32, 40)),
    ],
)
def test_a_time_that_is_named_is_read(text: str, expected: datetime) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "You've hit your usage limit.",
        "try again later",
        "in 20 items",
        "in 5 models",
        "after 1 retry",
        "try again at 99:99 PM",
        "try again at Foo 3rd, 2026 4:00 PM",
        "try again at Feb 31st, 2026 4:00 PM",
        "try again at Nov 25th, 2025 3:10 PM.",
        "try again at Nov 25th, 2099 3:10 PM.",
        "in 999999999 days",
    ],
)
def test_what_is_no_time_to_come_is_none(text: str) -> None:
    assert read(text) is None


def test_a_minute_that_has_just_passed_is_not_tomorrows() -> None:
    assert read("try again at 3:02 AM.") is None


def test_without_a_zone_it_is_this_machines() -> None:
    now = datetime(2026, 11, 23, 3, 2).astimezone()
    found = reset_in("at 4:00 AM", now_ms=int(now.timestamp() * 1000))
    assert found == int(now.replace(hour=4, minute=0).timestamp() * 1000)


@given(st.text(alphabet="at in after 0123456789:.,APMdhms Novthreday", max_size=60))
def test_any_words_give_a_time_to_come_or_none(text: str) -> None:
    found = reset_in(text, now_ms=NOW_MS, zone=ZONE)
    assert found is None or NOW_MS < found <= NOW_MS + FAR_MS
