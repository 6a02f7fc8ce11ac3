"""Days are exact: what happened on each, where every item stood at its end, what took how long or was sent back."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from workshop import Workshop, steps

from deespec.app import App, open_app
from deespec.backlog import edit
from deespec.board.draw.spark import throughput
from deespec.board.gantt import gantt
from deespec.board.history import DAYS_MOST, Bucket, Day, GateFailures, History, Place, buckets, history
from deespec.model.items import Claim
from deespec.model.lifecycle import Event, Status
from deespec.model.wanted import MERGE_QUEUE, AgentSlot
from deespec.model.work import Work

if TYPE_CHECKING:
    from ledger import Ledger

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
DONE = (Event.IMPLEMENTED_ONLY, Event.MERGED)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The first day of the clock is 2026-01-01 here, from its first ms on."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def app(ledger: Ledger, tmp_path: Path) -> Iterator[App]:
    (tmp_path / "config.toml").write_text(
        '[run]\nimplement = "ann"\n[agents.ann]\nkind = "command"\ncommand = "true"\n'
    )
    opened = open_app(str(tmp_path), clock=ledger.clock)
    yield opened
    opened.close()


def stood(day: Day) -> dict[Place, int]:
    """Without the places where nothing stands."""
    return {place: count for place, count in zip(Place, day.stood, strict=True) if count}


def happened(found: History, *fields: str) -> list[tuple[int, ...]]:
    return [tuple(getattr(day, field) for field in fields) for day in found.days]


# --- days -----------------------------------------------------------------------------------------------------------


def test_each_day_has_what_happened_on_it_and_days_without_anything_are_there(ledger: Ledger, app: App) -> None:
    ledger.add_many(3)
    ledger.finish()
    ledger.clock.forward(3 * DAY)
    ledger.settle(ledger.begin(), Event.FINDINGS, Event.LIMIT_REACHED)
    ledger.move(3, Event.CANCELLED)
    found = history(app)
    assert [day.name for day in found.days] == ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]
    assert happened(found, "registered", "begun", "done", "failed", "cancelled") == [
        (3, 1, 1, 0, 0),
        (0, 0, 0, 0, 0),
        (0, 0, 0, 0, 0),
        (0, 1, 0, 1, 1),
    ]
    assert stood(found.days[0]) == {Place.WAITING: 2, Place.DONE: 1}
    assert stood(found.days[1]) == stood(found.days[2]) == stood(found.days[0])
    assert stood(found.days[3]) == {Place.DONE: 1, Place.STOPPED: 1, Place.CANCELLED: 1}


def test_an_empty_backlog_has_one_day_with_nothing(app: App) -> None:
    found = history(app)
    assert [(day.name, day.registered, stood(day)) for day in found.days] == [("2026-01-01", 0, {})]
    assert (found.lead, found.cycle, found.turns_each, found.gates, found.left_out) == ((), (), (), (), 0)


def test_the_last_ms_of_a_day_belongs_to_it_and_the_next_one_to_the_next(ledger: Ledger, app: App) -> None:
    ledger.clock.forward(DAY - 1)
    ledger.add()
    ledger.clock.forward(1)
    ledger.add()
    assert happened(history(app), "registered") == [(1,), (1,)]


def test_days_are_those_of_the_machine_s_time_zone(ledger: Ledger, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.clock.forward(14 * HOUR + 30 * MINUTE)
    ledger.add()
    ledger.clock.forward(HOUR)
    ledger.add()
    assert [day.name for day in history(app).days] == ["2026-01-01"]
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    found = history(app)
    assert [day.name for day in found.days] == ["2026-01-01", "2026-01-02"]
    assert happened(found, "registered") == [(1,), (1,)]


def test_a_day_of_23_hours_is_one_day(ledger: Ledger, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    ledger.clock.forward(86 * DAY)
    for _ in range(4):
        ledger.add()
        ledger.clock.forward(DAY)
    names = [day.name for day in history(app).days]
    assert names == ["2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31", "2026-04-01"]


def test_since_begins_in_the_middle_of_a_day_and_what_stood_before_still_stands(ledger: Ledger, app: App) -> None:
    ledger.add_many(2)
    ledger.finish()
    ledger.clock.forward(HOUR)
    since = ledger.clock.wall
    ledger.finish()
    ledger.clock.forward(DAY)
    found = history(app, since=since)
    assert happened(found, "registered", "done") == [(0, 1), (0, 0)]
    assert stood(found.days[0]) == {Place.DONE: 2}
    assert sum(bucket.count for bucket in found.lead) == 1


def test_until_ends_it_before_what_came_later(ledger: Ledger, app: App) -> None:
    ledger.add_many(2)
    ledger.finish()
    until = ledger.clock.wall
    ledger.clock.forward(2 * DAY)
    ledger.finish()
    found = history(app, until=until)
    assert happened(found, "done") == [(1,)]
    assert stood(found.days[0]) == {Place.WAITING: 1, Place.DONE: 1}
    assert [bucket.count for bucket in found.turns_each] == [1]


def test_of_more_days_than_are_told_the_oldest_are_only_counted_together(ledger: Ledger, app: App) -> None:
    ledger.add()
    ledger.finish()
    ledger.clock.forward((DAYS_MOST + 9) * DAY)
    found = history(app)
    assert (len(found.days), found.left_out) == (DAYS_MOST, 10)
    assert sum(day.registered + day.done for day in found.days) == 0
    assert stood(found.days[0]) == {Place.DONE: 1}


# --- lives that do not go straight ----------------------------------------------------------------------------------


def test_a_retried_item_is_stopped_until_it_is_taken_again(ledger: Ledger, app: App) -> None:
    ledger.add()
    ledger.settle(ledger.begin(), Event.NEEDS_PERSON)
    ledger.clock.forward(DAY)
    ledger.retry(1)
    ledger.clock.forward(DAY)
    ledger.begin()
    found = history(app)
    assert [stood(day) for day in found.days] == [{Place.STOPPED: 1}, {Place.STOPPED: 1}, {Place.IN_WORK: 1}]
    assert happened(found, "begun", "failed") == [(1, 0), (0, 0), (0, 0)]


def test_a_retry_s_own_entry_moves_nothing(ledger: Ledger, app: App) -> None:
    ledger.add()
    ledger.settle(ledger.begin(), Event.FINDINGS, Event.LIMIT_REACHED)
    ledger.clock.forward(DAY)
    edit.retry(ledger.store, [1], actor="person")
    assert "retried" in ledger.events("SBI-1")
    assert happened(history(app), "failed") == [(1,), (0,)]


def test_what_fails_twice_has_failed_twice_and_what_is_reset_begins_again(ledger: Ledger, app: App) -> None:
    ledger.add()
    for _ in range(2):
        ledger.settle(ledger.begin(), Event.FINDINGS, Event.LIMIT_REACHED)
        ledger.clock.forward(DAY)
        ledger.move(1, Event.RESET)
    found = history(app)
    assert happened(found, "begun", "failed") == [(1, 1), (1, 1), (0, 0)]
    assert [stood(day) for day in found.days] == [{Place.STOPPED: 1}, {Place.STOPPED: 1}, {Place.WAITING: 1}]


def test_an_undone_item_waits_again_and_counts_again_when_it_is_done_again(ledger: Ledger, app: App) -> None:
    ledger.add()
    ledger.finish()
    ledger.clock.forward(DAY)
    ledger.move(1, Event.UNDONE)
    ledger.hold(1, held=False)
    ledger.clock.forward(DAY)
    ledger.finish()
    found = history(app)
    assert happened(found, "registered", "done") == [(1, 1), (0, 0), (0, 1)]
    assert [stood(day) for day in found.days] == [{Place.DONE: 1}, {Place.WAITING: 1}, {Place.DONE: 1}]


def test_what_is_archived_stays_where_it_was(ledger: Ledger, app: App) -> None:
    ledger.add()
    ledger.finish()
    before = history(app)
    with ledger.store.transaction() as tx:
        tx.archive(["SBI-1"], at=tx.now, actor="person")
    assert history(app) == before


def test_what_was_deleted_counts_as_cancelled(ledger: Ledger, app: App) -> None:
    ledger.add()
    ledger.clock.forward(DAY)
    edit.delete(ledger.store, "SBI-1", actor="person")
    found = history(app)
    assert happened(found, "registered", "cancelled") == [(1, 0), (0, 1)]
    assert stood(found.days[1]) == {Place.CANCELLED: 1}


def test_a_clock_that_was_set_back_leaves_each_item_where_it_came_to(ledger: Ledger, app: App) -> None:
    ledger.clock.forward(DAY)
    ledger.add()
    ledger.finish()
    ledger.clock.wall -= DAY
    ledger.move(1, Event.UNDONE)
    ledger.clock.wall += DAY
    assert stood(history(app).days[-1]) == {Place.WAITING: 1}


def test_what_came_in_from_another_program_ended_when_it_ended_there(ledger: Ledger, app: App) -> None:
    registered = ledger.clock.wall
    ledger.clock.forward(5 * DAY)
    ledger.add()
    ledger.finish()
    with ledger.store.transaction() as tx:
        sbi = tx.sbi(1)
        tx.connection.fetch("DELETE FROM journal", {})
        tx.connection.fetch(
            "UPDATE sbi SET registered_at = :at, finished_at = :end", {"at": registered, "end": registered + 2 * DAY}
        )
        tx.note_past(registered, "registered", item=sbi.id, to_status="PENDING")
        tx.note("person", "imported", item=sbi.id, from_status="PENDING", to_status="DONE")
    assert happened(history(app), "registered", "done") == [(1, 0), (0, 0), (0, 1), (0, 0), (0, 0), (0, 0)]


def test_a_decomposition_is_no_item(ledger: Ledger, app: App) -> None:
    ledger.ask(ledger.add_pbi())
    ledger.decompose(Event.DECOMPOSED)
    assert [(day.registered, day.begun, stood(day)) for day in history(app).days] == [(0, 0, {})]


# --- it adds up -----------------------------------------------------------------------------------------------------

ACTS = ("add", "implement", "finish", "fail", "park", "retry", "reset", "cancel", "undo", "delete", "nothing")


@pytest.mark.parametrize("seed", range(6))
def test_at_every_day_s_end_all_that_was_registered_stands_somewhere(ledger: Ledger, app: App, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        _act(ledger, rng)
        ledger.clock.forward(rng.choice((0, MINUTE, 7 * HOUR, DAY)))
    found = history(app)
    registered = 0
    for day in found.days:
        registered += day.registered
        assert sum(day.stood) == registered
    with app.store.read() as tx:
        counts = tx.counts()
    now = dict(zip(Place, found.days[-1].stood, strict=True))
    assert now[Place.DONE] == counts.get("DONE", 0)
    assert now[Place.WAITING] == counts.get("PENDING", 0)
    assert now[Place.STOPPED] == counts.get("FAILED", 0) + counts.get("PARKED", 0)


def _act(ledger: Ledger, rng: random.Random) -> None:
    act = rng.choice(ACTS)
    if act == "add":
        ledger.add()
    elif act in ("implement", "finish", "fail", "park"):
        claim = ledger.claim()
        if not isinstance(claim, Claim):
            return
        if claim.sbi.status is Status.PICKED:
            with ledger.store.transaction() as tx:
                tx.give_back(claim, actor="worker", why="no")
            claim = ledger.begin()
        if claim.sbi.status is Status.REVIEWING:
            ledger.settle(claim, Event.SUCCEEDED, Event.MERGED)
        else:
            ends = {"implement": (Event.IMPLEMENTED,), "finish": DONE, "park": (Event.NEEDS_PERSON,)}
            ledger.settle(claim, *ends.get(act, (Event.FINDINGS, Event.LIMIT_REACHED)))
    else:
        _decide(ledger, rng, act)


def _decide(ledger: Ledger, rng: random.Random, act: str) -> None:
    wanted = {"retry": ("FAILED", "PARKED"), "reset": ("FAILED", "CANCELLED"), "undo": ("DONE",)}
    wanted |= {"cancel": ("PENDING", "PARKED"), "delete": ("PENDING",)}
    with ledger.store.read() as tx:
        rows = tx.connection.fetch("SELECT number, status, turn FROM sbi ORDER BY number", {})
    fits = [number for number, status, turn in rows if status in wanted.get(act, ()) and not (act == "delete" and turn)]
    if not fits:
        return
    number = rng.choice(fits)
    if act == "retry":
        ledger.retry(number)
    elif act == "delete":
        edit.delete(ledger.store, f"SBI-{number}", actor="person")
    else:
        ledger.move(number, {"reset": Event.RESET, "undo": Event.UNDONE, "cancel": Event.CANCELLED}[act])


# --- distributions --------------------------------------------------------------------------------------------------


def test_buckets_run_from_the_first_that_holds_something_to_the_last() -> None:
    found = buckets([5, 9, 40, 10], (10, 20, 40))
    assert found == (
        Bucket(low=0, high=10, count=2),
        Bucket(low=10, high=20, count=1),
        Bucket(low=20, high=40, count=0),
        Bucket(low=40, high=None, count=1),
    )
    assert buckets([], (10,)) == ()


def test_times_and_turns_are_those_of_items_that_became_done(ledger: Ledger, app: App) -> None:
    ledger.add_many(2)
    ledger.clock.forward(3 * HOUR)
    claim = ledger.begin()
    ledger.settle(claim, Event.FINDINGS)
    ledger.clock.forward(10 * MINUTE)
    ledger.finish()
    ledger.settle(ledger.begin(), Event.FINDINGS, Event.LIMIT_REACHED)
    found = history(app)
    assert found.lead == (Bucket(low=2 * HOUR, high=4 * HOUR, count=1),)
    assert found.cycle == (Bucket(low=5 * MINUTE, high=15 * MINUTE, count=1),)
    assert found.turns_each == (Bucket(low=2, high=3, count=1),)


def test_first_tries_count_on_the_day_that_judges_them(ledger: Ledger, app: App) -> None:
    ledger.add_many(2)
    ledger.implement()
    ledger.clock.forward(DAY)
    ledger.settle(ledger.begin(), Event.SUCCEEDED, Event.MERGED)
    ledger.settle(ledger.begin(), Event.FINDINGS)
    assert happened(history(app), "judged", "passed") == [(0, 0), (2, 1)]


def test_gates_and_checks_are_counted_by_name_where_they_sent_turns_back_or_stopped_merges(
    ledger: Ledger, app: App
) -> None:
    found = (
        "gate unit tests failed:\n(exit 1)\nthe build failed: no",
        "gate unit tests failed:",
        'check `grep " failed:" "a\\b" ü` failed:\n(exit 1)',
        "Nothing was changed. gate x failed: no.",
        "Changed outside the paths of this item (src/**): gate failed:",
    )
    ledger.add()
    for one in found:
        ledger.settle(ledger.begin(), Event.FINDINGS, findings=(one,))
    with ledger.store.transaction() as tx:
        tx.keep_work(Work(sbi=1))
    ledger.settle(ledger.begin(), Event.IMPLEMENTED, findings=("gate lint failed: so it is told",))
    ledger.settle(ledger.begin(), Event.SUCCEEDED)
    merging = ledger.take(agents=(*ledger.wanted().agents, _queue()))
    with ledger.store.transaction() as tx:
        words = "gate unit tests fails on the merged result:\n(exit 1)"
        tx.conflicted(merging, actor="worker one", words=words, onto="abc", max_turns=20)
    assert history(app).gates == (
        GateFailures(name="gate unit tests", turns=2, merges=1),
        GateFailures(name='check `grep " failed:" "a\\b" ü`', turns=1, merges=0),
    )
    assert history(app, since=ledger.clock.wall + 1).gates == ()


FAILS_ONCE_AND_WHERE_BOTH_ARE = "! test -e bad.txt && ! test -e SBI-1.txt -a -e SBI-2.txt"
BREAKS_ONCE = """
echo "$DEESPEC_ITEM" > "$DEESPEC_ITEM.txt"
rm -f bad.txt
if test $DEESPEC_ITEM = SBI-1 -a ! -e "$SEEN/SBI-1.begun"; then : > bad.txt; fi
: > "$SEEN/$DEESPEC_ITEM.begun"
while ! test -e "$SEEN/SBI-1.begun" -a -e "$SEEN/SBI-2.begun"; do sleep 0.02; done
echo "DECISION: IMPLEMENTED"
"""


def test_the_engine_s_own_words_for_gates_that_fail_are_those_that_are_counted(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    shop.git("init", "--quiet", "--initial-branch=main")
    shop.commit("README", "Read me.\n")
    shop.settle("workspace", mode="worktree")
    resolves = 'rm -f SBI-1.txt; echo "DECISION: RESOLVED"'
    shop.agent(steps(BREAKS_ONCE).replace("esac", f"resolve)\n{resolves}\n;;\nesac"))
    shop.gate(FAILS_ONCE_AND_WHERE_BOTH_ARE, name="one of them")
    shop.register()
    shop.register()
    shop.drain(slots=2)
    assert history(shop.app).gates == (GateFailures(name="gate one of them", turns=1, merges=1),)
    [group] = gantt(shop.app).groups
    assert (group.slots, group.slots_known) == (2, True)
    shop.app.close()


def _queue() -> AgentSlot:
    return AgentSlot(name=MERGE_QUEUE, account=MERGE_QUEUE, limit=1)


# --- the sparkline's numbers ----------------------------------------------------------------------------------------


def test_throughput_has_a_number_for_each_of_the_last_days_today_last(ledger: Ledger, app: App) -> None:
    ledger.add_many(4)
    ledger.finish()
    ledger.clock.forward(12 * DAY)
    ledger.finish()
    ledger.clock.forward(DAY)
    ledger.finish()
    ledger.finish()
    assert throughput(app) == [1, *[0] * 11, 1, 2]
    assert throughput(app, 2) == [1, 2]
    assert throughput(app, 1) == [2]
