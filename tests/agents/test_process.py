"""Calls of real programs: what comes back, what limits them, and that nothing of them is left."""

from __future__ import annotations

import fcntl
import hashlib
import os
import resource
import signal
import stat
import time
from pathlib import Path

import pytest
from calls import (
    DETACHED,
    HOUR_MS,
    PATIENCE_S,
    Watching,
    Worker,
    alive,
    eventually,
    is_free,
    python,
    request,
    shell,
)

from deespec.agents.base import Blame
from deespec.agents.output import HEAD_BYTES, LAST_BYTES
from deespec.agents.process import PROMPT_FILE, Ended, Program, error_of, run_process
from deespec.clock import Clock
from deespec.errors import LeaseLost
from deespec.model.items import Guard

SLEEP = "import time\ntime.sleep(600)"


# --- what comes back --------------------------------------------------------------------------------------------------


def test_output_and_exit_code_come_back(tmp_path: Path) -> None:
    ended = run_process(shell("echo out; echo err >&2; exit 3"), request(tmp_path), Watching())
    assert ended == Ended(exit_code=3, stdout_tail="out\n", stderr_tail="err\n")


def test_death_by_a_signal_is_told_from_an_exit(tmp_path: Path) -> None:
    ended = run_process(shell("kill -KILL $$"), request(tmp_path), Watching())
    assert (ended.exit_code, ended.signal, ended.stopped) == (None, signal.SIGKILL, None)


def test_a_prompt_of_2_mb_arrives_whole_on_stdin(tmp_path: Path) -> None:
    prompt = "Grüße, 世界\n" * 130_000
    ended = run_process(Program(argv=("sha256sum",)), request(tmp_path, prompt=prompt), Watching())
    assert len(prompt.encode()) > 2_000_000
    assert ended.stdout_tail.split()[0] == hashlib.sha256(prompt.encode()).hexdigest()


def test_the_prompt_is_not_written_through_a_link(tmp_path: Path) -> None:
    made = request(tmp_path)
    (tmp_path / "victim").write_text("mine")
    made.folder.mkdir()
    (made.folder / PROMPT_FILE).symlink_to(tmp_path / "victim")
    assert run_process(Program(argv=("cat",)), made, Watching()).stdout_tail == made.prompt
    assert (tmp_path / "victim").read_text() == "mine"
    assert (made.folder / PROMPT_FILE).read_text() == made.prompt


