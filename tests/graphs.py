"""Graphs of needs as drawings and trees are given them, without a backlog."""

from __future__ import annotations

from collections.abc import Iterable

from deespec.board.graph import Edge, Graph, Group, Node
from deespec.model.lifecycle import Status
from deespec.records import replace


def node(number: int, title: str = "A title", **facts: object) -> Node:
    one = Node(
        id=f"SBI-{number}",
        title=title,
        status=Status.PENDING,
        held=False,
        agent=None,
        waiting=None,
        parent=None,
        estimate_hours=None,
        asked=False,
        outside=False,
        critical=False,
    )
    return replace(one, **facts)


def edge(source: int, target: int, *, met: bool = False, critical: bool = False) -> Edge:
    return Edge(source=f"SBI-{source}", target=f"SBI-{target}", met=met, critical=critical)


def made(*nodes: Node, edges: Iterable[Edge] = (), groups: Iterable[Group] = (), **facts: object) -> Graph:
    one = Graph(
        item=None,
        nodes=nodes,
        edges=tuple(edges),
        groups=tuple(groups),
        chain=(),
        chain_hours=None,
        left_out=0,
        alone=0,
    )
    return replace(one, **facts)
