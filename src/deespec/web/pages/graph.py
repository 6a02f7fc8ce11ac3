"""The graph of needs: as a drawing whose items are links, as a table of the same, and as files for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup

from deespec.board.draw.graph import svg
from deespec.board.draw.notations import dot, mermaid
from deespec.board.graph import graph
from deespec.errors import InvalidInput
from deespec.model.spec import normalise_id
from deespec.records import record
from deespec.web.links import again_with, page_of
from deespec.web.page import Plain, page

if TYPE_CHECKING:
    from deespec.board.graph import Graph, Node
    from deespec.web.page import Page, PageRequest

NAMED_MOST = 12
DRAWN_MOST = 150
"""Items in the drawing of a page; the files have more."""


@record
class Row:
    node: Node
    needs: tuple[str, ...]
    more: int
    """Needs that are not named."""


def show(request: PageRequest) -> Page:
    """Of everything that is open."""
    return _page(request, None)


def show_one(request: PageRequest) -> Page:
    """Around an SBI, or below a PBI or EPIC."""
    return _page(request, request.id())


def save(request: PageRequest) -> Plain:
    """The same for other programs."""
    asked = request.text("item")
    found = graph(request.app, item=normalise_id(asked, None) if asked else None, everything=_all(request))
    name = f"needs-{found.item}" if found.item else "needs"
    match request.part("form"):
        case "svg":
            return Plain(content=svg(found) + "\n", media_type="image/svg+xml", save_as=f"{name}.svg")
        case "mmd":
            return Plain(content=mermaid(found) + "\n", save_as=f"{name}.mmd")
        case "dot":
            return Plain(content=dot(found) + "\n", save_as=f"{name}.dot")
    raise InvalidInput("That is no form of a graph.", hint="One of: svg, mmd, dot")


def _page(request: PageRequest, item: str | None) -> Page:
    found = graph(request.app, item=item, everything=_all(request) and item is None, most=DRAWN_MOST)
    drawing = None
    if found.nodes:
        drawing = Markup(svg(found, link=page_of, words=request.say))  # everything in it was escaped
    files = f"item={quote(item, safe='')}" if item else "all=1" if _all(request) else ""
    return page(
        "graph.html",
        title=request.say("What needs what around %(id)s", id=item) if item else request.say("What needs what"),
        found=found,
        item=item,
        everything=_all(request),
        switch=again_with(request, all=None if _all(request) else 1),
        drawing=drawing,
        rows=_rows(found),
        files=[(form, f"/graph.{form}{'?' if files else ''}{files}") for form in ("svg", "mmd", "dot")],
    )


def _rows(found: Graph) -> list[Row]:
    needs: dict[str, list[str]] = {node.id: [] for node in found.nodes}
    for edge in found.edges:
        needs[edge.target].append(edge.source)
    return [
        Row(node=node, needs=tuple(wanted[:NAMED_MOST]), more=max(0, len(wanted) - NAMED_MOST))
        for node in found.nodes
        for wanted in (needs[node.id],)
    ]


def _all(request: PageRequest) -> bool:
    return request.choice("all", ("1",)) is not None
