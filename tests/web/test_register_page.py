"""Registering in a form: what the command line takes and refuses, in its words, and each thing once."""

from __future__ import annotations

from pathlib import Path

import pytest
from board_at import Browser, serving
from filled import HOSTILE, Form, labelled, send

from deespec.model.wanted import Scope
from deespec.web import forms
from deespec.web.serving import Serving
from deespec.web.words import words_of
from ledger import Ledger


def titles(people: Ledger) -> list[str]:
    with people.store.read() as tx:
        return [line.title for line in tx.list_sbis(Scope()).lines]


PATH = "/register?kind=sbi"


def test_an_item_is_registered_with_all_that_was_typed(browser: Browser, people: Ledger, home: Path) -> None:
    labelled(home, "backend", "ui")
    people.add_pbi("Group")
    people.add("Before")
    got = send(
        browser,
        PATH,
        title="Log in",
        spec="Say who you are.\n\nThen:\n- done",
        acceptance="It works\nIt is tested",
        parent="pbi-1",
        priority="high",
        labels="backend, ui",
        depends_on="sbi-1",
        paths="src/auth/**\ntests/",
        checks="make test\nls, really",
        agent="ann, bob",
        only_implement="true",
        estimate_hours="2.5",
        max_turns="7",
        hold="true",
    )
    assert (got.status, got.headers["location"]) == (303, "/items/SBI-2")
    sbi = people.sbi(2)
    assert sbi.title == "Log in"
    assert sbi.spec.startswith("Say who you are.\n\nThen:\n- done")
    assert "- It is tested" in sbi.spec
    assert (sbi.parent, sbi.priority, sbi.labels, sbi.depends_on) == ("PBI-1", "high", ("backend", "ui"), ("SBI-1",))
    assert (sbi.paths, sbi.checks) == (("src/auth/**", "tests"), ("make test", "ls, really"))
    assert (sbi.agent, sbi.only_implement, sbi.estimate_hours, sbi.max_turns) == (("ann", "bob"), True, 2.5, 7)
    assert sbi.held


def test_what_was_registered_is_said_on_the_page_that_comes(browser: Browser) -> None:
    send(browser, PATH, title="One")
    assert "SBI-1 registered successfully" in browser.get("/inbox").text


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("title", "x" * 201, "It has 201 characters; the limit is 200."),
        ("max_turns", "many", "It must be a whole number from 1 to 1,000, not &#34;many&#34;."),
        ("parent", "SBI-1", "It takes PBIs, not SBI-1."),
        ("depends_on", "PBI-1", "It takes SBIs, not PBI-1."),
        ("paths", "../out", "It has &#34;../out&#34;, which leaves the project."),
        ("estimate_hours", "-1", "It must be a number from 0 to 10,000, not &#34;-1&#34;."),
    ],
)
def test_a_fault_is_told_beside_its_field(
    browser: Browser, people: Ledger, field: str, text: str, message: str
) -> None:
    got = send(browser, PATH, **{"title": "One", "spec": "Kept.", field: text})
    assert got.status == 422
    assert f'id="wrong-{field}">{message}' in got.text
    form = Form(got.text, PATH)
    assert form[field] == text
    assert form["spec"] == "Kept."
    assert titles(people) == []


def test_all_faults_are_told_at_once_and_the_first_has_the_focus(browser: Browser) -> None:
    got = send(browser, PATH, title="One", parent="nobody", max_turns="0")
    assert 'href="#field-parent"' in got.text
    assert 'href="#field-max_turns"' in got.text
    assert got.text.count("autofocus") == 1
    assert got.text.index("autofocus") < got.text.index('id="field-max_turns"')


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({}, "There is neither a title nor a text."),
        ({"title": "One", "labels": "nolabel"}, "There is no label nolabel."),
        ({"title": "One", "depends_on": "SBI-9"}, "SBI-9 is not there."),
        ({"title": "One", "parent": "PBI-9"}, "PBI-9 is not there."),
    ],
)
def test_what_concerns_the_whole_is_told_on_top(
    browser: Browser, people: Ledger, typed: dict[str, str], message: str
) -> None:
    got = send(browser, PATH, **typed)
    assert got.status == 422
    assert message in got.text
    assert titles(people) == []


def test_a_form_that_is_sent_twice_registers_one_item(browser: Browser, people: Ledger) -> None:
    filled = Form(browser.get(PATH).text, PATH).filled(title="One")
    assert browser.post(PATH, filled).headers["location"] == "/items/SBI-1"
    assert browser.post(PATH, filled).headers["location"] == "/items/SBI-1"
    assert titles(people) == ["One"]
    assert "SBI-1 was registered before with this form" in browser.get("/inbox").text


def test_another_text_in_the_same_form_is_another_item(browser: Browser, people: Ledger) -> None:
    form = Form(browser.get(PATH).text, PATH)
    browser.post(PATH, form.filled(title="One"))
    browser.post(PATH, form.filled(title="Two"))
    assert titles(people) == ["One", "Two"]


def test_two_people_with_the_same_page_register_an_item_each(browser: Browser, people: Ledger) -> None:
    filled = Form(browser.get(PATH).text, PATH).filled(title="One")
    browser.post(PATH, filled)
    browser.served.browser().post(PATH, filled)
    assert titles(people) == ["One", "One"]


