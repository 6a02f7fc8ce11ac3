"""Days as people here count them, also those on which the clocks are changed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from deespec.clock import from_local, midnight, next_midnight

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR_MS = 3_600_000


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("day", "after", "hours"),
    [
        ("2026-03-29", "2026-03-30", 23),
        ("2026-10-25", "2026-10-26", 25),
        ("2026-06-30", "2026-07-01", 24),
        ("2026-12-31", "2027-01-01", 24),
    ],
)
@pytest.mark.usefixtures("berlin")
def test_a_day_goes_from_midnight_to_midnight(day: str, after: str, hours: int) -> None:
    begin, end = from_local(day), from_local(after)
    assert begin is not None
    assert end == begin + hours * HOUR_MS
    for at in range(begin, end, HOUR_MS // 2):
        assert (midnight(at), next_midnight(at)) == (begin, end), at
