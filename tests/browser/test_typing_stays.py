"""Half an answer: what somebody types into a page that changes meanwhile is not lost, whoever decides what."""

from __future__ import annotations

from boarding import Board, Guest
from playwright.sync_api import expect

from deespec.backlog import edit
from deespec.model.asking import Draft
from deespec.model.lifecycle import Event
from deespec.model.wanted import Scope
from deespec.records import replace
from ledger import Ledger


def test_words_stay_while_others_commit_and_even_when_others_have_answered(board: Board, guest: Guest) -> None:
    people = Ledger(board.app.store, board.app.clock)  # type: ignore[arg-type]
    asks, retried = people.add("Asks"), people.add("Fails")
    people.settle(people.begin(), Event.NEEDS_PERSON, question="Which one?")
    people.settle(people.begin(), Event.LIMIT_REACHED)
    with people.store.transaction() as tx:
        tx.save(tx.sbi(asks.number), replace(tx.sbi(asks.number), reason="question"))
    people.add_pbi()
    with people.store.transaction() as tx:
        for number in (1, 2):
            tx.add_draft(Draft(parent="PBI-1", number=number, title=f"Draft {number}", spec="Text."))
    page = guest.page("/inbox")
    answer = page.locator(f"section[id^=entry-{asks.id}-] textarea")
    answer.fill("Half an answ")
    page.locator("input[value='PBI-1/2']").check()
    page.locator("#reason-PBI-1").fill("Because")

    people.add("Noise", hold=True)
    expect(page.locator("#held")).to_contain_text("Noise")
    expect(answer).to_have_value("Half an answ")
    expect(page.locator("input[value='PBI-1/2']")).to_be_checked()
    expect(page.locator("#reason-PBI-1")).to_have_value("Because")

    edit.answer(people.store, asks.number, "Theirs", actor="somebody")
    expect(page.locator(".overtaken:visible")).to_have_count(1)
    expect(answer).to_have_value("Half an answ")
    guest.forgive("409")
    page.locator(f"section[id^=entry-{asks.id}-] button[value=answer]").click()
    expect(page.locator("#told")).to_contain_text(f"{asks.id} goes on by now: somebody else has decided.")
    expect(answer).to_have_value("Half an answ")

    stopped = page.locator(f"section[id^=entry-{retried.id}-]")
    stopped.locator("textarea").fill("Mind the tests.")
    stopped.locator("button[value=retry]").click()
    expect(stopped).to_have_count(0)
    assert people.sbi(retried).hint == "Mind the tests."


def test_a_form_that_is_being_filled_in_is_left_alone(board: Board, guest: Guest) -> None:
    people = Ledger(board.app.store, board.app.clock)  # type: ignore[arg-type]
    page = guest.page("/register")
    page.locator("#field-title").fill("A new thing")
    page.locator("#field-spec").fill("Say **it**.")
    noise = people.add("Noise of another")
    page.locator("button[value=preview]").click()
    expect(page.locator("#preview strong")).to_have_text("it")
    expect(page.locator("#field-title")).to_have_value("A new thing")
    page.locator("button[value=register]").dblclick()
    page.wait_for_url("**/items/SBI-*")
    expect(page.locator("#told")).to_contain_text(f"SBI-{noise.number + 1}")
    with people.store.read() as tx:
        assert [one.title for one in tx.list_sbis(Scope()).lines].count("A new thing") == 1
