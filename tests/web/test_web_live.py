"""Pages keep themselves up to date, survive what happens to the database, and cost little."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from board_at import PATIENCE_S, Served, Stream, serving, soon
from filled import asking, drafted

from deespec.acts import pause_agent
from deespec.app import open_app
from deespec.board.sheet import Sheet
from deespec.model.items import Kind, Worker
from deespec.model.spec import NewItem
from deespec.store.alive import LifeLock
from deespec.store.opener import FILE
from deespec.web import answering, live
from deespec.web.pages import figures
from deespec.web.routes import PAGES
from deespec.web.serving import Serving
from ledger import Ledger


def test_a_page_is_told_of_what_others_write(served: Served, people: Ledger) -> None:
    browser = served.browser()
    stream = Stream(browser, seen=served.board.live.version)
    people.add("Something new")
    stream.until(b"event: news\n")
    assert "Something new" in browser.get("/").text


def test_a_page_that_missed_something_is_told_at_once(served: Served) -> None:
    stream = Stream(served.browser(), seen="older")
    assert stream.until(b"event: news\n") is not None


def test_a_page_that_missed_nothing_is_left_alone(served: Served, people: Ledger) -> None:
    before = served.board.live.version
    stream = Stream(served.browser(), seen=before)
    people.add()
    stream.until(b"id: ")
    boot, _, count = before.rpartition(".")
    assert stream.until(b"\n").decode() == f"{boot}.{int(count) + 1}"


def test_a_page_is_told_that_a_worker_has_died(served: Served, people: Ledger) -> None:
    life = LifeLock(str(served.home), "u")
    worker = Worker(uid="u", name="box-1", host="box", pid=7, pid_start="1", namespace="1", boot="b", slots=2)
    with people.store.transaction() as tx:
        tx.add_worker(worker)
    browser = served.browser()
    soon(lambda: "1 worker," in browser.get("/").text, "the worker")
    soon(lambda: served.board.live._passing and "u" in served.board.live._passing.living, "the look at it")
    stream = Stream(browser, seen=served.board.live.version)
    life.release()
    stream.until(b"event: news\n")
    assert "No worker is running" in browser.get("/").text


def test_a_page_is_told_that_a_pause_is_over(served: Served) -> None:
    app = open_app(str(served.home))
    browser, begun = served.browser(), served.board.live.version
    stream = Stream(browser, seen=begun)
    pause_agent(app, "claude", for_ms=3_000)
    app.close()
    stream.until(b"event: news\n")
    assert "claude is paused" in browser.get("/").text
    stream.until(b"event: news\n")
    assert "claude is paused" not in browser.get("/").text


def test_only_what_changes_is_sent_to_an_open_page(served: Served, people: Ledger) -> None:
    item = people.add()
    text = served.browser().get("/", HX_Request="true").text
    assert item.id in text
    assert "<html" not in text


def test_ten_pages_cost_one_rendering(served: Served, people: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "KEPT_MS", 60_000)
    people.add()
    browsers = [served.browser() for _ in range(3)]
    soon(lambda: served.board.live.version.endswith(".0") is False, "the write to be seen")
    before = served.board.rendered
    pages = [browser.get("/") for browser in browsers for _ in range(4)]
    assert served.board.rendered == before + 1
    assert [browser.csrf() in page.text for browser, page in zip(browsers, pages[::4], strict=True)] == [True] * 3


def test_only_pages_are_kept_and_those_not_for_long(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, kept = served.browser(), served.board._kept
    monkeypatch.setattr(answering, "KEPT_MS", 60_000)
    for path in ("/journal.ndjson", "/items/SBI-99"):
        browser.get(path)
        assert path not in str([*kept])
    monkeypatch.setattr(answering, "KEPT_MS", 0)
    browser.get("/agents")
    assert not kept


def test_what_is_dear_keeps_no_other_page_waiting(
    served: Served, people: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.add("Seen meanwhile")
    browser, go_on = served.browser(), threading.Event()
    whole = figures.whole

    def slow(*args: Any, **more: Any) -> Sheet:
        assert go_on.wait(PATIENCE_S)
        return whole(*args, **more)

    monkeypatch.setattr(figures, "whole", slow)
    found: list[int] = []
    looks = [
        threading.Thread(target=lambda since=since: found.append(browser.get(f"/figures?since={since}").status))
        for since in (*figures.SPANS, *figures.SPANS)
    ]
    for one in looks:
        one.start()
    soon(lambda: len(served.board._kept) >= len(figures.SPANS), "the readers of the figures")
    assert "Seen meanwhile" in browser.get("/?while=they-wait").text
    assert found == []
    go_on.set()
    for one in looks:
        one.join(PATIENCE_S)
    assert found == [200] * len(looks)


def test_streams_beyond_the_limit_are_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "STREAMS_MOST", 2)
    browser = served.browser()
    open_ones = [Stream(browser, seen="") for _ in range(2)]
    assert browser.get("/live").status == 503
    open_ones[0].close()
    soon(lambda: not served.board.live.is_full, "the closed stream to be given up")
    Stream(browser, seen="").close()


def test_open_streams_do_not_keep_the_board_from_ending(home: Path) -> None:
    with serving(home) as served:
        stream = Stream(served.browser(), seen="")
    assert stream.ends()


def test_a_backlog_that_has_gone_is_said_and_its_return_is_seen(served: Served, people: Ledger) -> None:
    people.add("Still here")
    people.store.close()
    browser = served.browser()
    assert "Still here" in browser.get("/").text
    away = served.home.with_name("away")
    os.rename(served.home, away)
    gone = soon(lambda: (got := browser.get("/")).status == 503 and got, "the page to say it")
    assert "No backlog" in gone.text
    assert browser.get("/", HX_Request="true").text.startswith('<hx-partial hx-target="#banner"')
    os.rename(away, served.home)
    back = soon(lambda: (got := browser.get("/")).status == 200 and got, "the page to recover")
    assert "Still here" in back.text


def test_pages_are_told_that_the_backlog_has_gone_and_come_back(served: Served) -> None:
    stream = Stream(served.browser(), seen=served.board.live.version)
    away = served.home.with_name("away")
    os.rename(served.home, away)
    stream.until(b"event: news\n")
    assert served.board.live.trouble is not None
    os.rename(away, served.home)
    stream.until(b"event: news\n")
    assert served.board.live.trouble is None


def test_a_backlog_that_was_put_in_its_place_is_shown(
    served: Served, people: Ledger, fresh_database: Path, tmp_path: Path
) -> None:
    people.add("Of the old one")
    people.store.close()
    browser = served.browser()
    assert "Of the old one" in browser.get("/").text
    for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
        (served.home / name).unlink(missing_ok=True)
    shutil.copyfile(fresh_database, served.home / FILE)
    soon(lambda: (got := browser.get("/")).status == 200 and "Of the old one" not in got.text, "the new one")


@pytest.mark.parametrize(("accepted", "word"), [("ja-JP,ja;q=0.9,en;q=0.8", "待機中"), ("de,en;q=0.5", "Waiting")])
def test_the_board_speaks_the_browser_s_language(served: Served, accepted: str, word: str) -> None:
    assert word in served.browser().get("/", Accept_Language=accepted).text


def test_a_language_that_was_chosen_stays(served: Served) -> None:
    browser = served.browser()
    assert browser.get("/preferences?lang=ja&back=/").headers["location"] == "/"
    assert '<html lang="ja"' in browser.get("/", Accept_Language="en").text


def test_a_board_that_only_shows_still_shows(home: Path, people: Ledger) -> None:
    people.add("To be seen")
    with serving(home, Serving(read_only=True)) as served:
        assert "To be seen" in served.browser().get("/").text


PARTS = {"{act}": "cancel", "{number}": "1", "{name}": "box-1", "{form}": "svg"}
ITEMS = {"/pbis/": "PBI-1", "/epics/": "EPIC-1", "/drafts/": "PBI-1"}


def test_a_board_that_only_shows_has_no_forms_to_be_sent(home: Path, people: Ledger) -> None:
    with serving(home) as one:
        forms = _forms(one, people)
    assert len(forms) > 10
    with serving(home, Serving(read_only=True)) as one:
        assert _forms(one, None) == []


def _forms(served: Served, people: Ledger | None) -> list[str]:
    """The pages that hold a form by which something is changed."""
    if people is not None:
        drafted(people)
        people.add_all([NewItem(kind=Kind.EPIC, title="All of it", spec="All of it.")])
        asking(people)
        people.add(hold=True)
        worker = Worker(uid="u", name="box-1", host="box", pid=7, pid_start="1", namespace="1", boot="b", slots=2)
        with people.store.transaction() as tx:
            tx.add_worker(worker)
    browser, found = served.browser(), []
    for route in [one for one in PAGES if one.method == "GET"]:
        path = route.path.replace("{id}", next((id for at, id in ITEMS.items() if route.path.startswith(at)), "SBI-1"))
        for place, part in PARTS.items():
            path = path.replace(place, part)
        got = browser.get(path)
        if 'method="post"' in got.text:
            found.append(path)
    return found
