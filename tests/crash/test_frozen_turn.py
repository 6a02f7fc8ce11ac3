"""A worker frozen in a turn until another has gone on with its item: it touches nothing of what the other one makes."""

from __future__ import annotations

import os
import signal

import pytest
from scene import Scene, state
from test_killed_merge import LEASE, TARGET, check_git, frozen_at, go_on
from workshop import PATIENCE_S, eventually

from deespec.model.lifecycle import Status

AGENT = """
case $DEESPEC_STEP-$DEESPEC_TURN in
implement-1) echo one > one.txt; echo "DECISION: IMPLEMENTED";;
review-2) echo "More."; echo "DECISION: NEEDS_CHANGES";;
implement-3)
    echo two > two.txt
    : > "$SEEN/works"
    while ! test -e "$SEEN/go"; do sleep 0.02; done
    echo "DECISION: IMPLEMENTED";;
*) echo "Good."; echo "DECISION: SUCCEEDED";;
esac
"""


@pytest.fixture
def apart(scene: Scene) -> Scene:
    """One item in a worktree, of which a second implement turn waits for the test."""
    scene.settle("workspace", mode="worktree")
    scene.settle("run", lease=LEASE, implement="shell")
    scene.env["SEEN"] = str(scene.seen)
    scene.agent(AGENT, name="shell")
    return scene


def check_whole(scene: Scene) -> None:
    assert scene.sbi().status is Status.DONE
    assert scene.git("ls-tree", "--name-only", TARGET).split() == ["README", "one.txt", "two.txt"]
    assert [turn.outcome for turn in scene.turns()] == ["implemented", "needs_changes", "implemented", "succeeded"]
    check_git(scene)


@pytest.mark.parametrize("point", ["claimed", "prepared", "agent_ended", "answered", "acted"])
def test_it_leaves_the_folder_alone_in_which_its_successor_works(apart: Scene, point: str) -> None:
    apart.register("Write it")
    with frozen_at(apart, point, 1) as stale, apart.worker("--drain") as heir:
        assert eventually(lambda: apart.saw("works") is not None)
        go_on(stale, "lost")
        (apart.seen / "go").touch()
        assert heir.wait(PATIENCE_S) == 0
    check_whole(apart)


def test_frozen_in_its_gates_it_takes_nothing_of_its_successor_s_back(apart: Scene) -> None:
    """They have passed meanwhile, so it believes that all that has changed since is the gates' doing."""
    apart.gate(f"cd {apart.seen}; touch gate; while ! test -e frozen; do sleep 0.02; done", name="slow")
    apart.register("Write it")
    with apart.worker("--drain") as stale:
        assert eventually(lambda: apart.saw("gate") is not None)
        apart.stop(stale.pid)
        (apart.seen / "frozen").touch()
        with apart.worker("--drain") as heir:
            assert eventually(lambda: apart.saw("works") is not None)
            assert state(stale.pid) == b"T"
            os.kill(stale.pid, signal.SIGCONT)
            assert stale.stdout is not None
            assert any("taken away" in line for line in stale.stdout)
            (apart.seen / "go").touch()
            assert heir.wait(PATIENCE_S) == 0
    check_whole(apart)
