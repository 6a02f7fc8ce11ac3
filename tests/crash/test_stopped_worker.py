"""Workers stopped (SIGSTOP) beyond their lease and continued: the next owner meets nobody, the old one does nothing."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from scene import Scene, kill, state
from workshop import eventually

from deespec.backlog import edit
from deespec.model.lifecycle import Status

LEASE = "3 s"
"""The shortest one that a busy machine can renew in time."""


@pytest.fixture
def leased(scene: Scene) -> Scene:
    scene.settle("run", lease=LEASE)
    (scene.seen / "hang").touch()
    scene.register()
    return scene


@contextmanager
def stopped(scene: Scene, process: subprocess.Popen[str], *others: int) -> Iterator[None]:
    """The worker, and maybe others, stand still; whoever works on the item from now on does not hang."""
    pids = (process.pid, *others)
    scene.stop(*pids)
    (scene.seen / "hang").unlink()
    try:
        yield
    finally:
        for pid in pids:
            if state(pid) is not None:
                os.kill(pid, signal.SIGCONT)


def test_the_agents_of_a_stopped_worker_are_ended_before_its_lease_is_over(leased: Scene) -> None:
    with leased.worker() as worker:
        leased.wait_for("hanging")
        with stopped(leased, worker):
            assert eventually(lambda: not leased.processes())
            with leased.app.store.read() as tx:
                assert tx.line(1).lease_worker is not None  # nobody has taken it over: the guard did it by itself
        assert eventually(lambda: leased.sbi().status is Status.DONE)
    leased.check_done()
    assert leased.sbi().turn == 2


def test_another_worker_takes_over_and_the_stopped_one_changes_nothing_and_works_on(leased: Scene) -> None:
    with leased.worker() as worker:
        leased.wait_for("hanging")
        with stopped(leased, worker):
            leased.drain()
            assert leased.sbi().status is Status.DONE
            before = [leased.sbi(), leased.turns(), leased.journal()]
        assert worker.stdout is not None
        assert any("SBI-1 implement 1 taken away" in line for line in worker.stdout)
        assert [leased.sbi(), leased.turns(), leased.journal()] == before
        leased.register("for the one that was stopped")
        assert eventually(lambda: leased.unfinished() == 0)
        assert {turn.worker.rpartition("-")[2] for turn in leased.turns(2)} == {str(worker.pid)}
    leased.check_done()


def test_worker_guard_and_agent_stopped_together_are_met_by_nobody(leased: Scene) -> None:
    with leased.worker() as worker:
        agent = leased.wait_for("hanging")[0]
        with stopped(leased, worker, leased.guard().pid, agent.pid):
            leased.drain()
            assert leased.sbi().status is Status.DONE
        assert worker.stdout is not None
        assert any("SBI-1 implement 1 taken away" in line for line in worker.stdout)
    leased.check_done()


def test_an_item_taken_away_and_freed_is_not_begun_before_its_old_agent_is_gone(scene: Scene) -> None:
    (scene.seen / "hang").touch()
    scene.register()
    with scene.worker("--parallel", "2"):
        scene.wait_for("hanging")
        (scene.seen / "hang").unlink()
        edit.hold(scene.app.store, [1], actor="person", now=True)
        edit.unhold(scene.app.store, [1], actor="person")
        assert eventually(lambda: scene.sbi().status is Status.DONE)
        assert eventually(lambda: not scene.processes())
    scene.check_done()


def test_a_worker_killed_while_it_was_stopped_is_dead_at_once(leased: Scene) -> None:
    leased.settle("run", lease="10 min")
    with leased.worker() as worker:
        leased.wait_for("hanging")
        with stopped(leased, worker):
            kill(worker.pid)
            leased.drain()
    leased.check_done()


def test_a_worker_stopped_for_less_than_its_lease_keeps_its_item(scene: Scene) -> None:
    (scene.seen / "hang").touch()
    scene.register(paths=("SBI-1.txt",))
    with scene.worker("--drain") as worker:
        agent = scene.wait_for("hanging")[0]
        with stopped(scene, worker):
            scene.register("meanwhile", paths=("SBI-2.txt",))
            with scene.working():
                assert eventually(lambda: scene.sbi(2).status is Status.DONE)
            assert [note.word for note in scene.notes() if note.item == "SBI-1"] == ["start", "hanging"]
        kill(agent.pid)
        assert worker.wait(60) == 0
    scene.check_done()
    assert {turn.worker.rpartition("-")[2] for turn in scene.turns(1)} == {str(worker.pid)}
