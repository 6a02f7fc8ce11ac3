"""PBIs and EPICs on the board: lists, one of them with all below it, and what people decide about them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from board_at import Browser, serving
from filled import draft

from deespec.board import group as board_group
from deespec.model.asking import DraftStatus
from deespec.model.items import Kind
from deespec.model.lifecycle import Event, GroupStatus
from deespec.model.spec import NewItem
from deespec.model.wanted import Scope
from deespec.records import replace
from deespec.web.links import page_of
from deespec.web.pages import group, groups
from deespec.web.serving import Serving
from deespec.web.words import words_of
from ledger import Ledger

HOSTILE = '<script>alert("x")</script>'
PBIS_ONLY = Scope(sbis=False, pbis=True)


def test_an_empty_list_says_how_to_begin(browser: Browser) -> None:
    for path, command, form in (("/pbis", "pbi", "pbi"), ("/epics", "epic", "epic")):
        text = browser.get(path).text
        assert f"deespec {command} plan --title" in text
        assert f'href="/register?kind={form}"' in text


def test_a_pbi_says_how_far_it_has_come_and_what_the_rest_is(browser: Browser, people: Ledger) -> None:
    pbi = people.add_pbi("Sign in", story_points=5, priority="high")
    for title in ("One", "Two", "Three"):
        people.add(title, parent=pbi.id)
    people.finish()
    text = browser.get("/pbis").text
    assert '<progress value="1" max="3" aria-label="1 of 3 done">' in text
    for words in ("1/3", "2 PENDING", "Sign in", ">high<", '<td class="number">5</td>'):
        assert words in text


def test_an_epic_has_the_drafts_of_all_its_pbis_and_says_how_many_more_there_are(
    browser: Browser, people: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_group, "DRAFTS_MOST", 2)
    pbis = [NewItem(kind=Kind.PBI, title="Below", spec="Below", parent="EPIC-1") for _ in range(group.ON_A_PAGE + 1)]
    people.add_all([NewItem(kind=Kind.EPIC, title="All of it", spec="All of it"), *pbis])
    with people.store.transaction() as tx:
        tx.add_draft(replace(draft(1), status=DraftStatus.REJECTED, decided_by="person", decided_at=1))
        for number in (2, 3, 4):
            tx.add_draft(replace(draft(number), parent=f"PBI-{group.ON_A_PAGE + 1}"))
    text = browser.get("/epics/EPIC-1").text
    assert re.findall(r'id="pick-([^"]*)"', text) == [f"PBI-{group.ON_A_PAGE + 1}-{number}" for number in (2, 3)]
    assert '<h2 id="drafts">Drafts <span class="count">3</span></h2>' in text
    assert '<a href="/drafts">and 1 more</a>' in text
    assert "1 decided" in text


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("status=IN_PROGRESS", {"PBI-1"}),
        ("status=PENDING", {"PBI-2", "PBI-3"}),
        ("text=PASS", {"PBI-2"}),
        ("parent=epic-1", {"PBI-3"}),
        ("text=nowhere", set()),
    ],
)
def test_a_list_shows_only_what_is_asked_for(browser: Browser, people: Ledger, query: str, left: set[str]) -> None:
    people.add_all([NewItem(kind=Kind.EPIC, title="All of it", spec="All of it")])
    started = people.add_pbi("Sign in")
    people.add_pbi("Passwords")
    people.add_pbi("Below", parent="EPIC-1")
    people.add("One", parent=started.id)
    people.begin()
    text = browser.get(f"/pbis?{query}").text
    assert {f"PBI-{number}" for number in (1, 2, 3) if f'id="row-PBI-{number}"' in text} == left
    assert ("Nothing of that." in text) is (not left)


def test_what_cannot_be_asked_for_is_said(browser: Browser) -> None:
    assert browser.get("/pbis?status=SOME").status == 400
    assert browser.get("/pbis?parent=EPIC-9").status == 404
    assert browser.get("/pbis?page=0").status == 400


def test_long_lists_come_page_by_page(browser: Browser, people: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "ON_A_PAGE", 2)
    for number in range(5):
        people.add_pbi(f"Plan {number}")
    first, second = browser.get("/pbis?text=plan").text, browser.get("/pbis?text=plan&page=2").text
    assert 'rel="next" href="/pbis?text=plan&amp;page=2"' in first
    assert 'rel="prev"' not in first
    assert [f'id="row-PBI-{number}"' in second for number in (2, 3, 4, 5)] == [False, True, True, False]
    assert 'rel="next"' not in browser.get("/pbis?text=plan&page=3").text


def test_the_page_of_a_pbi_shows_what_is_below_it_and_what_that_waits_for(browser: Browser, people: Ledger) -> None:
    pbi = people.add_pbi("Sign in", spec="# Sign in\n\n- it **works**\n")
    people.add("Store passwords", parent=pbi.id)
    people.add("Form", parent=pbi.id, depends_on=("SBI-1",))
    text = browser.get("/pbis/PBI-1").text
    assert "<strong>works</strong>" in text
    assert 'href="/items/SBI-2"' in text
    assert "needs SBI-1" in text
    assert 'class="needs-graph"' in text
    assert '<a href="/items/SBI-1"><g' in text


def test_the_page_of_an_epic_shows_its_pbis_and_all_sbis(browser: Browser, people: Ledger) -> None:
    people.add_all([NewItem(kind=Kind.EPIC, title="Accounts", spec="Accounts")])
    people.add_pbi("Sign in", parent="EPIC-1")
    people.add("Form", parent="PBI-1")
    people.finish()
    text = browser.get("/epics/EPIC-1").text
    for there in ('id="row-PBI-1"', 'id="row-SBI-1"', "1/1", 'href="/pbis/PBI-1"'):
        assert there in text


def test_a_page_has_only_ids_of_its_kind(browser: Browser, people: Ledger) -> None:
    people.add_pbi()
    for path in ("/pbis/PBI-9", "/pbis/SBI-1", "/epics/PBI-1", "/pbis/EPIC-1", "/pbis/../etc", "/pbis/x"):
        assert browser.get(path).status == 404


def test_what_the_decomposition_asks_is_answered_there(browser: Browser, people: Ledger) -> None:
    pbi = people.add_pbi("Refunds")
    people.ask(pbi)
    people.settle(people.begin(scope=PBIS_ONLY), Event.NEEDS_PERSON, question=f"Only of cards? {HOSTILE}")
    text = browser.get("/pbis/PBI-1").text
    assert "Only of cards? &lt;script&gt;" in text
    assert 'action="/items/PBI-1/acts/answer"' in text
    done = browser.post("/items/PBI-1/acts/answer", {"words": "Of all.", "back": "/pbis/PBI-1"})
    assert (done.status, done.headers["location"]) == (303, "/pbis/PBI-1")
    with people.store.read() as tx:
        asked = tx.decomposition(1)
    assert asked is not None
    assert asked.resume


def test_a_pbi_is_asked_to_be_decomposed(browser: Browser, people: Ledger) -> None:
    people.add_pbi("Refunds")
    assert 'action="/pbis/PBI-1/decompose"' in browser.get("/pbis/PBI-1").text
    assert browser.post("/pbis/PBI-1/decompose", {"least": "3", "most": "", "agent": ""}).status == 303
    with people.store.read() as tx:
        asked, pbi = tx.decomposition(1), tx.pbi(1)
    assert asked is not None
    assert pbi.drafts_least == 3
    text = browser.get("/pbis/PBI-1").text
    assert "deespec run --workflows pbi,sbi takes it up" in text
    assert 'action="/pbis/PBI-1/decompose"' not in text


@pytest.mark.parametrize(
    ("fields", "status"), [({"least": "x"}, 400), ({"least": "9", "most": "2"}, 400), ({"agent": "nobody"}, 400)]
)
def test_what_cannot_be_decomposed_so_is_not(
    browser: Browser, people: Ledger, fields: dict[str, str], status: int
) -> None:
    people.add_pbi("Refunds")
    assert browser.post("/pbis/PBI-1/decompose", fields).status == status
    with people.store.read() as tx:
        assert tx.decomposition(1) is None


def test_what_an_act_concerns_is_shown_before_it_is_done(browser: Browser, people: Ledger) -> None:
    pbi = people.add_pbi("Refunds")
    people.add("One", parent=pbi.id)
    people.add("Elsewhere", depends_on=("SBI-1",))
    asked = browser.get("/pbis/PBI-1/acts/cancel").text
    for words in ("Cancel all that is below it and not DONE?", "1 SBI: SBI-1", "blocked then: SBI-2"):
        assert words in asked
    assert '<button type="submit">Cancel PBI-1</button>' in asked
    assert '<a href="/pbis/PBI-1">Keep it</a>' in asked
    held = browser.get("/pbis/PBI-1/acts/hold").text
    assert '<button type="submit">Hold PBI-1</button>' in held
    assert '<a href="/pbis/PBI-1">Back</a>' in held
    with people.store.read() as tx:
        assert tx.sbi(1).status == "PENDING"
    done = browser.post("/pbis/PBI-1/acts/cancel", {"words": "Not now"})
    assert (done.status, done.headers["location"]) == (303, "/pbis/PBI-1")
    with people.store.read() as tx:
        assert (tx.sbi(1).status, tx.sbi(1).reason) == ("CANCELLED", "Not now")
    assert "PBI-1 cancelled; 1 SBI: SBI-1" in browser.get("/pbis/PBI-1").text


def test_an_epic_is_held_and_freed_with_all_below_it(browser: Browser, people: Ledger) -> None:
    people.add_all([NewItem(kind=Kind.EPIC, title="Accounts", spec="Accounts")])
    people.add_pbi(parent="EPIC-1")
    item = people.add(parent="PBI-1")
    browser.post("/epics/EPIC-1/acts/hold", {})
    assert people.sbi(item).held
    assert 'href="/epics/EPIC-1/acts/unhold"' in browser.get("/epics/EPIC-1").text
    assert browser.get("/epics/EPIC-1/acts/hold").status == 409
    browser.post("/epics/EPIC-1/acts/unhold", {})
    assert not people.sbi(item).held
    assert browser.get("/epics/EPIC-1/acts/explode").status == 404


def test_titles_and_labels_are_shown_as_they_are_written(browser: Browser, people: Ledger) -> None:
    people.add_pbi(HOSTILE, spec=HOSTILE)
    people.add(f"{HOSTILE}\x1b]0;gone\x07", parent="PBI-1")
    people.add(HOSTILE, parent="PBI-1", depends_on=("SBI-1",))
    for path in ("/pbis", "/pbis/PBI-1", "/pbis/PBI-1/acts/cancel", f"/pbis?text={HOSTILE}&label={HOSTILE}"):
        text = browser.get(path).text
        assert "<script>alert" not in text
        assert "\x1b" not in text
        assert "&lt;script&gt;" in text


def test_nothing_can_be_changed_on_a_board_that_only_shows(people: Ledger, home: Path) -> None:
    people.add_pbi()
    with serving(home, Serving(read_only=True)) as served:
        text = served.browser().get("/pbis/PBI-1").text
    assert "Decompose</button>" not in text
    assert "/acts/hold" not in text


def test_every_word_that_is_looked_up_is_known_in_japanese() -> None:
    table = words_of("ja")._table
    said = {*group.ACTS.values(), *group.QUESTIONS.values(), "in work", "waits for you", "waits for an answer"}
    assert [words for words in sorted(said | {"decomposition FAILED"}) if words not in table] == []
    assert [status for status in GroupStatus if status in table and table[status] != status] == []


def test_ids_have_pages() -> None:
    assert [page_of(one) for one in ("SBI-1", "PBI-2", "EPIC-3", "x", "SBI-1/../..")] == [
        "/items/SBI-1", "/pbis/PBI-2", "/epics/EPIC-3", "#", "/items/SBI-1%2F..%2F.."
    ]  # fmt: skip
