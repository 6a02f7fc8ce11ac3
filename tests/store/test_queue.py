"""The queue of writers: waiting in a thread leaves nothing behind, whether it ended well, too late or by Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from children import PATIENCE_S, child, ended, heard

from deespec.errors import StoreBusy
from deespec.store.queue import IDLE_S, WriteQueue

HOLDS = """
import sys
from deespec.store.queue import WriteQueue
queue = WriteQueue(sys.argv[1], busy_ms=60_000)
for line in range(int(sys.argv[2])):
    with queue:
        print("inside", flush=True)
        sys.stdin.readline()
    print("outside", flush=True)
    sys.stdin.readline()
"""
"""Takes the lock so many times; goes in and out when it hears a line."""
ENTERS = """
import sys
from deespec.store.queue import WriteQueue
with WriteQueue(sys.argv[1], busy_ms=0):
    print("had it")
"""
FORKS = """
import os, sys
from deespec.store.queue import WriteQueue
queue = WriteQueue(sys.argv[1], busy_ms=60_000)
with queue:
    print("parent", flush=True)
pid = os.fork()
if pid == 0:
    print("forked", flush=True)
    sys.stdin.readline()
    with queue:
        print("child", flush=True)
    os._exit(0)
os.waitpid(pid, 0)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc/locks tells who waits")


@pytest.fixture
def lock(tmp_path: Path) -> str:
    return str(tmp_path / "write.lock")


def waiting_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "write-queue"]


def tell(one: subprocess.Popen[str]) -> None:
    assert one.stdin is not None
    one.stdin.write("\n")
    one.stdin.flush()


def is_free(lock: str) -> bool:
    with child(ENTERS, lock) as other:
        other.communicate(timeout=PATIENCE_S)
        return other.returncode == 0


def wait_for_a_waiter(lock: str) -> None:
    """Until somebody stands in the kernel's queue for this file."""
    inode = f":{os.stat(lock).st_ino} "
    until = time.monotonic() + PATIENCE_S
    while not any("->" in line and inode in line for line in Path("/proc/locks").read_text().splitlines()):
        assert time.monotonic() < until, "nobody waits for it"
        os.sched_yield()


def test_one_thread_waits_for_all_writes_and_ends_when_it_is_not_needed(lock: str) -> None:
    for thread in waiting_threads():  # of other tests
        thread.join(IDLE_S + PATIENCE_S)
    queue = WriteQueue(lock, busy_ms=60_000)
    with child(HOLDS, lock, 3) as holder:
        for _ in range(3):
            assert heard(holder) == "inside"
            release = threading.Thread(target=lambda: (wait_for_a_waiter(lock), tell(holder)))
            release.start()
            with queue:
                assert len(waiting_threads()) == 1
                release.join()
            assert heard(holder) == "outside"
            tell(holder)
    [thread] = waiting_threads()
    thread.join(IDLE_S + PATIENCE_S)
    assert waiting_threads() == []


def test_a_wait_that_took_too_long_keeps_neither_the_lock_nor_a_descriptor(lock: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    queue = WriteQueue(lock, busy_ms=50)
    with child(HOLDS, lock, 1) as holder:
        assert heard(holder) == "inside"
        for _ in range(3):
            with pytest.raises(StoreBusy, match=rf"\(pid {holder.pid}\)"), queue:
                pass
        tell(holder)
        assert heard(holder) == "outside"
        for thread in waiting_threads():
            thread.join(PATIENCE_S)
        assert is_free(lock)
        ended(holder, "\n")
    with queue:
        pass
    del queue
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_wait_ended_by_ctrl_c_keeps_nothing_and_the_next_one_is_had(lock: str) -> None:
    queue = WriteQueue(lock, busy_ms=60_000)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    with child(HOLDS, lock, 1) as holder:
        assert heard(holder) == "inside"
        main = threading.main_thread().ident or 0
        strike = threading.Thread(target=lambda: (wait_for_a_waiter(lock), signal.pthread_kill(main, signal.SIGINT)))
        strike.start()
        with pytest.raises(KeyboardInterrupt), queue:
            pass
        strike.join()
        tell(holder)
        assert heard(holder) == "outside"
        for thread in waiting_threads():
            thread.join(PATIENCE_S)
        assert is_free(lock)
        with queue:
            assert not is_free(lock)
        assert is_free(lock)
        ended(holder, "\n")
    signal.signal(signal.SIGINT, before)


def test_after_a_fork_the_child_waits_with_a_thread_of_its_own(lock: str) -> None:
    with ExitStack() as children:
        holder = children.enter_context(child(HOLDS, lock, 2))
        assert heard(holder) == "inside"
        forking = children.enter_context(child(FORKS, lock))
        wait_for_a_waiter(lock)
        tell(holder)
        assert [heard(holder), heard(forking), heard(forking)] == ["outside", "parent", "forked"]
        tell(holder)
        assert heard(holder) == "inside"
        tell(forking)
        wait_for_a_waiter(lock)
        tell(holder)
        assert [heard(holder), heard(forking)] == ["outside", "child"]
        ended(forking)
        ended(holder, "\n")
