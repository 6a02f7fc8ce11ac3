"""A run is drawn as it was: which claims, in which lanes, how well used its slots were, and what runs now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deespec.app import App, open_app
from deespec.board.gantt import BARS_MOST, SPAN_MOST_MS, Bar, Gantt, _bounded, gantt, gantt_of, ran
from deespec.errors import NotFound
from deespec.model.items import Claim, Worker
from deespec.model.lifecycle import Event
from deespec.model.wanted import MERGE_QUEUE, AgentSlot, Scope
from deespec.model.work import Work
from deespec.records import replace

if TYPE_CHECKING:
    from ledger import Ledger

MINUTE = 60_000
HOUR = 60 * MINUTE
DONE = (Event.IMPLEMENTED_ONLY, Event.MERGED)


class Crew:
    """Workers with names, over a ledger."""

    def __init__(self, ledger: Ledger, app: App) -> None:
        self.ledger = ledger
        self.app = app
        self.begun_at = ledger.clock.wall

    def start(self, name: str, slots: int = 2) -> Worker:
        made = Worker(
            uid=f"uid of {name}",
            name=name,
            host="host",
            pid=1,
            pid_start="1",
            namespace="",
            boot=self.ledger.clock.boot_id(),
            slots=slots,
            started_at=self.ledger.clock.wall,
        )
        with self.ledger.store.transaction() as tx:
            tx.add_worker(made)
        return made

    def stop(self, worker: Worker) -> None:
        with self.ledger.store.transaction() as tx:
            tx.remove_worker(worker)

    def begin(self, worker: Worker, **changes: object) -> Claim:
        return self.ledger.begin(worker=worker.uid, actor=f"worker {worker.name}", **changes)

    def wait(self, minutes: float) -> None:
        self.ledger.clock.forward(round(minutes * MINUTE))

    def shown(self, found: Gantt, group: int = 0) -> list[tuple[str, str, str | None, float, float, int]]:
        """Item, step, outcome, from and to in minutes since the beginning, and lane of each bar."""
        return [
            (
                bar.item,
                bar.step,
                bar.outcome,
                (bar.start_at - self.begun_at) / MINUTE,
                (bar.end_at - self.begun_at) / MINUTE,
                bar.lane,
            )
            for bar in found.groups[group].bars
        ]


@pytest.fixture
def crew(ledger: Ledger, tmp_path: Path) -> Iterator[Crew]:
    (tmp_path / "config.toml").write_text(
        '[run]\nimplement = "ann"\n[agents.ann]\nkind = "command"\ncommand = "true"\n'
    )
    app = open_app(str(tmp_path), clock=ledger.clock)
    yield Crew(ledger, app)
    app.close()


def test_without_any_run_there_is_nothing(crew: Crew) -> None:
    assert gantt(crew.app).groups == ()


def test_claims_are_put_into_the_first_free_lane_and_use_is_what_they_took_of_all_slots(crew: Crew) -> None:
    crew.ledger.add_many(3)
    worker = crew.start("box-1")
    one = crew.begin(worker)
    crew.wait(10)
    two = crew.begin(worker)
    crew.wait(10)
    crew.ledger.settle(one, *DONE)
    three = crew.begin(worker)
    crew.wait(10)
    crew.ledger.settle(two, Event.FINDINGS, Event.LIMIT_REACHED)
    crew.wait(5)
    crew.ledger.settle(three, Event.NEEDS_PERSON)
    crew.wait(5)
    crew.stop(worker)
    crew.wait(60)
    found = gantt(crew.app)
    assert crew.shown(found) == [
        ("SBI-1", "implement", "implemented_only", 0, 20, 0),
        ("SBI-2", "implement", "findings", 10, 30, 1),
        ("SBI-3", "implement", "needs_person", 20, 35, 0),
    ]
    [group] = found.groups
    assert (group.worker, group.slots, group.slots_known, group.runs) == ("box-1", 2, True, False)
    assert (group.end_at - group.start_at, group.busy_ms) == (40 * MINUTE, 55 * MINUTE)
    assert group.utilisation == pytest.approx(55 / 80)
    assert [(start - crew.begun_at, end - crew.begun_at) for start, end in group.idle] == [(35 * MINUTE, 40 * MINUTE)]
    assert [(bar.agent, bar.turn) for bar in group.bars] == [("ann", 1)] * 3


def test_tries_that_came_to_nothing_and_merges_take_a_slot_too(crew: Crew) -> None:
    crew.ledger.add()
    worker = crew.start("box-1", slots=1)
    claim = crew.begin(worker)
    crew.wait(3)
    with crew.ledger.store.transaction() as tx:
        tx.give_back(claim, actor=worker.name, why="it crashed")
        tx.keep_work(Work(sbi=1))
    for event in (Event.IMPLEMENTED, Event.SUCCEEDED):
        claim = crew.begin(worker)
        crew.wait(5)
        crew.ledger.settle(claim, event)
    queue = AgentSlot(name=MERGE_QUEUE, account=MERGE_QUEUE, limit=1)
    merging = crew.begin(worker, agents=(queue,))
    crew.wait(1)
    with crew.ledger.store.transaction() as tx:
        tx.merged(merging, actor=f"worker {worker.name}")
    assert crew.shown(gantt(crew.app)) == [
        ("SBI-1", "implement", "released", 0, 3, 0),
        ("SBI-1", "implement", "implemented", 3, 8, 0),
        ("SBI-1", "review", "succeeded", 8, 13, 0),
        ("SBI-1", "integrate", "merged", 13, 14, 0),
    ]
    assert gantt(crew.app).groups[0].utilisation == 1.0


def test_what_runs_now_ends_now(crew: Crew) -> None:
    crew.ledger.add()
    worker = crew.start("box-1", slots=1)
    crew.wait(5)
    crew.begin(worker)
    crew.wait(5)
    found = gantt(crew.app)
    assert crew.shown(found) == [("SBI-1", "implement", None, 5, 10, 0)]
    assert (found.groups[0].runs, found.groups[0].utilisation) == (True, 0.5)


def test_a_retried_item_is_a_bar_of_the_step_that_it_went_on_with(crew: Crew) -> None:
    crew.ledger.add()
    worker = crew.start("box-1")
    crew.ledger.settle(crew.begin(worker), Event.IMPLEMENTED)
    crew.ledger.settle(crew.begin(worker), Event.NEEDS_PERSON)
    crew.ledger.retry(1)
    claim = crew.begin(worker)
    crew.wait(2)
    crew.ledger.settle(claim, Event.SUCCEEDED)
    assert crew.shown(gantt(crew.app))[-1] == ("SBI-1", "review", "succeeded", 0, 2, 0)


def test_a_claim_that_a_person_took_away_ends_there(crew: Crew) -> None:
    crew.ledger.add()
    worker = crew.start("box-1")
    crew.begin(worker)
    crew.wait(2)
    crew.ledger.move(1, Event.CANCELLED)
    crew.wait(2)
    assert crew.shown(gantt(crew.app)) == [("SBI-1", "implement", "revoked", 0, 2, 0)]


def test_the_newest_run_is_shown_with_all_that_ran_beside_it_and_none_before(crew: Crew) -> None:
    crew.stop(crew.start("box-1"))
    crew.wait(10)
    crew.start("box-2", slots=1)
    crew.wait(10)
    crew.start("box-3", slots=4)
    crew.wait(10)
    found = gantt(crew.app)
    assert [(group.worker, group.slots) for group in found.groups] == [("box-2", 1), ("box-3", 4)]
    assert (found.since_at - crew.begun_at) / MINUTE == 20
    assert found.groups[0].start_at == found.since_at


def test_a_worker_is_found_by_uid_and_by_name_after_its_end_too(crew: Crew) -> None:
    crew.ledger.add_many(2)
    worker = crew.start("box-1")
    crew.ledger.settle(crew.begin(worker), *DONE)
    assert gantt(crew.app, worker=worker.uid).groups[0].worker == "box-1"
    crew.stop(worker)
    crew.wait(1)
    crew.start("box-2")
    for named in (worker.uid, "box-1"):
        [group] = gantt(crew.app, worker=named).groups
        assert (group.worker, len(group.bars)) == ("box-1", 1)
    with pytest.raises(NotFound, match="knows no worker 'box-9'"):
        gantt(crew.app, worker="box-9")


def test_a_span_cuts_what_is_counted_at_its_edges(crew: Crew) -> None:
    crew.ledger.add()
    worker = crew.start("box-1", slots=1)
    claim = crew.begin(worker)
    crew.wait(60)
    crew.ledger.settle(claim, *DONE)
    crew.wait(60)
    found = gantt(crew.app, since=crew.begun_at + 30 * MINUTE, until=crew.begun_at + 90 * MINUTE)
    [group] = found.groups
    assert (group.busy_ms, group.utilisation) == (30 * MINUTE, 0.5)
    assert group.bars[0].start_at == crew.begun_at


def test_only_what_reaches_into_a_span_is_read_and_a_claim_from_before_it_is_shown(crew: Crew) -> None:
    crew.ledger.add_many(4)
    worker = crew.start("box-1")
    for _ in range(2):
        crew.ledger.settle(crew.begin(worker), *DONE)
    open_claim = crew.begin(worker)
    crew.wait(30)
    since = crew.ledger.clock.wall
    crew.wait(30)
    crew.ledger.settle(open_claim, *DONE)
    with crew.ledger.store.read() as tx:
        read = ran(tx, since=since)
    assert [entry[1:3] for entry in read.entries] == [(what, "SBI-3") for what in ("claimed", *map(str, DONE))]
    assert crew.shown(gantt_of(read)) == [("SBI-3", "implement", "implemented_only", 0, 60, 0)]


def test_what_ended_after_a_span_ended_as_it_did_and_is_drawn_to_the_span_s_end(crew: Crew) -> None:
    crew.ledger.add_many(2)
    worker = crew.start("box-1")
    claim = crew.begin(worker)
    crew.wait(60)
    crew.ledger.settle(claim, *DONE)
    crew.begin(worker)
    found = gantt(crew.app, since=crew.begun_at, until=crew.begun_at + 30 * MINUTE)
    assert crew.shown(found) == [("SBI-1", "implement", "implemented_only", 0, 30, 0)]


def test_where_more_was_taken_than_a_worker_has_slots_its_use_is_that_of_all_that_are_shown(crew: Crew) -> None:
    crew.ledger.add_many(2)
    worker = crew.start("box-1", slots=1)
    claims = [crew.begin(worker) for _ in range(2)]
    crew.wait(1)
    crew.ledger.settle(claims[0], *DONE)
    crew.wait(1)
    crew.ledger.settle(claims[1], *DONE)
    [group] = gantt(crew.app).groups
    assert (group.slots, group.utilisation) == (2, 0.75)
    assert group.utilisation == group.busy_ms / (group.slots * (group.end_at - group.start_at))


def test_of_a_long_run_the_end_is_shown(crew: Crew) -> None:
    crew.start("box-1")
    crew.wait(3 * SPAN_MOST_MS / MINUTE)
    found = gantt(crew.app)
    assert found.until_at - found.since_at == SPAN_MOST_MS


def test_a_worker_that_died_or_was_left_in_another_life_of_the_database_has_ended(crew: Crew) -> None:
    dead, lost = crew.start("box-1"), crew.start("box-2")
    crew.wait(5)
    with crew.ledger.store.transaction() as tx:
        tx.forget_worker(dead.uid)
    crew.wait(5)
    with crew.ledger.store.transaction() as tx:
        tx.copied("another file", source="there", actor="person")
    crew.wait(50)
    ends = {name: gantt(crew.app, worker=name).groups[0] for name in ("box-1", lost.name)}
    assert {name: (one.end_at - crew.begun_at) / MINUTE for name, one in ends.items()} == {"box-1": 5, "box-2": 10}
    assert not any(one.runs for one in ends.values())


def test_where_the_number_of_slots_was_not_kept_it_is_as_many_as_were_taken_at_once(crew: Crew) -> None:
    crew.ledger.add_many(3)
    worker = crew.start("box-1", slots=8)
    with crew.ledger.store.transaction() as tx:
        tx.connection.fetch("UPDATE journal SET detail = 'pid 1 on host' WHERE event = 'worker_started'", {})
    claims = [crew.begin(worker) for _ in range(3)]
    crew.wait(1)
    for claim in claims:
        crew.ledger.settle(claim, *DONE)
    [group] = gantt(crew.app).groups
    assert (group.slots, group.slots_known, group.utilisation) == (3, False, 1.0)


def test_a_decomposition_has_a_bar_though_its_entries_have_no_status(crew: Crew) -> None:
    crew.ledger.ask(crew.ledger.add_pbi())
    worker = crew.start("box-1")
    claim = crew.begin(worker, scope=Scope(sbis=False, pbis=True))
    crew.wait(4)
    crew.ledger.settle(claim, Event.DECOMPOSED)
    assert crew.shown(gantt(crew.app)) == [("PBI-1", "decompose", "decomposed", 0, 4, 0)]


def test_of_too_many_bars_the_newest_are_kept_and_the_rest_is_said(crew: Crew) -> None:
    crew.ledger.add()
    worker = crew.start("box-1")
    crew.begin(worker)
    whole = gantt(crew.app)
    bar = Bar(item="SBI-1", step="review", agent="a", turn=1, start_at=0, end_at=1, outcome="succeeded")
    bars = tuple(replace(bar, start_at=at) for at in range(BARS_MOST + 5))
    found = _bounded(replace(whole, groups=(replace(whole.groups[0], bars=bars),)))
    assert (len(found.groups[0].bars), found.left_out, found.groups[0].bars[0].start_at) == (BARS_MOST, 5, 5)
