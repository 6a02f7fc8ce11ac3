"""The graph of needs as SVG, DOT and Mermaid: whatever a title says, it is a title there, and states need no colour."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deespec.board.draw.graph import Word, svg
from deespec.board.draw.notations import dot, mermaid
from deespec.board.graph import Graph, Group
from deespec.board.waiting import Waiting
from deespec.model.items import Kind
from deespec.model.lifecycle import Status
from graphs import edge, made, node

HOSTILE = (
    '"]; click SBI_1 "javascript:alert(1)"',
    '</text><script>alert(1)</script><a href="x">',
    "%%{init: {'securityLevel': 'loose'}}%% `code` #quot; &lt; &amp;",
    "first\nend\nsubgraph x[y]\n%% comment",
    'back\\slash \\N \\" and {braces} (brackets) [more] |pipes| <b>',
    "日本語の題名「引用」、とても長いので切られるはずのもの、まだまだ続く、さらに続く、終わらない",
    "bell \x07 escape \x1b[31m nul \x00 \u202e right to left \ufffe",
)
SVG = "{http://www.w3.org/2000/svg}"
STATEMENT = {
    "dot": "|".join(
        (
            r"digraph needs \{|  rankdir=LR;|  node \[shape=box, style=rounded\];| *\}",
            r" *subgraph TEXT \{ label=TEXT;",
            r" *TEXT \[label=TEXT, tooltip=TEXT, style=TEXT(, penwidth=3)?\];",
            r"  TEXT -> TEXT( \[(style=dotted|penwidth=3)\])?;",
        )
    ),
    "mermaid": "|".join(
        (
            r"flowchart LR| *subgraph (PBI|EPIC)_\d+ \[TEXT\]| *end",
            r" *SBI_\d+(\[/?|\(\[|\{\{)TEXT(/?\]|\]\)|\}\})",
            r"  SBI_\d+ (-->|==>|-\.->) SBI_\d+",
            r"  classDef critical stroke-width:4px|  class SBI_\d+(,SBI_\d+)* critical",
        )
    ),
}
"""The lines that there may be, with TEXT for whatever is in quotes."""


def chained(titles: tuple[str, ...]) -> Graph:
    """Each needs the one before it; all states there are, in a group with the first title."""
    statuses = list(Status)
    nodes = [
        node(number, title, status=statuses[number % len(statuses)], parent="PBI-1", critical=number < 3)
        for number, title in enumerate(titles, 1)
    ]
    edges = [
        edge(number, number + 1, met=one.status is Status.DONE, critical=other.critical)
        for number, (one, other) in enumerate(pairwise(nodes), 1)
    ]
    group = Group(id="PBI-1", kind=Kind.PBI, title=titles[0], status="PLANNED", parent=None)
    return made(*nodes, edges=edges, groups=(group,))


def texts(drawing: str) -> str:
    return " ".join(text for text in ET.fromstring(drawing).itertext())


# --- SVG ------------------------------------------------------------------------------------------------------------


def test_a_drawing_is_xml_without_styles_and_scripts_whatever_titles_say() -> None:
    drawing = svg(chained(HOSTILE))
    root = ET.fromstring(drawing)
    assert {one.tag.removeprefix(SVG) for one in root.iter()} == {"svg", "title", "desc", "g", "path", "rect", "text"}
    names = {name for one in root.iter() for name in one.attrib}
    assert "style" not in names
    assert not any(name.startswith("on") or "href" in name for name in names)
    assert (root.get("role"), root.get("aria-label")) == ("img", "What needs what")


@given(st.lists(st.text(max_size=60), min_size=1, max_size=3))
def test_any_title_leaves_it_xml(titles: list[str]) -> None:
    ET.fromstring(svg(chained(tuple(titles))))


def test_every_status_has_its_word_and_a_border_and_a_sign_of_its_own() -> None:
    shown = (Status.PENDING, Status.IMPLEMENTING, Status.PARKED, Status.FAILED, Status.DONE, Status.CANCELLED)
    looks = set()
    for status in shown:
        root = ET.fromstring(svg(made(node(1, status=status))))
        box = next(one for one in root.iter(f"{SVG}g") if one.get("class", "").startswith("node "))
        assert status in [text.text for text in box.iter(f"{SVG}text")]
        frame, sign = next(box.iter(f"{SVG}rect")), next(box.iter(f"{SVG}path"))
        looks.add((frame.get("stroke-width"), frame.get("stroke-dasharray"), sign.get("d")))
    assert len({look[:2] for look in looks}) == len({look[2] for look in looks}) == len(shown)


def test_titles_are_cut_to_their_box_and_are_whole_in_its_title() -> None:
    long = "長い題名" * 20
    root = ET.fromstring(svg(made(node(1, long))))
    box = next(one for one in root.iter(f"{SVG}g") if one.get("class", "").startswith("node "))
    assert max(len(text.text or "") for text in box.iter(f"{SVG}text")) <= 15
    assert long in (box.findtext(f"{SVG}title") or "")


def test_items_say_who_works_on_them_what_they_wait_for_and_where_they_belong() -> None:
    waiting = Waiting(reason="need", text="needs SBI-1", by=("SBI-1",))
    found = texts(
        svg(
            made(
                node(1, status=Status.REVIEWING, agent="ann", parent="PBI-4"),
                node(2, waiting=waiting, held=True, outside=True),
            )
        )
    )
    for words in ("REVIEWING", "by ann", "PBI-4", "needs SBI-1", "PENDING, held", "outside"):
        assert words in found


def test_links_are_there_only_if_somebody_says_where_they_lead() -> None:
    root = ET.fromstring(svg(made(node(1, 'A "quoted" one')), link=lambda item: f"/item/{item}?a=1&b=2"))
    [link] = root.iter(f"{SVG}a")
    assert link.get("href") == "/item/SBI-1?a=1&b=2"
    assert {"SBI-1", "PENDING", 'A "quoted" one'} <= {text.text for text in link.iter(f"{SVG}text")}
    assert root.get("role") == "group"  # an image would hide its links from those who do not see it


def test_its_own_words_and_statuses_are_translated_and_nothing_else_is() -> None:
    shown = made(node(1, "Title", status=Status.DONE), node(2, agent="ann"), left_out=3, chain=("SBI-1", "SBI-2"))
    found = texts(svg(shown, words=lambda text: f"«{text}»"))
    for words in ("«What needs what»", "«DONE»", "«by ann»", "«3 more are left out: those shown are the nearest»"):
        assert words in found
    assert "«Title»" not in found
    own = [str(word).split("{")[0] for word in Word]
    assert not any(re.search(f"(?<!«){re.escape(words)}", found) for words in own if words)


def test_the_chain_is_bold_and_named_in_words_with_what_is_left_out() -> None:
    bold = edge(1, 2, critical=True)
    shown = made(node(1), node(2), edges=[bold], chain=("SBI-1", "SBI-2"), chain_hours=2.5, left_out=1_200)
    drawing = svg(shown)
    assert "the longest chain of unfinished work, 2 items, 2.5 h" in texts(drawing)
    assert "1,200 more are left out" in texts(drawing)
    widths = {one.get("stroke-width") for one in ET.fromstring(drawing).iter(f"{SVG}path")}
    assert "3.5" in widths


def test_a_drawing_of_nothing_says_so() -> None:
    assert "No item needs another one." in texts(svg(made()))


# --- DOT and Mermaid ------------------------------------------------------------------------------------------------


def without_texts(written: str) -> list[str]:
    """The lines, with each string in double quotes replaced by TEXT."""
    return re.sub(r'"(?:[^"\\\n]|\\[^\n])*"', "TEXT", written).split("\n")


@pytest.mark.parametrize("form", [dot, mermaid], ids=["dot", "mermaid"])
@given(titles=st.lists(st.text(max_size=60) | st.sampled_from(HOSTILE), min_size=1, max_size=4))
def test_no_title_leaves_its_quotes(form, titles) -> None:  # type: ignore[no-untyped-def]
    written = form(chained(tuple(titles)))
    allowed = re.compile(STATEMENT[form.__name__])
    assert [line for line in without_texts(written) if not allowed.fullmatch(line)] == []


def test_every_title_is_written_as_numbers_where_mermaid_would_read_it() -> None:
    inside = "".join(re.findall(r'"([^"]*)"', mermaid(chained(HOSTILE))))
    assert re.search(r"[%`<>{}()\[\]|\\'@]", inside.replace("<br/>", "")) is None
    assert re.sub(r"#\d+;", "", inside).count("#") == 0
    assert "日本語の題名「引用」" in inside


def test_a_title_is_read_back_from_dot_as_it_was_written() -> None:
    title = 'a "b" \\N c &lt; \\'
    [label] = re.findall(r'tooltip="((?:[^"\\]|\\.)*)"', dot(made(node(1, title))))
    assert label.replace('\\"', '"').replace("\\\\", "\\").replace("&amp;", "&") == title
    assert "&amp;lt;" in label  # Graphviz reads entities


def test_groups_hold_their_items_and_epics_hold_pbis() -> None:
    groups = (
        Group(id="EPIC-1", kind=Kind.EPIC, title="Theme", status="PLANNED", parent=None),
        Group(id="PBI-2", kind=Kind.PBI, title="Part", status="PLANNED", parent="EPIC-1"),
    )
    shown = made(node(1, parent="PBI-2"), node(2, parent="EPIC-1"), node(3), groups=groups)
    heads = [line.split("[")[0].strip() for line in mermaid(shown).split("\n")]
    assert heads == ["flowchart LR", "subgraph EPIC_1", "subgraph PBI_2", "SBI_1", "end", "SBI_2", "end", "SBI_3"]
    assert [line.strip() for line in dot(shown).split("\n")].count("}") == 3


def test_met_needs_and_the_longest_chain_look_different() -> None:
    edges = edge(1, 2, met=True), edge(2, 3, critical=True), edge(2, 4)
    shown = made(*(node(number, critical=number in (2, 3)) for number in range(1, 5)), edges=edges)
    assert re.findall(r"SBI_\d (\S+) SBI_\d", mermaid(shown)) == ["-.->", "==>", "-->"]
    assert re.findall(r'" -> "SBI-\d"(.*);', dot(shown)) == [" [style=dotted]", " [penwidth=3]", ""]
