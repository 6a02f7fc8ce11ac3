"""Agents and workers on the board: what they do, how they are paused and asked to end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from board_at import Browser, serving

from deespec.clock import Clock
from deespec.model.items import AgentPause, Worker
from deespec.model.lifecycle import Event
from deespec.records import replace
from deespec.store.alive import LifeLock
from deespec.web.pages import agents
from deespec.web.serving import Serving
from deespec.web.words import words_of
from ledger import FREE, Ledger

CONFIG = """
[run]
implement = ["ann"]
[agents.ann]
kind = "command"
command = ["true"]
limit = 2
account = "shared"
[agents.bob]
kind = "command"
command = ["true"]
account = "shared"
[budget]
usd_per_day = 20.0
"""


@pytest.fixture(autouse=True)
def config(home: Path) -> None:
    (home / "config.toml").write_text(CONFIG)


def worker(people: Ledger, name: str = "box-7") -> Worker:
    now = people.clock.now_ms()
    made = Worker(
        uid=f"uid-{name}",
        name=name,
        host="box",
        pid=7,
        pid_start="1",
        namespace="1",
        boot="b",
        slots=3,
        started_at=now,
        seen_at=now,
    )
    with people.store.transaction() as tx:
        tx.add_worker(made)
    return made


def test_agents_are_listed_with_what_they_do(browser: Browser, people: Ledger, home: Path) -> None:
    people.add()
    one = worker(people)
    life = LifeLock(str(home), one.uid)
    people.take(worker=one.uid, agents=(replace(FREE, account="shared"),))
    text = browser.get("/agents").text
    life.release()
    for words in ("1 / 2", 'href="/items/SBI-1"', "of 20.00 USD a day", "by name", "bob", "nothing to check"):
        assert words in text


@pytest.mark.parametrize(
    ("calls", "said", "in_japanese"),
    [
        ([], "0.00 USD", "0.00 USD"),
        ([{"cost_usd": 0.25}, {"cost_usd": 1.0}], "1.25 USD", "1.25 USD"),
        ([{}], "not known (1 call)", "不明 (呼び出し 1 回)"),
        ([{}, {"tokens_in": 7}], "not known (2 calls)", "不明 (呼び出し 2 回)"),
        ([{"cost_usd": 0.25}, {}], "0.25 USD + 1 call of unknown cost", "0.25 USD + 費用不明の呼び出し 1 回"),
        ([{"tokens_in": 7, "metered": False}], "0.00 USD", "0.00 USD"),
    ],
)
def test_what_nobody_knows_the_cost_of_is_not_said_to_cost_nothing(
    browser: Browser, people: Ledger, calls: list[dict[str, object]], said: str, in_japanese: str
) -> None:
    people.clock.wall = Clock().now_ms()
    for facts in calls:
        people.add()
        people.settle(people.begin(), Event.IMPLEMENTED_ONLY, Event.MERGED, **facts)
    for page in ("/", "/agents"):
        assert re.search(rf"Spent today: {re.escape(said)} *(<| of 20)", browser.get(page).text)
        assert f"今日の費用: {in_japanese}" in browser.get(f"{page}?lang=ja").text


def test_an_agent_that_says_nothing_of_its_calls_is_not_said_to_have_made_none(
    browser: Browser, people: Ledger
) -> None:
    def today() -> str:
        row = browser.get(f"/agents?again={people.clock.wall}").text.partition('id="agent-ann"')[2]
        return row.partition("</tr>")[0]

    assert "not known" not in today()
    people.clock.wall = Clock().now_ms()
    people.add()
    people.settle(people.begin(), Event.IMPLEMENTED)
    assert "not known" in today()


def test_an_agent_is_paused_until_it_is_resumed(browser: Browser, people: Ledger) -> None:
    done = browser.post("/agents/pause", {"agent": "ann", "for": "", "reason": "<b>lunch</b>"})
    assert (done.status, done.headers["location"]) == (303, "/agents")
    [pause] = pauses(people)
    assert (pause.only_agent, pause.until_at, pause.message) == ("ann", None, "<b>lunch</b>")
    text = browser.get("/agents").text
    assert "&lt;b&gt;lunch&lt;/b&gt;" in text
    assert "ann is paused until it is resumed" in text
    assert 'action="/agents/resume"' in text
    browser.post("/agents/resume", {"agent": "ann"})
    assert pauses(people) == []


@pytest.mark.parametrize(("chosen", "least", "most"), [("1h", 1, 1), ("4h", 4, 4), ("tomorrow", 0, 25)])
def test_an_agent_is_paused_for_a_while(browser: Browser, people: Ledger, chosen: str, least: int, most: int) -> None:
    before = Clock().now_ms()
    browser.post("/agents/pause", {"agent": "ann", "for": chosen})
    [pause] = pauses(people)
    assert pause.until_at is not None
    assert least * 3_600_000 <= pause.until_at - before <= most * 3_600_000 + 60_000


def test_all_agents_of_an_account_are_paused_at_once(browser: Browser, people: Ledger) -> None:
    browser.post("/agents/pause", {"agent": "ann", "for": "", "account": "1"})
    assert pauses(people)[0].only_agent == ""
    assert browser.get("/agents").text.count('action="/agents/resume"') == 2


@pytest.mark.parametrize(
    ("fields", "status"), [({"agent": "nobody"}, 404), ({"agent": "ann", "for": "ever"}, 400), ({}, 404)]
)
def test_what_cannot_be_paused_is_said(browser: Browser, people: Ledger, fields: dict[str, str], status: int) -> None:
    assert browser.post("/agents/pause", fields).status == status
    assert pauses(people) == []


def test_a_worker_is_asked_to_end(browser: Browser, people: Ledger, home: Path) -> None:
    people.add("Its item")
    one = worker(people)
    life = LifeLock(str(home), one.uid)
    people.take(worker=one.uid)
    assert 'href="/workers/box-7/stop"' in browser.get("/agents").text
    assert 'href="/items/SBI-1"' in browser.get("/workers/box-7/stop").text
    browser.post("/workers/box-7/stop", {"how": "finish"})
    assert stops(people) == ["finish"]
    browser.post("/workers/box-7/stop", {"how": "now"})
    assert stops(people) == ["now"]
    browser.post("/workers/box-7/stop", {"how": "finish"})  # it ends at once all the same
    assert stops(people) == ["now"]
    assert "finishing" in browser.get("/agents").text
    life.release()


def test_nobody_talks_to_the_dead(browser: Browser, people: Ledger) -> None:
    worker(people)
    text = browser.get("/agents").text
    assert "deespec lock cleanup" in text
    assert "/workers/box-7/stop" not in text
    assert browser.post("/workers/box-7/stop", {"how": "finish"}).status == 409
    assert browser.post("/workers/box-8/stop", {"how": "finish"}).status == 404
    assert browser.get("/workers/box-8/stop").status == 404
    assert stops(people) == [None]


def test_a_board_that_only_shows_has_no_buttons(people: Ledger, home: Path) -> None:
    with serving(home, Serving(read_only=True)) as served:
        text = served.browser().get("/agents").text
    assert "ann" in text
    assert "<button" not in text


def test_its_words_are_known_in_japanese() -> None:
    table = words_of("ja")._table
    said = {*agents.PAUSES.values(), *agents.STANDINGS.values(), "running", "finishing", "dead"}
    assert [words for words in sorted(said) if words not in table] == []


def pauses(people: Ledger) -> list[AgentPause]:
    with people.store.read() as tx:
        return tx.pauses()


def stops(people: Ledger) -> list[str | None]:
    with people.store.read() as tx:
        return [one.stop for one in tx.workers()]
