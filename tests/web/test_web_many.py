"""Many pages, slow clients and clients that hold on: others notice nothing of them."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from board_at import PATIENCE_S, Browser, Served, Stream, serving, soon

from deespec.web import live, server
from deespec.web.rates import REQUESTS_PER_S
from ledger import Ledger

TABS = 10
WRITES = 100


def test_ten_tabs_of_one_person_are_never_refused(served: Served, people: Ledger) -> None:
    browser = served.browser()
    found: Counter[int] = Counter()
    over = threading.Event()

    def tab() -> None:
        stream = Stream(browser, seen=served.board.live.version)
        while not over.is_set():
            stream.until(b"event: news\n")
            found[browser.get("/", HX_Request="true").status] += 1
        stream.close()

    tabs = [threading.Thread(target=tab) for _ in range(TABS)]
    for one in tabs:
        one.start()
    for _ in range(WRITES):
        people.add()
        time.sleep(0.02)  # the pace of the writer
    over.set()
    people.add()
    for one in tabs:
        one.join(PATIENCE_S)
    assert set(found) == {200}
    assert found[200] >= TABS


def test_who_does_not_read_its_stream_delays_nobody(served: Served, people: Ledger) -> None:
    browser = served.browser()
    silent = [Stream(browser, seen="") for _ in range(TABS)]
    reader = Stream(browser, seen=served.board.live.version)
    for _ in range(3):
        item = people.add()
        reader.until(b"event: news\n")
        assert item.id in browser.get("/").text
    assert len(served.board.live._streams) == TABS + 1
    for one in silent:
        one.close()
    soon(lambda: len(served.board.live._streams) == 1, "the closed ones to be given up")


def test_a_reader_that_was_away_is_told_only_the_newest(served: Served) -> None:
    """Nothing is kept for it, however much happened."""
    stream = Stream(served.browser(), seen=served.board.live.version)
    loop = served.board.live._loop
    assert loop is not None

    def happen() -> None:
        for _ in range(1_000):
            served.board.live.changed()

    loop.call_soon_threadsafe(happen)
    stream.until(b"id: ")
    newest = stream.until(b"\n").decode()
    assert int(newest.rpartition(".")[2]) >= 1_000
    assert newest == served.board.live.version


def test_all_pages_together_ask_less_often_than_one_person_may() -> None:
    assert live.FETCHES_PER_S < REQUESTS_PER_S


@pytest.mark.parametrize("head", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "])
def test_a_head_that_does_not_come_holds_no_connection(
    home: Path, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_WITHIN_S", 0.3)
    with serving(home) as served, socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S) as one:
        one.sendall(head)
        assert drips_until_closed(one)


def test_a_body_that_nobody_asked_for_holds_no_connection(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_WITHIN_S", 0.3)
    with serving(home) as served, socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S) as one:
        one.sendall(f"GET /static/icon.svg HTTP/1.1\r\nHost: {served.own}\r\nContent-Length: 999999\r\n\r\n".encode())
        assert drips_until_closed(one)


def drips_until_closed(one: socket.socket) -> bool:
    """Sends a byte now and then, for as long as it is let."""
    one.settimeout(0.05)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            one.sendall(b"x")
            if not one.recv(65_536):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def test_a_request_that_is_waited_for_is_not_cut_off(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_WITHIN_S", 0.1)
    with serving(home) as served:
        stream = Stream(served.browser(), seen=served.board.live.version)
        time.sleep(0.3)  # longer than a head may take
        browser: Browser = served.browser()
        assert browser.get("/").status == 200
        loop = served.board.live._loop
        assert loop is not None
        loop.call_soon_threadsafe(served.board.live.changed)
        stream.until(b"event: news\n")
