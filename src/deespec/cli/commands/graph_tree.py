"""The graph of needs as a tree: below each item what it frees. Each item has one line; other places only name it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.cli import output
from deespec.model.lifecycle import IN_WORK, Status
from deespec.records import record
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.board.graph import Graph, Node
    from deespec.cli.output import Style

DEEPEST = 12
"""What is further in begins a tree of its own."""
NAMED = 6
SIGNS = {Status.DONE: "✓", Status.FAILED: "✗", Status.PARKED: "!", Status.CANCELLED: "-"}
MARK = "*"


@record
class Row:
    mark: str
    name: str
    status: str = ""
    why: str = ""


def tree(graph: Graph, how: Style) -> list[str]:
    """Lines for people."""
    if not graph.nodes:
        return [_empty(graph)]
    lines = [*_head(graph, how)]
    rows = [(row.mark, row.name, row.status, row.why) for row in _rows(graph)]
    lines += output.table(("", "ITEM", "STATUS", "WAITS"), rows, how, colour=_colour, elastic=1)
    return [*lines, *_end(graph)]


def _head(graph: Graph, how: Style) -> Iterator[str]:
    for group in graph.groups:
        if group.id == graph.item:
            yield output.paint(f"{group.id}  {clean(group.title)}", "bold", how)
            yield ""
    if graph.chain:
        shown = graph.chain if len(graph.chain) <= 2 * NAMED else (*graph.chain[:NAMED], "…", *graph.chain[-NAMED:])
        hours = f", {graph.chain_hours:g} h" if graph.chain_hours is not None else ""
        yield f"{MARK} holds everything up longest ({len(graph.chain)} items{hours}): {' → '.join(shown)}"
        yield ""


def _end(graph: Graph) -> Iterator[str]:
    if graph.left_out:
        yield f"… and {graph.left_out:,} more (--limit, or --json for all)"
    if graph.alone:
        what = "open item neither needs nor is" if graph.alone == 1 else "open items neither need nor are"
        yield f"… and {graph.alone:,} {what} needed (deespec sbi list)"


def _empty(graph: Graph) -> str:
    if graph.item is not None:
        return f"Nothing is below {graph.item}."
    if graph.alone == 1:
        return "The one open item needs no other → deespec sbi list"
    if graph.alone:
        return f"None of the {graph.alone:,} open items needs another → deespec sbi update SBI-… --add-need SBI-…"
    return 'No open item is there → deespec register sbi --title "…", or deespec graph --all'


# --- rows -----------------------------------------------------------------------------------------------------------


def _rows(graph: Graph) -> Iterator[Row]:
    nodes = {node.id: node for node in graph.nodes}
    frees: dict[str, list[str]] = {one: [] for one in nodes}
    depth: dict[str, int] = {}
    below: dict[str, list[str]] = {one: [] for one in nodes}
    roots: list[str] = []
    for edge in graph.edges:
        frees[edge.source].append(edge.target)
    mains = _mains(graph)
    for one in nodes:
        main = mains.get(one)
        depth[one] = depth.get(main or "", -1) + 1
        if main is None or main not in depth or depth[one] > DEEPEST:
            depth[one] = 0
            roots.append(one)
        else:
            below[main].append(one)
    roots.sort(key=lambda one: not nodes[one].critical)
    waiting = [("", "", one) for one in reversed(roots)]
    while waiting:
        before, branch, one = waiting.pop()
        yield _row(nodes[one], before + branch)
        inner = before + {"": "", "├ ": "│ ", "└ ": "  "}[branch]
        others = [each for each in frees[one] if each not in below[one]]
        children = [*below[one]]
        if others:
            last = "└ " if not children else "├ "
            yield Row(mark="", name=f"{inner}{last}→ {_named(others)}")
        for at, child in reversed(list(enumerate(children))):
            waiting.append((inner, "└ " if at == len(children) - 1 else "├ ", child))


def _mains(graph: Graph) -> dict[str, str]:
    """Below which of its needs an item has its line: the one in the longest chain, else the last one not yet met."""
    places = {node.id: place for place, node in enumerate(graph.nodes)}
    best: dict[str, tuple[bool, bool, int]] = {}
    mains: dict[str, str] = {}
    for edge in graph.edges:
        key = edge.critical, not edge.met, places[edge.source]
        if edge.target not in best or key > best[edge.target]:
            best[edge.target] = key
            mains[edge.target] = edge.source
    return mains


def _named(ids: list[str]) -> str:
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return f"{', '.join(ids[:NAMED])}{more}"


def _row(node: Node, before: str) -> Row:
    sign = "▸" if node.status in IN_WORK else SIGNS.get(node.status, "·")
    why = f"by {node.agent}" if node.agent else node.waiting.text if node.waiting else ""
    return Row(
        mark=MARK if node.critical else "",
        name=f"{before}{sign} {node.id}  {node.title}{' (outside)' if node.outside else ''}",
        status=f"{node.status} held" if node.held else node.status,
        why=why,
    )


def _colour(column: int, text: str) -> str | None:
    if column == 0:
        return "bold"
    return output.STATUS_COLOURS.get(text.partition(" ")[0]) if column == 2 else None
