"""`deespec board` over a large backlog: its first page, its memory, and how soon a change reaches an open page."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from benchmarks.place import BATCH, fill, quantile
from benchmarks.table import Row
from deespec.backlog import edit
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.place import Place
    from deespec.app import App

FIRST_MOST_MS = 300
PAGE_MOST_KB = 200
MEMORY_MOST_MB = 80
UPDATE_MOST_MS = 300
CPU_MOST_PERCENT = 1.0
TABS = 10
LIMIT_S = 30
VISITED = (
    "/",
    "/items",
    "/items/SBI-1",
    "/items/SBI-1/log",
    "/inbox",
    "/drafts",
    "/register",
    "/items/SBI-1/edit",
    "/pbis",
    "/epics",
    "/agents",
    "/journal",
    "/figures",
    "/figures?since=all",
    "/graph",
    "/graph?all=1",
    "/graph/SBI-1",
)
"""Every kind of page; the dear ones, too."""


@record
class Sizes:
    items: int
    moved: int
    """So many items have a past, so that there is a journal."""
    changes: int
    idle_s: float


SHORT = Sizes(items=200, moved=50, changes=3, idle_s=2)
FULL = Sizes(items=10_000, moved=5_000, changes=30, idle_s=20)


class Tab:
    """One open page: a session of its own, and its stream of changes."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = parts.netloc
        answer, _ = self.get(f"{parts.path}?{parts.query}")
        self._cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]

    def get(self, path: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(self._address, timeout=LIMIT_S)
        connection.request("GET", path, headers=self._headers())
        answer = connection.getresponse()
        return answer, answer.read()

    def listen(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=LIMIT_S)
        connection.request("GET", "/live", headers={**self._headers(), "Accept": "text/event-stream"})
        self._stream = connection.getresponse()
        self._stream.readline()

    def changed(self) -> None:
        """Waits for the next change that it is told of."""
        while not self._stream.readline().startswith(b"event: news"):
            pass

    def _headers(self) -> dict[str, str]:
        return {"Cookie": self._cookie} if hasattr(self, "_cookie") else {}


def measure(place: Place, sizes: Sizes) -> Iterator[Row]:
    with place.backlog("board", agent=place.script("never", "exit 1\n")) as app:
        fill(app, [{"title": f"Item {index} 項目"} for index in range(sizes.items)])
        _live(app, sizes.moved)
        with place.child(*place.command(), "board", "--port", "0", "--json", cwd=app.settings.root) as board:
            assert board.stdout is not None
            url = json.loads(board.stdout.readline())["url"]
            yield from _measured(app, url, psutil.Process(board.pid), sizes)


def _live(app: App, moved: int) -> None:
    """Items are held and freed, some are cancelled and reset: four entries of the journal for each."""
    for first in range(1, moved + 1, BATCH):
        numbers = [*range(first, min(first + BATCH, moved + 1))]
        for act in (edit.hold, edit.unhold, edit.cancel, edit.reset):
            act(app.store, numbers, actor="benchmark")


def _measured(app: App, url: str, process: psutil.Process, sizes: Sizes) -> Iterator[Row]:
    first = Tab(url)
    began = time.perf_counter()
    answer, page = first.get("/")
    took = 1_000 * (time.perf_counter() - began)
    assert answer.status == 200, answer.status
    yield _row(f"first page, {sizes.items:,} items", took, "ms", most=FIRST_MOST_MS)
    yield _row("its size", len(page) / 1_000, "KB", most=PAGE_MOST_KB)
    tabs = [first, *(Tab(url) for _ in range(TABS - 1))]
    for tab in tabs:
        tab.listen()
    taken = [_change(app, tabs, number) for number in range(sizes.changes)]
    yield _row(f"a change on {TABS} open pages, median", statistics.median(taken), "ms", most=UPDATE_MOST_MS)
    yield _row("the same, p95", quantile(taken, 0.95), "ms", most=UPDATE_MOST_MS)
    highest = 0
    for path in VISITED:
        answer, _ = first.get(path)
        assert answer.status == 200, (path, answer.status)
        highest = max(highest, process.memory_info().rss)
    yield _row("memory, highest after each kind of page", highest / 1_000_000, "MB", most=MEMORY_MOST_MB)
    before = process.cpu_times()
    time.sleep(sizes.idle_s)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    yield _row(f"processor, idle with {TABS} open pages", 100 * used / sizes.idle_s, "%", most=CPU_MOST_PERCENT)


def _change(app: App, tabs: list[Tab], number: int) -> float:
    """From the end of a registration until all pages have been told and one has the new page, in ms."""
    fill(app, [{"title": f"Later {number}"}])
    began = time.perf_counter()
    for tab in tabs:
        tab.changed()
    tabs[number % len(tabs)].get("/")
    return 1_000 * (time.perf_counter() - began)


def _row(what: str, value: float, unit: str, *, most: float) -> Row:
    return Row(what=what, value=value, unit=unit, bar=f"≤ {most:g} {unit}", kept=value <= most)
