"""The graph of needs as SVG: no script, no style sheet; in the colour of the text around it, readable without any."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from deespec.board.draw.layers import Measures, layout
from deespec.board.draw.svg import safe, say
from deespec.model.lifecycle import IN_WORK, Status
from deespec.records import record
from deespec.text import clean, cut, width_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deespec.board.draw.layers import Point
    from deespec.board.draw.svg import Words
    from deespec.board.graph import Edge, Graph, Node

SIZES = Measures(width=252, height=68, gap=20, lane=14, channel=64)
MARGIN = 16
PADDING = 12
ARROW = 8
LEGEND_LINE = 24
NARROWEST = 600
"""The words below the drawing have room."""
TITLE_COLUMNS = 30
NOTE_COLUMNS = 38
ASKED_GAP = 4


class Word(StrEnum):
    """What the drawing says itself; numbers and names go in by `format`."""

    TITLE = "What needs what"
    AROUND = "What needs what around {id}"
    ITEMS = "{count} items, {needs} needs between them"
    CHAIN = "Bold: the longest chain of unfinished work, {count} items"
    HOURS = "{hours} h"
    LEFT_OUT = "{count} more are left out: those shown are the nearest"
    EMPTY = "No item needs another one."
    BY = "by {agent}"
    HELD = "held"
    OUTSIDE = "outside"
    IN_WORK = "in work"
    MET = "dotted line: the need is met"


@record
class Look:
    """How a status looks: its sign as a path in a field of 14 × 14, its border, and a colour that says no more."""

    name: str
    sign: str
    colour: str
    border: str = "1.25"
    dashes: str | None = None


_PENDING = Look(name="pending", sign="M7 2.5a4.5 4.5 0 1 0 .01 0z", colour="#7a828c")
_WORKING = Look(name="working", sign="M4 2l8 5-8 5z", colour="#2b7fd4", border="2.5")
_LOOKS = {
    Status.DONE: Look(name="done", sign="M2 7.5l3.5 4L12 3", colour="#2f9e57", dashes="1 4"),
    Status.FAILED: Look(name="failed", sign="M3 3l8 8M11 3l-8 8", colour="#d9463d", border="2.5", dashes="9 3 2 3"),
    Status.PARKED: Look(name="parked", sign="M7 1.5v7M7 11.5v1", colour="#b7791f", border="2.5", dashes="8 5"),
    Status.CANCELLED: Look(name="cancelled", sign="M2 7h10", colour="#7a828c", dashes="4 4"),
}


def look(status: Status) -> Look:
    return _WORKING if status in IN_WORK else _LOOKS.get(status, _PENDING)


def svg(graph: Graph, *, link: Callable[[str], str] | None = None, words: Words = say) -> str:
    """The drawing as one element. `link`: where an item's id leads, if anywhere; `words` translates Word and Status."""
    places = {node.id: at for at, node in enumerate(graph.nodes)}
    plan = layout(len(places), [(places[edge.source], places[edge.target]) for edge in graph.edges], SIZES)
    notes = _notes(graph, words)
    width = max(plan.width + 2 * MARGIN, NARROWEST)
    legend, end = _legend(graph, words, top=plan.height + 2 * MARGIN, width=width - 2 * MARGIN)
    height = end + LEGEND_LINE * len(notes) + MARGIN
    title = words(Word.AROUND).format(id=graph.item) if graph.item else words(Word.TITLE)
    texts = [
        _tag("text", safe(note), x=MARGIN, y=end + LEGEND_LINE * at + 16, font_size=13) for at, note in enumerate(notes)
    ]
    bold_last = sorted(zip(graph.edges, plan.routes, strict=True), key=lambda one: (one[0].critical, not one[0].met))
    inside = [
        _tag("title", safe(title)),
        _tag("desc", safe(" ".join([_counts(graph, words), *notes]))),
        _tag("g", *(_edge(edge, route) for edge, route in bold_last), class_="edges", fill="none"),
        *(_linked(node, at, link, words) for node, at in zip(graph.nodes, plan.boxes, strict=True)),
        _tag("g", *legend, *texts, class_="legend"),
    ]
    return _tag(
        "svg",
        *inside,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="group" if link else "img",
        aria_label=safe(title),
        class_="needs-graph",
        font_family="system-ui, sans-serif",
        fill="currentColor",
    )


