"""The list of items: true totals, pages, filters, and a word for whoever finds nothing."""

from __future__ import annotations

import re

import pytest
from board_at import Browser

from deespec.model.items import Priority
from deespec.web.pages.items import ITEMS_A_PAGE
from ledger import Ledger


def listed(browser: Browser, path: str) -> list[str]:
    """The ids in the table, in its order."""
    got = browser.get(path)
    assert got.status == 200
    return re.findall(r'<tr id="row-(SBI-\d+)"', got.text)


def test_pages_hold_all_items_in_the_order_of_the_command(browser: Browser, people: Ledger) -> None:
    people.add_many(ITEMS_A_PAGE * 2 + 3)
    pages = [listed(browser, f"/items?page={number}") for number in (1, 2, 3)]
    assert [len(page) for page in pages] == [ITEMS_A_PAGE, ITEMS_A_PAGE, 3]
    assert [one for page in pages for one in page] == [f"SBI-{number + 1}" for number in range(ITEMS_A_PAGE * 2 + 3)]
    first = browser.get("/items").text
    assert f"1 to {ITEMS_A_PAGE} of {ITEMS_A_PAGE * 2 + 3}" in first
    assert 'rel="next" href="/items?page=2"' in first
    assert 'rel="prev"' not in first
    last = browser.get("/items?page=3").text
    assert 'rel="next"' not in last


def test_filters_leave_what_is_asked_for(browser: Browser, people: Ledger) -> None:
    group = people.add_pbi("Group")
    people.add("Alpha", parent=group.id, priority=Priority.HIGH)
    people.add("Beta", labels=("ui", "api"))
    people.add("Gamma", depends_on=("SBI-1",))
    people.hold(people.add("Delta"))
    assert listed(browser, "/items") == ["SBI-1", "SBI-2", "SBI-3", "SBI-4"]
    assert listed(browser, "/items?text=bet") == ["SBI-2"]
    assert listed(browser, "/items?label=ui") == ["SBI-2"]
    assert listed(browser, "/items?parent=pbi-1") == ["SBI-1"]
    assert listed(browser, "/items?state=ready") == ["SBI-1", "SBI-2"]
    assert listed(browser, "/items?state=blocked") == ["SBI-3"]
    assert listed(browser, "/items?state=held") == ["SBI-4"]
    assert listed(browser, "/items?owner=nobody@nowhere") == []
    assert listed(browser, "/items?owner=person@test&text=a&state=ready") == ["SBI-1", "SBI-2"]


def test_statuses_may_be_several_however_they_are_given(browser: Browser, people: Ledger) -> None:
    people.add("Done one")
    people.finish()
    people.add("Under review")
    people.implement()
    people.add("Waits")
    assert listed(browser, "/items") == ["SBI-2", "SBI-3"]
    assert listed(browser, "/items?state=all") == ["SBI-1", "SBI-2", "SBI-3"]
    assert listed(browser, "/items?status=done") == ["SBI-1"]
    assert listed(browser, "/items?status=DONE,REVIEWING") == ["SBI-1", "SBI-2"]
    assert listed(browser, "/items?status=DONE&status=PENDING") == ["SBI-1", "SBI-3"]


def test_going_on_keeps_the_filters(browser: Browser, people: Ledger) -> None:
    people.add_many(ITEMS_A_PAGE + 1)
    text = browser.get("/items?status=PENDING&status=DONE&text=Item&state=all").text
    assert 'href="/items?status=PENDING%2CDONE&amp;state=all&amp;text=Item&amp;page=2"' in text


@pytest.mark.parametrize("query", ["status=NONE", "status=%00", "state=maybe", "page=0", "page=x", "page=99999999"])
def test_what_cannot_be_asked_for_is_refused(browser: Browser, query: str) -> None:
    assert browser.get(f"/items?{query}").status == 400


@pytest.mark.parametrize("parent", ["PBI-9", "nothing", "SBI-1", "'; DROP TABLE sbi; --"])
def test_a_parent_that_is_none_is_told_beside_the_form(browser: Browser, people: Ledger, parent: str) -> None:
    people.add("One")
    got = browser.get(f"/items?parent={parent.replace(' ', '%20')}")
    assert got.status in (400, 404)
    assert 'role="alert"' in got.text
    assert 'name="parent"' in got.text


def test_an_empty_backlog_says_what_to_do(browser: Browser, people: Ledger) -> None:
    assert 'href="/register"' in browser.get("/items").text
    people.add("One")
    people.finish()
    assert "Everything is done or cancelled." in browser.get("/items?again=1").text
    assert "No item is like that." in browser.get("/items?text=nothing").text


def test_what_people_typed_in_is_shown_as_text(browser: Browser, people: Ledger) -> None:
    people.add("<img src=x onerror=alert(1)>")
    text = browser.get("/items?text=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").text
    assert "<script>alert" not in text
    assert "<img" not in browser.get("/items").text
