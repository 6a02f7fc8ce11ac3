"""What the inbox names is just what a look at every open item finds that a person has to bring on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_waiting import Scene, opened

from deespec import acts
from deespec.backlog import edit
from deespec.backlog.decompose import ask_in
from deespec.backlog.register import Order, register
from deespec.board.inbox import entries, inbox
from deespec.board.snapshot import overview, snapshot
from deespec.model.asking import Draft, DraftStatus
from deespec.model.items import Kind
from deespec.model.lifecycle import Event, Status
from deespec.model.spec import new_item
from deespec.model.work import Notice

ITEMS = 40
ENDS = (Event.LIMIT_REACHED, Event.NEEDS_PERSON)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    yield from opened(tmp_path)


def fill(scene: Scene, dice: random.Random) -> None:
    """Items and a PBI in every state that matters here, with needs between them."""
    for number in range(1, ITEMS + 1):
        needs = [f"SBI-{dice.randrange(1, number)}"] if number > 1 and dice.random() < 0.4 else []
        agent = ["nobody-has-it"] if dice.random() < 0.03 else []
        scene.add(depends_on=tuple(needs), agent=tuple(agent))
    [plan] = register(
        scene.app.store, [Order(kind=Kind.PBI, new=new_item(Kind.PBI, title="A plan"))], uids=["u" * 26], owner="me"
    )
    with scene.app.store.transaction() as tx:
        asked = ask_in(tx, tx.pbi(plan.item.number), actor="me")
        for number in (*range(1, ITEMS + 1), asked.number):
            sbi, fate = tx.sbi(number), dice.random()
            if fate < 0.1 and number > 0:
                tx.move(sbi, Event.CANCELLED, actor="me")
            elif fate < 0.4 and not sbi.depends_on:
                begun = tx.move(sbi, Event.CLAIMED, actor="me")
                ready = Event.FOLDER_READY if sbi.decomposes else Event.WORKSPACE_READY
                tx.move(tx.move(begun, ready, actor="me"), dice.choice(ENDS), actor="me", reason="turns")
            if dice.random() < 0.2 and tx.sbi(number).status is not Status.CANCELLED and number > 0:
                tx.set_held(tx.sbi(number), held=True, actor="me")
    stopped = [line.number for line, why in snapshot(scene.app).waiting if why.reason in ("parked", "failed")]
    edit.retry(scene.app.store, stopped[::3], actor="me")


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_left_out_and_nothing_added(scene: Scene, seed: int) -> None:
    fill(scene, random.Random(seed))
    everything, found = snapshot(scene.app), inbox(scene.app)
    assert {(line.id, why) for line, why in found.asked} == {
        (line.id, why) for line, why in everything.waiting if why.person
    }
    assert [line.id for line in found.held] == [line.id for line, why in everything.waiting if why.reason == "held"]
    assert len(found.asked) == len({line.id for line, _ in found.asked})
    assert entries(scene.app) == found.total == len(found.asked) + len(found.held)


def test_items_that_nobody_can_do_are_among_them(scene: Scene) -> None:
    scene.add(agent=("nobody-has-it",))
    scene.add()
    assert [(line.id, why.reason) for line, why in inbox(scene.app).asked] == [("SBI-1", "agent_paused")]


def test_they_are_among_them_also_where_others_wait_for_an_agent_that_rests(scene: Scene) -> None:
    acts.pause_agent(scene.app, "one", for_ms=60_000)
    scene.add()
    scene.add(agent=("nobody-has-it",))
    assert [line.id for line, _ in inbox(scene.app).asked] == ["SBI-2"]
    assert entries(scene.app) == 1


def test_everything_in_it_is_counted(scene: Scene) -> None:
    scene.add()
    acts.pause_agent(scene.app, "one")
    with scene.app.store.transaction() as tx:
        tx.put_notice(Notice(name="base_broken", text="The base is broken.", remedy="Mend it."), actor="me")
        tx.add_draft(Draft(parent="SBI-1", number=1, title="First", spec="Do it.", agent="ann"))
    found = inbox(scene.app)
    assert (len(found.notices), len(found.drafts), len(found.agents)) == (1, 1, 1)
    assert entries(scene.app) == found.total == 3


def test_drafts_are_counted_as_they_are_listed_without_those_that_a_person_has_approved(scene: Scene) -> None:
    scene.add()
    with scene.app.store.transaction() as tx:
        tx.add_draft(Draft(parent="SBI-1", number=1, title="First", spec="Do it.", agent="ann"))
        tx.add_draft(Draft(parent="SBI-1", number=2, title="Then", spec="Do it.", agent="ann", needs=("SBI-1/1",)))
    [done] = acts.approve(scene.app, [("SBI-1", 2)])
    assert done.draft.status is DraftStatus.WAITING
    assert overview(scene.app, asked=1).drafts == len(inbox(scene.app).drafts) == 1
