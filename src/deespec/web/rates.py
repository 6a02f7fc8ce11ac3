"""How often a client may ask: a bucket of tokens for each, filled at a steady rate."""

from __future__ import annotations

from collections import OrderedDict

REQUESTS_PER_S = 50
REQUESTS_AT_ONCE = 50
LOGINS_PER_S = 0.1
LOGINS_AT_ONCE = 5
CLIENTS_MOST = 10_000
"""Those who asked longest ago are forgotten: their buckets would be full by now."""


class Rates:
    """One bucket a client. Time comes in as ms of a clock that never goes back."""

    def __init__(self, *, per_s: float, at_once: int) -> None:
        self._per_s = per_s
        self._at_once = at_once
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, client: str, now_ms: int) -> float:
        """0 if the client may ask now, else after how many seconds it may."""
        left, then = self._buckets.get(client, (float(self._at_once), now_ms))
        left = min(self._at_once, left + (now_ms - then) / 1000 * self._per_s)
        may = left >= 1
        self._buckets[client] = (left - 1 if may else left), now_ms
        self._buckets.move_to_end(client)
        if len(self._buckets) > CLIENTS_MOST:
            self._buckets.popitem(last=False)
        return 0 if may else (1 - left) / self._per_s
