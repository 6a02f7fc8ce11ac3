"""Whatever the needs: no box lies on another, edges run to the right past all boxes, and all of it is on the sheet."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from deespec.board.draw.layers import Layout, Link, Measures, layout

SIZES = Measures(width=100, height=40, gap=12, lane=10, channel=30)
BOXES = 24
links = st.lists(st.tuples(st.integers(0, BOXES - 1), st.integers(0, BOXES - 1)), max_size=60)


def forward(found: list[Link]) -> list[Link]:
    return sorted({(min(pair), max(pair)) for pair in found if len(set(pair)) == 2})


def drawn(found: list[Link]) -> tuple[Layout, list[Link]]:
    edges = forward(found)
    return layout(BOXES, edges, SIZES), edges


@given(links)
def test_no_two_boxes_overlap(found: list[Link]) -> None:
    plan, _ = drawn(found)
    for (ax, ay), (bx, by) in combinations(plan.boxes, 2):
        assert abs(ax - bx) >= SIZES.width or abs(ay - by) >= SIZES.height


@given(links)
def test_edges_run_from_the_right_side_of_one_box_to_the_left_side_of_a_later_one(found: list[Link]) -> None:
    plan, edges = drawn(found)
    for (source, target), route in zip(edges, plan.routes, strict=True):
        assert route[0] == (plan.boxes[source][0] + SIZES.width, plan.boxes[source][1] + SIZES.height // 2)
        assert route[-1] == (plan.boxes[target][0], plan.boxes[target][1] + SIZES.height // 2)
        assert all(ax < bx for (ax, _), (bx, _) in pairwise(route))


@given(links)
def test_no_edge_runs_through_a_box(found: list[Link]) -> None:
    plan, _ = drawn(found)
    for route in plan.routes:
        for (ax, ay), (bx, by) in pairwise(route):
            low, high = sorted((ay, by))
            for x, y in plan.boxes:
                beside = bx <= x or ax >= x + SIZES.width
                assert beside or high < y or low > y + SIZES.height


@given(links)
def test_everything_is_on_the_sheet(found: list[Link]) -> None:
    plan, _ = drawn(found)
    points = [point for route in plan.routes for point in route]
    assert all(x >= 0 and x + SIZES.width <= plan.width for x, _ in plan.boxes)
    assert all(y >= 0 and y + SIZES.height <= plan.height for _, y in plan.boxes)
    assert all(0 <= x <= plan.width and 0 <= y <= plan.height for x, y in points)


@given(links, st.randoms())
def test_the_same_needs_in_any_order_are_drawn_the_same(found: list[Link], dice: object) -> None:
    plan, edges = drawn(found)
    mixed = list(edges)
    dice.shuffle(mixed)  # type: ignore[attr-defined]
    again = layout(BOXES, mixed, SIZES)
    assert again.boxes == plan.boxes
    assert dict(zip(mixed, again.routes, strict=True)) == dict(zip(edges, plan.routes, strict=True))


@given(links)
def test_circles_of_damaged_data_are_drawn_too(found: list[Link]) -> None:
    plan = layout(BOXES, found, SIZES)
    assert len(plan.boxes) == BOXES
    assert all(route for (source, target), route in zip(found, plan.routes, strict=True) if source != target)


def test_a_chain_is_one_straight_line_and_a_long_edge_passes_below_or_above_it() -> None:
    plan = layout(4, [(0, 1), (1, 2), (2, 3), (0, 3)], SIZES)
    assert [x for x, _ in plan.boxes] == [0, 130, 260, 390]
    lane = {y for _, y in plan.routes[3][1:-1]}
    assert all(not y <= at <= y + SIZES.height for at in lane for _, y in plan.boxes[1:3])


def test_nothing_is_drawn_on_an_empty_sheet() -> None:
    assert layout(0, [], SIZES) == Layout(boxes=(), routes=(), width=0, height=0)
