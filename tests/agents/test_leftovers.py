"""What a new owner does about the processes of its predecessor."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from calls import (
    DETACHED,
    DETACHED_UNTAGGED,
    PATIENCE_S,
    Watching,
    Worker,
    alive,
    claim,
    eventually,
    is_free,
    python,
    request,
)

from deespec.agents import leftovers
from deespec.agents.guard import EMPTY, inscription
from deespec.agents.process import Program, run_process
from deespec.clock import Clock
from deespec.model.items import Guard
from deespec.records import replace

SLEEP = "import time\ntime.sleep(600)"
TIMEOUT_MS = PATIENCE_S * 1000


@pytest.fixture
def tagged(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with this test's claim in its environment, under nobody's guard."""
    process = subprocess.Popen(["sleep", "600"], env={"PATH": os.environ["PATH"], "DEESPEC_CLAIM": claim(tmp_path)})
    yield process
    process.kill()
    process.wait()


def clear(guard: Guard | None, folder: Path, timeout_ms: int = TIMEOUT_MS) -> bool:
    return leftovers.clear_leftovers(guard, claim(folder), timeout_ms=timeout_ms)


def a_guard(folder: Path, **changes: object) -> Guard:
    """A guard that is gone, without a word. No process is younger than it."""
    made = Guard(pid=2**22 + 1, start=str(10**12), namespace=leftovers.namespace(), lock=str(folder / "guard.lock"))
    return replace(made, **changes)


def test_a_call_that_ended_by_itself_left_nothing(tmp_path: Path) -> None:
    watch = Watching()
    run_process(python(DETACHED), request(tmp_path), watch)
    assert clear(watch.guard, tmp_path, timeout_ms=0)


def test_with_worker_and_guard_killed_the_agents_are_found_by_their_claim(tmp_path: Path) -> None:
    with Worker(tmp_path, f"{DETACHED}\nprint(os.getpid(), flush=True)\n{SLEEP}") as worker:
        pids = [int(worker.says()), int(worker.says())]
        worker.process.send_signal(signal.SIGSTOP)  # or the worker would see that its guard is gone, and clear up
        os.kill(worker.guard.pid, signal.SIGKILL)
        worker.process.kill()
        worker.process.wait(PATIENCE_S)
        assert all(alive(pid) for pid in pids)
        clear(worker.guard, tmp_path)
    assert not [pid for pid in pids if alive(pid)]


def test_a_living_guard_of_a_frozen_worker_is_ended_with_all_below_it(tmp_path: Path) -> None:
    with Worker(tmp_path, f"{DETACHED_UNTAGGED}\n{SLEEP}") as worker:
        grandchild = int(worker.says())
        worker.process.send_signal(signal.SIGSTOP)
        assert clear(worker.guard, tmp_path)
    assert not alive(grandchild)


def test_a_frozen_guard_is_ended_with_all_below_it(tmp_path: Path) -> None:
    with Worker(tmp_path, f"{DETACHED_UNTAGGED}\n{SLEEP}") as worker:
        grandchild = int(worker.says())
        worker.process.send_signal(signal.SIGSTOP)
        os.kill(worker.guard.pid, signal.SIGSTOP)
        clear(worker.guard, tmp_path)
    assert not alive(grandchild)


def test_without_a_guard_there_is_at_most_one_about_to_stand_up(
    tmp_path: Path, tagged: subprocess.Popen[bytes]
) -> None:
    assert clear(None, tmp_path)
    assert tagged.wait(PATIENCE_S) == -signal.SIGKILL


def test_the_claim_of_another_is_left_alone(tmp_path: Path, tagged: subprocess.Popen[bytes]) -> None:
    leftovers.clear_leftovers(None, f"{claim(tmp_path)}0", timeout_ms=TIMEOUT_MS)
    assert tagged.poll() is None


def test_a_pid_that_is_another_process_now_is_left_alone(tmp_path: Path, tagged: subprocess.Popen[bytes]) -> None:
    leftovers.clear_leftovers(a_guard(tmp_path, pid=tagged.pid), "another", timeout_ms=TIMEOUT_MS)
    assert tagged.poll() is None


def test_nothing_is_proven_about_another_pid_namespace(tmp_path: Path) -> None:
    assert not clear(a_guard(tmp_path, namespace="1"), tmp_path)


def test_the_guards_own_word_counts_across_pid_namespaces(tmp_path: Path) -> None:
    guard = a_guard(tmp_path, namespace="1")
    Path(guard.lock).write_bytes(inscription(guard.pid) + EMPTY)
    assert clear(guard, tmp_path)


def test_the_word_of_another_guard_does_not_count(tmp_path: Path) -> None:
    guard = a_guard(tmp_path, namespace="1")
    Path(guard.lock).write_bytes(inscription(guard.pid + 1) + EMPTY)
    assert not clear(guard, tmp_path)


def test_nothing_outlives_the_end_of_the_machine(tmp_path: Path) -> None:
    guard = a_guard(tmp_path, namespace="1")
    Path(guard.lock).write_bytes(b"%d another-boot\n" % guard.pid)
    assert clear(guard, tmp_path)


def test_nothing_is_proven_while_the_lock_is_held(tmp_path: Path) -> None:
    with Worker(tmp_path, f"{DETACHED}\n{SLEEP}") as worker:
        worker.says()
        assert not clear(replace(worker.guard, start="1"), tmp_path, timeout_ms=100)


def test_a_process_that_hides_its_environment_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hiding = subprocess.Popen(["sleep", "600"])
    monkeypatch.setattr(leftovers, "_hides", lambda pid: pid == hiding.pid)  # to root, nothing is hidden
    try:
        start = leftovers.start_time(hiding.pid)
        assert start is not None
        assert leftovers.hidden_since(start)
        assert not leftovers.hidden_since(str(int(start) + 1))
    finally:
        hiding.kill()
        hiding.wait()


def test_elsewhere_than_on_linux_psutil_finds_the_claim(tmp_path: Path, tagged: subprocess.Popen[bytes]) -> None:
    assert eventually(lambda: [*leftovers._tagged_elsewhere(claim(tmp_path))] == [tagged.pid])


def test_elsewhere_than_on_linux_a_start_time_tells_processes_apart(tagged: subprocess.Popen[bytes]) -> None:
    start = leftovers._start_time_elsewhere(tagged.pid)
    assert start == leftovers._start_time_elsewhere(tagged.pid)
    assert start != leftovers._start_time_elsewhere(os.getpid())


def test_a_process_that_ended_has_no_start_time() -> None:
    process = subprocess.Popen(["true"])
    assert eventually(lambda: leftovers.start_time(process.pid) is None)  # a zombie until the wait
    process.wait()


def test_a_sweep_ends_at_its_limit(tmp_path: Path) -> None:
    now = Clock().waking_ms()
    assert not leftovers.kill_tagged(claim(tmp_path), until=now - 1, clock=Clock())


def test_the_lock_of_a_cleared_call_is_free(tmp_path: Path) -> None:
    with Worker(tmp_path, SLEEP.replace("import time", "import time\nprint('ready', flush=True)")) as worker:
        worker.says()
        worker.process.send_signal(signal.SIGSTOP)
        clear(worker.guard, tmp_path)
        assert is_free(Path(worker.guard.lock))


def test_a_program_that_never_started_left_nothing(tmp_path: Path) -> None:
    watch = Watching()
    run_process(Program(argv=("no-such-program",)), request(tmp_path), watch)
    assert clear(watch.guard, tmp_path, timeout_ms=0)
