"""The graph of needs in the languages of Graphviz and Mermaid. A title is text there, whatever is written in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.model.lifecycle import IN_WORK, Status
from deespec.text import clean, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deespec.board.graph import Edge, Graph, Group, Node

TITLE_COLUMNS = 60
PLAIN = frozenset(" -_.,/+=")
"""What may stand in a Mermaid text beside letters and digits; other signs of ASCII are written by their number."""
DOT_STYLES = {
    Status.DONE: "rounded,dotted",
    Status.FAILED: "rounded,bold,dashed",
    Status.PARKED: "rounded,dashed",
    Status.CANCELLED: "rounded,dotted",
}
SHAPES = {Status.DONE: ("([", "])"), Status.FAILED: ("{{", "}}"), Status.PARKED: ("[/", "/]")}


def dot(graph: Graph) -> str:
    """For Graphviz: `dot -Tsvg`."""
    lines = ["digraph needs {", "  rankdir=LR;", "  node [shape=box, style=rounded];"]
    lines += _grouped(graph, _dot_group, _dot_node, end="}")
    lines += [f"  {_quoted(edge.source)} -> {_quoted(edge.target)}{_dot_style(edge)};" for edge in graph.edges]
    return "\n".join([*lines, "}"])


def mermaid(graph: Graph) -> str:
    """A flowchart, as GitHub and GitLab show it in Markdown."""
    lines = ["flowchart LR"]
    lines += _grouped(graph, _mermaid_group, _mermaid_node, end="end")
    lines += [f"  {_name(edge.source)} {_arrow(edge)} {_name(edge.target)}" for edge in graph.edges]
    critical = [_name(node.id) for node in graph.nodes if node.critical]
    if critical:
        lines += ["  classDef critical stroke-width:4px", f"  class {','.join(critical)} critical"]
    return "\n".join(lines)


def _grouped(graph: Graph, head: Callable[[Group], str], one: Callable[[Node], str], *, end: str) -> list[str]:
    """Nodes within their PBIs, PBIs within their EPICs."""
    known = {group.id for group in graph.groups}

    def within(parent: str | None, indent: str) -> Iterator[str]:
        for group in graph.groups:
            if (group.parent if group.parent in known else None) == parent:
                yield f"{indent}{head(group)}"
                yield from within(group.id, indent + "  ")
                yield f"{indent}{end}"
        for node in graph.nodes:
            if (node.parent if node.parent in known else None) == parent:
                yield f"{indent}{one(node)}"

    return list(within(None, "  "))


def _state(node: Node) -> str:
    words = [node.status, "held" if node.held else "", f"by {node.agent}" if node.agent else ""]
    return ", ".join(word for word in words if word)


def _short(title: str) -> str:
    return cut(clean(title), TITLE_COLUMNS, 1)


# --- Graphviz -------------------------------------------------------------------------------------------------------


def _quoted(*lines: str) -> str:
    """A string; `&` would begin an entity in it."""
    inside = (clean(line).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines)
    return '"' + "\\n".join(inside) + '"'


def _dot_node(node: Node) -> str:
    style = "rounded,bold" if node.status in IN_WORK else DOT_STYLES.get(node.status, "rounded")
    width = ", penwidth=3" if node.critical else ""
    label = _quoted(f"{node.id} {_short(node.title)}", _state(node))
    return f'{_quoted(node.id)} [label={label}, tooltip={_quoted(node.title)}, style="{style}"{width}];'


def _dot_group(group: Group) -> str:
    return f"subgraph {_quoted(f'cluster {group.id}')} {{ label={_quoted(f'{group.id} {_short(group.title)}')};"


def _dot_style(edge: Edge) -> str:
    if edge.critical:
        return " [penwidth=3]"
    return " [style=dotted]" if edge.met else ""


# --- Mermaid --------------------------------------------------------------------------------------------------------


def _name(item_id: str) -> str:
    return item_id.replace("-", "_")


def _inert(text: str) -> str:
    """Signs that mean anything in Mermaid, Markdown or HTML are written by their number."""
    return "".join(one if _means_nothing(one) else f"#{ord(one)};" for one in clean(text))


def _means_nothing(one: str) -> bool:
    return one.isalnum() or one in PLAIN or (not one.isascii() and one.isprintable())


def _mermaid_node(node: Node) -> str:
    left, right = SHAPES.get(node.status, ("[", "]"))
    return f'{_name(node.id)}{left}"{_inert(f"{node.id} {_short(node.title)}")}<br/>{_inert(_state(node))}"{right}'


def _mermaid_group(group: Group) -> str:
    return f'subgraph {_name(group.id)} ["{_inert(f"{group.id} {_short(group.title)}")}"]'


def _arrow(edge: Edge) -> str:
    if edge.critical:
        return "==>"
    return "-.->" if edge.met else "-->"
