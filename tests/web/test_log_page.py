"""An item's log on the board: it goes on, it is bounded, and nothing in it can do anything."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from board_at import Browser
from test_item_page import HOSTILE, inert, keep

from deespec.model.lifecycle import Event
from deespec.model.wanted import Scope
from deespec.web.pages import log
from deespec.web.pages.log import ENTRIES_MOST
from deespec.web.routes import PAGES
from ledger import Ledger


def said(text: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'<div class="heard-text">(.*?)</div>', text, re.DOTALL)]


def next_one(text: str) -> str:
    """Where the page asks for what comes after it."""
    [found] = re.findall(r'<li id="log-end"[^>]* hx-get="([^"]*)"', text)
    return html.unescape(found)


def test_it_goes_on_where_it_ended(browser: Browser, people: Ledger, home: Path) -> None:
    people.add("Runs")
    claim = people.begin()
    path = keep(home, claim.token, "output.log", b"one\ntwo\n")
    page = browser.get("/items/SBI-1/log")
    assert said(page.text) == ["one", "two"]
    assert "data-live" in page.text
    with path.open("ab") as file:
        file.write(b"three\n")
    more = browser.get(next_one(page.text), HX_Request="true")
    assert said(more.text) == ["three"]
    assert "<main" not in more.text
    assert said(browser.get(next_one(more.text), HX_Request="true").text) == []


def test_when_nobody_works_on_it_nobody_asks_each_second(browser: Browser, people: Ledger, home: Path) -> None:
    people.add("Ran")
    claim = people.begin()
    keep(home, claim.token, "output.log", b"one\n")
    people.settle(claim, Event.IMPLEMENTED)
    text = browser.get("/items/SBI-1/log").text
    assert said(text) == ["one"]
    assert "data-live" not in text
    assert "news from:#live" in text


def test_it_can_stand_still(browser: Browser, people: Ledger, home: Path) -> None:
    people.add("Runs")
    keep(home, people.begin().token, "output.log", b"one\n")
    text = browser.get("/items/SBI-1/log?follow=0").text
    assert said(text) == ["one"]
    assert "data-live" not in text
    assert not re.search(r'id="log-end"[^>]*hx-get', text)


def test_of_a_long_log_the_newest_is_shown(browser: Browser, people: Ledger, home: Path) -> None:
    people.add("Runs")
    keep(home, people.begin().token, "output.log", b"".join(b"line %d\n" % number for number in range(5_000)))
    text = browser.get("/items/SBI-1/log").text
    assert said(text) == [f"line {number}" for number in range(5_000 - ENTRIES_MOST, 5_000)]
    assert "Only the end of it is shown." in text


def test_turns_have_their_own_logs(browser: Browser, people: Ledger, home: Path) -> None:
    people.add("Worked on")
    for number in (1, 2):
        claim = people.begin()
        keep(home, claim.token, "output.log", b"turn %d\n" % number, turn=number)
        people.settle(claim, Event.FINDINGS)
    assert said(browser.get("/items/SBI-1/log?turn=1").text) == ["turn 1"]
    assert said(browser.get("/items/SBI-1/log").text) == ["turn 2"]
    assert "Nothing is kept of turn 7" in browser.get("/items/SBI-1/log?turn=7").text


@pytest.mark.parametrize(
    "printed",
    [
        HOSTILE.encode(),
        b"\x1b[2J\x1b[Hred \x1b]0;title\x07 \x9b31m\n",
        b"\xff\xfe\0 not text \0\n",
        b"x" * 1_000_000 + b"\n",
        "右から\u202eleft\u2066 \n".encode(),
        b'{"type":"assistant","message":{"content":[{"type":"text","text":"<script>alert(1)</script>\\u001b[31m"}]}}\n',
    ],
)
def test_what_an_agent_prints_is_inert(browser: Browser, people: Ledger, home: Path, printed: bytes) -> None:
    people.add("Runs")
    keep(home, people.begin().token, "output.log", b"before\n" + printed + b"\nafter\n")
    got = browser.get("/items/SBI-1/log")
    assert got.status == 200
    assert inert(got.text)
    assert len(got.text) < 100_000
    assert said(got.text)[-1] == "after"


@pytest.mark.parametrize(
    "position", ["x", "1:2:../../../etc/passwd=0", "9999999999:0:", "-", "%00", "1:1:output.log=999999999"]
)
def test_a_position_that_is_made_up_does_no_harm(browser: Browser, people: Ledger, home: Path, position: str) -> None:
    people.add("Runs")
    keep(home, people.begin().token, "output.log", b"one\n")
    got = browser.get(f"/items/SBI-1/log?part=more&after={position}", HX_Request="true")
    assert got.status == 200
    assert "root:" not in got.text


def test_it_is_saved_without_what_drives_a_terminal(browser: Browser, people: Ledger, home: Path) -> None:
    people.add("Runs")
    claim = people.begin()
    keep(home, claim.token, "output.log", b'{"raw": "json"}\n\x1b]8;;http://evil.example\x07\xff\0\n')
    keep(home, claim.token, "gates/0/output.log", b"12 passed\n")
    got = browser.get("/items/SBI-1/log.txt")
    assert "attachment" in got.headers["content-disposition"]
    assert got.headers["content-type"] == "text/plain; charset=utf-8"
    assert '{"raw": "json"}' in got.text
    assert "12 passed" in got.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", got.text)


def test_links_that_an_agent_has_put_there_are_not_followed(browser: Browser, people: Ledger, home: Path) -> None:
    people.add("Runs")
    claim = people.begin()
    folder = keep(home, claim.token, "output.log", b"own\n").parent
    secret = home.parent / "secret"
    secret.write_text("the secret\n")
    (folder / "stderr.log").symlink_to(secret)
    assert "the secret" not in browser.get("/items/SBI-1/log").text
    assert "the secret" not in browser.get("/items/SBI-1/log.txt").text


def test_an_item_that_nobody_has_begun_says_so(browser: Browser, people: Ledger) -> None:
    people.add("Waits")
    got = browser.get("/items/SBI-1/log")
    assert got.status == 200
    assert "Nothing has been printed yet." in got.text
    assert browser.get("/items/SBI-1/log.txt").status == 404


def test_of_an_item_of_whose_turns_nothing_is_kept_that_is_said(browser: Browser, people: Ledger) -> None:
    people.add("Worked on elsewhere")
    people.settle(people.begin(), Event.IMPLEMENTED)
    text = browser.get("/items/SBI-1/log").text
    assert "Nothing is kept of its turns." in text
    assert "log.txt" not in text


def test_a_merge_that_printed_nothing_hides_nothing(browser: Browser, people: Ledger, home: Path) -> None:
    people.add("Merged")
    claim = people.begin()
    keep(home, claim.token, "output.log", b"words of the turn\n")
    people.settle(claim, Event.IMPLEMENTED)
    keep(home, claim.token + 1, "gates/0/output.log", b"", turn="merge")
    got = browser.get("/items/SBI-1/log").text
    assert said(got) == ["words of the turn"]
    [file] = re.findall(r'<a href="([^"]*)" download>', got)
    assert "words of the turn" in browser.get(file).text


def test_what_is_saved_is_what_is_shown(browser: Browser, people: Ledger, home: Path) -> None:
    people.add("Merged")
    claim = people.begin()
    keep(home, claim.token, "output.log", b"words of the turn\n")
    people.settle(claim, Event.IMPLEMENTED)
    keep(home, claim.token + 1, "gates/0/output.log", b"12 passed\n", turn="merge")
    for page, words, name in (
        ("/items/SBI-1/log", "12 passed", "SBI-1-merge.log"),
        ("/items/SBI-1/log?turn=1", "words of the turn", "SBI-1-turn-1.log"),
    ):
        [file] = re.findall(r'<a href="([^"]*)" download>', browser.get(page).text)
        got = browser.get(html.unescape(file))
        assert words in got.text
        assert got.headers["content-disposition"].endswith(name)


def test_a_log_that_is_saved_keeps_no_page_waiting() -> None:
    """It may have 16 MiB."""
    [route] = [one for one in PAGES if one.answer is log.save]
    assert route.dear


def test_the_log_of_a_decomposition_is_shown_as_that_of_any_item(browser: Browser, people: Ledger, home: Path) -> None:
    people.ask(people.add_pbi("Cut it"))
    claim = people.take(scope=Scope(pbis=True))
    keep(home, claim.token, "output.log", b"I read the code.\n", item="PBI-1")
    assert said(browser.get("/items/PBI-1/log").text) == ["I read the code."]
    assert "I read the code." in browser.get("/items/PBI-1/log.txt").text


def test_gates_are_counted_from_1_as_everywhere(browser: Browser, people: Ledger, home: Path) -> None:
    people.add("Runs")
    claim = people.begin()
    for number in (0, 1):
        keep(home, claim.token, f"gates/{number}/output.log", b"passed\n")
    text = browser.get("/items/SBI-1/log").text
    assert re.findall(r">gate (\d+)", text) == ["1", "2"]
