"""Things come after what they need, always in the same order; a circle ends the order of nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deespec.model.needs_order import in_order

pairs = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=40)


def needs_of(found: list[tuple[int, int]]) -> dict[int, list[int]]:
    needs: dict[int, list[int]] = {number: [] for number in range(15)}
    for one, other in found:
        needs[one].append(other)
    return needs


@given(pairs)
def test_each_comes_after_all_that_it_needs(found: list[tuple[int, int]]) -> None:
    needs = needs_of([(max(pair), min(pair)) for pair in found if len(set(pair)) == 2])
    place = {one: at for at, one in enumerate(in_order(needs))}
    assert all(place[one] > place[other] for one, wanted in needs.items() for other in wanted)


@given(pairs)
def test_everything_is_named_once_even_in_circles(found: list[tuple[int, int]]) -> None:
    assert sorted(in_order(needs_of(found))) == list(range(15))


def test_of_those_that_may_come_the_smallest_is_first() -> None:
    assert in_order({3: [], 1: [3], 2: []}) == [2, 3, 1]


def test_what_only_waits_for_a_circle_still_comes_after_it() -> None:
    assert in_order({4: [5], 5: [6], 6: [5], 1: [6]}) == [6, 1, 5, 4]


def test_what_is_not_among_them_holds_nothing_up() -> None:
    assert in_order({2: [7], 1: [2]}) == [2, 1]