# --- one item -------------------------------------------------------------------------------------------------------


def _linked(node: Node, at: Point, link: Callable[[str], str] | None, words: Words) -> str:
    box = _box(node, at, words)
    if link is None:
        return box
    return _tag("a", box, href=safe(link(node.id)))  # named by what stands in it


def _box(node: Node, at: Point, words: Words) -> str:
    x, y = at[0] + MARGIN, at[1] + MARGIN
    how = look(node.status)
    right, left = x + SIZES.width - PADDING, x + PADDING
    above = (words(Word.OUTSIDE) if node.outside else "", node.parent or "")
    parent = " ".join(one for one in above if one)
    note = cut(clean(_note(node, words)), NOTE_COLUMNS - (width_of(parent, 1) + 2 if parent else 0), 1)
    marks = [
        _tag("title", safe(_in_full(node, words))),
        _in_colour(how, *_frames(x, y, how, asked=node.asked), _sign(how, left, y + 9)),
        _tag("text", safe(node.id), x=left + 22, y=y + 21, font_size=13, font_weight=700),
        _tag("text", safe(_status(node, words)), x=right, y=y + 21, font_size=11, text_anchor="end"),
        _tag("text", safe(_title(node.title)), x=left, y=y + 40, font_size=13),
        _tag("text", safe(note), x=left, y=y + 57, font_size=11, fill_opacity=0.8) if note else "",
        _tag("text", safe(parent), x=right, y=y + 57, font_size=11, text_anchor="end", fill_opacity=0.8)
        if parent
        else "",
    ]
    bold = " critical" if node.critical else ""
    return _tag("g", *marks, class_=f"node {how.name}{bold}")


def _frames(x: int, y: int, how: Look, *, asked: bool) -> list[str]:
    """A second one around what was asked for."""
    return [
        _tag(
            "rect", x=x - out, y=y - out, width=SIZES.width + 2 * out, height=SIZES.height + 2 * out, rx=8 + out,
            fill="none" if out else "currentColor", fill_opacity=None if out else 0.07, stroke="currentColor",
            stroke_width=how.border, stroke_dasharray=how.dashes, stroke_linecap="round",
        )
        for out in ((0, ASKED_GAP) if asked else (0,))
    ]  # fmt: skip


def _sign(how: Look, x: int, y: int) -> str:
    return _tag(
        "path", d=how.sign, transform=f"translate({x} {y})", fill="currentColor" if how is _WORKING else "none",
        stroke="currentColor", stroke_width=2, stroke_linecap="round", stroke_linejoin="round",
    )  # fmt: skip


def _in_colour(how: Look, *inside: str) -> str:
    """A page's style sheet may give the class another colour."""
    return _tag("g", *inside, class_=f"status-{how.name}", color=how.colour)


def _status(node: Node, words: Words) -> str:
    return f"{words(node.status)}, {words(Word.HELD)}" if node.held else words(node.status)


def _note(node: Node, words: Words) -> str:
    if node.agent:
        return words(Word.BY).format(agent=node.agent)
    if node.waiting is None or node.waiting.reason == "held":
        return ""
    return node.waiting.text


def _in_full(node: Node, words: Words) -> str:
    hours = f"{node.estimate_hours:g}" if node.estimate_hours is not None else None
    facts = [_status(node, words), _note(node, words), words(Word.HOURS).format(hours=hours) if hours else ""]
    facts += [words(Word.OUTSIDE) if node.outside else "", node.parent or ""]
    return f"{node.id} {node.title} ({', '.join(fact for fact in facts if fact)})"


