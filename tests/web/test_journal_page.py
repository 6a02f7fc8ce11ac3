"""The journal on the board: pages by number, filters, and the same as a file."""

from __future__ import annotations

import json
import re

import pytest
from board_at import Browser

from deespec.model.lifecycle import Event
from deespec.web.pages import journal
from ledger import Ledger


def entries(text: str) -> list[int]:
    """The numbers of the entries in the order in which they stand."""
    return [int(number) for number in re.findall(r'id="entry-(\d+)"', text)]


def link(text: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', text)
    assert found is not None, f"no link {rel}"
    return found[1].replace("&amp;", "&")


def test_the_newest_entry_stands_first_with_all_that_it_says(browser: Browser, people: Ledger) -> None:
    people.add("One")
    people.settle(people.begin(), Event.IMPLEMENTED)
    text = browser.get("/journal").text
    numbers = entries(text)
    assert numbers == sorted(numbers, reverse=True)
    for words in ("IMPLEMENTING → REVIEWING", 'href="/items/SBI-1"', "workspace_ready", "ann", "person@test"):
        assert words in text


def test_pages_join_without_a_gap(browser: Browser, people: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "ON_A_PAGE", 4)
    people.add_many(10)
    with people.store.read() as tx:
        every = [one.seq for one in tx.journal(event="registered")][::-1]
    first = browser.get("/journal?event=registered").text
    second = browser.get(link(first, "next")).text
    third = browser.get(link(second, "next")).text
    assert entries(first) + entries(second) + entries(third) == every
    assert 'rel="next"' not in third
    assert entries(browser.get(link(third, "prev")).text) == entries(second)
    assert entries(browser.get(link(second, "prev")).text) == entries(first)
    assert 'rel="prev"' not in first


def test_an_older_page_stays_what_it_is(browser: Browser, people: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "ON_A_PAGE", 4)
    people.add_many(10)
    older = link(browser.get("/journal").text, "next")
    before = entries(browser.get(older).text)
    people.add_many(5)
    assert entries(browser.get(older).text) == before


def test_a_page_that_is_not_full_is_filled_up(
    browser: Browser, people: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "ON_A_PAGE", 4)
    people.add_many(6)
    newest = entries(browser.get("/journal").text)
    assert entries(browser.get(f"/journal?after={newest[0] - 1}").text) == newest


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ("item=sbi-2", {"SBI-2"}),
        ("event=registered", {"SBI-1", "SBI-2"}),
        ("actor=PERSON", {"SBI-1", "SBI-2"}),
        ("actor=deespec%20x", set()),
        ("item=SBI-9", set()),
        ("since=2027-01-01", set()),
        ("since=2025-12-30", {"SBI-1", "SBI-2"}),
        ("item=SBI-1&event=claimed", {"SBI-1"}),
        ("item=SBI-2&event=claimed", set()),
    ],
)
def test_only_what_is_asked_for_is_shown(browser: Browser, people: Ledger, query: str, there: set[str]) -> None:
    people.add()
    people.add()
    people.begin()
    text = browser.get(f"/journal?{query}").text
    assert set(re.findall(r'href="/items/(SBI-\d+)"', text)) == there
    assert ("There are no such entries." in text) is (not there)


@pytest.mark.parametrize("query", ["since=yesterday", "before=x", "after=-1", f"actor={'x' * 300}", "item=a/b"])
def test_what_makes_no_sense_is_said(browser: Browser, query: str) -> None:
    assert browser.get(f"/journal?{query}").status in (400, 404)


def test_the_same_entries_are_saved_as_the_command_writes_them(browser: Browser, people: Ledger) -> None:
    people.add("One")
    people.add("Two")
    got = browser.get("/journal.ndjson?item=SBI-2")
    found = [json.loads(line) for line in got.text.splitlines()]
    assert {one["item"] for one in found} == {"SBI-2"}
    assert [one["seq"] for one in found] == sorted(one["seq"] for one in found)
    assert set(found[0]) >= {"seq", "at", "actor", "item", "event", "from", "to", "turn", "step", "agent", "detail"}
    assert "attachment" in got.headers["content-disposition"]
    assert "/journal.ndjson?item=SBI-2" in browser.get("/journal?item=SBI-2").text


def test_a_file_has_no_more_than_the_newest(browser: Browser, people: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SAVED_MOST", 3)
    people.add_many(5)
    with people.store.read() as tx:
        newest = tx.journal_end()
    found = [json.loads(line)["seq"] for line in browser.get("/journal.ndjson").text.splitlines()]
    assert found == [newest - 2, newest - 1, newest]


def test_what_agents_say_is_harmless_there(browser: Browser, people: Ledger) -> None:
    with people.store.transaction() as tx:
        tx.note("<script>a</script>", "x", item="SBI-1", agent="<img src=x>", error="\x1b[31m<b>red</b>\u202e")
    text = browser.get("/journal").text
    for words in ("<script>a", "<img", "<b>red", "\x1b", "\u202e"):
        assert words not in text
    assert "&lt;b&gt;red" in text
    assert browser.get("/journal?event=%3Cscript%3Ea").text.count("<script>a") == 0


def test_changed_settings_are_told_without_their_digest(browser: Browser, people: Ledger) -> None:
    with people.store.transaction() as tx:
        tx.note("ann", "settings_changed", detail="a" * 64)
    text = browser.get("/journal").text
    assert "settings_changed" in text
    assert "a" * 64 not in text
