"""Open pages in a real browser: at rest while nobody looks, usable by keyboard, and honest about what is lost."""

from __future__ import annotations

import json

from boarding import Board, Guest
from playwright.sync_api import Page, expect

from deespec.backlog import edit
from deespec.model.wanted import AgentSlot, Scope
from ledger import FakeClock, Ledger


def look(page: Page, *, away: bool) -> None:
    """Another tab comes to the front, or this one again."""
    while not page.evaluate("Boolean(document.getElementById('live')._htmx?.sse)"):
        page.wait_for_timeout(20)  # wait_for_function would need an eval, which the page's policy forbids
    page.evaluate(
        """away => {
            Object.defineProperty(document, "hidden", {configurable: true, get: () => away});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        away,
    )


def test_a_page_that_nobody_sees_rests_and_catches_up(board: Board, guest: Guest) -> None:
    seen, unseen = guest.page(), guest.page()
    look(unseen, away=True)
    board.says("register", "sbi", "--title", "Meanwhile")
    expect(seen.get_by_text("Meanwhile")).to_be_visible()
    expect(unseen.get_by_text("Meanwhile")).to_have_count(0)
    look(unseen, away=False)
    expect(unseen.get_by_text("Meanwhile")).to_be_visible()


def test_an_act_needs_no_mouse_and_an_open_menu_stays_open(board: Board, guest: Guest) -> None:
    item = json.loads(board.says("register", "sbi", "--title", "By hand", "--json"))["id"]
    page = guest.page()
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    menu = page.locator(f"#acts-{item} > summary")
    menu.focus()
    page.keyboard.press("Enter")
    board.says("register", "sbi", "--title", "Beside it")
    expect(page.get_by_text("Beside it")).to_be_visible()
    expect(page.locator(f"#acts-{item}")).to_have_attribute("open", "")
    page.locator(f"#acts-{item}").get_by_role("button", name="Hold", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{item} held")).to_be_visible()
    expect(page.locator(f"#card-{item} .held")).to_be_visible()


def test_a_message_in_pieces_is_joined_while_its_log_is_followed(board: Board, guest: Guest) -> None:
    board.agent("true", "talker", kind="gemini")
    board.write_config()
    item = board.register("Talks", agent=("talker",))
    people = Ledger(board.app.store, FakeClock())
    slot = AgentSlot(name="talker", account="talker")
    claim = people.begin(agents=(slot,), scope=Scope(numbers=(item.number,)))
    log = board.home / "turns" / item.id / f"{claim.turn}.{claim.token}" / "output.log"
    log.parent.mkdir(parents=True)

    def say(*pieces: str) -> None:
        told = {"type": "message", "role": "assistant", "delta": True}
        with log.open("a") as file:
            file.writelines(json.dumps({**told, "content": one}) + "\n" for one in pieces)

    say("I ", "change")
    page = guest.page(f"/items/{item.id}/log")
    heard = page.locator(".heard-text")
    expect(heard).to_have_text(["I change"])
    say(" two", " files.")
    expect(heard).to_have_text(["I change two files."])
    say("\nBoth of them.")
    expect(heard).to_have_text(["I change two files.\nBoth of them."])
    edit.cancel(board.app.store, [item.number], actor="person@test")


def test_the_head_line_says_how_much_waits_as_soon_as_it_does(board: Board, guest: Guest) -> None:
    item = board.register("Held in the end")
    page = guest.page("/journal")
    before = page.locator("#waiting").inner_text()
    board.says("sbi", "hold", item.id)
    expect(page.locator("#waiting")).to_have_text(str(int(before or 0) + 1))
    board.says("sbi", "unhold", item.id)
    expect(page.locator("#waiting")).to_have_text(before)


def test_a_session_that_has_ended_is_said(guest: Guest) -> None:
    page = guest.page()
    expect(page.locator("#lost")).to_be_hidden()
    page.evaluate('document.dispatchEvent(new CustomEvent("htmx:sse:error", {detail: {status: 401}}))')
    expect(page.get_by_text("You are not signed in.")).to_be_visible()