def _title(title: str) -> str:
    """Capitals and the letters m and w are wider than a column of others."""
    shown = clean(title)
    broad = sum(character.isupper() or character in "mw@%" for character in shown[:TITLE_COLUMNS])
    return cut(shown, TITLE_COLUMNS - broad // 3, 1)


# --- edges ----------------------------------------------------------------------------------------------------------


def _edge(edge: Edge, route: Sequence[Point]) -> str:
    points = [(x + MARGIN, y + MARGIN) for x, y in route]
    x, y = points[-1]
    tip = f"M{x - ARROW} {y - 4}L{x - 1} {y}L{x - ARROW} {y + 4}z"
    opacity, width = (1, 3.5) if edge.critical else (0.45 if edge.met else 0.75, 1.5)
    line = _tag(
        "path", d=_curve([*points[:-1], (x - ARROW, y)]), stroke="currentColor", stroke_opacity=opacity,
        stroke_width=width, stroke_dasharray="1 5" if edge.met else None, stroke_linecap="round",
    )  # fmt: skip
    end = _tag("path", d=tip, fill="currentColor", fill_opacity=opacity)
    kind = "critical" if edge.critical else "met" if edge.met else "open"
    return _tag("g", _tag("title", safe(f"{edge.source} → {edge.target}")), line, end, class_=f"edge {kind}")


def _curve(points: Sequence[Point]) -> str:
    """Straight through lanes, a bend between layers."""
    x, y = points[0]
    path = [f"M{x} {y}"]
    for (ax, ay), (bx, by) in pairwise(points):
        middle = (ax + bx) // 2
        path.append(f"L{bx} {by}" if ay == by else f"C{middle} {ay} {middle} {by} {bx} {by}")
    return "".join(path)


# --- below the drawing ----------------------------------------------------------------------------------------------


def _notes(graph: Graph, words: Words) -> list[str]:
    if not graph.nodes:
        return [words(Word.EMPTY)]
    notes = []
    if graph.chain:
        hours = f", {words(Word.HOURS).format(hours=f'{graph.chain_hours:g}')}" if graph.chain_hours is not None else ""
        notes.append(words(Word.CHAIN).format(count=len(graph.chain)) + hours)
    if graph.left_out:
        notes.append(words(Word.LEFT_OUT).format(count=f"{graph.left_out:,}"))
    return notes


def _counts(graph: Graph, words: Words) -> str:
    counts = Counter(node.status for node in graph.nodes)
    each = ", ".join(f"{words(status)} {counts[status]}" for status in Status if counts[status])
    items = words(Word.ITEMS).format(count=len(graph.nodes), needs=len(graph.edges))
    return f"{items}: {each}." if each else f"{items}."


def _legend(graph: Graph, words: Words, *, top: int, width: int) -> tuple[list[str], int]:
    """The signs of the statuses that are there, and where they end."""
    known: dict[Look, str] = {}
    for status in sorted({node.status for node in graph.nodes}, key=list(Status).index):
        known.setdefault(look(status), words(Word.IN_WORK) if status in IN_WORK else words(status))
    marks: list[str] = []
    x, y = MARGIN, top
    for how, word in known.items():
        room = 22 + 8 * width_of(word, 1) + 20
        if x > MARGIN and x + room > width:
            x, y = MARGIN, y + LEGEND_LINE
        marks += [_in_colour(how, _sign(how, x, y + 5)), _tag("text", safe(word), x=x + 22, y=y + 16, font_size=12)]
        x += room
    if any(edge.met for edge in graph.edges):
        marks.append(_tag("text", safe(words(Word.MET)), x=x, y=y + 16, font_size=12))
    return marks, y + LEGEND_LINE if marks else top


def _tag(name: str, *inside: str, **attributes: object) -> str:
    """An element: `stroke_width` is `stroke-width`, `class_` is `class`; None leaves an attribute out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{value}"' for key, value in attributes.items() if value is not None
    )
    text = "".join(inside)
    return f"<{name}{given}>{text}</{name}>" if text else f"<{name}{given}/>"