def test_no_call_is_made_in_a_folder_that_is_a_link(tmp_path: Path) -> None:
    made = request(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    made.folder.symlink_to(tmp_path / "elsewhere")
    ended = run_process(Program(argv=("true",)), made, Watching())
    assert "in the way of a folder" in (ended.error or "")
    assert not ended.unusable
    assert not list((tmp_path / "elsewhere").iterdir())


def test_it_works_in_the_workspace(tmp_path: Path) -> None:
    made = request(tmp_path)
    ended = run_process(Program(argv=("pwd", "-P")), made, Watching())
    assert ended.stdout_tail.strip() == os.path.realpath(made.workspace)


def test_a_program_is_found_on_the_path_of_its_own_environment(tmp_path: Path) -> None:
    program = tmp_path / "own-program"
    program.write_text("#!/bin/sh\necho found")
    program.chmod(0o755)
    ended = run_process(Program(argv=("own-program",)), request(tmp_path, env={"PATH": str(tmp_path)}), Watching())
    assert ended.stdout_tail == "found\n"


def test_a_missing_program_is_the_programs_fault(tmp_path: Path) -> None:
    ended = run_process(Program(argv=("no-such-program",)), request(tmp_path), Watching())
    assert ended == Ended(error="No such file or directory: no-such-program", unusable=True)


def test_a_missing_workspace_is_not_the_programs_fault(tmp_path: Path) -> None:
    ended = run_process(Program(argv=("true",)), request(tmp_path, workspace=tmp_path / "none"), Watching())
    assert ended.error is not None
    assert not ended.unusable


def test_a_lock_in_a_missing_folder_is_not_the_programs_fault(tmp_path: Path) -> None:
    ended = run_process(Program(argv=("true",)), request(tmp_path, guard_lock=tmp_path / "none" / "lock"), Watching())
    assert ended.error is not None
    assert not ended.unusable


def test_output_that_is_not_utf_8_comes_back_with_replacements(tmp_path: Path) -> None:
    ended = run_process(shell(r"printf 'a\377\376b'"), request(tmp_path), Watching())
    assert ended.stdout_tail == "a\ufffd\ufffdb"


def test_a_line_of_10_mb_is_handed_on_whole(tmp_path: Path) -> None:
    lengths: list[int] = []

    def measure(line: bytes) -> bool:
        lengths.append(len(line))
        return False

    long = python("import sys\nsys.stdout.write('x' * (10 << 20) + '\\n' + 'after')")
    run_process(long, request(tmp_path), Watching(), on_line=measure)
    assert lengths == [10 << 20, 5]


def test_a_program_may_close_its_output_and_work_on(tmp_path: Path) -> None:
    made = request(tmp_path)
    ended = run_process(shell("exec >&- 2>&-; sleep 0.2; : > late; exit 5"), made, Watching())
    assert ended.exit_code == 5
    assert (made.workspace / "late").exists()


def test_closed_output_does_not_keep_the_worker_busy(tmp_path: Path) -> None:
    before_s = time.process_time()
    run_process(shell("exec >&- 2>&-; sleep 1.5"), request(tmp_path), Watching())
    assert time.process_time() - before_s < 0.75


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="pipes have one size here")
def test_what_is_still_in_the_pipe_at_the_end_is_read(tmp_path: Path) -> None:
    watch, lines = Watching(), [0]

    def slow(_: bytes) -> bool:
        lines[0] += 1
        if lines[0] == 1:
            assert watch.guard is not None
            guard = watch.guard.pid
            assert eventually(lambda: not alive(guard))
        return False

    writing = python("import fcntl\nfcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 1 << 20)\nprint('x\\n' * 200_000, end='')")
    run_process(writing, request(tmp_path), watch, on_line=slow)
    assert lines[0] == 200_000


def test_prompt_and_output_are_kept_for_their_owner_only(tmp_path: Path) -> None:
    made = request(tmp_path, prompt="the prompt")
    run_process(shell("echo out; echo err >&2"), made, Watching())
    kept = {path.name: path.read_text() for path in made.folder.iterdir()}
    assert kept == {"prompt.md": "the prompt", "output.log": "out\n", "stderr.log": "err\n"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.folder.iterdir()} == {0o600}


# --- the engine's side ------------------------------------------------------------------------------------------------


def test_the_guard_is_known_before_the_program_runs(tmp_path: Path) -> None:
    class Losing(Watching):
        def started(self, guard: Guard) -> None:
            super().started(guard)
            raise LeaseLost

    made, watch = request(tmp_path), Losing()
    with pytest.raises(LeaseLost):
        run_process(shell(": > trace"), made, watch)
    assert not (made.workspace / "trace").exists()
    assert watch.guard is not None
    assert not alive(watch.guard.pid)


def test_the_guard_is_named_by_pid_start_namespace_and_lock(tmp_path: Path) -> None:
    watch = Watching()
    ended = run_process(
        shell("cut -d ' ' -f 1,22 /proc/$PPID/stat; stat -Lc %i /proc/self/ns/pid"), request(tmp_path), watch
    )
    assert watch.guard is not None
    assert ended.stdout_tail.split() == [str(watch.guard.pid), watch.guard.start, watch.guard.namespace]
    assert watch.guard.lock == str(tmp_path / "guard.lock")


def test_the_engine_stops_a_call_politely_first(tmp_path: Path) -> None:
    watch = Watching()

    def stop(_: bytes) -> bool:
        watch.reason = "revoked"
        return False

    polite = shell("trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.05; done", stop_grace_ms=HOUR_MS)
    ended = run_process(polite, request(tmp_path), watch, on_line=stop)
    assert (ended.stopped, ended.exit_code, ended.stdout_tail) == ("revoked", 4, "ready\nbye\n")


