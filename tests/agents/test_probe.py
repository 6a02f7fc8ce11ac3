"""`agent check` on a client that behaves, and on ones that do not: each kind of misbehaviour is noticed and named."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from calls import PATIENCE_S, alive

from deespec.agents.probe import probe
from deespec.agents.trials import TRIALS
from deespec.clock import Clock
from deespec.config import AgentSettings, Settings
from deespec.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

FAKE = Path(__file__).parent / "fake_claude.py"
BY_NAME = {trial.name: trial for trial in TRIALS}
SECRETS = {"ANTHROPIC_API_KEY": "sk-secret", "CLAUDE_CONFIG_DIR": "/nowhere", "HOME": "/nowhere"}


def section(manners: str) -> AgentSettings:
    return AgentSettings(name="claude", kind="claude", command=(sys.executable, "-I", str(FAKE), manners))


def problems(folder: Path, manners: str, *names: str, path: str = "", **changes: object) -> dict[str, str | None]:
    """What was found by these trials."""
    env = {"PATH": f"{path}{os.environ['PATH']}", **SECRETS}
    settings = Settings(home=folder, root=folder, child_env=tuple(env.items()))
    trials = tuple(replace(BY_NAME[name], **changes) for name in names)
    verdicts = probe(section(manners), settings, temporary=str(folder), clock=Clock(), trials=trials)
    return {verdict.name: verdict.problem for verdict in verdicts}


def test_a_client_that_behaves_passes_every_trial(tmp_path: Path) -> None:
    quick = [name for name in BY_NAME if name != "hang"]
    assert problems(tmp_path, "well", *quick) == dict.fromkeys(quick)
    assert [*tmp_path.iterdir()] == [], "nothing is left of the scratch folder"


def test_a_server_that_hangs_is_given_up(tmp_path: Path) -> None:
    assert problems(tmp_path, "well", "hang", idle_ms=300) == {"hang": None}


@pytest.mark.parametrize(
    ("manners", "trial", "problem"),
    [
        ("wordless", "answer", "it failed (no_answer): It ended without a word."),
        ("yes-man", "denial", "it ran a command that it was not allowed"),
        ("quiet", "denial", "it did not say that a command was refused"),
        ("secretive", "tool", "the command did not see DEESPEC_CLAIM"),
        ("liar", "rate_limit", "it ended as if all were well"),
        ("liar", "login", "it ended as if all were well"),
        ("late", "usage_limit", "the end of the limit was read 10 min off"),
    ],
)
def test_misbehaviour_is_named(manners: str, trial: str, problem: str, tmp_path: Path) -> None:
    assert problems(tmp_path, manners, trial) == {trial: problem}


def test_a_client_that_waits_instead_of_telling_is_noticed(tmp_path: Path) -> None:
    found = problems(tmp_path, "patient", "rate_limit", idle_ms=300)
    assert (found["rate_limit"] or "").startswith("it was taken for an error of the call (idle)")


def test_a_program_that_is_no_such_client_is_noticed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, root=tmp_path, child_env=(("PATH", os.environ["PATH"]),))
    other = AgentSettings(name="claude", kind="claude", command=("true",))
    trials = (BY_NAME["answer"], BY_NAME["rate_limit"])
    found = [*probe(other, settings, temporary=str(tmp_path), clock=Clock(), trials=trials)]
    assert all((one.problem or "").startswith("it asked the model server nothing") for one in found)


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[list[int]]:
    """Starts, from outside of every call, a process with the claim that it is told; the pids of those."""
    door = socket.socket(socket.AF_UNIX)
    (tmp_path / "bin").mkdir()
    door.bind(str(tmp_path / "bin" / "door"))
    door.listen()
    door.settimeout(PATIENCE_S)
    started: list[subprocess.Popen[bytes]] = []
    pids: list[int] = []

    def serve() -> None:
        visitor, _ = door.accept()
        with visitor:
            claim = visitor.recv(1000).decode()
            started.append(subprocess.Popen(["sleep", "600"], env={"DEESPEC_CLAIM": claim, "PATH": os.defpath}))
            pids.append(started[0].pid)
            visitor.sendall(b".")

    thread = threading.Thread(target=serve)
    thread.start()
    yield pids
    thread.join()
    door.close()
    for one in started:
        one.kill()
        one.wait()


def test_a_process_that_lives_on_is_noticed_and_ended(tmp_path: Path, starter: list[int]) -> None:
    found = problems(tmp_path, "leaver", "tool", path=f"{tmp_path / 'bin'}{os.pathsep}")
    assert found == {"tool": "1 of its processes lived on"}
    assert len(starter) == 1
    assert not alive(starter[0])


def test_nothing_of_the_users_own_reaches_the_client(tmp_path: Path) -> None:
    tell = tmp_path / "tell"
    tell.write_text(f"#!/bin/sh\nenv > {tmp_path}/seen\n")
    tell.chmod(0o755)
    settings = Settings(
        home=tmp_path, root=tmp_path, child_env=tuple({"PATH": os.environ["PATH"], "EDITOR": "vi", **SECRETS}.items())
    )
    own = AgentSettings(
        name="claude",
        kind="claude",
        command=(str(tell),),
        env=(("ANTHROPIC_AUTH_TOKEN", "sk-own"), ("ANTHROPIC_BASE_URL", "https://vendor.example")),
        args=("--settings", "own.json"),
    )
    [*probe(own, settings, temporary=str(tmp_path), clock=Clock(), trials=(BY_NAME["answer"],))]
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines() if "=" in line)
    assert not {"EDITOR", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"} & seen.keys()
    assert seen["ANTHROPIC_BASE_URL"].startswith("http://127.0.0.1:")
    for name in ("HOME", "CLAUDE_CONFIG_DIR", "TMPDIR", "XDG_CONFIG_HOME"):
        assert seen[name].startswith(str(tmp_path)), name
    assert seen["HTTPS_PROXY"].startswith("http://127.0.0.1:")


def test_who_stops_listening_ends_the_trials(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, root=tmp_path, child_env=(("PATH", os.environ["PATH"]),))
    trials = (BY_NAME["answer"], replace(BY_NAME["hang"], idle_ms=600_000, turn_ms=600_000))
    verdicts = probe(section("well"), settings, temporary=str(tmp_path), clock=Clock(), trials=trials)
    assert next(verdicts).problem is None
    verdicts.close()
    assert [*tmp_path.iterdir()] == []
