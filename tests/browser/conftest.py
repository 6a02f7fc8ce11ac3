"""Debian's chromium, driven by Playwright. Nothing but loopback may be asked for, and no page may complain."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from boarding import PATIENCE_MS, Board, Guest, opened
from playwright.sync_api import Browser, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def board(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A project with `deespec board` over it as a process, for all tests of a file."""
    with opened(tmp_path_factory.mktemp("board")) as made:
        yield made


@pytest.fixture
def guest(browser: Browser, board: Board) -> Iterator[Guest]:
    """Somebody who looks at the board; what they must never meet is checked when they leave."""
    made = Guest(browser, board)
    yield made
    made.leave()
