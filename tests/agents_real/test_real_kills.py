"""An agent that is killed at any moment leaves no process behind: its worker is killed, or it is stopped.

The test is the subreaper of all of it: what loses its parent, however it has detached itself, is found below the test.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from calls import PATIENCE_S, Watching, eventually, request
from installing import installed

from deespec.agents.leftovers import tagged
from deespec.agents.registry import make
from deespec.agents.standin.clients import towards
from deespec.agents.standin.server import Standin
from deespec.config import AgentSettings, Settings
from deespec.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.agents.base import AgentRequest

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("subreaper")]
PR_SET_CHILD_SUBREAPER = 36
KINDS = ("claude", "codex")
LATEST_S = 2.5
"""After the start; then the client stands in its command for certain."""
CALL = """
import sys
from pathlib import Path
from test_real_kills import call

call(Path(sys.argv[1]), sys.argv[2], sys.argv[3]).run()
"""


@pytest.fixture
def subreaper() -> Iterator[None]:
    """What loses its parent becomes a child of this process: so the tree below it tells what lives on."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, os.strerror(ctypes.get_errno())
    yield
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


class Call:
    """One call of a real client, that it is told to wait in a command with processes of its own."""

    def __init__(self, folder: Path, kind: str, url: str) -> None:
        section = towards(AgentSettings(name=kind, kind=kind, command=(str(installed(kind)),)), url, folder / "client")
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), **dict(section.env)}
        made = request(folder, turn_timeout_ms=120_000)
        self.request: AgentRequest = replace(made, env={**env, "DEESPEC_CLAIM": made.env["DEESPEC_CLAIM"]})
        self.watch = Watching()
        settings = Settings(home=folder, root=folder, agents=(section,), child_env=tuple(env.items()))
        self._agent = make(kind, settings)

    def run(self) -> None:
        self.result = self._agent.run(self.request, self.watch)


def call(folder: Path, kind: str, url: str) -> Call:
    return Call(folder, kind, url)


def below_us() -> list[str]:
    """The living processes below this one."""
    found = []
    for one in psutil.Process().children(recursive=True):
        try:
            if one.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(one.pid, os.WNOHANG)
            else:
                found.append(f"{one.pid} {' '.join(one.cmdline())[:100]}")
        except (psutil.Error, ChildProcessError):
            continue
    return found


def nothing_is_left(folder: Path) -> bool:
    return eventually(lambda: not below_us() and not [*tagged(request(folder).env["DEESPEC_CLAIM"])])


def kill_the_worker(kind: str, seed: int, folder: Path) -> None:
    with Standin() as server:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        worker = subprocess.Popen(
            [sys.executable, "-c", CALL, str(folder), kind, server.url("slow_tool")], env=env, start_new_session=True
        )
        threading.Event().wait(random.Random(seed).uniform(0, LATEST_S))
        worker.kill()
        assert worker.wait(PATIENCE_S) == -signal.SIGKILL
        assert nothing_is_left(folder), below_us()


def stop_the_call(kind: str, seed: int, folder: Path) -> None:
    with Standin() as server:
        one = call(folder, kind, server.url("slow_tool"))
        stopper = threading.Timer(
            random.Random(seed).uniform(0, LATEST_S), lambda: setattr(one.watch, "reason", "revoked")
        )
        stopper.start()
        one.run()
        stopper.join()
        assert one.result.error is not None
        assert one.result.error.code == "revoked"
        assert below_us() == []
        assert [*tagged(one.request.env["DEESPEC_CLAIM"])] == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_outlives_a_worker_that_is_killed(kind: str, seed: int, tmp_path: Path) -> None:
    kill_the_worker(kind, seed, tmp_path)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_outlives_a_call_that_is_stopped(kind: str, seed: int, tmp_path: Path) -> None:
    stop_the_call(kind, seed, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_outlives_it_a_hundred_times(kind: str, tmp_path: Path) -> None:
    for seed in range(100):
        folder = tmp_path / str(seed)
        folder.mkdir()
        (kill_the_worker if seed % 2 else stop_the_call)(kind, seed, folder)
