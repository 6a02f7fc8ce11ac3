"""A merge cut off at any point: the next worker makes it whole, and the target has the item's work exactly once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from faults import did
from scene import HERE, Scene, state
from workshop import PATIENCE_S, eventually

from deespec.backlog import edit
from deespec.model.lifecycle import Status
from deespec.store.leases import RESTARTS_MOST

TARGET = "deespec/integration"
LEASE = "3 s"
"""The shortest one that a busy machine can renew in time."""
TURN = 1
"""Of two passings of a point the first is the implement turn's."""
MERGE = 2
POINTS = [
    *(("claimed", MERGE), ("fenced", TURN), ("gated", TURN), ("recorded", TURN)),
    *(("moved", TURN), ("acted", MERGE), ("settled", MERGE)),
]
NOT_POSSIBLE = 4
BEING_MERGED = f"SBI-1 is being merged into {TARGET}."


def points(*few: str, most: int = len(POINTS)) -> pytest.MarkDecorator:
    """The first so many; those that are not among the few in `make soak` only."""
    values = [
        pytest.param(point, times, id=point, marks=() if point in few else pytest.mark.soak)
        for point, times in POINTS[:most]
    ]
    return pytest.mark.parametrize(("point", "times"), values)


@pytest.fixture
def queue(scene: Scene) -> Scene:
    """Items have worktrees, and go into the merge queue after their first turn."""
    scene.settle("workspace", mode="worktree")
    scene.gate("test -e README", name="readme")
    scene.env["SEEN"] = str(scene.seen)
    return scene


# --- workers of these tests -----------------------------------------------------------------------------------------


