"""From the form to Done: what one person registers and agents work off is seen by another while it happens."""

from __future__ import annotations

from boarding import Board, Guest
from playwright.sync_api import Page, expect

IN_STEP_MS = 5_000
"""On a busy machine; `benchmarks/board.py` measures it on a quiet one."""
COLUMNS = """
() => {
  window.seen = {};
  const look = () => {
    for (const card of document.querySelectorAll(".card")) {
      const column = card.closest(".column").classList[1];
      window.seen[`${card.id} ${column}`] ??= Date.now();
    }
  };
  new MutationObserver(look).observe(document.getElementById("main"), {childList: true, subtree: true});
}
"""


def test_what_is_registered_on_one_page_is_followed_to_done_on_another(board: Board, guest: Guest) -> None:
    pages = [guest.page(), guest.page(dark=True)]
    watching, form = pages[0], guest.page("/register", locale="ja-JP")
    for page in pages:
        page.evaluate(COLUMNS)
    _register(form, "Walk the whole way", agent="waiter")
    form.wait_for_url(f"{board.here}/items/SBI-1")
    for page in pages:
        expect(page.locator(".column.waiting #card-SBI-1")).to_contain_text("Walk the whole way")
    with board.process("run", "--parallel", "1"):
        for page in pages:
            expect(page.locator(".column.working #card-SBI-1")).to_contain_text("waiter")
        board.let_go()
        for page in pages:
            expect(page.locator(".column.done #card-SBI-1")).to_be_visible()
    assert watching.url == f"{board.here}/"
    assert _apart(*pages) < IN_STEP_MS
    guest.at(watching, "/items/SBI-1/diff")
    expect(watching.locator("main")).to_contain_text("SBI-1.txt")


def _register(page: Page, title: str, *, agent: str) -> None:
    page.locator("#field-title").fill(title)
    page.locator("#more-fields summary").click()
    page.locator("#field-agent").fill(agent)
    page.locator("button[value=register]").click()


def _apart(one: Page, other: Page) -> int:
    """By how many ms at most two pages showed the same change one after the other."""
    first, second = (page.evaluate("window.seen") for page in (one, other))
    shared = first.keys() & second.keys()
    assert {name.split()[1] for name in shared} >= {"waiting", "working", "done"}
    apart = {name: abs(first[name] - second[name]) for name in shared}
    print("apart in ms:", apart)
    return max(apart.values())
