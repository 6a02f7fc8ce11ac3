"""A worker killed while it decomposes a PBI: afterwards all of its drafts are there or none, and none of them twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from planner import DECOMPOSITIONS, TWO, drafts, journal, pbi, plan, says, turns, work
from scene import HERE, Scene
from workshop import PATIENCE_S, eventually

from deespec.board.checkup import check_up
from deespec.model.lifecycle import GroupStatus, Status

POINTS = ("claimed", "prepared", "agent_ended", "answered", "acted", "settled")


@pytest.fixture
def planned(scene: Scene) -> Scene:
    """A PBI whose decomposition is asked for, and what it suggests approved at once."""
    scene.agent(says(TWO), name="planner")
    scene.settle("run", decompose="planner")
    plan(scene, auto=True, auto_approve=True)
    return scene


def dies(scene: Scene, point: str, times: int) -> subprocess.CompletedProcess[str]:
    scene.write_config()
    command = [sys.executable, str(HERE / "dying_decompose.py"), point, str(times)]
    return subprocess.run(command, cwd=scene.root, env=scene.env, capture_output=True, text=True, timeout=PATIENCE_S)


def check_whole(scene: Scene) -> None:
    """All of it was done, once."""
    assert [(one.id, one.title, one.registered) for one in drafts(scene)] == [
        ("PBI-1/1", "The first", "SBI-1"),
        ("PBI-1/2", "The second", "SBI-2"),
    ]
    assert [one.outcome for one in turns(scene)] == ["decomposed"]
    assert [entry.event for entry in journal(scene)].count("decomposed") == 1
    assert (work(scene).status, pbi(scene).status) == (Status.DECOMPOSED, GroupStatus.PLANNED)
    assert eventually(lambda: not scene.processes())
    checkup = check_up(scene.app)
    assert checkup.sound, [part for part in checkup.parts if part.found]


@pytest.mark.parametrize("mode", ["worktree", "shared"])
@pytest.mark.parametrize("point", POINTS)
def test_whoever_comes_next_goes_on_where_a_worker_was_killed(planned: Scene, point: str, mode: str) -> None:
    planned.settle("workspace", mode=mode)
    assert dies(planned, point, 1).returncode == -signal.SIGKILL
    is_settled = point == "settled"
    assert len(drafts(planned)) == 2 * is_settled
    assert len(turns(planned)) == is_settled
    planned.drain(scope=DECOMPOSITIONS)
    check_whole(planned)
    assert planned.saw("calls") == "x\n"


def deaths(scene: Scene) -> int:
    """How many writes there are from the end of the act to the end of the settlement."""
    done = dies(scene, "write", 0)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def dies_at_write(folder: Path, at: int) -> bool:
    """Whether a worker was killed at that write; whatever came of it is whole."""
    folder.mkdir()
    scene = Scene(folder)
    scene.agent(says(TWO), name="planner")
    scene.settle("run", decompose="planner")
    plan(scene, auto=True, auto_approve=True)
    died = dies(scene, "write", at)
    assert died.returncode in (0, -signal.SIGKILL), died.stderr
    found = drafts(scene)
    assert len(found) in (0, 2)
    assert len(turns(scene)) == len(found) / 2
    assert [one.registered for one in found] in ([], ["SBI-1", "SBI-2"])
    scene.drain(scope=DECOMPOSITIONS)
    check_whole(scene)
    assert scene.saw("calls") == "x\n"
    scene.app.close()
    return died.returncode != 0


def test_the_settlement_is_whole_whichever_write_kills(planned: Scene, tmp_path: Path) -> None:
    total = deaths(planned)
    assert total > 2
    killed = [dies_at_write(tmp_path / f"at-{at}", at) for at in (1, total // 2, total)]
    assert any(killed)


@pytest.mark.soak
def test_the_settlement_is_whole_at_every_write(planned: Scene, tmp_path: Path) -> None:
    total = deaths(planned)
    assert sum(dies_at_write(tmp_path / f"at-{at}", at) for at in range(1, total + 1)) > total / 2


def test_an_answer_in_a_dead_worker_s_outbox_is_taken_over(scene: Scene) -> None:
    handed = f'{says(TWO)} & touch "$SEEN/put"; sleep 600'
    waits = 'while ! test -e "$SEEN/go"; do sleep 0.02; done\n'
    scene.agent(f'touch "$SEEN/began"; {waits}{handed}', name="planner")
    scene.settle("run", decompose="planner")
    plan(scene)
    with scene.worker("--workflows", "pbi") as worker:
        assert eventually(lambda: scene.saw("began") is not None)
        scene.stop(worker.pid)
        (scene.seen / "go").touch()
        assert eventually(lambda: list((scene.folder / "tmp").glob("*/*/*/answer-*.json")))
        worker.kill()
    scene.drain(scope=DECOMPOSITIONS)
    assert [one.title for one in drafts(scene)] == ["The first", "The second"]
    assert scene.saw("calls") == "x\n"


def test_two_processes_decompose_one_pbi_once(planned: Scene) -> None:
    with planned.worker("--workflows", "pbi"), planned.worker("--workflows", "pbi"):
        assert eventually(lambda: work(planned).status is Status.DECOMPOSED)
    check_whole(planned)
    assert planned.saw("calls") == "x\n"
