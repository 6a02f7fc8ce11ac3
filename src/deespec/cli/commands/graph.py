"""`graph`: what needs what, and what holds everything up; as a tree, a drawing, or for other programs."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deespec.board.graph import NODES_MOST, graph
from deespec.cli import options, output, shapes
from deespec.cli.commands.graph_tree import tree
from deespec.config_change import write_atomically
from deespec.errors import InvalidInput, UsageError
from deespec.text import clean

if TYPE_CHECKING:
    from deespec.board.graph import Edge, Graph, Group, Node
    from deespec.cli.session import Session


class Form(StrEnum):
    TEXT = "text"
    DOT = "dot"
    MERMAID = "mermaid"
    SVG = "svg"
    JSON = "json"


BY_SUFFIX = {".dot": Form.DOT, ".gv": Form.DOT, ".mmd": Form.MERMAID, ".mermaid": Form.MERMAID} | {
    ".svg": Form.SVG,
    ".json": Form.JSON,
    ".txt": Form.TEXT,
    "": Form.TEXT,
}


@click.command(name="graph")
@click.argument("item_id", required=False, metavar="[ID]")
@click.option("--all", "everything", is_flag=True, help="Finished items, too.")
@click.option("--limit", type=click.IntRange(1, options.MANY), help=f"At most so many items; else {NODES_MOST}.")
@click.option("--dot", "as_dot", is_flag=True, help="For Graphviz: deespec graph --dot | dot -Tpng > needs.png")
@click.option("--mermaid", "as_mermaid", is_flag=True, help="A flowchart for Markdown.")
@click.option("--svg", "as_svg", is_flag=True, help="A drawing that every browser shows.")
@click.option("--output", "-o", "target", metavar="FILE", help="Into this file; its ending says in what form.")
@options.as_json
@options.session
def graph_command(
    session: Session,
    *,
    item_id: str | None,
    everything: bool,
    limit: int | None,
    as_dot: bool,
    as_mermaid: bool,
    as_svg: bool,
    target: str | None,
    as_json: bool,
) -> int:
    """Show what needs what, with the state of each item, and the longest chain of work that is not finished.

    Without ID: all open items that need something or are needed. Of an SBI: all that it needs and all that needs it.
    Of a PBI or EPIC: what is below it, and the needs that cross its border. Needs stand before what needs them.

    With more items than --limit the nearest are shown, and the longest chains; --json has all of them.
    """
    chosen = {Form.DOT: as_dot, Form.MERMAID: as_mermaid, Form.SVG: as_svg, Form.JSON: as_json}
    form = _form([one for one, given in chosen.items() if given], target)
    if everything and item_id is not None:
        raise UsageError("--all goes with no ID: with one, finished items are shown anyway.")
    item = session.item_id(item_id, _kind(item_id)) if item_id is not None else None
    most = limit or (None if form is Form.JSON else NODES_MOST)
    found = graph(session.app, item=item, everything=everything, most=most)
    if form is Form.JSON and target is None:
        output.emit(**_json(found))
        return 0
    how = session.style if target is None else output.Style(ambiguous_width=session.style.ambiguous_width)
    lines = [json.dumps({"schema": output.SCHEMA, **_json(found)}, ensure_ascii=False)] if form is Form.JSON else []
    lines = lines or _lines(found, form, how)
    if target is not None:
        return _write(session, target, lines, found)
    for line in lines:
        output.say(line)
    if found.left_out and form is not Form.TEXT:
        output.tell(f"{found.left_out:,} more items are left out (--limit)")
    return 0


def _form(chosen: list[Form], target: str | None) -> Form:
    if len(chosen) > 1:
        raise UsageError(f"Say either {' or '.join(f'--{form}' for form in chosen)}.")
    if chosen:
        return chosen[0]
    suffix = Path(target).suffix.lower() if target is not None else ""
    if suffix not in BY_SUFFIX:
        known = ", ".join(sorted(one for one in BY_SUFFIX if one))
        raise UsageError(f"{target}: no form of a graph ends in {suffix}.", hint=f"One of {known}, or say the form.")
    return BY_SUFFIX[suffix]


def _kind(text: str) -> Any:
    from deespec.model.items import Kind

    return Kind.SBI if text.strip().isdigit() else None


def _lines(found: Graph, form: Form, how: output.Style) -> list[str]:
    if form is Form.TEXT:
        return tree(found, how)
    from deespec.board.draw.graph import svg
    from deespec.board.draw.notations import dot, mermaid

    return [{Form.DOT: dot, Form.MERMAID: mermaid, Form.SVG: svg}[form](found)]


def _write(session: Session, target: str, lines: list[str], found: Graph) -> int:
    """The whole file or none; a link is followed, so that it stays one."""
    try:
        path = Path(target).resolve()
        if path.exists() and not path.is_file():
            raise InvalidInput(f"{target} is no file.", hint="Without -o it goes to standard output.")
        write_atomically(path, "\n".join(lines) + "\n")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(f"{target} cannot be written: {why}.") from error
    if not session.quiet:
        count = len(found.nodes)
        left_out = f"; {found.left_out:,} more are left out (--limit)" if found.left_out else ""
        output.say(f"✓ {count} item{'' if count == 1 else 's'} in {clean(target)}{left_out}")
    return 0


# --- JSON -----------------------------------------------------------------------------------------------------------


def _json(found: Graph) -> dict[str, Any]:
    return {
        "item": found.item,
        "items": [_node(one) for one in found.nodes],
        "needs": [_edge(one) for one in found.edges],
        "groups": [_group(one) for one in found.groups],
        "longest_chain": {"items": list(found.chain), "estimate_hours": found.chain_hours},
        "left_out": found.left_out,
        "without_needs": found.alone,
    }


def _node(one: Node) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": one.title,
        "status": one.status,
        "held": one.held,
        "running": one.agent,
        "waiting": None if one.waiting is None else shapes.why(one.waiting),
        "parent": one.parent,
        "estimate_hours": one.estimate_hours,
        "outside": one.outside,
        "in_longest_chain": one.critical,
    }


def _edge(one: Edge) -> dict[str, Any]:
    return {"item": one.target, "needs": one.source, "met": one.met, "in_longest_chain": one.critical}


def _group(one: Group) -> dict[str, Any]:
    return {"id": one.id, "kind": one.kind, "title": one.title, "status": one.status, "parent": one.parent}
