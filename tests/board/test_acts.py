"""What a surface offers as possible with an item is what the backlog then does, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_waiting import Scene, opened

from deespec import acts
from deespec.backlog import edit
from deespec.backlog.register import Order, register
from deespec.board.told import effects
from deespec.errors import DeespecError, InvalidInput, NotFound, NotPossible
from deespec.model.items import Kind, Line
from deespec.model.lifecycle import Event
from deespec.model.spec import new_item

STATES = ("waiting", "held", "parked", "answered", "failed", "cancelled", "done")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    yield from opened(tmp_path)


def brought_to(scene: Scene, state: str) -> None:
    """SBI-1 as it would be after that has happened to it."""
    order = Order(kind=Kind.SBI, new=new_item(Kind.SBI, title="One"))
    register(scene.app.store, [order], uids=[scene.app.clock.uid()], owner="me")
    with scene.app.store.transaction() as tx:
        sbi = tx.sbi(1)
        if state == "held":
            tx.set_held(sbi, held=True, actor="me")
        elif state == "cancelled":
            tx.move(sbi, Event.CANCELLED, actor="me")
        elif state != "waiting":
            begun = tx.move(tx.move(sbi, Event.CLAIMED, actor="me"), Event.WORKSPACE_READY, actor="me")
            if state == "done":
                tx.move(tx.move(begun, Event.IMPLEMENTED_ONLY, actor="me"), Event.MERGED, actor="me")
            else:
                event = Event.LIMIT_REACHED if state == "failed" else Event.NEEDS_PERSON
                tx.move(begun, event, actor="me", reason="turns" if state == "failed" else "question")
    if state == "answered":
        edit.answer(scene.app.store, 1, "Yes.", actor="me")


def line(scene: Scene) -> Line:
    with scene.app.store.read() as tx:
        return tx.line(1)


@pytest.mark.parametrize("act", acts.ACTS, ids=lambda act: act.name)
@pytest.mark.parametrize("state", STATES)
def test_what_is_offered_goes_and_what_is_not_offered_is_refused(scene: Scene, state: str, act: acts.Act) -> None:
    brought_to(scene, state)
    offered = act in acts.acts_for(line(scene))
    try:
        acts.carry_out(scene.app, act.name, 1, words="Because.")
    except DeespecError:
        assert not offered
    else:
        assert offered


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ("waiting", ["hold", "cancel", "delete"]),
        ("held", ["unhold", "cancel", "delete"]),
        ("parked", ["answer", "retry", "hold", "reset", "cancel"]),
        ("answered", ["hold", "reset", "cancel"]),
        ("failed", ["retry", "hold", "reset", "cancel"]),
        ("cancelled", ["reset", "delete"]),
        ("done", []),
    ],
)
def test_in_each_state_just_these_are_offered(scene: Scene, state: str, names: list[str]) -> None:
    brought_to(scene, state)
    assert [act.name for act in acts.acts_for(line(scene))] == names


def test_an_answer_is_taken_without_the_blanks_around_it(scene: Scene) -> None:
    brought_to(scene, "parked")
    told = acts.carry_out(scene.app, "answer", 1, words=" Use B.\r\nNot A. ")
    assert str(told) == "SBI-1 goes on at the next claim"
    with scene.app.store.read() as tx:
        assert tx.sbi(1).hint == "Use B.\nNot A."


def test_an_answer_counts_only_for_the_turn_that_asked(scene: Scene) -> None:
    brought_to(scene, "parked")
    asked = line(scene).turn
    with pytest.raises(NotPossible, match="SBI-1 asks something else by now"):
        acts.carry_out(scene.app, "answer", 1, words="Late.", turn=asked - 1)
    assert not line(scene).resume
    acts.carry_out(scene.app, "answer", 1, words="In time.", turn=asked)
    with pytest.raises(NotPossible, match="SBI-1 goes on by now: somebody else has decided"):
        acts.carry_out(scene.app, "answer", 1, words="Too late.", turn=asked)
    with scene.app.store.read() as tx:
        assert tx.sbi(1).hint == "In time."


@pytest.mark.parametrize("words", [None, "", " \r\n ", "a\0b", "x" * (acts.WORDS_MOST + 1)])
def test_an_answer_that_is_none_changes_nothing(scene: Scene, words: str | None) -> None:
    brought_to(scene, "parked")
    with pytest.raises(InvalidInput):
        acts.carry_out(scene.app, "answer", 1, words=words)
    assert not line(scene).resume


def test_an_act_that_there_is_not_is_named_with_those_that_there_are(scene: Scene) -> None:
    brought_to(scene, "waiting")
    with pytest.raises(NotFound, match="There is no act explode") as caught:
        acts.carry_out(scene.app, "explode", 1)
    assert caught.value.hint is not None
    assert "hold" in caught.value.hint


def test_what_a_pbi_s_act_concerns_is_told_before_and_after(scene: Scene) -> None:
    orders = [
        Order(kind=Kind.PBI, new=new_item(Kind.PBI, title="A plan")),
        Order(kind=Kind.SBI, new=new_item(Kind.SBI, title="Below", parent="PBI-1")),
    ]
    register(scene.app.store, orders, uids=[scene.app.clock.uid() for _ in orders], owner="me")
    before = acts.rehearse_group(scene.app, "hold", "PBI-1")
    assert not line(scene).held
    assert [str(one) for one in effects("PBI-1", before)] == ["1 SBI: SBI-1"]
    assert acts.carry_out_group(scene.app, "hold", "PBI-1") == before
    assert line(scene).held
    with scene.app.store.read() as tx:
        assert acts.group_acts(tx.pbi(1).status, held=tx.pbi(1).held) == ("unhold",)


def test_an_agent_that_is_paused_by_hand_rests_until_it_is_resumed(scene: Scene) -> None:
    name = scene.app.settings.implement[0]
    pause, fresh = acts.pause_agent(scene.app, name, reason="Lunch.")
    assert (pause.message, pause.until_at, fresh) == ("Lunch.", None, True)
    assert acts.resume_agent(scene.app, name) is True
    assert acts.resume_agent(scene.app, name) is False
