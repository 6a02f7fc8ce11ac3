"""The head line says how much waits for a person, on every page, as things are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from board_at import Browser, Served, serving, soon
from filled import asking, drafted, paused

from deespec.board.inbox import entries
from deespec.web import watching
from deespec.web.serving import Serving
from ledger import Ledger

CONFIG = """
[run]
implement = "ann"
[agents.ann]
kind = "command"
command = "true"
"""


@pytest.fixture(autouse=True)
def config(home: Path) -> None:
    """Items that nothing bars wait for nobody."""
    (home / "config.toml").write_text(CONFIG)


def count(text: str) -> str:
    """What stands beside Inbox."""
    [found] = re.findall(r'<a href="/inbox"[^>]*>\w+ <span class="count" id="waiting">(\d*)</span></a>', text)
    return str(found)


def fresh(text: str) -> str:
    """What an open page is to put there."""
    [found] = re.findall(r'<hx-partial hx-target="#waiting" hx-swap="innerMorph">(\d*)</hx-partial>', text)
    return str(found)


def test_an_empty_inbox_has_no_number(browser: Browser, people: Ledger) -> None:
    people.add()
    assert count(browser.get("/items").text) == ""


def test_every_page_says_how_many_entries_the_inbox_has(browser: Browser, people: Ledger, home: Path) -> None:
    asking(people)
    people.add("Held", hold=True)
    drafted(people)
    paused(home, "ann")
    shown = browser.get("/inbox").text
    listed = sum(int(one) for one in re.findall(r'<h2>[^/]*?<span class="count">(\d+)', shown))
    listed += int(re.findall(r'Drafts</a> <span class="count">(\d+)', shown)[0])
    assert listed == 6
    for page in ("/", "/inbox", "/items", "/items/SBI-1", "/journal", "/figures"):
        assert count(browser.get(page).text) == str(listed)


def test_an_open_page_is_told_the_new_number(browser: Browser, people: Ledger) -> None:
    people.add("Free")
    assert fresh(browser.get("/journal", HX_Request="true").text) == ""
    asking(people)
    soon(lambda: fresh(browser.get("/journal", HX_Request="true").text) == "1", "the new number")


def test_what_is_decided_on_the_page_counts_no_more_at_once(browser: Browser, people: Ledger) -> None:
    drafted(people)
    assert count(browser.get("/drafts").text) == "3"
    browser.post("/drafts", {"approve": "PBI-1/1"})
    assert count(browser.get("/drafts").text) == "2"


def test_parts_of_a_page_do_not_count(browser: Browser, people: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    people.add()
    counted = counting(monkeypatch)
    for part in ("/items/SBI-1?part=spec", "/items/SBI-1/log?part=more"):
        assert browser.get(part, HX_Request="true").status == 200
    assert counted == []


def test_it_is_counted_once_for_all_pages_of_a_version(
    served: Served, people: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.add()
    browser = served.browser()
    soon(lambda: not served.board.live.version.endswith(".0"), "the write to be seen")
    monkeypatch.setattr(watching, "COUNTED_MS", 60_000)
    counted = counting(monkeypatch)
    for page in ("/items", "/journal", "/inbox", "/agents", "/epics"):
        browser.get(page)
    assert len(counted) == 1


def test_who_may_only_read_sees_the_number_too(home: Path, people: Ledger) -> None:
    asking(people)
    with serving(home, Serving(read_only=True)) as served:
        assert count(served.browser().get("/").text) == "1"


def counting(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Gets an entry each time it is counted."""
    counted: list[Any] = []

    def count_it(app: Any) -> int:
        counted.append(app)
        return entries(app)

    monkeypatch.setattr(watching, "entries", count_it)
    return counted
