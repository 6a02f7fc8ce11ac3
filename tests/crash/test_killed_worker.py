"""Workers killed with SIGKILL, at each step of a turn and at any time: nothing is lost, nothing is done twice."""

from __future__ import annotations

import random

import pytest
from scene import Scene, kill
from workshop import eventually

from deespec.backlog import edit
from deespec.model.lifecycle import Status

POINTS = ("claimed", "prepared", "agent_ended", "answered", "acted", "settled")


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("turn", [1, 2], ids=["implement", "review"])
def test_whoever_comes_next_goes_on_where_a_worker_was_killed(scene: Scene, point: str, turn: int) -> None:
    scene.register()
    scene.die_at(point, turn)
    scene.drain()
    scene.check_done()
    assert set(scene.calls().values()) == {1}


@pytest.mark.parametrize(("point", "calls"), [("prepared", 1), ("agent_ended", 2), ("answered", 1), ("acted", 1)])
def test_words_that_were_not_stored_yet_are_asked_for_again(scene: Scene, point: str, calls: int) -> None:
    scene.witness(ANSWERS="words")
    scene.register()
    scene.die_at(point, 1)
    scene.drain()
    scene.check_done()
    assert scene.calls()["SBI-1", 1] == calls


def test_a_worker_that_dies_in_its_gates_costs_no_second_call(scene: Scene) -> None:
    scene.gate(f"touch {scene.seen}/gate; test -e {scene.seen}/go || sleep 600", name="slow")
    scene.register()
    with scene.worker() as worker:
        assert eventually(lambda: scene.saw("gate") is not None)
        worker.kill()
    (scene.seen / "go").touch()
    scene.drain()
    scene.check_done()
    assert set(scene.calls().values()) == {1}


def test_an_answer_in_a_dead_worker_s_outbox_is_taken_over(scene: Scene) -> None:
    """Handed in, but not yet stored: nobody was told that it counts, and yet nobody has to be asked again."""
    (scene.seen / "wait").touch()
    scene.register()
    with scene.worker() as worker:
        claim = scene.wait_for("waiting")[0].claim
        scene.stop(worker.pid)
        (scene.seen / "wait").unlink()
        assert eventually(lambda: list((scene.folder / "tmp").glob("*/*/*/answer-*.json")))
        worker.kill()
    scene.drain()
    scene.check_done()
    assert scene.calls()["SBI-1", 1] == 1
    assert scene.turns()[0].report == f"By {claim}."


def test_a_killed_worker_s_agents_die_with_it(scene: Scene) -> None:
    (scene.seen / "hang").touch()
    scene.register()
    with scene.worker() as worker:
        scene.wait_for("hanging")
        assert len(scene.processes()) >= 3
        worker.kill()
        assert eventually(lambda: not scene.processes())


def test_a_dead_worker_s_item_goes_on_at_once(scene: Scene) -> None:
    """Long before its lease of a minute is over, and though the next worker was idle when it happened."""
    (scene.seen / "hang").touch()
    scene.register()
    with scene.worker() as worker:
        scene.wait_for("hanging")
        with scene.working():
            (scene.seen / "hang").unlink()
            worker.kill()
            assert eventually(lambda: scene.sbi().status is Status.DONE, patience_s=10)
    scene.check_done()


def test_each_death_is_an_attempt_and_at_last_the_item_failed(scene: Scene) -> None:
    scene.settle("run", max_attempts=2)
    scene.register()
    for _ in range(2):
        scene.die_at("prepared", 1)
    scene.drain()
    sbi = scene.sbi()
    assert (sbi.status, sbi.reason, sbi.turn, scene.notes()) == (Status.FAILED, "attempts", 0, [])
    scene.check()
    edit.retry(scene.app.store, [1], actor="person")
    scene.drain()
    scene.check_done()


def test_a_worker_that_dies_beside_others_costs_only_its_own_turns(scene: Scene) -> None:
    scene.witness(WORK_S="0.1")
    for number in range(1, 7):
        scene.register(paths=(f"SBI-{number}.txt",))
    with scene.worker("--parallel", "2") as doomed, scene.worker("--parallel", "2", "--drain") as other:
        scene.wait_for("end", 2)
        doomed.kill()
        assert other.wait(60) == 0
    scene.check_done()


# --- guard and worker together --------------------------------------------------------------------------------------


def hanging(scene: Scene, process_pid: int) -> None:
    """Kills a worker and its guard at the same time; what they stood over goes on.

    Both stand still first: a worker that saw its guard's end would sweep before it died itself.
    """
    scene.wait_for("hanging")
    guard = scene.guard()
    scene.stop(process_pid, guard.pid)
    kill(guard.pid, process_pid)
    (scene.seen / "hang").unlink()
    assert eventually(lambda: len(scene.processes()) == 3)  # the agent, its child, and that one's sleep


def test_what_a_dead_guard_left_is_swept_before_the_next_owner_begins(scene: Scene) -> None:
    (scene.seen / "hang").touch()
    scene.register()
    with scene.worker() as worker:
        hanging(scene, worker.pid)
    scene.drain()
    scene.check_done()
    assert scene.calls()["SBI-1", 1] == 2


def test_what_a_dead_guard_left_is_swept_though_nobody_goes_on_with_the_item(scene: Scene) -> None:
    (scene.seen / "hang").touch()
    scene.register()
    with scene.worker() as worker:
        hanging(scene, worker.pid)
    edit.hold(scene.app.store, [1], actor="person")
    scene.drain()
    assert not scene.processes()
    scene.check()


def test_a_dead_guard_is_an_attempt_of_a_worker_that_lives(scene: Scene) -> None:
    (scene.seen / "hang").touch()
    scene.register()
    with scene.worker("--drain") as worker:
        scene.wait_for("hanging")
        (scene.seen / "hang").unlink()
        kill(scene.guard().pid)
        assert worker.wait(60) == 0
    scene.check_done()
    assert scene.calls()["SBI-1", 1] == 2


# --- at any time ----------------------------------------------------------------------------------------------------


def kill_at_random(scene: Scene, seed: int, *, items: int, deaths: int) -> None:
    """Two workers, of whom one after the other is killed, with or without a running turn."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    scene.witness(WORK_S="0.03")
    for number in range(1, items + 1):
        scene.register(paths=(f"SBI-{number}.txt",), only_implement=chance.random() < 0.5)
    for _ in range(deaths):
        with scene.worker("--parallel", "2") as one, scene.worker() as other:
            eventually(lambda: scene.unfinished() == 0, patience_s=chance.uniform(0.2, 1.5))
            chance.choice((one, other)).kill()
            eventually(lambda: scene.unfinished() == 0, patience_s=chance.uniform(0.0, 0.5))
    scene.drain(slots=3)
    scene.check_done()


@pytest.mark.parametrize("seed", range(3))
def test_workers_killed_at_any_time(scene: Scene, seed: int) -> None:
    kill_at_random(scene, seed, items=8, deaths=3)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 140))
def test_workers_killed_at_any_time_again_and_again(scene: Scene, seed: int) -> None:
    kill_at_random(scene, seed, items=40, deaths=25)
