"""The graph of needs: who waits for whom, how each item stands, and the chain of work that holds everything up."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from deespec.board.waiting import Situation, Waiting
from deespec.model.ids import id_of, number_in
from deespec.model.items import Kind
from deespec.model.lifecycle import ENDED, Status
from deespec.model.needs_order import in_order
from deespec.model.wanted import MERGE_QUEUE
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from deespec.app import App
    from deespec.model.items import Line
    from deespec.store.base import Transaction
    from deespec.store.graphing import Need

NODES_MOST = 300
"""A drawing of more says nothing to anybody."""
LEAST_CHAIN = 2


@record
class Node:
    """An SBI."""

    id: str
    title: str
    status: Status
    held: bool
    agent: str | None
    """Who works on it now."""
    waiting: Waiting | None
    """Why it is not worked on: the first condition that bars it."""
    parent: str | None
    estimate_hours: float | None
    asked: bool
    """It is the one that the graph was asked for."""
    outside: bool
    """It is not below the PBI or EPIC that the graph was asked for."""
    critical: bool
    """It is part of the longest chain."""

    @property
    def ended(self) -> bool:
        return self.status in ENDED


@record
class Edge:
    """`target` needs `source`."""

    source: str
    target: str
    met: bool
    critical: bool


@record
class Group:
    """A PBI or EPIC above some of the nodes."""

    id: str
    kind: Kind
    title: str
    status: str
    parent: str | None


@record
class Graph:
    item: str | None
    """The id that it was asked for."""
    nodes: tuple[Node, ...]
    """Each after all that it needs."""
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...]
    """EPICs first."""
    chain: tuple[str, ...]
    """The longest chain of items that are not finished, each needing the one before it."""
    chain_hours: float | None
    """By their estimates, as far as there are any; else the chain is the one with the most items."""
    left_out: int
    """Items that belong here and are too many; those that are shown are the nearest ones."""
    alone: int
    """Open items that need nothing and that nothing needs: they are not part of a graph of everything."""


def graph(app: App, *, item: str | None = None, everything: bool = False, most: int | None = NODES_MOST) -> Graph:
    """One consistent look. Of an SBI: all that it needs and all that needs it. Of a PBI or EPIC: what is below it, and
    what that needs or is needed by. Else all open items with needs between them; `everything`: finished ones, too.

    At most so many nodes, the nearest and most urgent first. Raises NotFound.
    """
    with app.store.read() as tx:
        found = _found(tx, item, everything=everything)
        chain, hours = _chain(found)
        ranked = _ranked(found, chain)
        shown = set(ranked if most is None else ranked[:most])
        lines = tx.lines(shown)
        situation = Situation(app, tx)
        situation.look_at([line.number for line in lines if line.status not in ENDED])
        links = set(pairwise(chain))
        needs = _needs((one for one in found.needs if shown.issuperset(one)), shown)
        places = {number: place for place, number in enumerate(in_order(needs))}
        bold = set(chain)
        nodes = [_node(situation, line, found, critical=line.number in bold) for line in lines]
        nodes.sort(key=lambda one: places[number_in(one.id)])
        return Graph(
            item=item,
            nodes=tuple(nodes),
            edges=tuple(
                Edge(
                    source=id_of(needed),
                    target=id_of(number),
                    met=found.status[needed] == Status.DONE,
                    critical=(needed, number) in links,
                )
                for number, wanted in sorted(needs.items())
                for needed in wanted
            ),
            groups=_groups(tx, {one.parent for one in nodes if one.parent}),
            chain=tuple(map(id_of, chain)),
            chain_hours=hours,
            left_out=len(ranked) - len(shown),
            alone=_alone(tx, found) if item is None else 0,
        )


# --- what belongs to it ---------------------------------------------------------------------------------------------


@record
class Found:
    """All that belongs to the graph, in few words: there may be ten thousand."""

    needs: list[Need]
    status: dict[int, str]
    hours: dict[int, float | None]
    first: tuple[int, ...]
    """What it was asked for: the item, or those below the group."""
    inside: frozenset[int] | None = None
    """All SBIs below the group, archived ones, too."""

    def is_open(self, number: int) -> bool:
        return self.status[number] not in ENDED


def _found(tx: Transaction, item: str | None, *, everything: bool) -> Found:
    first: tuple[int, ...] = ()
    inside = None
    if item is None:
        needs = tx.needs_of_open(everything=everything)
        numbers = {number for need in needs for number in need}
    elif tx.item(item).id.startswith(Kind.SBI):
        first = (number_in(item),)
        reached, needs = tx.needs_around(first[0])
        numbers = set(reached)
    else:
        members, needs = tx.needs_below(item)
        first = tuple(number for number, archived in members.items() if not archived)
        inside = frozenset(members)
        needs = [one for one in needs if not all(members.get(number) for number in one)]
        numbers = {*first, *(number for need in needs for number in need)}
    known = tx.known(numbers)
    return Found(
        needs=needs,
        status={number: status for number, status, _ in known},
        hours={number: hours for number, _, hours in known},
        first=first,
        inside=inside,
    )


def _needs(pairs: Iterable[Need], numbers: Collection[int]) -> dict[int, list[int]]:
    needs: dict[int, list[int]] = {number: [] for number in numbers}
    for number, needed in pairs:
        needs[number].append(needed)
    return needs


def _alone(tx: Transaction, found: Found) -> int:
    registered = sum(count for status, count in tx.counts().items() if status not in ENDED)
    return registered - sum(map(found.is_open, found.status))


def _groups(tx: Transaction, ids: set[str]) -> tuple[Group, ...]:
    return tuple(
        Group(id=f"{kind}-{number}", kind=Kind(kind), title=title, status=status, parent=parent)
        for kind, number, title, status, parent in tx.groups_above(ids)
    )


def _node(situation: Situation, line: Line, found: Found, *, critical: bool) -> Node:
    waiting = situation.waiting(line)
    runs = situation.runs(line) and line.lease_agent != MERGE_QUEUE
    return Node(
        id=line.id,
        title=line.title,
        status=line.status,
        held=line.held,
        agent=line.lease_agent if runs else None,
        waiting=waiting[0] if waiting else None,
        parent=line.parent,
        estimate_hours=found.hours[line.number],
        asked=found.inside is None and line.number in found.first,
        outside=found.inside is not None and line.number not in found.inside,
        critical=critical,
    )


# --- what holds everything up ---------------------------------------------------------------------------------------


def _chain(found: Found) -> tuple[list[int], float | None]:
    """The chain of unfinished work that takes longest, and its hours if anybody has estimated any of it.

    An item without an estimate counts as the median of those that have one.
    """
    reach, before = _reaches(found)
    end = min(reach, key=lambda number: (*(-value for value in reach[number]), number), default=None)
    chain: list[int] = []
    while end is not None:
        chain.append(end)
        end = before[end]
    if len(chain) < LEAST_CHAIN:
        return [], None
    estimated = any(found.hours[number] is not None for number in chain)
    return chain[::-1], round(reach[chain[0]][0], 2) if estimated else None


def _reaches(found: Found) -> tuple[dict[int, tuple[float, int]], dict[int, int | None]]:
    """Of each open item the longest chain that ends with it, in hours and items, and the item before it there."""
    unfinished = [number for number in found.status if found.is_open(number)]
    given = [hours for number in unfinished if (hours := found.hours[number]) is not None]
    usual = median(given) if given else 1.0
    pairs = (need for need in found.needs if all(map(found.is_open, need)))
    needs = _needs(pairs, unfinished)
    reach: dict[int, tuple[float, int]] = {}
    before: dict[int, int | None] = {}
    for number in in_order(needs):
        known = [one for one in needs[number] if one in reach]
        best = min(known, key=lambda one: (*(-value for value in reach[one]), one), default=None)
        hours, count = reach[best] if best is not None else (0.0, 0)
        own = found.hours[number]
        reach[number] = hours + (usual if own is None else own), count + 1
        before[number] = best
    return reach, before


def _ranked(found: Found, chain: Sequence[int]) -> list[int]:
    """All numbers, the nearest to what was asked for first, or else to the longest chains."""
    near: dict[int, list[int]] = {number: [] for number in found.status}
    for number, needed in found.needs:
        near[number].append(needed)
        near[needed].append(number)
    reach = _reaches(found)[0]
    urgent = sorted(found.status, key=lambda number: (*(-value for value in reach.get(number, (0.0, 0))), number))
    first = sorted(found.first, key=lambda number: (not found.is_open(number), number))
    ranked: dict[int, None] = {}
    for start in (first or list(chain), *([number] for number in urgent)):
        _walk([number for number in start if number not in ranked], near, found, ranked)
    return list(ranked)


def _walk(ring: list[int], near: Mapping[int, list[int]], found: Found, ranked: dict[int, None]) -> None:
    """Adds these and what can be reached from them, step by step; what is open before what has ended."""
    while ring:
        ranked.update(dict.fromkeys(ring))
        further = {other for number in ring for other in near[number] if other not in ranked}
        ring = sorted(further, key=lambda number: (not found.is_open(number), number))
