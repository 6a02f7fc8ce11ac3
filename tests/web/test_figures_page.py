"""The figures on the board: all charts with their numbers, a run of one's choice, and what it costs to look."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from board_at import Browser

import deespec.board
from deespec.board import sheet_tables
from deespec.board.draw.graph import Word
from deespec.model.items import Worker
from deespec.model.lifecycle import Event
from deespec.web.pages import figures
from deespec.web.words import words_of
from ledger import Ledger

BOARD = Path(deespec.board.__file__).parent


def run(people: Ledger, name: str) -> None:
    """A worker that takes one item to its end."""
    made = Worker(uid=name, name=name, host="box", pid=7, pid_start="1", namespace="1", boot="b", slots=2)
    with people.store.transaction() as tx:
        tx.add_worker(made)
    people.clock.forward(60_000)
    claim = people.begin(worker=name, actor=f"worker {name}")
    people.clock.forward(600_000)
    people.settle(claim, Event.IMPLEMENTED_ONLY, Event.MERGED, cost_usd=1.25, tokens_in=1000)
    with people.store.transaction() as tx:
        tx.remove_worker(made)


def test_every_chart_has_a_caption_and_its_numbers(browser: Browser, people: Ledger) -> None:
    people.add("An <i>item</i>")
    run(people, "box-1")
    text = browser.get("/figures?since=all").text
    names = re.findall(r'<figure class="chart-card[^"]*" id="chart-([\w-]+)"', text)
    assert names[:2] == ["throughput", "flow"]
    assert "run" in names
    assert text.count("<figcaption>") == text.count('<svg xmlns="http://www.w3.org/2000/svg"') == len(names)
    assert 'id="numbers-throughput"' in text
    assert "1.25 USD" in text
    assert "An &lt;i&gt;item&lt;/i&gt;" in text
    assert "<i>item" not in text


def test_charts_need_no_style_that_the_policy_forbids(browser: Browser, people: Ledger) -> None:
    people.add()
    run(people, "box-1")
    assert re.findall(r"\sstyle=|<style|<script[^>]*>[^<]|\son\w+=", browser.get("/figures?since=all").text) == []


def test_a_run_can_be_chosen(browser: Browser, people: Ledger) -> None:
    people.add("First")
    people.add("Second")
    run(people, "box-1")
    run(people, "box-2")
    newest = browser.get("/figures?since=all").text
    assert newest.index("<option>box-2") < newest.index("<option>box-1")
    earlier = browser.get("/figures?since=all&run=box-1").text
    assert "<option selected>box-1" in earlier
    assert [">SBI-2/1<" in text for text in (newest, earlier)] == [True, False]
    assert browser.get("/figures?run=nobody").status == 404


def test_only_the_time_that_is_asked_for_counts(browser: Browser, people: Ledger) -> None:
    people.add()
    run(people, "box-1")  # on the clock of the tests: long ago
    assert "1.25 USD" in browser.get("/figures?since=all").text
    assert "1.25 USD" not in re.sub(r'(?s)id="chart-run".*', "", browser.get("/figures?since=7d").text)
    assert browser.get("/figures?since=2d").status == 400


def test_charts_are_made_once_for_all_who_look(
    browser: Browser, people: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    whole = figures.whole
    monkeypatch.setattr(figures, "whole", lambda *args, **more: made.append(1) or whole(*args, **more))
    for look in range(3):
        people.add()
        browser.get(f"/figures?look={look}")  # no page that the board has kept
    assert len(made) == 1
    browser.get("/figures?since=7d")
    assert len(made) == 2


def test_charts_grow_old(browser: Browser, people: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "KEPT_MS", 0)
    assert "1.25 USD" not in browser.get("/figures?since=all").text
    people.add()
    run(people, "box-1")
    assert "1.25 USD" in browser.get("/figures?since=all&new=1").text  # no page that the board has kept


def test_an_open_page_is_refreshed_at_leisure(browser: Browser) -> None:
    assert 'hx-trigger="news from:#live throttle:15s"' in browser.get("/figures").text
    assert 'hx-trigger="news from:#live"' in browser.get("/agents").text


def test_what_the_drawings_say_is_known_in_japanese() -> None:
    said = {*map(str, Word), *sheet_tables.CAUSES.values(), *sheet_tables.PLACES.values(), *figures.SPANS.values()}
    for path in (*(BOARD / "draw").glob("*.py"), BOARD / "sheet.py", BOARD / "sheet_tables.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "words":
                said |= {str(one.value) for one in node.args if isinstance(one, ast.Constant)}
    table = words_of("ja")._table
    assert sorted(words for words in said if words not in table) == []
    places = re.compile(r"{\w+}")
    assert [w for w in said if sorted(places.findall(w)) != sorted(places.findall(table[w]))] == []


def test_charts_are_labelled_in_the_reader_s_language(browser: Browser, people: Ledger) -> None:
    people.add()
    run(people, "box-1")
    text = browser.get("/figures?since=all", Accept_Language="ja").text
    assert "スループット" in text
    assert "Throughput" not in text
