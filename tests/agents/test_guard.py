"""The guard by itself: what it says on its socket, and what it does to processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from calls import DETACHED, PATIENCE_S, alive, eventually, is_free, next_line

from deespec.agents import guard as guards
from deespec.agents.guard_file import guard_file
from deespec.clock import Clock


class Guarded:
    """A guard with this test as its worker."""

    def __init__(self, lock: Path, *program: str, env: dict[str, str] | None = None) -> None:
        self.lock = lock
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(PATIENCE_S)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", guard_file(), str(theirs.fileno()), str(lock), *program],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                env={"PATH": os.environ["PATH"]} if env is None else env,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                bufsize=0,
            )
        self.heard = b""

    def tell(self, *messages: str) -> None:
        self.socket.sendall("".join(f"{message}\n" for message in messages).encode())

    def hears(self) -> str:
        """The next message; empty: the guard has ended."""
        while b"\n" not in self.heard:
            data = self.socket.recv(4096)
            if not data:
                return ""
            self.heard += data
        message, _, self.heard = self.heard.partition(b"\n")
        return message.decode()

    def says(self) -> str:
        assert self.process.stdout is not None
        return next_line(self.process.stdout)

    def ends(self) -> bool:
        return self.process.wait(PATIENCE_S) == 0


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    """A guard over a program that starts a detached process, says its pid, and sleeps."""
    made = Guarded(tmp_path / "lock", sys.executable, "-I", "-S", "-c", f"{DETACHED}\ntime.sleep(600)")
    yield made
    close(made)


def close(made: Guarded) -> None:
    made.socket.close()
    made.process.wait(PATIENCE_S)
    assert made.process.stdout is not None
    made.process.stdout.close()


def run_to_end(tmp_path: Path, *program: str, env: dict[str, str] | None = None) -> str:
    """What a program under a guard prints."""
    made = Guarded(tmp_path / "lock", *program, env=env)
    made.tell("go")
    assert made.process.stdout is not None
    output = made.process.stdout.read()
    close(made)
    return output.decode()


def test_the_program_starts_only_when_the_worker_says_go(tmp_path: Path) -> None:
    made = Guarded(tmp_path / "lock", "/bin/sh", "-c", f"echo started > {tmp_path}/trace")
    made.tell(f"deadline {Clock().boot_ms() + 60_000}")
    made.socket.close()
    made.ends()
    close(made)
    assert not (tmp_path / "trace").exists()


def test_a_program_is_reported_from_start_to_end(tmp_path: Path) -> None:
    made = Guarded(tmp_path / "lock", "/bin/sh", "-c", "exit 7")
    made.tell("go")
    started, *rest = [made.hears() for _ in range(4)]
    close(made)
    assert started.startswith("started ")
    assert rest == [f"exited {7 << 8}", "empty", ""]


def test_a_missing_program_is_reported_with_its_error_number(tmp_path: Path) -> None:
    made = Guarded(tmp_path / "lock", "no-such-program")
    made.tell("go")
    message = made.hears()
    close(made)
    assert message == "failed 2 No such file or directory: no-such-program"


def test_a_lock_that_somebody_holds_is_refused(guarded: Guarded) -> None:
    guarded.tell("go")
    guarded.says()
    other = Guarded(guarded.lock, "true")
    message = other.hears()
    close(other)
    assert message.startswith("broken ")


def test_the_lock_is_held_until_no_descendant_is_left(tmp_path: Path) -> None:
    made = Guarded(tmp_path / "lock", sys.executable, "-I", "-S", "-c", DETACHED)
    made.tell("go")
    grandchild = int(made.says())
    made.hears()
    assert made.hears() == "exited 0"
    assert not is_free(made.lock)
    os.kill(grandchild, signal.SIGKILL)
    assert made.hears() == "empty"
    made.ends()
    assert is_free(made.lock)
    close(made)


def test_the_end_of_the_socket_kills_everything(guarded: Guarded) -> None:
    guarded.tell("go")
    grandchild = int(guarded.says())
    guarded.socket.close()
    guarded.ends()
    assert not alive(grandchild)


def test_a_kill_message_kills_everything(guarded: Guarded) -> None:
    guarded.tell("go")
    grandchild = int(guarded.says())
    guarded.tell("kill")
    guarded.ends()
    assert not alive(grandchild)


def test_a_deadline_that_passes_kills_everything(guarded: Guarded) -> None:
    guarded.tell("go")
    grandchild = int(guarded.says())
    guarded.tell(f"deadline {Clock().boot_ms() + 10}")
    guarded.hears()
    messages = [guarded.hears() for _ in range(3)]
    guarded.ends()
    assert messages == ["expired", f"exited {signal.SIGKILL:d}", "empty"]
    assert not alive(grandchild)


def test_a_deadline_that_moves_on_in_time_lets_the_program_run(tmp_path: Path) -> None:
    made = Guarded(tmp_path / "lock", "sleep", "0.3")
    made.tell(f"deadline {Clock().boot_ms() + 60_000}", "go", f"deadline {Clock().boot_ms() + 120_000}")
    made.hears()
    message = made.hears()
    close(made)
    assert message == "exited 0"


def test_the_signals_of_a_terminal_do_not_end_the_guard(guarded: Guarded) -> None:
    guarded.tell("go")
    guarded.says()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        guarded.process.send_signal(number)
    guarded.tell("kill")
    assert guarded.ends()


def test_a_stop_message_reaches_the_program_with_its_own_number(tmp_path: Path) -> None:
    made = Guarded(tmp_path / "lock", "/bin/sh", "-c", "trap 'exit 9' USR1; echo ready; while :; do sleep 0.05; done")
    made.tell("go")
    made.says()
    made.hears()
    made.tell(f"stop {signal.SIGUSR1:d}")
    message = made.hears()
    close(made)
    assert message == f"exited {9 << 8}"


def test_a_stop_before_the_start_calls_it_off(tmp_path: Path) -> None:
    made = Guarded(tmp_path / "lock", "/bin/sh", "-c", f"echo started > {tmp_path}/trace")
    made.tell(f"stop {signal.SIGTERM:d}", "go")
    assert made.hears() == "empty"
    close(made)
    assert not (tmp_path / "trace").exists()


def test_a_tree_that_forks_without_end_is_killed(tmp_path: Path) -> None:
    hopping = "import os\nprint('ready', flush=True)\nwhile True:\n    if os.fork():\n        os._exit(0)"
    made = Guarded(tmp_path / "lock", sys.executable, "-I", "-S", "-c", hopping)
    made.tell("go")
    made.says()
    made.tell("kill")
    assert made.ends()
    close(made)


def test_many_children_in_sessions_of_their_own_are_killed(tmp_path: Path) -> None:
    many = "for i in $(seq 40); do setsid sleep 600 & done; sleep 0.1; echo ready; wait"
    made = Guarded(tmp_path / "lock", "/bin/sh", "-c", many)
    made.tell("go")
    made.says()
    below = guards.descendants(made.process.pid)
    made.tell("kill")
    made.ends()
    assert len(below) > 40
    assert not [pid for pid in below if alive(pid)]
    close(made)


def test_the_program_leads_a_session_of_its_own(tmp_path: Path) -> None:
    output = run_to_end(tmp_path, sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid())")
    assert output == "True\n"


def test_the_program_has_all_signals_as_the_system_sets_them(tmp_path: Path) -> None:
    output = run_to_end(tmp_path, "/bin/sh", "-c", "grep -E '^Sig(Ign|Blk)' /proc/self/status")
    changed = [int(line.split()[1], 16) for line in output.splitlines()]
    assert [mask & 0x7FFF_FFFF for mask in changed] == [0, 0]  # 32 and 33 are for glibc's posix_spawn to ignore


def test_the_program_gets_the_environment_it_was_given_and_no_more(tmp_path: Path) -> None:
    given = {"PATH": os.environ["PATH"], "LINES": "one\ntwo", "EMPTY": ""}
    output = run_to_end(tmp_path, "env", "-0", env=given)
    assert dict(entry.split("=", 1) for entry in output.split("\0") if entry) == given


def test_the_program_inherits_no_descriptor_of_the_guard(tmp_path: Path) -> None:
    output = run_to_end(tmp_path, "/bin/sh", "-c", "ls /proc/$$/fd")
    assert output.split() == ["0", "1", "2"]


def test_a_process_name_with_spaces_and_parentheses_does_not_shift_the_fields(tmp_path: Path) -> None:
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/sleep")
    process = subprocess.Popen([str(program), "600"])
    try:
        assert eventually(lambda: b"a) S" in Path(f"/proc/{process.pid}/stat").read_bytes())
        fields = guards.stat_fields(process.pid)
    finally:
        process.kill()
        process.wait()
    assert fields is not None
    assert int(fields[guards.PARENT]) == os.getpid()


@pytest.mark.parametrize("group", [0, 1, -5])
def test_a_group_number_that_means_others_is_refused(group: int) -> None:
    with pytest.raises(ValueError, match="stands for many others"):
        guards.kill_group(group)
