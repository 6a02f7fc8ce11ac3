"""Boxes in layers, from left to right, so that what needs stands right of what it needs; pure, the same each time.

In the manner of Sugiyama: the layer of a box is the longest way to it; an edge over several layers gets a lane of its
own in each between, so that it passes boxes by; the order within layers comes from sweeps that put each box to the
middle of its neighbours, and so do the heights, with boxes that would overlap moved as little as possible. All long
edges of a box share their lanes as far as they go together. Parts that are not connected are packed on shelves.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import pairwise
from typing import TYPE_CHECKING

from deespec.model.needs_order import in_order
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Point = tuple[int, int]
Link = tuple[int, int]

SWEEPS = 8
SWEEPS_OVER_LINKS = 16_000
"""The larger a drawing, the fewer sweeps: its time stays the same."""
COLUMNS_LEAST = 4
"""So wide a shelf is at least, whatever the widest part."""


@record
class Measures:
    width: int
    height: int
    gap: int
    """Between two boxes, one above the other."""
    lane: int
    """The height that a passing edge takes."""
    channel: int
    """Between two layers: where edges turn."""


@record
class Layout:
    boxes: tuple[Point, ...]
    """The upper left corner of each."""
    routes: tuple[tuple[Point, ...], ...]
    """Of each edge, from the right side of its first box to the left side of its second: straight through lanes,
    turning only between layers."""
    width: int
    height: int


def layout(count: int, edges: Sequence[Link], sizes: Measures) -> Layout:
    """Where `count` boxes go, with edges from the one needed to the one that needs it."""
    needs: dict[int, list[int]] = {one: [] for one in range(count)}
    for source, target in edges:
        needs[target].append(source)
    place = {one: at for at, one in enumerate(in_order(needs))}
    forward = sorted({_turned(edge, place) for edge in edges if edge[0] != edge[1]})
    parts = [_drawn(part, inner, sizes) for part, inner in _parts(place, forward)]
    parts.sort(key=lambda part: (-len(part.boxes), min(part.boxes)))
    boxes: dict[int, Point] = {}
    routes: dict[Link, tuple[Point, ...]] = {}
    for part, (x, y) in zip(parts, _shelves(parts, sizes), strict=True):
        boxes |= {one: (at[0] + x, at[1] + y) for one, at in part.boxes.items()}
        routes |= {edge: tuple((px + x, py + y) for px, py in route) for edge, route in part.routes.items()}
    return Layout(
        boxes=tuple(boxes[one] for one in range(count)),
        routes=tuple(_route(edge, place, routes) for edge in edges),
        width=max((x + sizes.width for x, _ in boxes.values()), default=0),
        height=max((y + sizes.height for _, y in (*boxes.values(), *_lanes(routes, sizes))), default=0),
    )


def _turned(edge: Link, place: dict[int, int]) -> Link:
    """An edge that would close a circle is laid out the other way round."""
    return edge if place[edge[0]] < place[edge[1]] else (edge[1], edge[0])


def _route(edge: Link, place: dict[int, int], routes: dict[Link, tuple[Point, ...]]) -> tuple[Point, ...]:
    turned = _turned(edge, place)
    return routes.get(turned, ())[:: 1 if turned == edge else -1]


def _lanes(routes: dict[Link, tuple[Point, ...]], sizes: Measures) -> Iterable[Point]:
    """The points of edges, moved so that a lane at the bottom counts as far as it reaches."""
    return ((x, y + sizes.lane - sizes.height) for route in routes.values() for x, y in route)


# --- one part -------------------------------------------------------------------------------------------------------


@record
class Part:
    boxes: dict[int, Point]
    routes: dict[Link, tuple[Point, ...]]
    width: int
    height: int


def _parts(place: dict[int, int], edges: Sequence[Link]) -> list[tuple[list[int], list[Link]]]:
    """What is connected, with its edges; each in order."""
    above = {one: one for one in place}

    def top(one: int) -> int:
        while above[one] != one:
            above[one] = above[above[one]]
            one = above[one]
        return one

    for source, target in edges:
        above[top(source)] = top(target)
    parts: dict[int, tuple[list[int], list[Link]]] = {}
    for one in place:
        parts.setdefault(top(one), ([], []))[0].append(one)
    for edge in edges:
        parts[top(edge[0])][1].append(edge)
    return list(parts.values())


def _drawn(members: list[int], edges: Sequence[Link], sizes: Measures) -> Part:
    """`members` are in order of their needs."""
    if len(members) == 1:
        return Part(boxes={members[0]: (0, 0)}, routes={}, width=sizes.width, height=sizes.height)
    web = _Web(members, edges)
    _sort(web)
    middles = _middles(web, sizes)
    step = sizes.width + sizes.channel
    top = min(middle - web.height(one, sizes) / 2 for one, middle in middles.items())
    level = {one: int(middle - top + 0.5) for one, middle in middles.items()}
    boxes = {one: (web.layer[one] * step, level[one] - sizes.height // 2) for one in members}
    routes = {}
    for source, target in edges:
        points = [(web.layer[source] * step + sizes.width, level[source])]
        for lane in web.lanes[source][: web.layer[target] - web.layer[source] - 1]:
            x = web.layer[lane] * step
            points += [(x, level[lane]), (x + sizes.width, level[lane])]
        routes[source, target] = (*points, (web.layer[target] * step, level[target]))
    depth = max(web.layer.values())
    bottom = max(level[one] + web.height(one, sizes) / 2 for one in level)
    return Part(boxes=boxes, routes=routes, width=depth * step + sizes.width, height=int(bottom) + 1)


class _Web:
    """Boxes and lanes in their layers, with the links between neighbouring layers. Lanes have numbers below 0."""

    def __init__(self, members: list[int], edges: Sequence[Link]) -> None:
        self.layer: dict[int, int] = _layers(members, edges)
        self.lanes: dict[int, list[int]] = {one: [] for one in members}
        self.left: dict[int, list[int]] = {one: [] for one in members}
        self.right: dict[int, list[int]] = {one: [] for one in members}
        for source, target in edges:
            self._link(self._reach(source, self.layer[target] - 1), target)
        self.rows: list[list[int]] = [[] for _ in range(max(self.layer.values()) + 1)]
        for one in self._by_depth(members):
            self.rows[self.layer[one]].append(one)

    def height(self, one: int, sizes: Measures) -> int:
        return sizes.height if one >= 0 else sizes.lane

    @property
    def links(self) -> int:
        return sum(map(len, self.right.values()))

    def _reach(self, source: int, layer: int) -> int:
        """The lane of this box in that layer, made where there is none yet; the box itself in its own."""
        lanes = self.lanes[source]
        while self.layer[source] + len(lanes) < layer:
            last, lane = (lanes[-1] if lanes else source), -len(self.layer) - 1
            self.layer[lane] = self.layer[last] + 1
            self.left[lane], self.right[lane] = [], []
            self._link(last, lane)
            lanes.append(lane)
        at = layer - self.layer[source]
        return lanes[at - 1] if at else source

    def _link(self, one: int, other: int) -> None:
        self.right[one].append(other)
        self.left[other].append(one)

    def _by_depth(self, members: list[int]) -> list[int]:
        """Each soon after what leads to it: a start with few crossings."""
        seen: dict[int, None] = {}
        for start in members:
            waiting = [start]
            while waiting:
                one = waiting.pop()
                if one not in seen:
                    seen[one] = None
                    waiting += [*reversed(self.left[one]), *reversed(self.right[one])]
        return list(seen)


def _layers(members: list[int], edges: Sequence[Link]) -> dict[int, int]:
    """The longest way to each; what needs nothing stands as far right as it may, so that its edges are short."""
    needs: dict[int, list[int]] = {one: [] for one in members}
    frees: dict[int, list[int]] = {one: [] for one in members}
    for source, target in edges:
        needs[target].append(source)
        frees[source].append(target)
    layer: dict[int, int] = {}
    for one in members:
        layer[one] = max((layer[needed] + 1 for needed in needs[one]), default=0)
    for one in members:
        if not needs[one]:
            layer[one] = min(layer[freed] for freed in frees[one]) - 1
    return layer


# --- the order within layers ----------------------------------------------------------------------------------------


def _sort(web: _Web) -> None:
    best, fewest = [list(row) for row in web.rows], _crossings(web)
    for sweep in range(_sweeps(web)):
        if not fewest:
            break
        rightwards = sweep % 2 == 0
        near = web.left if rightwards else web.right
        for at in range(1, len(web.rows)) if rightwards else range(len(web.rows) - 2, -1, -1):
            _by_neighbours(web.rows[at], web.rows[at - 1 if rightwards else at + 1], near)
        crossings = _crossings(web)
        if crossings < fewest:
            best, fewest = [list(row) for row in web.rows], crossings
    web.rows = best


def _sweeps(web: _Web) -> int:
    return max(1, min(SWEEPS, SWEEPS_OVER_LINKS // (web.links + 1)))


def _by_neighbours(row: list[int], fixed: Sequence[int], near: dict[int, list[int]]) -> None:
    place = {one: float(at) for at, one in enumerate(fixed)}
    middle = {one: sum(place[other] for other in near[one]) / len(near[one]) for one in row if near[one]}
    linked = iter(sorted((one for one in row if one in middle), key=middle.__getitem__))
    row[:] = [next(linked) if one in middle else one for one in row]


def _crossings(web: _Web) -> int:
    total = 0
    for row, following in pairwise(web.rows):
        place = {one: at for at, one in enumerate(following)}
        passed: list[int] = []
        for one in row:
            ends = sorted(place[other] for other in web.right[one])
            total += sum(len(passed) - bisect_left(passed, end + 1) for end in ends)
            for end in ends:
                insort(passed, end)
    return total


# --- heights --------------------------------------------------------------------------------------------------------


def _middles(web: _Web, sizes: Measures) -> dict[int, float]:
    """The height of the middle of each, with the space between them kept."""
    middles: dict[int, float] = {}
    spaces = [_spaces(row, web, sizes) for row in web.rows]
    for row, space in zip(web.rows, spaces, strict=True):
        middles |= dict(zip(row, space, strict=True))

    def settle(at: int, near: Callable[[int], Sequence[int]]) -> None:
        wished = []
        for one in web.rows[at]:
            others = near(one)
            wished.append(sum(map(middles.__getitem__, others)) / len(others) if others else middles[one])
        weights = [4.0 if one < 0 else 1.0 for one in web.rows[at]]
        middles.update(zip(web.rows[at], _apart(wished, weights, spaces[at]), strict=True))

    for _ in range((_sweeps(web) + 1) // 2):
        for at in range(1, len(web.rows)):
            settle(at, web.left.__getitem__)
        for at in range(len(web.rows) - 2, -1, -1):
            settle(at, web.right.__getitem__)
    for at in range(len(web.rows)):
        settle(at, lambda one: [*web.left[one], *web.right[one]])
    return middles


def _spaces(row: Sequence[int], web: _Web, sizes: Measures) -> list[int]:
    """How far below the first each of a layer is at least; whole numbers."""
    found = [0]
    for one, other in pairwise(row):
        halves = (web.height(one, sizes) + web.height(other, sizes) + 1) // 2
        boxes = (one >= 0) + (other >= 0)
        found.append(found[-1] + halves + boxes * sizes.gap // 2)
    return found


def _apart(wished: Sequence[float], weights: Sequence[float], space: Sequence[int]) -> list[float]:
    """The heights nearest to those wished that keep the space: neighbours in each other's way share their mean."""
    blocks: list[tuple[float, float, int]] = []
    for wish, weight, offset in zip(wished, weights, space, strict=True):
        mean, heavy, length = wish - offset, weight, 1
        while blocks and blocks[-1][0] >= mean:
            other, much, many = blocks.pop()
            mean, heavy, length = (mean * heavy + other * much) / (heavy + much), heavy + much, length + many
        blocks.append((mean, heavy, length))
    means = [mean for mean, _, length in blocks for _ in range(length)]
    return [mean + offset for mean, offset in zip(means, space, strict=True)]


# --- parts on shelves -----------------------------------------------------------------------------------------------


def _shelves(parts: Sequence[Part], sizes: Measures) -> list[Point]:
    """The upper left corner of each part: beside the one before while there is room, else below."""
    step = sizes.width + sizes.channel
    room = max([COLUMNS_LEAST * step, *(part.width for part in parts)])
    corners: list[Point] = []
    x = y = tallest = 0
    for part in parts:
        if x and x + part.width > room:
            x, y, tallest = 0, y + tallest + 2 * sizes.gap, 0
        corners.append((x, y))
        x += part.width + sizes.channel
        tallest = max(tallest, part.height)
    return corners
