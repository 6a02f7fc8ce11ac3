"""Changing items in forms: only what a person has changed, and never over what somebody else has."""

from __future__ import annotations

from pathlib import Path

import pytest
from board_at import Browser, serving, soon
from filled import HOSTILE, Form, labelled, send

from deespec.backlog import edit
from deespec.model.items import Epic, Kind
from deespec.model.lifecycle import Event
from deespec.model.spec import NewItem
from deespec.web.serving import Serving
from ledger import PERSON, Ledger

SBI = "/items/SBI-1/edit"


def theirs(people: Ledger, item: str = "SBI-1", **changes: object) -> None:
    """Somebody else changes it."""
    edit.update(people.store, item, lambda _: changes, actor=PERSON)


def test_fields_are_changed_and_only_those(browser: Browser, people: Ledger, home: Path) -> None:
    labelled(home, "ui")
    people.add_pbi()
    people.add("One", paths=("src",), estimate_hours=2.0, checks=("a\nb", "c"), labels=("gone",))
    people.add("Two")
    got = send(browser, SBI, title="Better", depends_on="2", parent="PBI-1", priority="urgent", labels="gone, ui")
    assert (got.status, got.headers["location"]) == (303, "/items/SBI-1")
    now = people.sbi(1)
    assert (now.title, now.depends_on, now.parent, now.priority) == ("Better", ("SBI-2",), "PBI-1", "urgent")
    assert (now.labels, now.paths, now.estimate_hours, now.checks) == (("gone", "ui"), ("src",), 2.0, ("a\nb", "c"))
    assert "SBI-1 changed: depends_on, labels, parent, priority, title" in browser.get("/inbox").text


def test_a_form_that_was_only_looked_at_changes_nothing(browser: Browser, people: Ledger) -> None:
    people.add("T\u2067", spec="A\u202e\n\n  b\t", checks=("a\nb",), paths=("a, b",), labels=("gone",))
    before = people.sbi(1)
    send(browser, SBI)
    assert people.sbi(1) == before
    assert "nothing was changed" in browser.get("/inbox").text


def test_fields_can_be_emptied(browser: Browser, people: Ledger) -> None:
    people.add_pbi()
    people.add("Two")
    people.add("One", paths=("src",), estimate_hours=2.0, parent="PBI-1", depends_on=("SBI-1",), only_implement=True)
    path = "/items/SBI-2/edit"
    emptied = {"paths": "", "estimate_hours": "", "parent": "", "depends_on": ""}
    filled = Form(browser.get(path).text, path).filled(**emptied)
    filled.pop("only_implement")
    assert browser.post(path, filled).status == 303
    now = people.sbi(2)
    assert (now.paths, now.estimate_hours, now.parent, now.depends_on, now.only_implement) == (
        (),
        None,
        None,
        (),
        False,
    )


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("title", "", "It is empty."),
        ("max_turns", "0", "It must be a whole number from 1 to 1,000, not &#34;0&#34;."),
        ("labels", "nolabel", "There is no label nolabel."),
        ("depends_on", "SBI-1", "SBI-1 cannot need itself."),
        ("depends_on", "SBI-9", "needs SBI-9, which is not there."),
        ("parent", "PBI-9", "has the parent PBI-9, which is not there."),
    ],
)
def test_what_an_item_cannot_be_is_told_and_what_was_typed_stays(
    browser: Browser, people: Ledger, field: str, text: str, message: str
) -> None:
    before = people.add("One")
    got = send(browser, SBI, **{"spec": "Kept.", field: text})
    assert got.status == 422
    assert message in got.text
    form = Form(got.text, SBI)
    assert (form["spec"], form[field]) == ("Kept.", text)
    assert people.sbi(1) == before


def test_two_who_change_different_fields_both_count(browser: Browser, people: Ledger) -> None:
    people.add("One")
    form = Form(browser.get(SBI).text, SBI)
    theirs(people, title="Theirs")
    assert browser.post(SBI, form.filled(spec="Mine.")).status == 303
    assert (people.sbi(1).title, people.sbi(1).spec) == ("Theirs", "Mine.")


def test_two_who_change_the_same_field_are_told_and_shown_both(browser: Browser, people: Ledger) -> None:
    people.add("One")
    form = Form(browser.get(SBI).text, SBI)
    theirs(people, title="Theirs", spec="Their text.")
    got = browser.post(SBI, form.filled(spec="Mine."))
    assert got.status == 422
    assert "Somebody else has changed SBI-1 meanwhile: spec." in got.text
    assert "<pre>Their text.</pre>" in got.text
    again = Form(got.text, SBI)
    assert (again["spec"], again["title"]) == ("Mine.", "Theirs")
    assert people.sbi(1).spec == "Their text."
    assert browser.post(SBI, again.filled()).status == 303
    assert (people.sbi(1).title, people.sbi(1).spec) == ("Theirs", "Mine.")


def test_a_pbi_and_an_epic_have_their_own_fields(browser: Browser, people: Ledger) -> None:
    people.add_pbi()
    people.add_all([NewItem(kind=Kind.EPIC, title="Theme", spec="Text.")])
    got = send(browser, "/pbis/PBI-1/edit", story_points="8", parent="1", auto="true")
    assert got.headers["location"] == "/pbis/PBI-1"
    assert "is decomposed by" in browser.get("/inbox").text
    send(browser, "/epics/EPIC-1/edit", title="Better theme")
    with people.store.read() as tx:
        assert (tx.pbi(1).story_points, tx.pbi(1).parent, tx.pbi(1).auto) == (8, "EPIC-1", True)
        found = tx.item("EPIC-1")
    assert isinstance(found, Epic)
    assert found.title == "Better theme"


@pytest.mark.parametrize("path", ["/items/PBI-1/edit", "/pbis/SBI-1/edit", "/items/SBI-9/edit", "/epics/x/edit"])
def test_what_is_not_there_has_no_form(browser: Browser, people: Ledger, path: str) -> None:
    people.add_pbi()
    people.add("One")
    assert browser.get(path).status == 404


def test_what_has_ended_is_refused(browser: Browser, people: Ledger) -> None:
    people.add("One")
    form = Form(browser.get(SBI).text, SBI)
    people.move(1, Event.CANCELLED)
    soon(lambda: browser.get(SBI).status == 409, "the page to say that it has ended")
    got = browser.post(SBI, form.filled(spec="Mine."))
    assert got.status == 422
    assert "SBI-1 is CANCELLED: it cannot be changed." in got.text
    assert Form(got.text, SBI)["spec"] == "Mine."


def test_hostile_items_stay_text_in_forms(browser: Browser, people: Ledger) -> None:
    people.add(HOSTILE, spec=HOSTILE, checks=(HOSTILE,))
    page = browser.get(SBI).text
    assert "<script>alert" not in page
    assert "<img" not in page
    assert Form(page, SBI)["spec"] == HOSTILE


def test_a_board_that_only_shows_has_no_form_for_items(home: Path, people: Ledger) -> None:
    people.add("One")
    with serving(home, Serving(read_only=True)) as served:
        assert "<form" not in served.browser().get(SBI).text
        assert served.browser().post(SBI, {"title": "x"}).status == 403
