"""Many tabs of one browser, and a board or a backlog that goes away and comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from boarding import Board, Guest
from playwright.sync_api import Browser, Page, expect

TABS = 10
FETCHED = "fetch('/static/icon.svg', {cache: 'no-store'}).then(answer => answer.status)"
STREAM = re.compile("/live")
LOST = "The board does not answer"


@pytest.fixture
def alone(browser: Browser, tmp_path: Path) -> Iterator[Board]:
    """A project whose board the test itself serves."""
    made = Board(tmp_path)
    yield made
    made.app.close()


def test_ten_tabs_of_one_browser_all_follow(board: Board, guest: Guest) -> None:
    first = guest.page()
    tabs = [first]
    while len(tabs) < TABS:
        _hide(tabs[-1])
        tabs.append(guest.at(first.context.new_page(), "/"))
    assert tabs[-1].evaluate(FETCHED) == 200
    item = board.register("Seen by all")
    expect(tabs[-1].locator(f"#card-{item.id}")).to_be_visible()
    _hide(tabs[-1])
    for tab in tabs[:-1]:
        _show(tab)
        expect(tab.locator(f"#card-{item.id}")).to_be_visible()
        _hide(tab)


def test_ten_windows_that_are_all_seen_share_one_stream(board: Board, guest: Guest) -> None:
    """A browser has six connections to a host: of ten streams, four would wait for ever, and all requests with them."""
    first = guest.page()
    others = [guest.at(first.context.new_page(), "/") for _ in range(TABS - 1)]
    item = board.register("Seen by all at once")
    for page in (first, *others):
        expect(page.locator(f"#card-{item.id}")).to_be_visible()
    first.close()  # the one that has the stream
    later = board.register("Seen by those that stay")
    for page in others:
        expect(page.locator(f"#card-{later.id}")).to_be_visible()
    _hide(others[0])  # it has it now
    last = board.register("Seen by those that are seen")
    for page in others[1:]:
        expect(page.locator(f"#card-{last.id}")).to_be_visible()
    _show(others[0])
    expect(others[0].locator(f"#card-{last.id}")).to_be_visible()


def test_a_page_survives_the_end_of_its_board(alone: Board, browser: Browser) -> None:
    guest = Guest(browser, alone)
    guest.forgive("Failed to load", "ERR_", "htmx")
    with alone.serving() as process:
        page = guest.page()
        item = alone.register("Seen before")
        expect(page.locator(f"#card-{item.id}")).to_be_visible()
        process.kill()
        process.wait()
        expect(page.locator("#lost")).to_contain_text(LOST)
    port = str(urlsplit(alone.url).port)
    alone.register("Registered in between")
    with alone.serving("--port", port):
        expect(page.locator("#lost")).to_contain_text("not signed in")
        page.goto(alone.url)
        expect(page.locator("#card-SBI-2")).to_be_visible()
        expect(page.locator("#lost")).to_be_hidden()
    guest.leave()


def test_a_page_whose_stream_never_came_says_so_and_tries_again(board: Board, guest: Guest) -> None:
    page = guest.page()
    guest.forgive("ERR_FAILED", "htmx")
    page.context.route(STREAM, lambda route: route.abort())
    guest.at(page, "/")
    expect(page.locator("#lost")).to_contain_text(LOST)
    page.context.unroute(STREAM)
    expect(page.locator("#lost")).to_be_hidden()
    item = board.register("Seen after all")
    expect(page.locator(f"#card-{item.id}")).to_be_visible()


def test_a_page_tells_that_its_backlog_is_away_and_when_it_is_back(alone: Board, browser: Browser) -> None:
    alone.app.close()
    away = alone.folder / "away"
    with alone.serving():
        guest = Guest(browser, alone)
        page = guest.page()
        guest.forgive("Failed to load")
        alone.home.rename(away)
        expect(page.locator("#banner .banner")).to_be_visible()
        away.rename(alone.home)
        expect(page.locator("#banner .banner")).to_have_count(0)
        item = alone.register("After all that")
        expect(page.locator(f"#card-{item.id}")).to_be_visible()
        guest.leave()


def _hide(page: Page) -> None:
    """What a browser tells a tab behind others; Playwright's tabs all believe that they are seen."""
    _seen(page, hidden=True)


def _show(page: Page) -> None:
    page.bring_to_front()
    _seen(page, hidden=False)


def _seen(page: Page, *, hidden: bool) -> None:
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )
