"""Every page there is: usable by everybody, in both themes and languages, on a phone, and deaf to hostile texts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from boarding import DESK, PHONE, REFUSED, Board, Guest, faults, opened
from everything import LONG, fill
from playwright.sync_api import Browser, Page, ViewportSize
from workshop import eventually

from deespec.web.routes import PAGES

NARROW: ViewportSize = {"width": 320, "height": 640}
SAMPLES: dict[str, tuple[str, ...]] = {
    "/": ("/",),
    "/items": ("/items?state=all", "/items?text=nothing+is+like+that"),
    "/items/{id}": ("/items/SBI-1", "/items/SBI-2", "/items/SBI-3", "/items/SBI-7", "/items/SBI-99"),
    "/items/{id}/diff": ("/items/SBI-1/diff", "/items/SBI-1/diff?view=unified", "/items/SBI-4/diff"),
    "/items/{id}/log": ("/items/SBI-1/log", "/items/SBI-7/log", "/items/SBI-4/log"),
    "/items/{id}/acts/{act}": ("/items/SBI-2/acts/answer", "/items/SBI-4/acts/cancel", "/items/SBI-6/acts/hold"),
    "/inbox": ("/inbox",),
    "/drafts": ("/drafts",),
    "/drafts/{id}": ("/drafts/PBI-1",),
    "/drafts/{id}/{number}": ("/drafts/PBI-1/2",),
    "/drafts/{id}/{number}/edit": ("/drafts/PBI-1/2/edit",),
    "/register": ("/register", "/register?kind=pbi", "/register?kind=sbi&as=spec"),
    "/items/{id}/edit": ("/items/SBI-4/edit",),
    "/pbis/{id}/edit": ("/pbis/PBI-1/edit",),
    "/epics/{id}/edit": ("/epics/EPIC-1/edit",),
    "/pbis": ("/pbis",),
    "/pbis/{id}": ("/pbis/PBI-1", "/pbis/PBI-2"),
    "/pbis/{id}/acts/{act}": ("/pbis/PBI-1/acts/cancel",),
    "/epics": ("/epics",),
    "/epics/{id}": ("/epics/EPIC-1",),
    "/epics/{id}/acts/{act}": ("/epics/EPIC-1/acts/hold",),
    "/agents": ("/agents",),
    "/workers/{name}/stop": ("/workers/{worker}/stop",),
    "/journal": ("/journal",),
    "/figures": ("/figures",),
    "/graph": ("/graph?all=1",),
    "/graph/{id}": ("/graph/SBI-5",),
}
SAVED = ("/items/{id}/log.txt", "/journal.ndjson", "/graph.{form}")
"""Files, no pages."""
JAPANESE = ("/", "/items/SBI-2", "/inbox", "/register", "/pbis/PBI-1", "/agents", "/journal", "/figures")
EMPTY = ("/", "/items", "/inbox", "/drafts", "/pbis", "/epics", "/agents", "/journal", "/figures", "/graph")
OPEN_ALL = "() => document.querySelectorAll('details').forEach(one => one.open = true)"
WIDER = """
() => {
  const most = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= most) return [];
  const wide = [...document.querySelectorAll("body *")].filter(one => one.getBoundingClientRect().right > most + 1);
  return [document.documentElement.scrollWidth + " px", ...wide.slice(0, 4).map(one => one.outerHTML.slice(0, 90))];
}
"""


@pytest.fixture(scope="module")
def board(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with opened(tmp_path_factory.mktemp("everything")) as made:
        fill(made)
        with made.process("run", "--parallel", "1"):
            _wait_for_the_worker(made)
            yield made


@pytest.fixture(scope="module")
def visit(browser: Browser, board: Board) -> Iterator[tuple[Guest, Page]]:
    """One tab that goes from page to page."""
    guest = Guest(browser, board)
    yield guest, guest.page()
    guest.leave()


@pytest.mark.parametrize("path", [path for paths in SAMPLES.values() for path in paths])
def test_a_page_can_be_used_by_everybody_everywhere(path: str, board: Board, visit: tuple[Guest, Page]) -> None:
    guest, page = visit
    guest.forgive(REFUSED)
    guest.at(page, path.format(worker=_worker(board)))
    assert _found(page) == []
    assert guest.complaints == []


@pytest.mark.parametrize("path", JAPANESE)
def test_a_page_is_as_good_in_japanese(path: str, guest: Guest) -> None:
    page = guest.page(path, locale="ja-JP", viewport=PHONE)
    assert page.locator("html").get_attribute("lang") == "ja"
    assert _found(page) == []


@pytest.mark.parametrize("path", EMPTY)
def test_a_page_of_an_empty_backlog_is_as_good(path: str, empty: tuple[Guest, Page]) -> None:
    guest, page = empty
    assert _found(guest.at(page, path)) == []


@pytest.fixture(scope="module")
def empty(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Guest, Page]]:
    with opened(tmp_path_factory.mktemp("empty")) as made:
        guest = Guest(browser, made)
        yield guest, guest.page()
        guest.leave()


def test_errors_are_pages_like_all_others(board: Board, guest: Guest) -> None:
    page = guest.page()
    signed_out = guest.context().new_page()
    guest.forgive(REFUSED)
    assert _status(guest, page, "/nothing/is/here") == 404
    assert _found(page) == []
    assert _status(guest, signed_out, "/") == 401
    assert _found(signed_out) == []
    page.context.clear_cookies()
    assert _status(guest, page, "/?token=wrong") == 401
    assert _found(page) == []


def test_every_page_of_the_board_has_a_sample_here() -> None:
    assert set(SAMPLES) | set(SAVED) == {one.path for one in PAGES if one.method == "GET"}


def test_what_is_too_wide_and_what_cannot_be_read_is_found(guest: Guest) -> None:
    page = guest.page()
    page.evaluate("words => document.getElementById('main').innerHTML = `<img src=''><nobr>${words}${words}`", LONG)
    found = _found(page)
    assert any(line.startswith("image-alt") for line in found)
    assert any("px" in line for line in found)


def _status(guest: Guest, page: Page, path: str) -> int:
    answer = page.goto(f"{guest.board.here}{path}")
    assert answer is not None
    return answer.status


def _found(page: Page) -> list[str]:
    """What is wrong with the page that is open: all of axe's rules, then contrast in the dark, and widths of phones."""
    before = page.viewport_size
    page.evaluate(OPEN_ALL)
    found = faults(page)
    page.emulate_media(color_scheme="dark")
    found += [f"dark: {line}" for line in faults(page, ("color-contrast", "link-in-text-block"))]
    page.emulate_media(color_scheme="light")
    for size in (PHONE, NARROW, DESK):
        page.set_viewport_size(size)
        found += [f"{size['width']}: {line}" for line in page.evaluate(WIDER)]
        if size is PHONE:
            found += [f"phone: {line}" for line in faults(page, ("scrollable-region-focusable",))]
    page.set_viewport_size(before or DESK)
    if page.evaluate("'hacked' in window"):
        found.append("something that came from outside was run")
    return found


def _worker(board: Board) -> str:
    with board.app.store.read() as tx:
        return next(one.name for one in tx.workers())


def _wait_for_the_worker(board: Board) -> None:
    assert eventually(lambda: board.sbi(7).status == "IMPLEMENTING")