@contextmanager
def worker(scene: Scene, how: str, point: str, times: int) -> Iterator[subprocess.Popen[str]]:
    """One that dies, freezes or waits there."""
    scene.write_config()
    command = [sys.executable, str(HERE / "queue_worker.py"), how, point, str(times)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=scene.root, env=scene.env, stdout=pipe, stderr=pipe, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def die_at(scene: Scene, point: str, times: int) -> None:
    with worker(scene, "die", point, times) as running:
        _, said = running.communicate(timeout=PATIENCE_S)
        assert running.returncode == -signal.SIGKILL, said


@contextmanager
def frozen_at(scene: Scene, point: str, times: int) -> Iterator[subprocess.Popen[str]]:
    """A worker that stands still there until it is told to go on."""
    with worker(scene, "freeze", point, times) as running:
        assert eventually(lambda: state(running.pid) == b"T"), running.communicate()
        yield running


def go_on(running: subprocess.Popen[str], until: str) -> None:
    """Continues one that was frozen, and waits until a turn of it came to this."""
    os.kill(running.pid, signal.SIGCONT)
    assert running.stdout is not None
    assert any(line.strip() == until for line in running.stdout), running.communicate()


def ended(running: subprocess.Popen[str]) -> bool:
    _, said = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0, said
    return True


# --- what must hold -------------------------------------------------------------------------------------------------


def log(scene: Scene) -> list[str]:
    return scene.git("log", "--format=%s", TARGET).splitlines()


def check_merged(scene: Scene, *titles: str) -> None:
    """Everything is done, each item's change is in the target once, and nobody has lost or doubled anything."""
    scene.check_done()
    ids = [f"SBI-{number}" for number in range(1, len(titles) + 1)]
    assert sorted(line for line in log(scene) if line.startswith("SBI-")) == [
        f"{name}: {title}" for name, title in zip(ids, titles, strict=True)
    ]
    for number, name in enumerate(ids, start=1):
        assert len(scene.git("show", f"{TARGET}:{name}.txt").splitlines()) == 1
        assert scene.events(number).count("merged") == 1
        with scene.app.store.read() as tx:
            assert [(one.kind, one.target) for one in tx.merges(number)] == [("merge", TARGET)]
            assert tx.integration(number) is None
            made = tx.merges(number)[0]
        assert scene.git("show", "--no-patch", "--format=%P", made.new) == made.old
    did(scene, "run", "--drain")  # there is nothing to do, but what others have left goes
    check_git(scene)
    assert scene.git("branch", "--format=%(refname:short)").splitlines() == [TARGET, "main"]
    assert list((scene.home / "worktrees").iterdir()) == []
    did(scene, "db", "check")
    did(scene, "journal", "check")


def check_git(scene: Scene) -> None:
    found = scene.git("fsck", "--full", "--strict", "--no-dangling")
    assert found == ""
    common = scene.root / ".git"
    assert [path for path in common.rglob("*.lock") if path.name != "deespec.lock"] == []


# --- killed ---------------------------------------------------------------------------------------------------------


@points(*(point for point, _ in POINTS))
def test_whoever_comes_next_completes_the_merge_where_a_worker_was_killed(queue: Scene, point: str, times: int) -> None:
    queue.register("Write it", only_implement=True)
    die_at(queue, point, times)
    queue.drain()
    check_merged(queue, "Write it")
    assert set(queue.calls().values()) == {1}


@points("recorded", "moved")
def test_the_base_may_have_gone_on_before_a_merge_is_completed(queue: Scene, point: str, times: int) -> None:
    queue.register("Write it", only_implement=True)
    die_at(queue, point, times)
    queue.commit("news.txt", "News.\n")
    queue.register("And this", only_implement=True)
    queue.drain(slots=2)
    check_merged(queue, "Write it", "And this")
    assert queue.git("show", f"{TARGET}:news.txt") == "News."


def test_a_merge_that_was_made_is_settled_though_others_have_gone_on_from_it(queue: Scene) -> None:
    queue.register("Write it", only_implement=True)
    die_at(queue, "moved", 1)
    tip = queue.git("rev-parse", TARGET)
    tree = queue.git("rev-parse", f"{TARGET}^{{tree}}")
    later = queue.git("commit-tree", tree, "-p", tip, "-m", "A person's own")
    queue.git("update-ref", f"refs/heads/{TARGET}", later, tip)
    queue.drain()
    check_merged(queue, "Write it")
    assert queue.git("rev-parse", TARGET) == later


def test_a_target_that_was_moved_before_it_moved_is_merged_into_anew(queue: Scene) -> None:
    queue.register("Write it", only_implement=True)
    die_at(queue, "recorded", 1)
    tip = queue.git("rev-parse", TARGET)
    tree = queue.git("rev-parse", f"{TARGET}^{{tree}}")
    later = queue.git("commit-tree", tree, "-p", tip, "-m", "A person's own")
    queue.git("update-ref", f"refs/heads/{TARGET}", later, tip)
    queue.drain()
    check_merged(queue, "Write it")
    assert queue.git("rev-parse", f"{TARGET}^") == later


@pytest.mark.parametrize("steps", range(4), ids=["whole", "renamed", "unregistered", "without a branch"])
def test_what_a_worker_left_that_died_while_it_took_the_folder_away_goes_with_the_next(
    queue: Scene, steps: int
) -> None:
    """The steps are those of workspace/cleaning.py."""
    queue.register("Write it", only_implement=True)
    die_at(queue, "settled", MERGE)
    folder = queue.home / "worktrees" / "SBI-1"
    if steps > 0:
        folder.rename(folder.with_name("SBI-1.removing"))
    if steps > 1:
        shutil.rmtree(queue.root / ".git" / "worktrees" / "SBI-1")
    if steps > 2:
        queue.git("branch", "-D", "deespec/SBI-1")
    queue.drain()
    check_merged(queue, "Write it")


# --- Git killed -----------------------------------------------------------------------------------------------------


@pytest.fixture
def mortal(queue: Scene) -> Scene:
    """Git dies, and its worker with it, where the file `git` says."""
    queue.env["REAL_GIT"] = shutil.which("git") or ""
    queue._program("bin/git", f'exec {sys.executable} -I -S {HERE / "dying_git.py"} "$@"')
    return queue


def git_dies(scene: Scene, when: str) -> None:
    (scene.seen / "git").write_text(when)
    with scene.worker() as running:
        assert running.wait(PATIENCE_S) == -signal.SIGKILL
    assert scene.saw("git") is None


@pytest.mark.parametrize("when", ["prepared", "moved"])
def test_git_killed_while_it_moves_the_target_is_made_good(mortal: Scene, when: str) -> None:
    mortal.register("Write it", only_implement=True)
    git_dies(mortal, when)
    assert list((mortal.root / ".git" / "refs").rglob("*.lock")) if when == "prepared" else True
    mortal.drain()
    check_merged(mortal, "Write it")


@pytest.mark.parametrize("when", [pytest.param("prepared", marks=pytest.mark.soak), "moved"])
def test_git_killed_while_it_brings_the_base_into_the_target_is_made_good(mortal: Scene, when: str) -> None:
    mortal.register("Write it", only_implement=True)
    die_at(mortal, "claimed", 2)
    mortal.commit("news.txt", "News.\n")
    git_dies(mortal, when)
    mortal.drain()
    check_merged(mortal, "Write it")
    assert mortal.git("show", f"{TARGET}:news.txt") == "News."


# --- frozen ---------------------------------------------------------------------------------------------------------


@points("recorded", most=5)
def test_a_worker_frozen_until_another_has_merged_its_item_moves_nothing(queue: Scene, point: str, times: int) -> None:
    queue.settle("run", lease=LEASE)
    queue.register("Write it", only_implement=True)
    with frozen_at(queue, point, times) as stale:
        queue.drain()
        check_merged(queue, "Write it")
        tip = queue.git("rev-parse", TARGET)
        go_on(stale, "lost")
        assert ended(stale)
    assert queue.git("rev-parse", TARGET) == tip
    check_merged(queue, "Write it")


@points("claimed", most=4)
def test_a_frozen_worker_that_goes_on_while_its_successor_merges_does_not_hinder_it(
    queue: Scene, point: str, times: int
) -> None:
    queue.settle("run", lease=LEASE)
    queue.register("Write it", only_implement=True)
    with frozen_at(queue, point, times) as stale, worker(queue, "wait", "recorded", 1) as heir:
        assert eventually(lambda: queue.saw("waits") is not None)
        go_on(stale, "lost")
        (queue.seen / "go").touch()
        assert ended(stale)
        assert ended(heir)
    check_merged(queue, "Write it")


def test_a_frozen_worker_does_not_hinder_the_merge_of_another_item(queue: Scene) -> None:
    """The queue is one for all items of a target."""
    queue.settle("run", lease=LEASE)
    queue.register("Write it", only_implement=True)
    with frozen_at(queue, "claimed", 2) as stale:
        edit.hold(queue.app.store, [1], actor="person")
        queue.register("And this", only_implement=True)
        with worker(queue, "wait", "recorded", 1) as heir:
            assert eventually(lambda: queue.saw("waits") is not None)
            go_on(stale, "lost")
            (queue.seen / "go").touch()
            assert ended(stale)
            assert ended(heir)
    edit.unhold(queue.app.store, [1], actor="person")
    queue.drain()
    check_merged(queue, "Write it", "And this")


# --- people meanwhile -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("cancel", "--yes"), ("hold",), ("hold", "--now")], ids=" ".join)
@pytest.mark.parametrize("point", ["recorded", "moved"])
def test_a_recorded_merge_can_only_be_completed(queue: Scene, point: str, words: tuple[str, ...]) -> None:
    queue.register("Write it", only_implement=True)
    die_at(queue, point, 1)
    status, _, said = queue.command("sbi", words[0], "SBI-1", *words[1:])
    assert (status, said.splitlines()[0]) == (NOT_POSSIBLE, BEING_MERGED)
    queue.drain()
    check_merged(queue, "Write it")


# --- again and again ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["gated", "recorded", "moved"])
def test_a_merge_that_is_cut_off_too_often_waits_for_a_person_who_has_it_completed(queue: Scene, first: str) -> None:
    queue.register("Write it", only_implement=True)
    die_at(queue, first, 1)
    for _ in range(RESTARTS_MOST):
        die_at(queue, "fenced", 1)
    queue.drain()
    sbi = queue.sbi()
    assert (sbi.status, sbi.reason) == (Status.PARKED, "merging")
    did(queue, "db", "check")
    if first != "gated":
        status, _, said = queue.command("sbi", "reset", "SBI-1", "--yes")
        assert (status, said.splitlines()[0]) == (NOT_POSSIBLE, BEING_MERGED)
    did(queue, "sbi", "retry", "SBI-1")
    queue.drain()
    check_merged(queue, "Write it")


def test_so_often_as_it_may_a_merge_is_cut_off_and_completed(queue: Scene) -> None:
    queue.register("Write it", only_implement=True)
    for point in ("recorded", "moved", "fenced", "fenced", "fenced")[:RESTARTS_MOST]:
        die_at(queue, point, 1)
    queue.drain()
    check_merged(queue, "Write it")
