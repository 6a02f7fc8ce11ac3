"""Several workers on one backlog, and many who register meanwhile: each turn once, nothing lost, nobody turned away."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from scene import HERE, Scene
from workshop import PATIENCE_S, eventually

GROUPS = 5


def plan(scene: Scene, items: int, seed: int) -> None:
    """Items with needs among the earlier ones; those of one group change the same file."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    scene.witness(GROUPS=str(GROUPS), WORK_S="0.01")
    for number in range(1, items + 1):
        needs = chance.sample(range(1, number), k=min(number - 1, chance.choice((0, 0, 1, 2))))
        scene.register(
            f"Number {number}",
            paths=(f"SBI-{number}.txt", f"group-{number % GROUPS}/**"),
            depends_on=tuple(f"SBI-{need}" for need in needs),
            priority=chance.choice(("high", "normal", "low")),
            only_implement=chance.random() < 0.5,
        )


def check_order(scene: Scene) -> None:
    """No item was begun before all that it needs was done."""
    with scene.app.store.read() as tx:
        seen = {(entry.item, entry.event): entry.seq for entry in tx.journal() if entry.event in ("claimed", "merged")}
        first = {}
        for entry in tx.journal():
            if entry.to_status == "PICKED":
                first.setdefault(entry.item, entry.seq)
        for number in range(1, sum(tx.counts().values()) + 1):
            for need in tx.sbi(number).depends_on:
                assert seen[need, "merged"] < first[f"SBI-{number}"]


def drain_by(scene: Scene, workers: int) -> None:
    with ExitStack() as running:
        processes = [running.enter_context(scene.worker("--drain", "--parallel", "2")) for _ in range(workers)]
        said = [process.communicate(timeout=300)[0] for process in processes]
        assert [process.returncode for process in processes] == [0] * workers, said
    scene.check_done()
    check_order(scene)
    assert set(scene.calls().values()) == {1}
    assert len({turn.worker for n in range(1, 10) for turn in scene.turns(n)}) > 1


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_share_a_backlog_and_each_turn_is_done_once(scene: Scene, workers: int) -> None:
    plan(scene, 30, seed=workers)
    drain_by(scene, workers)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_workers_share_a_large_backlog(scene: Scene, seed: int) -> None:
    plan(scene, 300, seed)
    drain_by(scene, 3)


# --- registering meanwhile ------------------------------------------------------------------------------------------


def busy(scene: Scene, items: int) -> None:
    """Work for three slots that costs next to nothing."""
    rules = """
        [[rules]]
        step = "implement"
        sleep_ms = 50
        answer = { type = "nothing", text = "Nothing to do." }
        [[rules]]
        answer = { type = "review", decision = "SUCCEEDED" }
    """
    scene.scripted(rules)
    scene.settle("run", implement="actor")
    for number in range(items):
        scene.register(f"Busy {number}", paths=(f"{number}",))


def registered_by(scene: Scene, commands: Sequence[Sequence[str]]) -> list[str]:
    """The ids that all these commands acknowledged, run at the same time."""

    def run(command: Sequence[str]) -> list[str]:
        done = subprocess.run(command, cwd=scene.root, env=scene.env, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    with ThreadPoolExecutor(len(commands)) as pool:
        return [one for found in pool.map(run, commands) for one in found]


def check_registered(scene: Scene, ids: list[str], before: int) -> None:
    assert sorted(int(one[4:]) for one in ids) == list(range(before + 1, before + len(ids) + 1))
    with scene.app.store.read() as tx:
        for one in ids:
            assert tx.exists(one)


def test_eight_register_fifty_each_while_three_slots_work(scene: Scene) -> None:
    busy(scene, 40)
    with scene.worker("--parallel", "3"):
        assert eventually(lambda: scene.unfinished() < 40)
        ids = registered_by(scene, [[sys.executable, str(HERE / "registrar.py"), "50"]] * 8)
        assert eventually(lambda: scene.unfinished() == 400)
    check_registered(scene, ids, before=40)
    scene.check()


def test_commands_register_and_look_while_three_slots_work(scene: Scene) -> None:
    register_all(scene, rounds=4)


@pytest.mark.soak
def test_eight_times_fifty_commands_register_while_three_slots_work(scene: Scene) -> None:
    register_all(scene, rounds=50)


def register_all(scene: Scene, rounds: int) -> None:
    busy(scene, 40)
    shell = f"for n in $(seq {rounds}); do deespec register sbi --title $n --hold --quiet || exit; done"
    look = f"for n in $(seq {rounds}); do deespec status --json > $SEEN/status-$n || exit; done"
    scene.env["SEEN"] = str(scene.seen)
    with scene.worker("--parallel", "3"):
        assert eventually(lambda: scene.unfinished() < 40)
        ids = registered_by(scene, [["/bin/sh", "-c", one] for one in [shell] * 8 + [look]])
        assert eventually(lambda: scene.unfinished() == len(ids), patience_s=PATIENCE_S * 10)
    check_registered(scene, ids, before=40)
    scene.check()
    counts = [sum(json.loads(path.read_text())["counts"].values()) for path in scene.seen.glob("status-*")]
    assert len(counts) == rounds
    assert all(40 <= count <= 40 + len(ids) for count in counts)
