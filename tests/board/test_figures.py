"""Figures are exact: what was spent on what, how many items passed at once, how long they took and waited for what."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deespec.app import App, open_app
from deespec.backlog import edit
from deespec.board.figures import Figures, FirstPass, Mark, Spread, Unpriced, figures, table
from deespec.board.waited import GLANCE_MS, Cause
from deespec.model.items import AgentPause, Claim, Sbi, Worker
from deespec.model.lifecycle import Event, Status
from deespec.model.money import Spend
from deespec.model.wanted import MERGE_QUEUE, AgentSlot
from deespec.store.figures import Spent

if TYPE_CHECKING:
    from ledger import Ledger

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
SETTINGS = """
[run]
implement = "ann"
[agents.ann]
kind = "command"
command = "true"
[agents.bob]
kind = "command"
command = "true"
limit = 1
"""
BOB = AgentSlot(name="bob", account="bob", limit=1)


class Book:
    """A ledger, an app over it, and what these tests do besides."""

    def __init__(self, ledger: Ledger, app: App) -> None:
        self.ledger = ledger
        self.app = app
        self.workers = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)

    def worker(self, slots: int = 1) -> Worker:
        self.workers += 1
        made = Worker(
            uid=f"w{self.workers}",
            name=f"host-{self.workers}",
            host="host",
            pid=self.workers,
            pid_start="1",
            namespace="",
            boot=self.clock.boot_id(),
            slots=slots,
        )
        with self.store.transaction() as tx:
            tx.add_worker(made)
        return made

    def leaves(self, worker: Worker) -> None:
        with self.store.transaction() as tx:
            tx.remove_worker(worker)

    def spend(self, claim: Claim, **facts: object) -> None:
        values = {"turn": claim.turn, "step": claim.step, "agent": claim.agent, "account": claim.account, **facts}
        with self.store.transaction() as tx:
            tx.spent(Spend(token=claim.token, sbi=claim.sbi.number, **values))

    def call(self, **facts: object) -> Claim:
        """One call that came to nothing, and what it used."""
        claim = self.begin()
        self.spend(claim, **facts)
        with self.store.transaction() as tx:
            tx.give_back(claim, actor="worker", why="no")
        return claim

    def archive(self, item: str) -> None:
        with self.store.transaction() as tx:
            assert tx.archive([item], at=tx.now, actor="person") == [item]

    def seen(self, mark: Mark = Mark.AGENT, since: int = 0) -> Figures:
        return figures(self.app, mark=mark, since=since)

    def waited(self, since: int = 0) -> dict[Cause, int]:
        return self.seen(since=since).waited


@pytest.fixture
def book(ledger: Ledger, tmp_path: Path) -> Iterator[Book]:
    (tmp_path / "config.toml").write_text(SETTINGS)
    app = open_app(str(tmp_path), clock=ledger.clock)
    yield Book(ledger, app)
    app.close()


# --- what was spent -------------------------------------------------------------------------------------------------


def test_every_call_counts_whatever_came_of_it_and_costs_of_subscriptions_do_not(book: Book) -> None:
    book.add()
    book.call(model="m1", tokens_in=100, tokens_cached=40, tokens_out=10, cost_usd=0.5)
    book.call(model="m1", tokens_in=200, tokens_out=20, cost_usd=0.25)
    book.call(model="m2", tokens_in=1_000, tokens_out=1, cost_usd=9.0, metered=False)
    book.call(model="m3", tokens_in=50, tokens_out=5)
    book.call()
    [group] = book.seen().table.groups
    assert group.spent == Spent(
        key="ann",
        calls=5,
        items=1,
        tokens_in=1_350,
        tokens_cached=40,
        tokens_out=36,
        usd=0.75,
        subscription_tokens=1_001,
        nominal_usd=9.0,
        unpriced_calls=1,
        unpriced_tokens=55,
        silent_calls=1,
    )
    assert book.seen().table.unpriced == (Unpriced(model="m3", agent="ann", priced_now=False),)
    assert group.turns == 0


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (Mark.AGENT, {"ann": 1.0, "bob": 2.0}),
        (Mark.ACCOUNT, {"one": 1.0, "two": 2.0}),
        (Mark.MODEL, {"m1": 1.0, "": 2.0}),
        (Mark.STEP, {"implement": 1.0, "review": 2.0}),
        (Mark.ITEM, {"SBI-1": 1.0, "SBI-2": 2.0}),
        (Mark.TURN, {"SBI-1/1": 1.0, "SBI-2/1": 2.0}),
        (Mark.PBI, {"PBI-1": 1.0, "": 2.0}),
    ],
)
def test_what_was_spent_can_be_seen_by_every_mark(book: Book, mark: Mark, expected: dict[str, float]) -> None:
    pbi = book.add_pbi()
    book.add(parent=pbi.id)
    book.add()
    one, two = book.begin(), book.begin()
    book.spend(one, cost_usd=1.0, account="one", model="m1")
    book.spend(two, cost_usd=2.0, account="two", agent="bob", step="review")
    found = table(book.app, mark=mark)
    assert {group.key: group.spent.usd for group in found.groups} == expected
    assert (found.total.spent.usd, found.total.spent.items) == (3.0, 2)


def test_days_are_those_of_the_people_here_in_order_with_what_became_done(book: Book) -> None:
    days = []
    for _ in range(3):
        book.add()
        claim = book.begin()
        book.settle(claim, Event.IMPLEMENTED_ONLY, Event.MERGED, cost_usd=1.0)
        days.append(claim.claimed_at)
        book.clock.forward(DAY)
    found = table(book.app, mark=Mark.DAY).groups
    assert [(group.spent.usd, group.turns, group.done) for group in found] == [(1.0, 1, 1)] * 3
    assert [group.key for group in found] == sorted(group.key for group in found)
    later = table(book.app, mark=Mark.DAY, since=days[1])
    assert [group.key for group in later.groups] == [group.key for group in found[1:]]


def test_the_dearest_comes_first_and_is_named(book: Book) -> None:
    book.add("cheap")
    book.add("dear")
    book.spend(book.begin(), cost_usd=1.0)
    book.spend(book.begin(), cost_usd=2.0)
    found = table(book.app, mark=Mark.ITEM).groups
    assert [(group.key, group.title) for group in found] == [("SBI-2", "dear"), ("SBI-1", "cheap")]


def test_what_costs_alike_comes_by_its_number_and_names_by_the_alphabet(book: Book) -> None:
    for agent in ("z", "beta", "alpha"):
        book.add()
        book.spend(book.begin(), agent=agent, account=agent)
    assert [group.key for group in table(book.app, mark=Mark.AGENT).groups] == ["alpha", "beta", "z"]
    for _ in range(8):
        book.add()
        book.spend(book.begin())
    assert [group.key for group in table(book.app, mark=Mark.ITEM).groups] == [f"SBI-{one}" for one in range(1, 12)]


def test_what_is_archived_counts_as_before(book: Book) -> None:
    pbi = book.add_pbi()
    book.add(parent=pbi.id)
    book.settle(book.begin(), Event.IMPLEMENTED_ONLY, Event.MERGED, cost_usd=1.5)
    before = [book.seen(mark) for mark in Mark]
    book.archive("SBI-1")
    assert [book.seen(mark) for mark in Mark] == before


def test_an_empty_backlog_has_no_figures(book: Book) -> None:
    seen = book.seen()
    assert (seen.table.groups, seen.table.total.spent.calls, seen.lead, seen.turns_each) == ((), 0, None, None)
    assert (seen.first_pass, seen.waited) == (FirstPass(), {})


# --- what came out --------------------------------------------------------------------------------------------------

TURNS = {
    "at once": ([Event.IMPLEMENTED], [Event.SUCCEEDED, Event.MERGED]),
    "a finding first": ([Event.FINDINGS], [Event.IMPLEMENTED], [Event.SUCCEEDED, Event.MERGED]),
    "sent back once": ([Event.IMPLEMENTED], [Event.NEEDS_CHANGES], [Event.IMPLEMENTED], [Event.SUCCEEDED]),
    "rejected": ([Event.IMPLEMENTED], [Event.REJECTED]),
    "not reviewed yet": ([Event.IMPLEMENTED],),
    "a question": ([Event.NEEDS_PERSON],),
}


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        ("at once", FirstPass(judged=1, passed=1)),
        ("a finding first", FirstPass(judged=1, passed=0)),
        ("sent back once", FirstPass(judged=1, passed=0)),
        ("rejected", FirstPass(judged=1, passed=0)),
        ("not reviewed yet", FirstPass()),
        ("a question", FirstPass(judged=1, passed=0)),
    ],
)
def test_an_item_passes_at_first_only_without_a_finding_and_with_a_first_review_that_succeeds(
    book: Book, life: str, expected: FirstPass
) -> None:
    book.add()
    for events in TURNS[life]:
        book.settle(book.begin(), *events)
    assert book.seen().first_pass == expected


def test_without_a_review_the_first_implement_turn_alone_is_judged(book: Book) -> None:
    book.add(only_implement=True)
    book.settle(book.begin(), Event.IMPLEMENTED_ONLY, Event.MERGED, outcome="implemented")
    assert book.seen().first_pass == FirstPass(judged=1, passed=1)


def test_after_a_reset_an_item_is_judged_anew_and_its_cycle_begins_anew(book: Book) -> None:
    book.add()
    book.settle(book.begin(), Event.IMPLEMENTED)
    book.settle(book.begin(), Event.REJECTED)
    book.clock.forward(HOUR)
    edit.reset(book.store, [1], actor="person")
    book.settle(book.begin(), Event.IMPLEMENTED)
    book.clock.forward(MINUTE)
    book.settle(book.begin(), Event.SUCCEEDED, Event.MERGED)
    seen = book.seen()
    assert seen.first_pass == FirstPass(judged=1, passed=1)
    assert seen.lead == Spread(items=1, median_ms=HOUR + MINUTE, inner_ms=HOUR + MINUTE)
    assert seen.cycle == Spread(items=1, median_ms=MINUTE, inner_ms=MINUTE)
    assert seen.turns_each == 4


def test_lead_and_cycle_times_are_those_of_real_items(book: Book) -> None:
    for minutes in range(1, 11):
        book.add()
        book.clock.forward(HOUR)
        claim = book.begin()
        book.clock.forward(minutes * MINUTE)
        book.settle(claim, Event.IMPLEMENTED_ONLY, Event.MERGED)
    seen = book.seen()
    assert seen.cycle == Spread(items=10, median_ms=5 * MINUTE, inner_ms=9 * MINUTE)
    assert seen.lead == Spread(items=10, median_ms=HOUR + 5 * MINUTE, inner_ms=HOUR + 9 * MINUTE)


def test_what_ended_before_the_time_in_question_does_not_count(book: Book) -> None:
    for _ in range(2):
        book.add()
        book.settle(book.begin(), Event.IMPLEMENTED)
        book.settle(book.begin(), Event.SUCCEEDED, Event.MERGED)
        book.clock.forward(DAY)
    seen = book.seen(since=book.clock.wall - DAY)
    assert (seen.ended["DONE"], seen.first_pass, seen.table.total.turns) == (1, FirstPass(judged=1, passed=1), 2)
    assert seen.outcomes == {"implemented": 1, "succeeded": 1}


# --- what was waited for --------------------------------------------------------------------------------------------


def test_without_a_worker_items_wait_for_one(book: Book) -> None:
    book.add()
    book.clock.forward(HOUR)
    assert book.waited() == {Cause.NO_WORKER: HOUR}


def test_a_parked_item_waits_for_a_person_and_after_the_answer_for_its_claim(book: Book) -> None:
    book.worker()
    book.add()
    book.settle(book.begin(), Event.NEEDS_PERSON, outcome="question")
    book.clock.forward(HOUR)
    edit.answer(book.store, 1, "Blue.", actor="person")
    book.clock.forward(MINUTE)
    book.begin()
    assert book.waited() == {Cause.PERSON: HOUR, Cause.OTHER: MINUTE}


def test_a_held_item_waits_for_that_from_its_registration_on(book: Book) -> None:
    book.worker()
    book.add(hold=True)
    book.clock.forward(HOUR)
    book.hold(1, held=False)
    book.begin()
    book.clock.forward(MINUTE)
    book.add(hold=True)
    book.clock.forward(MINUTE)
    assert book.waited() == {Cause.HELD: HOUR + MINUTE}


def test_an_item_waits_for_its_needs_until_the_last_of_them_is_done(book: Book) -> None:
    book.worker(slots=9)
    first, second = book.add(), book.add()
    book.add(depends_on=(first.id, second.id))
    one, two = book.begin(), book.begin()
    book.clock.forward(HOUR)
    book.settle(one, Event.IMPLEMENTED_ONLY, Event.MERGED)
    book.clock.forward(HOUR)
    book.settle(two, Event.IMPLEMENTED_ONLY, Event.MERGED)
    book.clock.forward(MINUTE)
    book.begin()
    assert book.waited() == {Cause.NEEDS: 2 * HOUR, Cause.OTHER: MINUTE}


def test_an_item_waits_for_paths_from_its_first_refusal_to_its_entry(book: Book) -> None:
    book.worker(slots=9)
    book.add(paths=("a",))
    claim = book.begin()
    book.add(paths=("a",))
    book.clock.forward(MINUTE)
    book.claim()  # refused
    book.clock.forward(HOUR)
    assert book.waited() == {Cause.PATHS: HOUR, Cause.OTHER: MINUTE}
    book.settle(claim, Event.IMPLEMENTED_ONLY, Event.MERGED)
    book.begin()
    book.clock.forward(DAY)
    assert book.waited() == {Cause.PATHS: HOUR, Cause.OTHER: MINUTE}


def test_after_a_reset_an_item_does_not_wait_for_paths_that_barred_it_before(book: Book) -> None:
    book.worker(slots=9)
    book.add(paths=("a",))
    first = book.begin()
    book.add(paths=("a",))
    book.claim()  # refused
    book.clock.forward(HOUR)
    book.settle(first, Event.IMPLEMENTED_ONLY, Event.MERGED)
    book.settle(book.begin(), Event.LIMIT_REACHED)
    edit.reset(book.store, [2], actor="person")
    book.clock.forward(MINUTE)
    assert book.waited() == {Cause.PATHS: HOUR, Cause.OTHER: MINUTE}


def test_an_item_that_was_undone_is_held(book: Book) -> None:
    book.worker()
    book.add()
    book.settle(book.begin(), Event.IMPLEMENTED_ONLY, Event.MERGED)
    book.clock.forward(HOUR)
    with book.store.transaction() as tx:
        tx.undone(1, actor="person")
    book.clock.forward(MINUTE)
    assert book.waited() == {Cause.HELD: MINUTE}


def test_after_a_failed_try_an_item_waits_for_the_next_one(book: Book) -> None:
    book.worker(slots=9)
    book.add()
    claim = book.begin()
    with book.store.transaction() as tx:
        tx.attempt_failed(claim, actor="worker", error="crash", max_attempts=3, delay_ms=MINUTE)
    book.clock.forward(2 * MINUTE)
    book.begin()
    assert book.waited() == {Cause.AGAIN: MINUTE, Cause.OTHER: MINUTE}


@pytest.mark.parametrize(("lasts", "paused"), [(HOUR, HOUR), (None, 2 * HOUR)])
def test_the_wait_for_a_paused_agent_ends_with_the_pause(book: Book, lasts: int | None, paused: int) -> None:
    book.worker(slots=9)
    book.add()
    until = None if lasts is None else book.clock.wall + lasts
    pause = AgentPause(account=book.app.account("ann"), agent="ann", reason="limit", message="no", until_at=until)
    with book.store.transaction() as tx:
        tx.pause(pause, actor="worker")
    book.clock.forward(2 * HOUR)
    with book.store.transaction() as tx:
        tx.resume_agent("ann", actor="person")
    book.begin()
    assert book.waited() == {
        cause: ms for cause, ms in ((Cause.AGENT_PAUSED, paused), (Cause.OTHER, 2 * HOUR - paused)) if ms
    }


def test_with_all_slots_taken_an_item_waits_for_one_and_with_a_free_one_for_its_agent_s_limit(book: Book) -> None:
    changes = {"agents": (BOB,), "implement": ("bob",)}
    small = book.worker(slots=1)
    book.add()
    book.add(agent=("bob",))
    claim = book.begin(**changes)
    book.clock.forward(HOUR)
    book.leaves(small)
    book.worker(slots=2)
    book.clock.forward(MINUTE)
    book.settle(claim, Event.IMPLEMENTED_ONLY, Event.MERGED)
    book.begin(**changes)
    assert book.waited() == {Cause.SLOT: HOUR, Cause.AGENT_LIMIT: MINUTE}


def test_a_merge_waits_for_its_queue(book: Book) -> None:
    book.worker(slots=9)
    book.add()
    book.settle(book.begin(), Event.IMPLEMENTED_ONLY)
    book.clock.forward(HOUR)
    book.take(agents=(AgentSlot(name=MERGE_QUEUE, account="queue", metered=False),))
    assert book.waited() == {Cause.MERGE_QUEUE: HOUR}


def test_a_moment_between_two_steps_is_nobody_s_waiting(book: Book) -> None:
    book.worker()
    book.add()
    book.settle(book.begin(), Event.IMPLEMENTED)
    book.clock.forward(GLANCE_MS - 1)
    book.begin()
    assert book.waited() == {}


def test_only_waiting_in_the_time_in_question_counts(book: Book) -> None:
    book.add()
    book.clock.forward(HOUR)
    since = book.clock.wall
    book.clock.forward(MINUTE)
    assert book.waited(since) == {Cause.NO_WORKER: MINUTE}


def test_nothing_has_been_waited_since_a_time_that_is_to_come(book: Book) -> None:
    book.add()
    book.clock.forward(HOUR)
    assert book.waited(book.clock.wall + MINUTE) == {}


def test_a_clock_that_was_set_back_makes_no_negative_times(book: Book) -> None:
    book.add()
    book.clock.forward(HOUR)
    book.worker()
    book.clock.wall -= 2 * HOUR
    book.begin()
    assert all(ms >= 0 for ms in book.waited().values())


def test_archived_items_have_waited_too(book: Book) -> None:
    book.add()
    book.clock.forward(HOUR)
    book.move(1, Event.CANCELLED)
    book.archive("SBI-1")
    assert book.waited() == {Cause.NO_WORKER: HOUR}


@pytest.mark.parametrize("seed", range(8))
def test_every_moment_of_an_open_item_is_either_work_or_counted_once(book: Book, seed: int) -> None:
    dice = random.Random(seed)
    _live(book, dice)
    waited = book.waited()
    assert sum(waited.values()) == _open_ms(book) - _worked_ms(book)
    assert all(ms > 0 for ms in waited.values())


def _live(book: Book, dice: random.Random) -> None:
    claims: list[Claim] = []
    crew: list[Worker] = []
    for _ in range(120):
        book.clock.forward(dice.randrange(GLANCE_MS, HOUR))
        number = dice.randrange(1, len(_items(book)) + 1) if _items(book) else 0
        match dice.choice(("add", "claim", "claim", "end", "end", "hold", "worker", "decide", "pause", "cancel")):
            case "add":
                needs = (f"SBI-{number}",) if number and dice.random() < 0.4 else ()
                book.add(paths=(dice.choice("abc"),), depends_on=needs, hold=dice.random() < 0.2)
            case "claim" if isinstance(got := book.claim(), Claim):
                claims.append(got)
            case "end" if claims:
                _end(book, claims.pop(dice.randrange(len(claims))), dice)
            case "hold" if number and book.sbi(number).status not in (Status.DONE, Status.CANCELLED):
                book.hold(number, held=dice.random() < 0.5)
            case "worker":
                if crew and dice.random() < 0.5:
                    book.leaves(crew.pop())
                else:
                    crew.append(book.worker(slots=dice.randrange(1, 3)))
            case "decide" if number and book.sbi(number).stopped:
                edit.retry(book.store, [number], actor="person")
            case "pause":
                account = book.app.account("ann")
                until = book.clock.wall + dice.randrange(1, 3 * HOUR)
                with book.store.transaction() as tx:
                    tx.pause(
                        AgentPause(account=account, agent="ann", reason="x", message="x", until_at=until), actor="w"
                    )
            case "cancel" if number and book.sbi(number).status is Status.PENDING:
                book.move(number, Event.CANCELLED)
            case _:
                pass


def _end(book: Book, claim: Claim, dice: random.Random) -> None:
    with book.store.transaction() as tx:
        if not tx.claim_is_mine(claim):
            return
        match dice.choice(("done", "parked", "failed try", "back")):
            case "done" if claim.sbi.status is not Status.PICKED or tx.workspace_ready(claim, manifest="t", actor="w"):
                tx.free(claim.sbi.number)
                tx.move(tx.sbi(claim.sbi.number), Event.FOUND_MERGED, actor="worker")
            case "parked":
                tx.park(claim, actor="worker", reason="question", question="?")
            case "failed try":
                tx.attempt_failed(claim, actor="worker", error="x", max_attempts=3, delay_ms=dice.choice((0, HOUR)))
            case _:
                tx.give_back(claim, actor="worker", why="no")


def _items(book: Book) -> list[Sbi]:
    with book.store.read() as tx:
        return [tx.sbi(number) for number in range(1, (tx._value("counter_get", name="sbi") or 0) + 1)]


def _open_ms(book: Book) -> int:
    ended = (Status.DONE, Status.CANCELLED)
    return sum(
        (one.finished_at if one.status in ended and one.finished_at else book.clock.wall) - one.registered_at
        for one in _items(book)
    )


def _worked_ms(book: Book) -> int:
    """From claims to the next entry that moves the item, by the journal of each item alone."""
    total = 0
    for one in _items(book):
        began = None
        with book.store.read() as tx:
            entries = tx.journal(item=one.id)
        for entry in entries:
            if began is not None and entry.to_status is not None and entry.event != "workspace_ready":
                total += entry.at - began
                began = None
            if entry.event in ("claimed", "resumed"):
                began = entry.at
        total += 0 if began is None else book.clock.wall - began
    return total
