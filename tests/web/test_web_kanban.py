"""The board shows every open item once, in the column of what it waits for, whatever has happened to it."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path

import apsw
import pytest
from board_at import Browser, soon

from deespec.backlog.archive import archive, choose_named
from deespec.model.asking import Draft
from deespec.model.items import Claim, Line, Worker
from deespec.model.lifecycle import ENDED, STOPPED, Event, Status, Step
from deespec.model.wanted import Part, Scope
from deespec.records import replace
from deespec.store import rows
from deespec.store.alive import LifeLock
from deespec.store.opener import FILE
from deespec.web.pages import kanban
from ledger import PERSON, Ledger

EVERYTHING = Scope(pbis=True)
OUTCOMES = {
    Status.IMPLEMENTING: ((Event.IMPLEMENTED,), (Event.IMPLEMENTED_ONLY,), (Event.IMPLEMENTED_ONLY, Event.MERGED)),
    Status.REVIEWING: ((Event.SUCCEEDED, Event.MERGED), (Event.SUCCEEDED,), (Event.NEEDS_CHANGES,), (Event.REJECTED,)),
    Status.DECOMPOSING: ((Event.NEEDS_PERSON,), (Event.LIMIT_REACHED,)),
}
SOMETIMES = ((Event.LIMIT_REACHED,), (Event.NEEDS_PERSON,))
STEPS = 60
WORKER = Worker(uid="u", name="box-1", host="box", pid=7, pid_start="1", namespace="1", boot="b", slots=2)


def lines(people: Ledger) -> tuple[Line, ...]:
    with people.store.read() as tx:
        return tx.list_sbis(EVERYTHING).lines


def live(people: Ledger, dice: random.Random) -> None:
    """A backlog with a past: needs, holds, claims of the dead, stops, retries, decompositions, ends."""
    for _ in range(STEPS):
        dice.choice((people_act, people_act, register, work, work))(people, dice)


def register(people: Ledger, dice: random.Random) -> None:
    if dice.random() < 0.2:
        people.ask(people.add_pbi())
        return
    open_ones = [one.id for one in lines(people) if one.status not in ENDED and not one.decomposes]
    needs = tuple(dice.sample(open_ones, min(len(open_ones), dice.choice((0, 0, 1)))))
    priority = dice.choice(("urgent", "normal", "low"))
    people.add(depends_on=needs, priority=priority, hold=dice.random() < 0.2)


def people_act(people: Ledger, dice: random.Random) -> None:
    for one in dice.sample(lines(people), min(2, len(lines(people)))):
        if one.status in STOPPED and dice.random() < 0.5:
            people.retry(one.number)
        elif one.status not in ENDED and not one.decomposes and one.lease_token is None:
            people.hold(one.number, held=not one.held)
        elif one.status is Status.DONE and dice.random() < 0.3:
            archive(people.store, choose_named(people.store, [one.id], before=None), actor=PERSON)


def work(people: Ledger, dice: random.Random) -> None:
    claim = people.claim(scope=EVERYTHING)
    if not isinstance(claim, Claim) or dice.random() < 0.2:
        return  # its worker is dead from now on, as far as anybody can tell
    if claim.sbi.status is Status.PICKED:
        with people.store.transaction() as tx:
            sbi = tx.workspace_ready(claim, manifest="tree", actor=claim.worker)
        claim = replace(claim, sbi=sbi, step=sbi.step or Step.IMPLEMENT)
    events = dice.choice((*OUTCOMES.get(claim.sbi.status, ()), *SOMETIMES))
    people.settle(claim, *events)


def shown(page: str) -> dict[str, list[str]]:
    """The cards by column, in order."""
    columns = re.findall(r'<section class="column (\w+)".*?</section>', page, re.DOTALL)
    parts = re.split(r'<section class="column \w+"', page)[1:]
    return {key: re.findall(r'id="card-([\w-]+)"', part) for key, part in zip(columns, parts, strict=True)}


def totals(page: str) -> dict[str, int]:
    return {key: int(count) for key, count in re.findall(r'<h2 id="column-(\w+)">[^<]*<span class="count">(\d+)', page)}


@pytest.mark.parametrize("seed", range(8))
def test_every_item_is_in_one_column_and_the_totals_are_true(
    browser: Browser, people: Ledger, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kanban, "CARDS_MOST", 1_000)
    live(people, random.Random(seed))
    page = browser.get("/").text
    cards = shown(page)
    every = lines(people)
    ended_work = {one.id for one in every if one.decomposes and one.status in ENDED}
    assert Counter(one for column in cards.values() for one in column) == Counter(
        one.id for one in every if one.id not in ended_work
    )
    assert {key: len(column) for key, column in cards.items()} == totals(page)
    with people.store.read() as tx:
        counts = tx.counts()
    decompositions = sum(1 for one in every if one.decomposes and one.status not in ENDED)
    assert sum(totals(page).values()) == sum(counts.values()) + decompositions
    asking = {one.id for one in every if one.status in STOPPED and not one.resume}
    assert set(cards["asking"]) == asking


@pytest.mark.parametrize("seed", range(4))
def test_the_parts_of_the_store_are_apart(people: Ledger, seed: int) -> None:
    live(people, random.Random(seed))
    with people.store.read() as tx:
        found = {part: [one.number for one in tx.part_first(part, limit=1_000)] for part in Part}
        assert {part: len(numbers) for part, numbers in found.items() if numbers} == tx.part_counts()
    numbers = [number for part in found.values() for number in part]
    assert sorted(numbers) == sorted(one.number for one in lines(people) if one.status not in ENDED)


def test_what_came_out_last_is_first(browser: Browser, people: Ledger) -> None:
    first = people.add(hold=True)
    second, third = people.add(), people.add()
    for _ in range(2):
        people.clock.forward(1_000)
        people.finish()
    people.hold(first, held=False)
    people.clock.forward(1_000)
    people.finish()
    assert shown(browser.get("/").text)["done"] == [first.id, third.id, second.id]


class Anything(dict[str, None]):
    def __missing__(self, _: str) -> None:
        return None


def test_the_newest_ends_are_found_without_sorting_all(home: Path) -> None:
    raw = apsw.Connection(str(home / FILE))
    plan = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {rows.query('ended_newest')}", Anything())]
    raw.close()
    assert plan[0].startswith("SEARCH sbi USING INDEX sbi_ended")
    assert not [step for step in plan if "B-TREE" in step and "LAST TERM" not in step]


def test_what_an_agent_says_is_shown_also_of_a_client_that_counts_whole_sessions(
    browser: Browser, people: Ledger, home: Path
) -> None:
    (home / "config.toml").write_text('[agents.ann]\nkind = "codex"\n')
    with people.store.transaction() as tx:
        tx.add_worker(WORKER)
    item = people.add()
    claim = people.begin(worker=WORKER.uid)
    lock = LifeLock(str(home), WORKER.uid)
    said = {"type": "item.completed", "item": {"type": "agent_message", "text": "I begin."}}
    print_line(home, f"{item.id}/1.{claim.token}", {"type": "thread.started", "thread_id": "t"}, said)
    page = browser.get("/")
    lock.release()
    assert page.status == 200
    assert '<p class="says">I begin.</p>' in page.text


def print_line(home: Path, folder: str, *events: dict[str, object]) -> None:
    path = home / "turns" / folder / "output.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(json.dumps(one) + "\n" for one in events)


def test_what_a_person_is_asked_is_one_click_away(browser: Browser, people: Ledger) -> None:
    item = people.add()
    people.settle(people.begin(), Event.NEEDS_PERSON, question="Which colour?")
    page = browser.get("/").text
    assert "Which colour?" in page
    assert re.search(rf'<a [^>]*class="[^"]*primary" href="/items/{item.id}/acts/', page)


def test_drafts_that_nobody_has_decided_are_counted(browser: Browser, people: Ledger) -> None:
    item = people.add()
    with people.store.transaction() as tx:
        for number in (1, 2):
            tx.add_draft(Draft(parent=item.id, number=number, title="Another", spec="Do that, too."))
    page = browser.get("/").text
    assert re.search(r'<a href="/inbox">2 drafts to decide</a>', page)


def test_without_a_worker_it_says_how_to_start_one(browser: Browser, people: Ledger) -> None:
    people.add()
    page = browser.get("/").text
    assert "No worker is running" in page
    assert "no worker is running" not in page  # not on each card as well
    assert "<code>deespec run</code>" in page


def test_priorities_are_said_in_the_reader_s_language(browser: Browser, people: Ledger) -> None:
    people.add(priority="urgent")
    assert '<span class="priority">緊急</span>' in browser.get("/", Accept_Language="ja").text


def test_a_board_without_work_says_how_to_begin(browser: Browser, people: Ledger) -> None:
    assert "No work is registered yet." in browser.get("/").text
    people.add("One")
    soon(lambda: "No work is registered yet." not in browser.get("/").text, "the item")
