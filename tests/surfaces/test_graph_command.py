"""`graph` as people and programs get it: as a tree that names each item once, in each form, and into files."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from person import Person

from deespec.cli.commands.graph_tree import DEEPEST, tree
from deespec.cli.output import Style
from graphs import edge, made, node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.board.graph import Graph

SETTINGS = '[run]\nimplement = "ann"\n[agents.ann]\nkind = "command"\ncommand = "true"\n'
TREE = """\
* holds everything up longest (3 items): SBI-1 → SBI-2 → SBI-4

   ITEM                     STATUS        WAITS
*  · SBI-1  Schema          PENDING       no worker is running
   ├ → SBI-4
*  ├ · SBI-2  Parser        PENDING       needs SBI-1
*  │ └ · SBI-4  設定を読む  PENDING held  is held
   └ · SBI-3  Printer       PENDING       needs SBI-1
… and 1 open item neither needs nor is needed (deespec sbi list)
"""


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path, capsys, monkeypatch)


@pytest.fixture
def planned(person: Person) -> Person:
    """Four items that need each other, and one for itself."""
    (person.home / "config.toml").write_text(SETTINGS)
    person.add("Schema")
    person.add("Parser", "--depends-on", "SBI-1")
    person.add("Printer", "--depends-on", "SBI-1")
    person.add("設定を読む", "--depends-on", "SBI-2", "--depends-on", "SBI-1", "--hold")
    person.add("Alone")
    return person


# --- the tree -------------------------------------------------------------------------------------------------------


def test_the_tree_shows_what_each_item_frees_what_it_waits_for_and_the_longest_chain(planned: Person) -> None:
    assert planned("graph") == TREE


def test_of_an_item_only_what_it_needs_and_what_needs_it_is_shown(planned: Person) -> None:
    shown = planned("graph", "3")
    assert "SBI-1" in shown
    assert not re.search("SBI-2|SBI-4|neither", shown)


def test_of_a_pbi_what_is_below_it_is_shown_and_what_is_outside_is_marked(planned: Person) -> None:
    planned("pbi", "plan", "--title", "Reading")
    planned("sbi", "move", "SBI-2", "--to", "PBI-1")
    shown = planned("graph", "pbi-1")
    assert shown.startswith("PBI-1  Reading\n")
    assert re.findall(r"(SBI-\d)  [^(\n]*\(outside\)", shown) == ["SBI-1", "SBI-4"]


def test_a_backlog_without_items_or_needs_says_what_can_be_done(person: Person) -> None:
    assert person("graph") == 'No open item is there → deespec register sbi --title "…", or deespec graph --all\n'
    person.add("One")
    assert person("graph") == "The one open item needs no other → deespec sbi list\n"
    person.add("Two")
    assert "None of the 2 open items needs another → deespec sbi update" in person("graph")
    person("pbi", "plan", "--title", "Empty")
    assert person("graph", "PBI-1") == "Nothing is below PBI-1.\n"


@pytest.mark.parametrize("item", ["SBI-9", "9", "PBI-9", "EPIC-9", "01ARZ3NDEKTSV4RRFFQ69G5FAV"])
def test_what_is_not_there_is_told(planned: Person, item: str) -> None:
    assert "9" in planned.refusal("graph", item, exits=3)


needs = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), max_size=50)


@given(needs)
def test_each_item_has_one_line_and_every_need_is_named_below_what_is_needed(pairs: list[tuple[int, int]]) -> None:
    edges = sorted({pair for pair in pairs if pair[0] != pair[1]})
    lines = tree(_graph(30, edges), Style())
    rows = [found for line in lines if (found := re.search(r"· (SBI-\d+)  Item", line))]
    assert sorted(found[1] for found in rows) == sorted(f"SBI-{number}" for number in range(1, 31))
    referred = sum(
        len(re.findall(r"SBI-\d+", line)) + int((re.findall(r"and (\d+) more", line) or [0])[0])
        for line in lines
        if "→" in line
    )
    nested = sum("· " in line and bool(re.search("[├└] ·", line)) for line in lines)
    assert referred + nested == len(edges)


def test_a_deep_chain_does_not_run_out_of_the_page() -> None:
    lines = tree(_graph(60, [(number, number + 1) for number in range(1, 60)]), Style())
    assert max(line.index("SBI-") for line in lines if "· SBI-" in line) <= 2 * DEEPEST + 8


def _graph(count: int, pairs: Sequence[tuple[int, int]]) -> Graph:
    nodes = (node(number, "Item") for number in range(1, count + 1))
    return made(*nodes, edges=[edge(*pair) for pair in pairs])


# --- forms ----------------------------------------------------------------------------------------------------------


def test_programs_get_every_item_with_its_needs(planned: Person) -> None:
    found = planned.json("graph", "SBI-2")
    assert [one["id"] for one in found["items"]] == ["SBI-1", "SBI-2", "SBI-4"]
    assert found["needs"][0] == {"item": "SBI-2", "needs": "SBI-1", "met": False, "in_longest_chain": True}
    assert found["items"][1] == {
        "id": "SBI-2",
        "title": "Parser",
        "status": "PENDING",
        "held": False,
        "running": None,
        "waiting": {"reason": "need", "by": ["SBI-1"], "until_at": None, "text": "needs SBI-1", "remedy": None},
        "parent": None,
        "estimate_hours": None,
        "outside": False,
        "in_longest_chain": True,
    }
    assert found["longest_chain"] == {"items": ["SBI-1", "SBI-2", "SBI-4"], "estimate_hours": None}
    assert (found["item"], found["left_out"], found["without_needs"]) == ("SBI-2", 0, 0)


def test_each_form_is_of_the_same_graph(planned: Person) -> None:
    assert planned("graph", "--dot").startswith("digraph needs {\n")
    assert planned("graph", "--mermaid").startswith("flowchart LR\n")
    drawing = ET.fromstring(planned("graph", "--svg"))
    assert "SBI-4" in [one.text for one in drawing.iter()]


def test_with_too_many_the_others_are_counted(planned: Person) -> None:
    assert "… and 2 more (--limit, or --json for all)" in planned("graph", "--limit", "2")
    assert len(planned.json("graph", "--limit", "2")["items"]) == 2
    planned("graph", "--dot", "--limit", "1")
    assert "3 more items are left out" in planned.err


def test_two_forms_at_once_are_refused(planned: Person) -> None:
    assert "either --dot or --svg" in planned.refusal("graph", "--dot", "--svg", exits=2)
    assert "either --mermaid or --json" in planned.refusal("graph", "--mermaid", "--json", exits=2)
    assert "--all goes with no ID" in planned.refusal("graph", "SBI-1", "--all", exits=2)


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("needs.svg", "<svg "),
        ("needs.dot", "digraph"),
        ("needs.mmd", "flowchart"),
        ("needs.json", "{"),
        ("needs.txt", "* "),
    ],
)
def test_the_ending_of_a_file_says_in_what_form(planned: Person, name: str, begins: str) -> None:
    assert planned("graph", "-o", name) == f"✓ 4 items in {name}\n"
    assert Path(name).read_text(encoding="utf-8").startswith(begins)


def test_a_form_that_is_named_goes_before_the_ending(planned: Person) -> None:
    planned("graph", "-o", "needs.txt", "--json")
    assert len(json.loads(Path("needs.txt").read_text(encoding="utf-8"))["items"]) == 4


def test_a_link_stays_a_link_and_what_is_no_file_stays_what_it_is(planned: Person) -> None:
    Path("real.svg").write_text("before")
    Path("link.svg").symlink_to("real.svg")
    planned("graph", "-o", "link.svg")
    assert Path("link.svg").is_symlink()
    assert Path("real.svg").read_text(encoding="utf-8").startswith("<svg ")
    os.mkfifo("pipe")
    assert "pipe is no file" in planned.refusal("graph", "-o", "pipe", exits=2)
    assert Path("pipe").is_fifo()
    assert "cannot be written" in planned.refusal("graph", "-o", "nowhere/needs.svg", exits=2)