def test_what_a_stopped_agent_leaves_gets_no_grace(tmp_path: Path) -> None:
    watch = Watching()

    def stop(_: bytes) -> bool:
        watch.reason = "revoked"
        return False

    leaving = python(f"{DETACHED}\n{SLEEP}", stop_grace_ms=HOUR_MS)
    ended = run_process(leaving, request(tmp_path), watch, on_line=stop)
    assert ended.signal == signal.SIGTERM
    assert not alive(int(ended.stdout_tail))


def test_who_ignores_the_stop_signal_is_killed_after_the_grace(tmp_path: Path) -> None:
    watch = Watching()
    watch.reason = "stop"
    deaf = shell("trap '' TERM; sleep 600 & wait; sleep 600", stop_grace_ms=300)
    ended = run_process(deaf, request(tmp_path), watch)
    assert ended.stopped == "stop"


def test_an_error_of_an_adapter_leaves_nothing_running(tmp_path: Path) -> None:
    pids: list[int] = []

    def fail(line: bytes) -> bool:
        pids.append(int(line))
        raise RuntimeError("a bug of the adapter")

    with pytest.raises(RuntimeError, match="a bug of the adapter"):
        run_process(python(f"{DETACHED}\n{SLEEP}"), request(tmp_path), Watching(), on_line=fail)
    assert not [pid for pid in pids if alive(pid)]


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_turn_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    ended = run_process(Program(argv=("sleep", "600")), request(tmp_path, turn_timeout_ms=300), Watching())
    assert (ended.stopped, ended.signal) == ("turn_timeout", signal.SIGTERM)


def test_a_silent_sleeper_idles_out(tmp_path: Path) -> None:
    ended = run_process(Program(argv=("sleep", "600")), request(tmp_path, idle_timeout_ms=400), Watching())
    assert ended.stopped == "idle_timeout"


def test_a_silent_worker_does_not_idle_out(tmp_path: Path) -> None:
    working = python("import time\nuntil = time.monotonic() + 2.5\nwhile time.monotonic() < until: pass")
    ended = run_process(working, request(tmp_path, idle_timeout_ms=800), Watching())
    assert (ended.exit_code, ended.stopped) == (0, None)


def test_a_hung_client_is_ended_after_its_final_event(tmp_path: Path) -> None:
    hanging = shell("echo work; echo final; exec sleep 600", end_grace_ms=100)
    ended = run_process(hanging, request(tmp_path), Watching(), on_line=lambda line: line == b"final")
    assert (ended.hung, ended.stopped, ended.signal) == (True, None, signal.SIGKILL)


def test_a_client_that_ends_after_its_final_event_has_not_hung(tmp_path: Path) -> None:
    ending = shell("echo final; sleep 0.1; exit 6", end_grace_ms=HOUR_MS)
    ended = run_process(ending, request(tmp_path), Watching(), on_line=lambda line: line == b"final")
    assert (ended.hung, ended.exit_code) == (False, 6)


def test_a_flood_is_kept_in_little_memory_and_on_little_disk(tmp_path: Path) -> None:
    made = request(tmp_path)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ended = run_process(shell("yes 0123456789 | head -c 200000000; echo; echo the end"), made, Watching())
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    assert ended.stdout_tail.endswith("the end\n")
    assert (made.folder / "output.log").stat().st_size < HEAD_BYTES + LAST_BYTES + 1000
    assert grown_kb < 50_000


def test_a_flood_does_not_outrun_the_limits(tmp_path: Path) -> None:
    watch = Watching()
    lines = [0]

    def count(_: bytes) -> bool:
        lines[0] += 1
        return False

    ended = run_process(Program(argv=("yes",)), request(tmp_path, turn_timeout_ms=1_500), watch, on_line=count)
    assert ended.stopped == "turn_timeout"
    assert lines[0] > 100_000
    assert len(watch.ticked) > 2  # it was looked at between the lines, not only when they were over


# --- nothing is left --------------------------------------------------------------------------------------------------


def test_a_detached_grandchild_does_not_outlive_the_call(tmp_path: Path) -> None:
    ended = run_process(python(DETACHED), request(tmp_path), Watching())
    assert ended.exit_code == 0
    assert not alive(int(ended.stdout_tail))


