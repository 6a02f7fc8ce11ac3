"""What people decide on the board: by a click, seen at once on other pages, and never lost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from boarding import REFUSED, Board, Guest, opened
from playwright.sync_api import Browser, Page, expect

from deespec.backlog import edit
from deespec.model.asking import Draft
from deespec.model.items import Sbi

TYPED = "Half of an answer"
CARET = "document.activeElement.selectionStart"


@pytest.fixture(scope="module")
def board(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with opened(tmp_path_factory.mktemp("deciding")) as made:
        made.settle("run", max_attempts=1)
        made.says("register", "pbi", "--title", "Group")
        with made.app.store.transaction() as tx:
            for number in range(1, 5):
                tx.add_draft(Draft(parent="PBI-1", number=number, title=f"Draft {number}", spec="Text.", created_at=1))
        yield made


def test_a_draft_is_approved_and_another_page_shows_its_item(board: Board, guest: Guest) -> None:
    watching, page = guest.page(), guest.page("/drafts")
    page.locator("#pick-PBI-1-1 button").click()
    expect(page.locator("#told")).to_contain_text("PBI-1/1")
    expect(page.locator("#pick-PBI-1-1")).to_have_count(0)
    expect(watching.locator(".card", has_text="Draft 1")).to_be_visible()


def test_a_draft_is_rejected_only_with_a_reason(board: Board, guest: Guest) -> None:
    page = guest.page("/drafts")
    page.locator("#pick-PBI-1-2 input").check()
    guest.forgive(REFUSED)
    page.get_by_role("button", name="Reject the chosen").click()
    expect(page.locator("#told")).not_to_be_empty()
    expect(page.locator("#pick-PBI-1-2 input")).to_be_checked()
    page.locator("#reason-PBI-1").fill("Nobody needs it.")
    page.get_by_role("button", name="Reject the chosen").click()
    expect(page.locator("#pick-PBI-1-2")).to_have_count(0)
    assert "Nobody needs it." in board.says("drafts", "--all", "--json")


def test_a_draft_is_edited_before_it_is_approved(board: Board, guest: Guest) -> None:
    page = guest.page("/drafts/PBI-1/3/edit")
    page.locator("#field-title").fill("Draft in my words")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_contain_text("Draft in my words")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.locator("main")).to_contain_text("SBI-")
    assert "Draft in my words" in board.says("sbi", "list")


def test_an_answer_brings_an_item_on_to_done(board: Board, guest: Guest) -> None:
    asked = _asking(board)
    watching, page = guest.page(f"/items/{asked.id}"), guest.page("/inbox")
    entry = page.locator(f"[id^=entry-{asked.id}]")
    expect(entry).to_contain_text("two?")
    entry.locator("textarea").fill("The second one.")
    entry.get_by_role("button", name="Answer").click()
    expect(page.locator("#told")).to_contain_text(asked.id)
    expect(entry).to_have_count(0)
    board.drain()
    expect(watching.locator(".item-head .status")).to_contain_text("DONE")
    assert "The second one." in board.prompt(asked.number, 2)


def test_what_is_half_typed_survives_what_others_do(board: Board, guest: Guest) -> None:
    asked, other = _asking(board), board.register("Another")
    page = guest.page("/inbox")
    field = page.locator(f"[id^=words-entry-{asked.id}]")
    field.press_sequentially(TYPED)
    for _ in range(4):
        field.press("ArrowLeft")
    board.says("sbi", "hold", other.id)
    expect(page.locator(f"#held-{other.id}")).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_value(TYPED)
    assert page.evaluate(CARET) == len(TYPED) - 4
    board.says("answer", asked.id, "I was faster.")
    expect(page.locator(".overtaken")).to_be_visible()
    expect(page.locator(f"[id^=words-entry-{asked.id}]")).to_have_value(TYPED)


def test_an_item_that_failed_is_tried_again(board: Board, guest: Guest) -> None:
    failed = board.register("Breaks", agent=("breaker",))
    board.drain()
    page = guest.page()
    page.locator(f"#card-{failed.id} .primary-act a").click()
    page.locator("#words").fill("Now it works.")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("#told")).to_contain_text(f"{failed.id} goes on at the next claim")
    assert board.sbi(failed.number).resume
    edit.cancel(board.app.store, [failed.number], actor="person@test")


def test_a_card_is_held_released_and_after_a_question_cancelled(board: Board, guest: Guest) -> None:
    item = board.register("To be cancelled")
    watching, page = guest.page(), guest.page()
    card = page.locator(f"#card-{item.id}")
    card.locator("summary").click()
    card.get_by_role("button", name="Hold", exact=True).click()
    expect(page.locator("#told")).to_contain_text(f"{item.id} held")
    expect(card.locator(".held")).to_be_visible()
    expect(watching.locator(f"#card-{item.id} .held")).to_be_visible()
    card.get_by_role("button", name="Unhold").click()
    expect(watching.locator(f"#card-{item.id} .held")).to_have_count(0)
    card.locator("details").get_by_role("link", name="Cancel").click()
    expect(page.locator("main")).to_contain_text(f"{item.id}: cancel?")
    assert board.sbi(item.number).status == "PENDING"
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#told")).to_contain_text(f"{item.id} cancelled")
    expect(watching.locator(f".column.cancelled #card-{item.id}")).to_have_count(1)


def test_an_agent_is_paused_and_resumed(board: Board, guest: Guest) -> None:
    watching, page = guest.page(), guest.page("/agents")
    page.get_by_label("Pause waiter").click()
    row = page.locator("tr", has_text="waiter")
    row.get_by_label("Why").fill("It is expensive.")
    row.get_by_role("button", name="Pause").click()
    expect(page.locator("#told")).to_contain_text("waiter is paused")
    expect(row).to_contain_text("It is expensive.")
    expect(watching.locator(".strip")).to_contain_text("waiter is paused")
    page.get_by_label("Resume waiter").click()
    expect(page.locator("#told")).to_contain_text("waiter goes on")
    expect(watching.locator(".strip")).not_to_contain_text("waiter")


def test_nobody_overwrites_what_somebody_else_has_changed_meanwhile(board: Board, guest: Guest) -> None:
    item = board.register("First words")
    mine, theirs = (guest.page(f"/items/{item.id}/edit") for _ in range(2))
    _save(theirs, "Their words")
    theirs.wait_for_url(f"**/items/{item.id}")
    guest.forgive(REFUSED)
    _save(mine, "My words")
    expect(mine.locator("#now-title")).to_contain_text("Their words")
    expect(mine.locator("#field-title")).to_have_value("My words")
    assert board.sbi(item.number).title == "Their words"
    _save(mine, "Both our words")
    mine.wait_for_url(f"**/items/{item.id}")
    assert board.sbi(item.number).title == "Both our words"


def _save(page: Page, title: str) -> None:
    page.locator("#field-title").fill(title)
    page.get_by_role("button", name="Save").click()


def _asking(board: Board) -> Sbi:
    """An item that waits for an answer; all others are done or cancelled."""
    with board.app.store.read() as tx:
        rest = [
            tx.sbi(number) for number in itertools.takewhile(lambda one: tx.exists(f"SBI-{one}"), itertools.count(1))
        ]
    waiting = [one.number for one in rest if one.status == "PENDING"]
    if waiting:
        edit.hold(board.app.store, waiting, actor="person@test")
    asked = board.register("Asks", agent=("asker",))
    board.drain()
    assert board.sbi(asked.number).status == "PARKED"
    return asked
