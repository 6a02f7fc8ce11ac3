"""Drafts on pages: looked at, approved, rejected and edited, each decided once."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest
from board_at import Browser, Got, serving
from filled import HOSTILE, Form, draft, draft_now, drafted, labelled, send

from deespec.backlog.drafts import Decider, rewrite
from deespec.model.asking import DraftStatus
from deespec.records import replace
from deespec.web.serving import Serving
from ledger import Ledger

ONE = "/drafts/PBI-1/1"
EDIT = "/drafts/PBI-1/1/edit"


def states(people: Ledger) -> dict[int, str]:
    with people.store.read() as tx:
        return {one.number: one.registered or str(one.status) for one in tx.drafts("PBI-1", decided=True)}


def decide(browser: Browser, *names: str, **fields: str) -> Got:
    """Sends the list with these ticked."""
    sent = [("csrf", browser.csrf()), ("of", "PBI-1"), *(("draft", name) for name in names), *fields.items()]
    headers = {"Origin": f"http://{browser.served.own}"}
    return browser.ask("POST", "/drafts", body=urlencode(sent), headers=headers)


def test_a_draft_is_shown_in_full(browser: Browser, people: Ledger) -> None:
    people.add("Before")
    full = draft(
        2,
        labels=("ui",),
        paths=("src/**",),
        needs=("PBI-1/1", "SBI-1", "PBI-1/9"),
        estimate_hours=1.5,
        spec="Say *it*.",
    )
    drafted(people, draft(1), full)
    page = browser.get("/drafts/PBI-1/2").text
    for words in ("<em>it</em>", "src/**", "1.5", ">ui<", 'href="/drafts/PBI-1/1"', 'href="/items/SBI-1"', "PENDING"):
        assert words in page
    assert "not there" in page


def test_a_draft_is_shown_against_the_one_in_whose_place_it_stands(browser: Browser, people: Ledger) -> None:
    old = draft(1, spec="Same.\nOld.", status=DraftStatus.REJECTED, decided_at=1, decided_by="ann", reason="no")
    drafted(people, old, draft(2, title="Draft 1", spec="Same.\nNew.", replaces=1))
    page = browser.get("/drafts/PBI-1/2").text
    assert '<span class="gone">-Old.</span>' in page
    assert '<span class="added">+New.</span>' in page


def test_a_draft_is_approved_on_its_page_and_can_be_held(browser: Browser, people: Ledger) -> None:
    drafted(people)
    assert send(browser, ONE, do="approve", hold="true").headers["location"] == ONE
    assert states(people)[1] == "SBI-1"
    assert people.sbi(1).held
    page = browser.get(ONE).text
    assert "registered as SBI-1, held" in page
    assert 'value="approve"' not in page


def test_a_draft_is_rejected_with_a_reason_only_and_that_can_be_taken_back(browser: Browser, people: Ledger) -> None:
    drafted(people)
    got = send(browser, ONE, do="reject", reason=" ")
    assert got.status == 422
    assert "Nothing was said" in got.text
    send(browser, ONE, do="reject", reason="Not now.")
    assert draft_now(people, 1).reason == "Not now."
    send(browser, ONE, do="again")
    assert states(people)[1] == "SBI-1"


@pytest.mark.parametrize(
    ("button", "found"),
    [
        ("approve", {1: "open", 2: "waiting", 3: "waiting"}),
        ("with", {1: "SBI-1", 2: "SBI-2", 3: "SBI-3"}),
        ("without", {1: "open", 2: "waiting", 3: "SBI-1"}),
    ],
)
@pytest.mark.parametrize("before", ["open", "waiting"])
def test_what_a_draft_needs_is_waited_for_brought_or_left(
    browser: Browser, people: Ledger, button: str, found: dict[int, str], before: str
) -> None:
    """Whatever it needs is named with what that needs in turn; one that waits has a button for it, too."""
    drafted(people, draft(1, title="First"), draft(2, needs=("PBI-1/1",)), draft(3, needs=("PBI-1/2",)))
    send(browser, "/drafts/PBI-1/2", do="approve")
    if before == "waiting":
        send(browser, "/drafts/PBI-1/3", do="approve")
    page = browser.get("/drafts/PBI-1/3").text
    asked = page[page.index('id="waits-for"') :]
    assert 'href="/drafts/PBI-1/1"' in asked
    assert 'href="/drafts/PBI-1/2"' in asked
    assert (f'name="do" value="{button}"' in page) == (button != "approve" or before == "open")
    send(browser, "/drafts/PBI-1/3", do=button)
    now = states(people)
    assert {number: now[number] for number in found} == found


def test_a_draft_that_needs_nothing_says_nothing_of_needs(browser: Browser, people: Ledger) -> None:
    drafted(people, draft(1), draft(2, needs=("PBI-1/1",)))
    send(browser, ONE, do="approve")
    for number in (1, 2):
        page = browser.get(f"/drafts/PBI-1/{number}").text
        assert "waits-for" not in page
        assert 'value="with"' not in page
        assert 'value="without"' not in page


def test_a_need_that_was_rejected_can_be_left_out(browser: Browser, people: Ledger) -> None:
    drafted(people, draft(1), draft(2, needs=("PBI-1/1",)))
    send(browser, ONE, do="reject", reason="No.")
    page = browser.get("/drafts/PBI-1/2").text
    assert 'value="with"' not in page
    assert 'value="without"' in page
    send(browser, "/drafts/PBI-1/2", do="without")
    assert states(people)[2] == "SBI-1"


@pytest.mark.parametrize("path", ["/drafts", "/drafts/PBI-1"])
def test_one_that_waits_is_told_so_without_a_command_and_brought_on_from_the_list(
    browser: Browser, people: Ledger, path: str
) -> None:
    drafted(people, draft(1), draft(2, needs=("PBI-1/1",)))
    decide(browser, approve="PBI-1/2")
    page = browser.get(path).text
    assert "PBI-1/2 is approved, and waits for PBI-1/1" in page
    assert "deespec approve" not in page
    form = page[page.index('id="pick-PBI-1-2"') :]
    assert 'name="with" value="PBI-1/2"' in form[: form.index("</li>")]
    decide(browser, **{"with": "PBI-1/2"})
    assert states(people) == {1: "SBI-1", 2: "SBI-2"}


def test_several_are_approved_at_once_and_others_rejected(browser: Browser, people: Ledger) -> None:
    drafted(people, *(draft(number) for number in range(1, 5)))
    assert decide(browser, "PBI-1/1", "PBI-1/3", do="approve").status == 303
    assert decide(browser, "PBI-1/2", "PBI-1/4", do="reject", reason="No.").status == 303
    assert states(people) == {1: "SBI-1", 2: "rejected", 3: "SBI-2", 4: "rejected"}


def test_the_button_of_one_draft_approves_that_only(browser: Browser, people: Ledger) -> None:
    drafted(people)
    decide(browser, "PBI-1/2", "PBI-1/3", approve="PBI-1/1")
    assert states(people) == {1: "SBI-1", 2: "open", 3: "open"}


def test_a_refusal_keeps_what_was_ticked_and_typed(browser: Browser, people: Ledger) -> None:
    drafted(people)
    send(browser, ONE, do="reject", reason="No.")
    got = decide(browser, "PBI-1/1", "PBI-1/2", do="reject", reason="Neither.")
    assert got.status == 422
    assert "PBI-1/1 was rejected by" in got.text
    form = Form(got.text, "/drafts")
    assert ("draft", "PBI-1/2") in form.values
    assert form["reason"] == "Neither."
    assert states(people)[2] == "open"


def test_nothing_ticked_is_told(browser: Browser, people: Ledger) -> None:
    drafted(people)
    assert "No draft is chosen; nothing was changed." in decide(browser, do="approve").text


@pytest.mark.parametrize("name", ["PBI-1", "PBI-1/x", "PBI-1/99", "../1", "", "SBI-1/1/1"])
def test_what_is_no_draft_is_refused(browser: Browser, people: Ledger, name: str) -> None:
    drafted(people)
    assert decide(browser, name, do="approve").status == 422
    assert set(states(people).values()) == {"open"}


@pytest.mark.parametrize(
    "path", ["/drafts/PBI-1/99", "/drafts/PBI-1/x", "/drafts/PBI-9", "/drafts/nothing", "/drafts/PBI-1/1/x"]
)
def test_pages_of_what_is_not_there_are_not_there(browser: Browser, people: Ledger, path: str) -> None:
    drafted(people)
    assert browser.get(path).status == 404


def test_all_drafts_of_an_item_are_listed_with_what_was_decided(browser: Browser, people: Ledger) -> None:
    drafted(people)
    send(browser, ONE, do="reject", reason="Not now.")
    page = browser.get("/drafts/PBI-1").text
    assert page.index("Draft 2") < page.index("Decided") < page.index("Draft 1")
    assert "Not now." in page


# --- editing ----------------------------------------------------------------------------------------------------------


def test_every_field_of_a_draft_can_be_edited(browser: Browser, people: Ledger, home: Path) -> None:
    labelled(home, "ui")
    people.add("Before")
    drafted(people)
    got = send(
        browser,
        EDIT,
        title="Better",
        spec="Better text.",
        labels="ui",
        needs="pbi-1/2, SBI-1",
        paths="src/\ntests/**",
        estimate_hours="3",
        only_implement="true",
    )
    assert (got.status, got.headers["location"]) == (303, ONE)
    now = draft_now(people, 1)
    assert (now.title, now.spec, now.labels, now.needs) == ("Better", "Better text.", ("ui",), ("PBI-1/2", "SBI-1"))
    assert (now.paths, now.estimate_hours, now.only_implement, now.edited) == (("src", "tests/**"), 3, True, True)


def test_fields_of_a_draft_can_be_emptied(browser: Browser, people: Ledger) -> None:
    drafted(people, draft(1, paths=("src",), estimate_hours=2.0, needs=("PBI-1/2",), only_implement=True), draft(2))
    filled = Form(browser.get(EDIT).text, EDIT).filled(paths="", estimate_hours="", needs="")
    filled.pop("only_implement")
    assert browser.post(EDIT, filled).status == 303
    now = draft_now(people, 1)
    assert (now.paths, now.estimate_hours, now.needs, now.only_implement) == ((), None, (), False)


def test_a_draft_that_was_not_changed_stays_as_it_is(browser: Browser, people: Ledger) -> None:
    odd = draft(1, spec="Line.\u202e\n\n\tEnd", title="T\u2066", paths=("a, b",), labels=("gone",))
    drafted(people, odd)
    send(browser, EDIT)
    assert draft_now(people, 1) == replace(odd, updated_at=draft_now(people, 1).updated_at)
    assert not draft_now(people, 1).edited


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("title", "", "title is empty."),
        ("needs", "nothing", "depends_on takes IDs, not &#34;nothing&#34;."),
        ("needs", "PBI-1/1", "PBI-1/1 cannot need itself."),
        ("needs", "PBI-1/77", "PBI-1/1 needs PBI-1/77, which is not there."),
        ("paths", "/etc", "paths has &#34;/etc&#34;, which is absolute."),
        ("labels", "nolabel", "there is no label nolabel."),
    ],
)
def test_what_a_draft_cannot_be_is_told_and_what_was_typed_stays(
    browser: Browser, people: Ledger, field: str, text: str, message: str
) -> None:
    drafted(people)
    got = send(browser, EDIT, **{"spec": "Kept.", field: text})
    assert got.status == 422
    assert message in got.text
    assert Form(got.text, EDIT)["spec"] == "Kept."
    assert not draft_now(people, 1).edited


def test_a_change_of_somebody_else_is_shown_and_not_overwritten(browser: Browser, people: Ledger) -> None:
    drafted(people)
    form = Form(browser.get(EDIT).text, EDIT)
    seen = draft_now(people, 1)
    rewrite(people.store, seen, replace(seen, spec="Theirs."), Decider(owner="bob", uid=people.clock.uid))
    got = browser.post(EDIT, form.filled(spec="Mine."))
    assert got.status == 422
    assert "Somebody else has changed PBI-1/1 meanwhile." in got.text
    assert "<pre>Theirs.</pre>" in got.text
    again = Form(got.text, EDIT)
    assert again["spec"] == "Mine."
    assert draft_now(people, 1).spec == "Theirs."
    assert browser.post(EDIT, again.filled()).status == 303
    assert draft_now(people, 1).spec == "Mine."


def test_what_was_decided_meanwhile_cannot_be_edited_and_what_was_typed_stays(browser: Browser, people: Ledger) -> None:
    drafted(people)
    form = Form(browser.get(EDIT).text, EDIT)
    send(browser, ONE, do="approve")
    got = browser.post(EDIT, form.filled(spec="Mine."))
    assert got.status == 422
    assert "PBI-1/1 is registered already as SBI-1." in got.text
    assert "Mine." in got.text
    assert browser.get(EDIT).status == 409


def test_hostile_drafts_stay_text(browser: Browser, people: Ledger) -> None:
    drafted(people, draft(1, title=HOSTILE, spec=HOSTILE, paths=(HOSTILE,), agent=HOSTILE, file=HOSTILE))
    for path in (ONE, EDIT, "/drafts", "/drafts/PBI-1"):
        page = browser.get(path).text
        assert "<script>alert" not in page
        assert "<img" not in page
    assert "<script>alert" not in send(browser, EDIT, title="", spec=HOSTILE).text


def test_a_board_that_only_shows_has_no_form_for_drafts(home: Path, people: Ledger) -> None:
    drafted(people)
    with serving(home, Serving(read_only=True)) as served:
        browser = served.browser()
        for path in (ONE, EDIT, "/drafts", "/drafts/PBI-1"):
            assert "<form" not in browser.get(path).text
        assert browser.post(ONE, {"do": "approve"}).status == 403
