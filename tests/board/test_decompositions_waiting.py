"""Why a PBI is not decomposed: in words that name what bars it, under its id, with the command that helps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_waiting import Scene, opened

from deespec.backlog import edit
from deespec.backlog.decompose import ask_in
from deespec.backlog.register import Order, register
from deespec.board.snapshot import overview, snapshot
from deespec.board.waiting import Situation, Waiting
from deespec.model.ids import decomposition_of
from deespec.model.items import AgentPause, Kind
from deespec.model.lifecycle import Event, Status
from deespec.model.spec import new_item
from deespec.model.wanted import AgentSlot, Scope
from deespec.records import replace

ONLY = Scope(sbis=False, pbis=True)
RUN = "deespec run --workflows pbi,sbi, or deespec pbi decompose PBI-1"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    yield from opened(tmp_path)


def plan(scene: Scene, **fields: object) -> None:
    """A PBI that somebody wants decomposed."""
    order = Order(kind=Kind.PBI, new=new_item(Kind.PBI, title="A plan", **fields))
    [done] = register(scene.app.store, [order], uids=[scene.app.clock.uid()], owner="me")
    with scene.app.store.transaction() as tx:
        ask_in(tx, tx.pbi(done.item.number), actor="me")


def runs(scene: Scene, workflows: str) -> None:
    with scene.app.store.transaction() as tx:
        tx.remove_worker(scene.worker)
        tx.add_worker(replace(scene.worker, workflows=workflows))


def why(scene: Scene, number: int = 1) -> Waiting:
    with scene.app.store.read() as tx:
        [found] = Situation(scene.app, tx).waiting(tx.line(decomposition_of(number)))
    return found


def test_no_worker_at_all_is_named_with_both_ways_to_have_it_decomposed(scene: Scene) -> None:
    plan(scene)
    scene.life.release()
    assert (why(scene).text, why(scene).remedy) == ("no worker is running", RUN)


def test_a_worker_that_takes_only_sbis_does_not_help(scene: Scene) -> None:
    plan(scene)
    assert (why(scene).reason, why(scene).text, why(scene).remedy) == ("slot", "no worker runs the pbi workflow", RUN)


def test_one_that_takes_pbis_takes_it_in_its_turn(scene: Scene) -> None:
    plan(scene)
    runs(scene, "pbi,sbi")
    assert (why(scene).text, why(scene).remedy) == ("a worker's next free slot takes it in its turn", None)


def test_an_sbi_is_not_taken_by_a_worker_that_takes_only_pbis(scene: Scene) -> None:
    scene.add()
    runs(scene, "pbi")
    assert (scene.why(1).text, scene.why(1).remedy) == ("no worker runs the sbi workflow", "deespec run")


def test_neither_needs_nor_paths_bar_it_or_an_sbi_beside_it(scene: Scene) -> None:
    plan(scene)
    plan(scene)
    scene.take(scope=ONLY)
    scene.add()
    assert scene.why(1).reason == "slot"
    runs(scene, "pbi,sbi")
    scene.take(agents=(AgentSlot(name="free", account="free"),), implement=("free",))
    assert why(scene, 2).reason == "slot"


def test_a_held_pbi_is_told_with_the_command_that_frees_it(scene: Scene) -> None:
    plan(scene)
    with scene.app.store.transaction() as tx:
        tx.set_held(tx.pbi(1), held=True, actor="me")
    assert (why(scene).reason, why(scene).remedy) == ("held", "deespec pbi unhold PBI-1")


def test_its_own_agents_count_and_not_those_that_implement(scene: Scene) -> None:
    plan(scene)
    with scene.app.store.transaction() as tx:
        account = scene.app.account("free")
        tx.pause(AgentPause(account=account, agent="free", reason="login", message="Log in."), actor="w")
    assert why(scene).reason == "slot"
    scene.app.settings = replace(scene.app.settings, decompose=("free",))
    assert (why(scene).reason, why(scene).by) == ("agent_paused", ("free",))


def test_an_agent_that_is_not_there_can_be_replaced(scene: Scene) -> None:
    plan(scene)
    with scene.app.store.transaction() as tx:
        ask_in(tx, tx.pbi(1), actor="me", agent=("nobody",))
    assert why(scene).remedy == "deespec pbi decompose PBI-1 --agent one"


@pytest.mark.parametrize(
    ("event", "reason", "remedy"),
    [
        (Event.NEEDS_PERSON, "question", 'deespec answer PBI-1 "…"'),
        (Event.NEEDS_PERSON, "workspace", "deespec pbi decompose PBI-1"),
        (Event.LIMIT_REACHED, "proposal", "deespec pbi show PBI-1, then deespec pbi decompose PBI-1"),
    ],
)
def test_what_has_stopped_waits_for_a_person_with_the_command_that_goes_on(
    scene: Scene,
    event: Event,
    reason: str,
    remedy: str,
) -> None:
    plan(scene)
    claim = scene.take(scope=ONLY)
    with scene.app.store.transaction() as tx:
        tx.free(claim.sbi.number)
        tx.move(replace(claim.sbi, question="Which?"), event, actor="w", reason=reason)
    found = why(scene)
    assert (found.person, found.remedy) == (True, remedy)
    with scene.app.store.transaction() as tx:
        ask_in(tx, tx.pbi(1), actor="me")
    assert why(scene).reason == "slot"


def test_what_its_dead_worker_left_is_taken_up_by_one_that_takes_pbis(scene: Scene) -> None:
    plan(scene)
    scene.take(scope=ONLY)
    scene.life.release()
    assert (why(scene).text, why(scene).remedy) == ("its worker died; the next one takes it up", RUN)


def test_status_shows_it_beside_the_sbis_and_counts_it_as_none(scene: Scene) -> None:
    for _ in range(3):
        plan(scene)
    scene.add()
    claim = scene.take(scope=ONLY)
    with scene.app.store.transaction() as tx:
        tx.park(claim, actor="w", reason="question", question="Which?")
    scene.take(scope=ONLY)
    every, short = snapshot(scene.app), overview(scene.app, asked=5)
    assert [(line.id, found.reason) for line, found in every.waiting] == [
        *(("PBI-1", "parked"), ("PBI-3", "slot"), ("SBI-1", "slot")),
    ]
    assert [line.id for line in every.running] == [line.id for line in short.running] == ["PBI-2"]
    assert [(group.reason, group.first.id, group.count) for group in short.groups] == [
        *(("parked", "PBI-1", 1), ("slot", "PBI-3", 1), ("slot", "SBI-1", 1)),
    ]
    assert [line.id for line, _ in short.asked] == ["PBI-1"]
    assert every.counts == short.counts
    assert sum(every.counts.values()) == every.counts["PENDING"] == 1
    assert not {Status.DECOMPOSING, Status.DECOMPOSED} & set(every.counts)


def test_what_is_decomposed_waits_for_nothing(scene: Scene) -> None:
    plan(scene)
    with scene.app.store.transaction() as tx:
        edit.cancel_decomposition(tx, tx.pbi(1), actor="me")
        assert Situation(scene.app, tx).waiting(tx.line(decomposition_of(1))) == []
    assert snapshot(scene.app).waiting == ()
