"""When a silent agent counts as idle. Time is moved by hand; CPU time and files are real."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from calls import eventually

from deespec.agents.signs import LOOK_EVERY_MS, Idling, changes, cpu_ms
from deespec.clock import Clock

LIMIT_MS = 100_000
WALL_MS = 1_700_000_000_000


class Hands(Clock):
    """Two clocks that show what a test says; wall time is waking time plus WALL_MS."""

    now = 0

    def waking_ms(self) -> int:
        return self.now

    def now_ms(self) -> int:
        return self.now + WALL_MS


@pytest.fixture
def quiet() -> Iterator[int]:
    """The pid of a process that does nothing."""
    process = subprocess.Popen(["sleep", "600"])
    yield process.pid
    process.kill()
    process.wait()


def change(path: Path, at: int) -> None:
    """A file changed at a time on the waking clock."""
    path.write_text("work")
    for one in (path, path.parent):
        os.utime(one, ns=((at + WALL_MS) * 1_000_000,) * 2)


def idle_at(idling: Idling, clock: Hands) -> int:
    """Asks as often as a call does, until it idles out."""
    for clock.now in range(0, 5 * LIMIT_MS, 1_000):
        if idling.over(clock.now):
            return clock.now
    return -1


def test_silence_ends_at_the_limit(tmp_path: Path, quiet: int) -> None:
    clock = Hands()
    idling = Idling(LIMIT_MS, guard_pid=quiet, workspace=tmp_path, clock=clock)
    assert idle_at(idling, clock) == pytest.approx(LIMIT_MS, abs=2_000)


def test_without_a_limit_silence_may_last(tmp_path: Path, quiet: int) -> None:
    clock = Hands()
    idling = Idling(None, guard_pid=quiet, workspace=tmp_path, clock=clock)
    assert idle_at(idling, clock) == -1


def test_a_changed_file_counts_from_when_it_was_changed(tmp_path: Path, quiet: int) -> None:
    clock = Hands()
    folder = tmp_path / "src" / "deep"
    folder.mkdir(parents=True)
    change(folder / "new.py", at=60_000)
    idling = Idling(LIMIT_MS, guard_pid=quiet, workspace=tmp_path, clock=clock)
    assert idle_at(idling, clock) == pytest.approx(60_000 + LIMIT_MS, abs=2_000)


def test_a_file_from_the_future_is_no_sign_of_life(tmp_path: Path, quiet: int) -> None:
    clock = Hands()
    change(tmp_path / "new.py", at=100 * LIMIT_MS)
    idling = Idling(LIMIT_MS, guard_pid=quiet, workspace=tmp_path, clock=clock)
    assert idle_at(idling, clock) == pytest.approx(LIMIT_MS, abs=2_000)


@pytest.mark.parametrize("name", [".git", ".deespec"])
def test_what_is_not_work_does_not_count(tmp_path: Path, quiet: int, name: str) -> None:
    clock = Hands()
    (tmp_path / name).mkdir()
    change(tmp_path / name / "index", at=60_000)
    os.utime(tmp_path, ns=(0, 0))
    idling = Idling(LIMIT_MS, guard_pid=quiet, workspace=tmp_path, clock=clock)
    assert idle_at(idling, clock) == pytest.approx(LIMIT_MS, abs=2_000)


def test_output_counts(tmp_path: Path, quiet: int) -> None:
    clock = Hands()
    idling = Idling(LIMIT_MS, guard_pid=quiet, workspace=tmp_path, clock=clock)
    idling.sign(70_000)
    assert idle_at(idling, clock) == pytest.approx(70_000 + LIMIT_MS, abs=2_000)


def test_cpu_time_below_the_guard_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Hands()
    monkeypatch.setattr("deespec.agents.signs.cpu_ms", lambda _: min(clock.now, 80_000) // 50)
    idling = Idling(LIMIT_MS, guard_pid=1, workspace=tmp_path, clock=clock)
    assert idle_at(idling, clock) == pytest.approx(80_000 + LIMIT_MS, abs=LOOK_EVERY_MS)


def test_a_little_cpu_time_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Hands()
    monkeypatch.setattr("deespec.agents.signs.cpu_ms", lambda _: clock.now // 500)
    idling = Idling(LIMIT_MS, guard_pid=1, workspace=tmp_path, clock=clock)
    assert idle_at(idling, clock) == pytest.approx(LIMIT_MS, abs=2_000)


def test_cpu_time_of_children_is_seen() -> None:
    child = "while True: pass"
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        assert eventually(lambda: cpu_ms(process.pid) > 300)
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def test_a_folder_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    assert list(changes(tmp_path / "gone")) == [0]
