"""Whatever is written into an address comes back as text, whoever wrote it there."""

from __future__ import annotations

import html
from urllib.parse import quote

import pytest
from board_at import Served

from deespec.web.routes import PAGES

HOSTILE = (
    '"><script>alert(1)</script>',
    "<b hx-post=/x hx-trigger=load>",
    "%d",
    "100%",
    "%(x)s",
    "{{ 7*7 }}",
    "http://[",
)
QUERIES = (
    "run",
    "since",
    "page",
    "before",
    "item",
    "event",
    "actor",
    "status",
    "label",
    "parent",
    "text",
    "turn",
    "file",
)
QUERIES += ("view", "after", "part", "kind", "as", "follow", "raw", "back", "lang", "theme", "ready", "owner")
PATHS = sorted({route.path for route in PAGES if route.method == "GET"})


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_part_of_a_path_is_more_than_text(served: Served, hostile: str, language: str) -> None:
    browser = served.browser()
    browser.get(f"/preferences?lang={language}&back=/")
    for path in PATHS:
        asked = "/".join(quote(hostile, safe="") if part.startswith("{") else part for part in path.split("/"))
        got = browser.get(asked)
        assert got.status < 429, asked
        assert_inert(got.text, hostile)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_word_of_a_query_is_more_than_text(served: Served, hostile: str) -> None:
    for path in (path for path in PATHS if "{" not in path):
        browser = served.browser()  # another one each time: none asks so often that it is refused for that
        for name in QUERIES:
            got = browser.get(f"{path}?{name}={quote(hostile, safe='')}")
            assert got.status < 429, (path, name)
            assert_inert(got.text, hostile)


def assert_inert(text: str, hostile: str) -> None:
    if html.escape(hostile) != hostile:
        assert hostile not in text
    assert "<script>" not in text
