"""The inbox: all that waits for a person, each with what can be done about it, decided once."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from board_at import Browser, Got, serving
from filled import HOSTILE, Form, asking, draft, drafted, paused

from deespec.backlog.edit import answer
from deespec.model.lifecycle import Event
from deespec.model.work import Notice
from deespec.web.rendering import told_beside
from deespec.web.serving import Serving
from ledger import PERSON, Ledger


def test_an_empty_inbox_says_so(browser: Browser) -> None:
    assert "Nothing waits for you." in browser.get("/inbox").text


def test_everything_that_waits_is_there_in_the_order_of_the_command(
    browser: Browser, people: Ledger, home: Path
) -> None:
    asking(people)
    people.add("Kept back", hold=True)
    drafted(people)
    paused(home)
    with people.store.transaction() as tx:
        tx.put_notice(Notice(name="no_space", text="The disk is nearly full.", remedy="Make room."), actor="test")
    page = browser.get("/inbox").text
    said = ("The disk is nearly full.", "Which <em>one</em>?", "Kept back", "Draft 1", "Sign in again.")
    places = [page.index(words) for words in said]
    assert places == sorted(places)
    assert "Nothing waits" not in page


def test_an_answer_lets_the_item_go_on(browser: Browser, people: Ledger) -> None:
    sbi = asking(people)
    got = answered(browser, "The first.")
    assert got.status == 303
    assert got.headers["location"] == "/inbox"
    assert people.sbi(sbi).resume
    with people.store.read() as tx:
        [question] = tx.questions(sbi.number)
    assert question.answer == "The first."
    assert "Which" not in browser.get("/inbox").text


def test_an_empty_answer_is_refused_where_it_was_to_be_typed(browser: Browser, people: Ledger) -> None:
    sbi = asking(people)
    got = answered(browser, "  ")
    assert got.status == 422
    assert "Nothing was said" in entry(got, sbi.id, sbi.turn)
    assert not people.sbi(sbi).resume


def test_of_two_answers_one_counts_and_the_other_is_told_and_not_lost(browser: Browser, people: Ledger) -> None:
    sbi = asking(people)
    other = browser.served.browser()
    form = Form(browser.get("/inbox").text, "/inbox")
    got: dict[str, Got] = {}
    start = threading.Barrier(2)

    def say(who: Browser, words: str) -> None:
        start.wait()
        got[words] = who.post("/inbox", form.filled(do="answer", words=words))

    threads = [threading.Thread(target=say, args=one) for one in ((browser, "mine"), (other, "theirs"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.status for one in got.values()) == [303, 422]
    lost = next(words for words, one in got.items() if one.status == 422)
    kept = entry(got[lost], sbi.id, sbi.turn)
    assert "SBI-1 goes on by now: somebody else has decided." in kept
    assert lost in kept
    with people.store.read() as tx:
        [question] = tx.questions(sbi.number)
    assert {question.answer, lost} == {"mine", "theirs"}
    assert people.sbi(sbi).hint == question.answer


def test_an_answer_to_a_question_that_is_asked_no_more_is_not_taken_for_the_next(
    browser: Browser, people: Ledger
) -> None:
    sbi = asking(people)
    form = Form(browser.get("/inbox").text, "/inbox")
    answer(people.store, sbi.number, "by somebody else", actor=PERSON)
    people.settle(people.begin(), Event.NEEDS_PERSON, question="And now?")
    got = browser.post("/inbox", form.filled(do="answer", words="late"))
    assert got.status == 422
    assert "SBI-1 asks something else by now" in got.text
    assert "late" in entry(got, sbi.id, sbi.turn)
    assert "And now?" in entry(got, sbi.id, people.sbi(sbi).turn)
    assert not people.sbi(sbi).resume


def test_what_failed_is_tried_again_with_words(browser: Browser, people: Ledger) -> None:
    sbi = people.add()
    people.settle(people.begin(), Event.LIMIT_REACHED)
    got = answered(browser, "Mind the tests.", do="retry")
    assert got.status == 303
    assert (people.sbi(sbi).resume, people.sbi(sbi).hint) == (True, "Mind the tests.")


def test_what_cannot_be_undone_is_asked_on_a_page_of_its_own(browser: Browser, people: Ledger) -> None:
    asking(people)
    page = browser.get("/inbox").text
    assert 'href="/items/SBI-1/acts/reset"' in page
    assert 'href="/items/SBI-1/acts/cancel"' in page
    assert 'role="button"' not in page


def test_a_decomposition_that_asks_is_answered_as_its_pbi(browser: Browser, people: Ledger) -> None:
    pbi = people.add_pbi()
    work = people.ask(pbi)
    people.decompose(Event.NEEDS_PERSON)
    page = browser.get("/inbox").text
    assert 'href="/pbis/PBI-1"' in page
    assert answered(browser, "Go on.", do="retry").status == 303
    assert people.sbi(work).resume


def test_held_items_are_let_go_one_by_one_and_all_at_once(browser: Browser, people: Ledger) -> None:
    people.add_many(3)
    for number in (1, 2, 3):
        people.hold(number)
    form = {"back": "/inbox"}
    assert browser.post("/inbox", {**form, "do": "unhold", "item": "SBI-2"}).status == 303
    assert [people.sbi(number).held for number in (1, 2, 3)] == [True, False, True]
    page = browser.get("/inbox").text
    assert "Unhold all 2 SBIs" in page
    assert browser.post("/inbox", {**form, "do": "unhold_all", "items": "SBI-1 SBI-3"}).status == 303
    assert [people.sbi(number).held for number in (1, 2, 3)] == [False, False, False]


def test_what_is_held_with_its_pbi_is_let_go_with_it(browser: Browser, people: Ledger) -> None:
    pbi = people.add_pbi()
    sbi = people.add(parent=pbi.id)
    with people.store.transaction() as tx:
        tx.set_held(tx.pbi(1), held=True, actor=PERSON)
    people.hold(sbi)
    page = browser.get("/inbox").text
    assert "Unhold, with all below" in page
    assert browser.post("/inbox", {"do": "unhold", "item": "PBI-1", "back": "/inbox"}).status == 303
    assert not people.sbi(sbi).held


def test_all_that_are_held_are_let_go_though_only_the_first_are_shown(browser: Browser, people: Ledger) -> None:
    every = people.add_many(45)
    for sbi in every:
        people.hold(sbi)
    page = browser.get("/inbox").text
    assert "Unhold all 45 SBIs" in page
    items = re.search(r'name="items" value="([^"]*)"', page)
    assert items is not None
    late = people.add("Held since", hold=True)
    assert browser.post("/inbox", {"do": "unhold_all", "items": items[1], "back": "/inbox"}).status == 303
    assert not any(people.sbi(sbi).held for sbi in every)
    assert people.sbi(late).held


def test_what_was_refused_is_read_out_once() -> None:
    """The place where it is put is a live region."""
    assert "role=" not in told_beside("en", "No.", failed=True)


@pytest.mark.parametrize("turn", ["9" * 5000, "\N{ARABIC-INDIC DIGIT ONE}", "-1", "x"])
def test_a_turn_that_is_no_number_is_no_fault_of_the_board(browser: Browser, people: Ledger, turn: str) -> None:
    sbi = asking(people)
    form = {"do": "answer", "item": sbi.id, "turn": turn, "words": " "}
    assert browser.post("/inbox", form).status == 422


def test_a_paused_agent_is_resumed_once(browser: Browser, people: Ledger, home: Path) -> None:
    paused(home)
    form = {"do": "resume", "agent": "claude", "back": "/inbox"}
    assert browser.post("/inbox", form).status == 303
    with people.store.read() as tx:
        assert tx.pauses() == []
    again = browser.post("/inbox", form)
    assert again.status == 409
    assert "Agent claude goes on by now." in again.text


@pytest.mark.parametrize("item", ["", "SBI-", "SBI-x", "nothing", "EPIC-1", "SBI-99", "SBI-1/../2", "SBI-" + "9" * 40])
def test_what_is_no_item_is_not_there(browser: Browser, item: str) -> None:
    got = browser.post("/inbox", {"do": "retry", "item": item, "turn": "1"})
    assert got.status == 422
    assert browser.post("/inbox", {"do": "unhold", "item": item}).status == 404
    assert browser.post("/inbox", {"do": "other", "item": item}).status == 404


def test_hostile_words_stay_words(browser: Browser, people: Ledger) -> None:
    sbi = asking(people, question=HOSTILE + "\n[x](javascript:alert(3))\x1b]0;t\x07", title=HOSTILE.replace("\n", ""))
    drafted(people, draft(1, title=HOSTILE, labels=("a",), needs=("SBI-1",)))
    for page in (browser.get("/inbox").text, answered(browser, "").text):
        assert "<script>alert" not in page
        assert "<img" not in page
        assert 'href="javascript' not in page
        assert "\x1b" not in page
    got = browser.post("/inbox", {"do": "answer", "item": sbi.id, "turn": "77", "words": HOSTILE})
    assert "<script>alert" not in got.text


def test_a_board_that_only_shows_has_no_forms(home: Path, people: Ledger) -> None:
    asking(people)
    people.add("Kept back", hold=True)
    drafted(people)
    paused(home)
    with serving(home, Serving(read_only=True)) as served:
        browser = served.browser()
        page = browser.get("/inbox").text
        assert "Which" in page
        assert "<form" not in page
        assert browser.post("/inbox", {"do": "answer", "item": "SBI-1", "words": "x"}).status == 403


def test_a_long_inbox_is_shown_in_part(browser: Browser, people: Ledger) -> None:
    for sbi in people.add_many(45):
        people.hold(sbi)
    drafted(people, *(draft(number) for number in range(1, 46)))
    page = browser.get("/inbox").text
    assert page.count('id="held-SBI-') == 40
    assert page.count('id="pick-') == 40
    assert page.count("and 5 more") == 2


def test_the_inbox_speaks_japanese(browser: Browser, people: Ledger) -> None:
    asking(people)
    page = browser.get("/inbox", Accept_Language="ja").text
    assert "受信箱" in page
    assert "Inbox" not in page


def test_what_the_program_says_itself_is_marked_as_english_on_a_japanese_page(browser: Browser, people: Ledger) -> None:
    people.add()
    people.settle(people.begin(), Event.LIMIT_REACHED)
    assert '<p class="words" lang="en">' in browser.get("/inbox", Accept_Language="ja").text
    assert '<p class="words">' in browser.get("/inbox").text


def test_what_was_done_is_told_in_japanese_on_a_japanese_board(browser: Browser, people: Ledger) -> None:
    people.add("Kept back", hold=True)
    form = Form(browser.get("/inbox").text, "/inbox")
    got = browser.post("/inbox", form.filled(do="unhold", item="SBI-1"), Accept_Language="ja")
    assert got.status == 303
    assert "SBI-1 の保留を解きました" in browser.get("/inbox", Accept_Language="ja").text


def answered(browser: Browser, words: str, do: str = "answer") -> Got:
    form = Form(browser.get("/inbox").text, "/inbox")
    return browser.post("/inbox", form.filled(do=do, words=words))


def entry(got: Got, item: str, turn: int) -> str:
    """What the page has of one entry."""
    found = got.text.split(f'<section class="entry" id="entry-{item}-{turn}">')
    assert len(found) == 2, got.text
    return found[1].partition("</section>")[0]
