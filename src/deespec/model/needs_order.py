"""Things in order of what they need. Circles cannot be registered; one in damaged data is broken, not followed."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def in_order(needs: Mapping[int, Collection[int]]) -> list[int]:
    """Each after all that it needs, else the smallest number first. What is needed and is no key itself counts not.

    Where nothing is left but circles and what waits for them, one of a circle goes on as if it needed nothing.
    """
    freed: dict[int, list[int]] = {one: [] for one in needs}
    missing: dict[int, int] = {}
    for one, wanted in sorted(needs.items()):
        known = [each for each in wanted if each in freed]
        missing[one] = len(known)
        for each in known:
            freed[each].append(one)
    free = [one for one, count in missing.items() if not count]
    heapify(free)
    ordered: list[int] = []
    while missing:
        one = heappop(free) if free else _in_circle(needs, missing)
        del missing[one]
        ordered.append(one)
        for other in freed[one]:
            if other in missing:
                missing[other] -= 1
                if not missing[other]:
                    heappush(free, other)
    return ordered


def _in_circle(needs: Mapping[int, Collection[int]], missing: Mapping[int, int]) -> int:
    """One that needs itself by way of others; all that are left do, or need such a one."""
    one = next(iter(missing))
    seen: set[int] = set()
    while one not in seen:
        seen.add(one)
        one = min(each for each in needs[one] if each in missing)
    return one
