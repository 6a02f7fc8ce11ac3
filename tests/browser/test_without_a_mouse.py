"""The board without JavaScript, and with nothing but a keyboard: the same acts."""

from __future__ import annotations

from boarding import PHONE, Board, Guest
from playwright.sync_api import Page, expect

from deespec.model.asking import Draft

TABS_MOST = 60
FOCUSED = """
() => {
  const one = document.activeElement, style = getComputedStyle(one);
  const seen = style.outlineStyle !== "none" || style.boxShadow !== "none";
  return [one.tagName, one.getAttribute("href") || one.id || one.name || one.innerText, seen];
}
"""


def test_all_acts_work_by_plain_forms(board: Board, guest: Guest) -> None:
    page = guest.page("/register", js=False, viewport=PHONE)
    page.locator("#field-title").fill("Plainly registered")
    page.locator("#more-fields summary").click()
    page.locator("#field-agent").fill("asker")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.locator("#told")).to_contain_text("SBI-1")
    board.drain()
    guest.at(page, "/inbox")
    page.locator("[id^=entry-SBI-1] textarea").fill("The first one.")
    page.get_by_role("button", name="Answer").click()
    expect(page.locator("#told")).to_contain_text("SBI-1 goes on")
    assert page.url == f"{board.here}/inbox"
    guest.at(page, "/")
    page.locator("#acts-SBI-1 summary").click()
    page.locator("#card-SBI-1").get_by_role("button", name="Hold", exact=True).click()
    expect(page.locator("#card-SBI-1 .held")).to_be_visible()


def test_a_draft_is_approved_by_a_plain_form(board: Board, guest: Guest) -> None:
    board.says("register", "pbi", "--title", "Group")
    with board.app.store.transaction() as tx:
        tx.add_draft(Draft(parent="PBI-1", number=1, title="Suggested", spec="Text.", created_at=tx.now))
    page = guest.page("/drafts", js=False)
    page.locator("#pick-PBI-1-1 button").click()
    expect(page.locator("#told")).to_contain_text("PBI-1/1")
    assert "Suggested" in board.says("sbi", "list")


def test_an_item_is_registered_by_keyboard_alone(board: Board, guest: Guest) -> None:
    page = guest.page()
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == ["A", "#main", True]
    _tab_to(page, "/register")
    page.keyboard.press("Enter")
    page.wait_for_url("**/register")
    _tab_to(page, "field-title")
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    page.wait_for_url("**/items/SBI-*")
    assert "By keyboard" in board.says("sbi", "list")


def test_a_card_is_held_by_keyboard_and_focus_survives_the_refresh(board: Board, guest: Guest) -> None:
    item = board.register("To be held by keyboard")
    page = guest.page()
    page.locator(f"#card-{item.id} .title").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    _tab_to(page, "Hold")
    page.keyboard.press("Space")
    expect(page.locator(f"#card-{item.id} .held")).to_be_visible()
    tag, name, seen = page.evaluate(FOCUSED)
    assert (tag, seen) in {("BUTTON", True), ("A", True), ("SUMMARY", True)}, name
    page.locator(f"#card-{item.id} .title").focus()
    other = board.register("Comes meanwhile")
    expect(page.locator(f"#card-{other.id}")).to_be_visible()
    assert page.evaluate(FOCUSED) == ["A", f"/items/{item.id}", True]


def _tab_to(page: Page, name: str) -> None:
    """Goes on by Tab until this has the focus, which must be seen all the way."""
    for _ in range(TABS_MOST):
        page.keyboard.press("Tab")
        tag, now, seen = page.evaluate(FOCUSED)
        assert seen, f"nobody sees that {tag} {now} has the focus"
        if now == name:
            return
    raise AssertionError(f"{name} is not reached by {TABS_MOST} tabs")