def test_the_lock_is_free_after_the_call(tmp_path: Path) -> None:
    made = request(tmp_path)
    run_process(python(DETACHED), made, Watching())
    assert is_free(made.guard_lock)


def test_a_killed_worker_takes_its_agent_with_it(tmp_path: Path) -> None:
    with Worker(tmp_path, f"{DETACHED}\n{SLEEP}") as worker:
        grandchild = int(worker.says())
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait(PATIENCE_S)
        assert eventually(lambda: is_free(Path(worker.guard.lock)))
    assert not alive(grandchild)


def test_a_frozen_worker_loses_its_agent_at_the_deadline(tmp_path: Path) -> None:
    with Worker(tmp_path, f"{DETACHED}\n{SLEEP}", lease_ms=1_000) as worker:
        grandchild = int(worker.says())
        worker.process.send_signal(signal.SIGSTOP)
        assert eventually(lambda: is_free(Path(worker.guard.lock)))
    assert not alive(grandchild)


def test_a_worker_that_renews_its_lease_keeps_its_agent(tmp_path: Path) -> None:
    class Renewing(Watching):
        def deadline(self) -> int:
            return Clock().boot_ms() + 1_000

    ended = run_process(Program(argv=("sleep", "1.5")), request(tmp_path), Renewing())
    assert (ended.exit_code, ended.stopped) == (0, None)


def test_a_deadline_that_was_missed_is_the_reason(tmp_path: Path) -> None:
    watch = Watching(deadline=Clock().boot_ms() + 300)
    ended = run_process(Program(argv=("sleep", "600")), request(tmp_path), watch)
    assert (ended.stopped, ended.signal) == ("deadline", signal.SIGKILL)


def test_without_its_guard_a_call_ends_and_leaves_nothing(tmp_path: Path) -> None:
    watch = Watching()
    pids: list[int] = []

    def kill_guard(line: bytes) -> bool:
        assert watch.guard is not None
        pids.append(int(line))
        os.kill(watch.guard.pid, signal.SIGKILL)
        return False

    ended = run_process(python(f"{DETACHED}\n{SLEEP}"), request(tmp_path), watch, on_line=kill_guard)
    assert (ended.stopped, ended.exit_code) == ("guard_died", None)
    assert not alive(pids[0])


def test_a_guard_that_stands_still_is_ended_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deespec.agents.call.KILL_WAIT_MS", 500)
    watch = Watching()
    pids: list[int] = []

    def freeze_guard(line: bytes) -> bool:
        assert watch.guard is not None
        pids.append(int(line))
        os.kill(watch.guard.pid, signal.SIGSTOP)
        watch.reason = "stop"
        return False

    frozen = python(f"{DETACHED}\n{SLEEP}", stop_grace_ms=100)
    ended = run_process(frozen, request(tmp_path), watch, on_line=freeze_guard)
    assert ended.stopped == "stop"
    assert watch.guard is not None
    assert not alive(pids[0])
    assert not alive(watch.guard.pid)


# --- what it means ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ended", "blame", "code"),
    [
        (Ended(error="gone", unusable=True), Blame.AGENT, "missing"),
        (Ended(error="too many processes"), Blame.CALL, "start"),
        (Ended(stopped="turn_timeout"), Blame.CALL, "timeout"),
        (Ended(stopped="idle_timeout"), Blame.CALL, "idle"),
        (Ended(stopped="guard_died"), Blame.CALL, "crash"),
        (Ended(stopped="deadline"), Blame.STOPPED, "deadline"),
        (Ended(stopped="revoked"), Blame.STOPPED, "revoked"),
    ],
)
def test_each_way_to_be_stopped_has_somebody_to_blame(ended: Ended, blame: Blame, code: str) -> None:
    error = error_of(ended)
    assert error is not None
    assert (error.blame, error.code) == (blame, code)


def test_an_exit_code_is_for_the_adapter_to_judge() -> None:
    assert error_of(Ended(exit_code=1)) is None
