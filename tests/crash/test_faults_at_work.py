"""Faults while others work: files taken away, clocks set back, thousands of dead claims, processes that stand still."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from faults import (
    COMMAND,
    SetClock,
    back_up,
    database,
    deespec,
    did,
    multiply_claims,
    refused,
    register,
    small_disk,
    titles,
    verdicts,
    waits_in_queue,
)
from scene import HERE, Scene, state
from workshop import PATIENCE_S, eventually

from deespec.clock import Clock
from deespec.engine import pulse
from deespec.model.lifecycle import Status
from deespec.model.wanted import WAIT_MOST_MS

REPLACED = "or a file beside it was replaced or removed while it was in use; nothing was written."
HOLDS = """
import sys
from deespec.app import open_app
app = open_app()
with app.store.transaction() as tx:
    tx.note("holder", "held")
    print("inside", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def hanging_worker(scene: Scene) -> Iterator[subprocess.Popen[str]]:
    """A worker in the middle of a turn of SBI-1, whose agent does not end; this process has nothing open."""
    (scene.seen / "hang").touch()
    scene.register("first")
    scene.app.close()
    with scene.worker() as worker:
        scene.wait_for("hanging")
        yield worker


def ends_with(scene: Scene, worker: subprocess.Popen[str], message: str) -> None:
    """The worker says this, exits with 5, and nothing of its turn is left."""
    said, _ = worker.communicate(timeout=PATIENCE_S)
    assert worker.returncode == 5, said
    assert message in said
    assert "Traceback" not in said
    assert eventually(lambda: not scene.processes())


# --- files taken away -----------------------------------------------------------------------------------------------


def test_what_others_register_while_a_worker_has_lost_its_index_stays(scene: Scene) -> None:
    with hanging_worker(scene) as worker:
        os.unlink(f"{database(scene)}-shm")
        ids = [register(scene, title) for title in ("second", "third")]
        ends_with(scene, worker, REPLACED)
    assert ids == ["SBI-2", "SBI-3"]
    assert register(scene, "fourth") == "SBI-4"
    assert titles(scene) == ["first", "second", "third", "fourth"]
    assert verdicts(scene) == {}


def test_a_log_removed_from_under_a_worker_is_saved_by_it(scene: Scene) -> None:
    register(scene, "zeroth")
    with hanging_worker(scene) as worker:
        register(scene, "second")
        os.unlink(f"{database(scene)}-wal")
        message = refused(scene, "register", "sbi", "--title", "third")
        assert REPLACED in message
        ends_with(scene, worker, REPLACED)
    assert titles(scene) == ["zeroth", "first", "second"]
    assert register(scene, "third") == "SBI-4"
    assert verdicts(scene) == {}


def test_a_database_replaced_by_its_copy_ends_the_worker_and_loses_nothing(scene: Scene) -> None:
    with hanging_worker(scene) as worker:
        path = database(scene)
        subprocess.run(["cp", path, f"{path}.copy"], check=True)
        os.rename(f"{path}.copy", path)
        assert register(scene, "second") == "SBI-2"
        ends_with(scene, worker, REPLACED)
    assert register(scene, "third") == "SBI-3"
    assert titles(scene) == ["first", "second", "third"]
    assert verdicts(scene) == {}
    (scene.seen / "hang").unlink()
    assert deespec(scene, "run", "SBI-1", "--drain").status == 0


@pytest.mark.parametrize("again", [False, True], ids=["and stays so", "and begun anew"])
def test_a_home_that_was_removed_ends_the_worker_which_leaves_nothing_behind(scene: Scene, again: bool) -> None:
    with hanging_worker(scene) as worker:
        kept = back_up(scene)
        shutil.rmtree(scene.home)
        if again:
            did(scene, "init", "--agent", "patch")
        ends_with(scene, worker, REPLACED)
    if not again:
        assert not scene.home.exists()
        assert "No backlog here.\n→ Start one: deespec init" in refused(scene, "status")
        return
    assert titles(scene) == []
    assert {one.name for one in scene.home.iterdir()} <= {".gitignore", "config.toml", "deespec.db", "write.lock"}
    assert kept in did(scene, "db", "restore")
    did(scene, "db", "restore", kept, "--yes")
    assert titles(scene) == ["first"]
    assert verdicts(scene) == {}


# --- no room --------------------------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_during_a_turn_ends_the_worker_and_the_next_one_goes_on(scene: Scene) -> None:
    (scene.seen / "hang").touch()
    scene.register("first")
    scene.write_config()
    scene.app.close()
    with small_disk(scene, scene.home, size="2m") as disk:
        pipe = subprocess.PIPE
        command = [*disk.before, COMMAND, "run"]
        with subprocess.Popen(
            command, cwd=scene.root, env=scene.env, stdout=pipe, stderr=subprocess.STDOUT, text=True
        ) as worker:
            [agent] = scene.wait_for("hanging")
            disk.fill()
            os.kill(agent.pid, signal.SIGKILL)
            ends_with(scene, worker, f"The disk that holds {database(scene)} is full; nothing was written.")
        (scene.seen / "hang").unlink()
        disk.make_room()
        did(scene, "run", "--drain", before=disk.before)
        assert "DONE 1" in did(scene, "status", before=disk.before)
        assert "sound" in did(scene, "db", "check", before=disk.before)


# --- a clock set back -----------------------------------------------------------------------------------------------


def test_a_clock_set_back_under_a_worker_takes_nothing_from_it(scene: Scene) -> None:
    clock = SetClock(scene)
    scene.settle("run", lease="3 s")
    with hanging_worker(scene) as worker:
        claimed = scene.notes("hanging")
        clock.set(hours=-5)
        with scene.process("run", "--for", "5 s") as other:
            assert other.wait(PATIENCE_S) == 0
        assert scene.notes("hanging") == claimed
        assert worker.poll() is None
        assert json.loads(did(scene, "lock", "list", "--json"))["claims"][0]["expires_at"] is not None
        assert did(scene, "lock", "cleanup").startswith("Nothing to clean up")
        (scene.seen / "hang").unlink()
        os.kill(claimed[0].pid, signal.SIGKILL)
        assert eventually(lambda: scene.sbi().status is Status.DONE, patience_s=PATIENCE_S * 2)
        worker.send_signal(signal.SIGINT)
        worker.wait(PATIENCE_S)
    scene.check_done()
    assert set(verdicts(scene).values()) <= {"note"}


def test_a_wait_that_began_before_the_clock_was_set_back_does_not_grow_by_hours(scene: Scene) -> None:
    clock = SetClock(scene)
    scene.settle("run", retry_delay="10 min")
    scene.agent("exit 1", name="broken")
    scene.settle("run", implement="broken")
    scene.register("first")
    scene.write_config()
    assert deespec(scene, "run", "--once").status == 1
    assert scene.sbi().not_before is not None
    assert deespec(scene, "run", "--once").status == 6, "it waits"
    clock.set(hours=-5)
    assert "an earlier try failed" not in did(scene, "status")
    scene.settle("run", implement="witness")
    scene.write_config()
    assert deespec(scene, "run", "--once").status == 0


def test_no_wait_after_a_failed_try_is_as_long_as_one_that_is_not_believed() -> None:
    longest = max(pulse.back_off(tries, base_ms=86_400_000, jitter=lambda upper: upper) for tries in range(1, 20))
    assert longest < WAIT_MOST_MS


def test_backups_are_kept_by_what_they_hold_not_by_a_clock_that_was_set_back(scene: Scene) -> None:
    clock = SetClock(scene)
    scene.write_config()
    made = []
    for hours in (0, -5, -4):
        clock.set(hours=hours)
        register(scene, f"{hours} h")
        made.append(back_up(scene))
    assert sorted(made) == [made[1], made[2], made[0]]
    register(scene, "last")
    clock.set(hours=-3)
    made.append(json.loads(did(scene, "db", "backup", "--keep", "2", "--json"))["path"])
    assert [os.path.exists(path) for path in made] == [False, False, True, True]
    assert set(verdicts(scene).values()) <= {"note"}


# --- thousands of dead claims ---------------------------------------------------------------------------------------


def leave_dead_claims(scene: Scene, count: int, *, boot: str) -> None:
    """What a worker leaves that is killed with so many claims."""
    with hanging_worker(scene) as worker:
        worker.kill()
        assert eventually(lambda: not scene.processes())
    (scene.seen / "hang").unlink()
    multiply_claims(database(scene), count - 1, boot=boot)


def free_dead_claims(scene: Scene, count: int, *, boot: str) -> None:
    """One process frees them while another registers."""
    leave_dead_claims(scene, count, boot=boot)
    command = [sys.executable, str(HERE / "registrar.py"), "200"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=scene.root, env=scene.env, stdout=pipe, text=True) as registering:
        assert registering.stdout is not None
        acknowledged = [registering.stdout.readline().strip()]
        freed = json.loads(did(scene, "lock", "cleanup", "--json"))
        acknowledged += registering.communicate(timeout=PATIENCE_S * 4)[0].split()
    assert freed["claims"] == count
    assert json.loads(did(scene, "lock", "list", "--json"))["claims"] == []
    assert verdicts(scene) == {}
    with scene.app.store.read() as tx:
        events = [entry.event for entry in tx.journal()]
    assert events.count("released") == count
    assert events.count("registered") == count + len(acknowledged)
    among = events[events.index("released") : len(events) - events[::-1].index("released")]
    assert "registered" in among, "nobody was let in meanwhile"
    assert deespec(scene, "run", "SBI-1", "--once").status == 0


BOOTS = pytest.mark.parametrize("boot", [Clock().boot_id(), "another boot"], ids=["its worker is dead", "another boot"])


@BOOTS
def test_a_thousand_dead_claims_are_freed_while_others_register(scene: Scene, boot: str) -> None:
    free_dead_claims(scene, 1_000, boot=boot)


@pytest.mark.soak
@BOOTS
def test_ten_thousand_dead_claims_are_freed_while_others_register(scene: Scene, boot: str) -> None:
    free_dead_claims(scene, 10_000, boot=boot)


# --- processes that stand still -------------------------------------------------------------------------------------


@pytest.fixture
def impatient(scene: Scene) -> Scene:
    scene.settle("store", busy_timeout="1 s")
    scene.write_config()
    return scene


@contextmanager
def inside_a_transaction(scene: Scene) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLDS]
    with subprocess.Popen(command, cwd=scene.root, env=scene.env, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "inside\n"
        try:
            yield holder
        finally:
            let_go(holder)


def let_go(holder: subprocess.Popen[str]) -> None:
    """It goes on, if it was stopped, and comes to its end."""
    holder.send_signal(signal.SIGCONT)
    if not holder.stdin.closed:
        holder.stdin.write("\n")
        holder.stdin.close()
    assert holder.wait(PATIENCE_S) == 0


def test_a_process_stopped_inside_a_transaction_is_named_and_all_goes_on_after_it(impatient: Scene) -> None:
    with inside_a_transaction(impatient) as holder:
        holder.send_signal(signal.SIGSTOP)
        assert eventually(lambda: state(holder.pid) == b"T")
        for words in (("register", "sbi", "--title", "more"), ("run", "--once"), ("db", "migrate")):
            message = refused(impatient, *words)
            assert f"(pid {holder.pid}, stopped) has been writing to this backlog for more than 1 s" in message
            assert "kill -CONT" in message
        assert titles(impatient) == []
        back_up(impatient)
        let_go(holder)
        assert register(impatient, "more") == "SBI-1"
    assert verdicts(impatient) == {}


def test_a_process_stopped_in_the_queue_holds_up_nobody_and_takes_its_turn_later(scene: Scene) -> None:
    scene.write_config()
    words = ["register", "sbi", "--title", "stopped", "--hold", "--quiet"]
    with inside_a_transaction(scene) as holder:
        waiting = subprocess.Popen(
            [COMMAND, *words],
            cwd=scene.root,
            env=scene.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert eventually(lambda: waits_in_queue(waiting.pid))
        waiting.send_signal(signal.SIGSTOP)
        assert eventually(lambda: state(waiting.pid) == b"T")
        let_go(holder)
        said = deespec(scene, "register", "sbi", "--title", "passes", "--hold", "--quiet")
        waiting.send_signal(signal.SIGCONT)
        assert waiting.communicate(timeout=PATIENCE_S)[0].strip() in ("SBI-1", "SBI-2")
        assert waiting.returncode == 0
    assert said.status == 0, said
    assert sorted(titles(scene)) == ["passes", "stopped"]
    assert verdicts(scene) == {}