def test_a_pbi_that_approves_by_itself_says_what_that_means(browser: Browser, people: Ledger) -> None:
    path = "/register?kind=pbi"
    got = send(browser, path, title="Group", story_points="5", auto="true", auto_approve="true", drafts_most="4")
    assert got.headers["location"] == "/pbis/PBI-1"
    with people.store.read() as tx:
        pbi = tx.pbi(1)
    assert (pbi.story_points, pbi.auto, pbi.auto_approve, pbi.drafts_most) == (5, True, True, 4)
    assert "without a person looking at it first" in browser.get("/inbox").text


def test_fields_that_contradict_each_other_are_told_by_their_labels(browser: Browser) -> None:
    got = send(browser, "/register?kind=pbi", title="Group", auto_approve="true", drafts_least="4", drafts_most="3")
    assert got.status == 422
    assert 'id="wrong-auto_approve">It is for' in got.text
    assert "It is 3, but at least 4 are wanted." in got.text
    assert "--" not in got.text.partition('id="faults"')[2].partition("</div>")[0]


def test_what_is_not_there_is_told_with_everything_else_that_is_wrong(browser: Browser, people: Ledger) -> None:
    typed = {"parent": "PBI-99", "depends_on": "SBI-998, SBI-999", "labels": "nolabel", "paths": "../out\n/etc"}
    got = send(browser, PATH, title="One", **typed)
    assert got.status == 422
    for field in typed:
        assert f'id="wrong-{field}"' in got.text
    for words in ("PBI-99 is not there.", "SBI-998, SBI-999 are not there.", "&#34;../out&#34;", "&#34;/etc&#34;"):
        assert words in got.text
    assert titles(people) == []


def test_a_preview_judges_what_is_in_the_form_now(browser: Browser) -> None:
    wrong = send(browser, PATH, title="One", parent="PBI-99")
    right = Form(wrong.text, PATH).filled(parent="", do="preview")
    got = browser.post(PATH, right, HX_Request="true")
    assert got.status == 200
    assert 'id="faults"' not in got.text
    assert 'id="wrong-parent"' not in got.text
    assert "<h3>One</h3>" in got.text
    assert 'hx-select="#register-sbi"' in got.text


def test_an_epic_has_no_field_that_epics_have_not(browser: Browser, people: Ledger) -> None:
    path = "/register?kind=epic"
    names = {name for name, _ in Form(browser.get(path).text, path).values}
    assert not names & {"parent", "paths", "story_points", "depends_on"}
    assert send(browser, path, title="Theme").headers["location"] == "/epics/EPIC-1"


def test_a_spec_with_front_matter_is_taken_whole(browser: Browser, people: Ledger) -> None:
    path = "/register?kind=sbi&amp;as=spec"
    page = browser.get("/register?kind=sbi&as=spec").text
    spec = "---\ntitle: From a file\npriority: urgent\n---\nThe text.\n"
    got = browser.post("/register?kind=sbi&as=spec", Form(page, path.replace("&amp;", "&")).filled(whole=spec))
    assert got.headers["location"] == "/items/SBI-1"
    assert (people.sbi(1).title, people.sbi(1).priority, people.sbi(1).spec) == ("From a file", "urgent", "The text.")
    wrong = browser.post("/register?kind=sbi&as=spec", {"whole": spec.replace("urgent", "soon"), "key": "k"})
    assert wrong.status == 422
    assert "the text:3: priority must be urgent, high, normal, low, not &#34;soon&#34;." in wrong.text
    assert "From a file" in wrong.text


def test_a_preview_shows_the_text_with_advice_and_registers_nothing(browser: Browser, people: Ledger) -> None:
    got = send(browser, PATH, title="One", spec="It is *new*.", do="preview")
    assert got.status == 200
    assert "<em>new</em>" in got.text
    assert "No acceptance criteria" in got.text
    assert titles(people) == []


def test_what_is_hostile_stays_text(browser: Browser, people: Ledger, home: Path) -> None:
    people.add_pbi(HOSTILE)
    labelled(home, "x")
    (home / "labels" / "x.md").write_text(f"---\ndescription: '{HOSTILE.replace(chr(39), '')}'\n---\nText.\n")
    for do in ("register", "preview"):
        got = send(browser, PATH, title="One", spec=HOSTILE, paths=HOSTILE, parent=HOSTILE, labels=HOSTILE, do=do)
        assert "<script>alert" not in got.text
        assert "<img" not in got.text
        assert Form(got.text, PATH)["spec"] == HOSTILE


def test_parent_and_kind_come_from_the_url(browser: Browser, people: Ledger) -> None:
    people.add_pbi("Group")
    page = browser.get("/register?parent=PBI-1").text
    assert Form(page, PATH)["parent"] == "PBI-1"
    assert browser.get("/register?kind=other").status == 400


def test_a_board_that_only_shows_has_no_form(home: Path) -> None:
    with serving(home, Serving(read_only=True)) as served:
        browser = served.browser()
        assert "<form" not in browser.get("/register").text
        assert browser.post("/register", {"title": "One"}).status == 403


def test_the_form_speaks_japanese(browser: Browser) -> None:
    page = browser.get("/register", Accept_Language="ja").text
    assert "受け入れ条件" in page
    assert "Acceptance" not in page


@pytest.mark.parametrize("control", [*forms.ITEM.values(), *forms.DRAFT.values()], ids=lambda one: str(one.name))
def test_every_field_is_named_and_explained_in_japanese(control: forms.Control) -> None:
    japanese = words_of("ja")
    for text in (control.title, control.help):
        assert not text or japanese.say(text) != text
