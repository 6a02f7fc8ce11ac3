"""The graph of needs on the board: a drawing with links, the same as a table, and as files."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from board_at import Browser

from deespec.model.lifecycle import Event
from ledger import Ledger

HOSTILE = '</svg><script>alert("x")</script>'


def test_every_item_of_the_graph_is_a_link_and_a_row(browser: Browser, people: Ledger) -> None:
    people.add("First", estimate_hours=2.0)
    people.add("Second", depends_on=("SBI-1",))
    people.add("Alone")
    text = browser.get("/graph").text
    for item in ("SBI-1", "SBI-2"):
        assert f'<a href="/items/{item}"><g' in text
        assert f'id="row-{item}"' in text
    assert "What holds everything up longest (2 items):" in text
    assert "1 open item neither needs another nor is needed." in text
    assert 'id="row-SBI-3"' not in text
    assert "needs SBI-1" in text


def test_the_graph_of_one_item_has_only_what_belongs_to_it(browser: Browser, people: Ledger) -> None:
    people.add("First")
    people.add("Second", depends_on=("SBI-1",))
    people.add("Third", depends_on=("SBI-1",))
    people.add_pbi("Plan")
    people.add("Below", parent="PBI-1", depends_on=("SBI-2",))
    around = set(re.findall(r'id="row-(SBI-\d)"', browser.get("/graph/sbi-3").text))
    below = browser.get("/graph/PBI-1").text
    assert around == {"SBI-1", "SBI-3"}
    assert {"SBI-2", "SBI-4"} <= set(re.findall(r'id="row-(SBI-\d)"', below))
    assert 'href="/pbis/PBI-1"' in below
    assert browser.get("/graph/SBI-9").status == 404
    assert browser.get("/graph/nonsense").status == 404


def test_what_has_ended_is_shown_on_request(browser: Browser, people: Ledger) -> None:
    people.add("First")
    people.add("Second", depends_on=("SBI-1",))
    people.settle(people.begin(), Event.IMPLEMENTED_ONLY, Event.MERGED)
    people.settle(people.begin(), Event.IMPLEMENTED_ONLY, Event.MERGED)
    plain = browser.get("/graph").text
    assert "No open item needs another one." in plain
    assert 'href="/graph?all=1"' in plain
    assert 'id="row-SBI-2"' in browser.get("/graph?all=1").text


@pytest.mark.parametrize(("form", "begins"), [("svg", "<svg"), ("mmd", "flowchart LR"), ("dot", "digraph needs {")])
def test_it_is_saved_for_other_programs(browser: Browser, people: Ledger, form: str, begins: str) -> None:
    people.add("First")
    people.add("Second", depends_on=("SBI-1",))
    assert f'href="/graph.{form}?item=SBI-2"' in browser.get("/graph/SBI-2").text
    got = browser.get(f"/graph.{form}?item=SBI-2")
    assert got.text.startswith(begins)
    assert f"needs-SBI-2.{form}" in got.headers["content-disposition"]
    assert browser.get(f"/graph.{form}").text.startswith(begins)


def test_other_forms_there_are_not(browser: Browser) -> None:
    assert browser.get("/graph.png").status == 400


def test_titles_cannot_leave_the_drawing(browser: Browser, people: Ledger) -> None:
    people.add(HOSTILE)
    people.add(f"{HOSTILE}\x1b[2J", depends_on=("SBI-1",))
    text = browser.get("/graph").text
    assert "<script>alert" not in text
    assert "\x1b" not in text
    assert text.count("</svg>") == 1
    ET.fromstring(browser.get("/graph.svg").text)
