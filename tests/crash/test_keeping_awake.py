"""While agents work the machine is kept awake where that can be had, and not a moment longer than the worker lives."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from scene import Scene, state
from workshop import eventually

from deespec.engine import awake
from deespec.engine.awake import Awake
from deespec.model.lifecycle import Status

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="caffeinate watches the pid by itself")

INHIBITS = """
while case "$1" in --*) true ;; *) false ;; esac; do echo "$1" >> "$HOME/inhibit.args"; shift; done
env > "$HOME/inhibit.env"
echo $$ >> "$HOME/inhibit.pids"
"$@" > "$HOME/inhibit.out"
echo $$ >> "$HOME/inhibit.ended"
"""


class Sleepless(Scene):
    """With a `systemd-inhibit` of our own."""

    def inhibit(self, script: str) -> None:
        self._program("bin/systemd-inhibit", script)

    def said(self, name: str) -> list[str]:
        path = self.folder / "home" / f"inhibit.{name}"
        return path.read_text().splitlines() if path.exists() else []

    def holders(self) -> list[int]:
        """The programs that hold the machine awake now."""
        return [int(pid) for pid in self.said("pids") if state(int(pid)) not in (None, b"Z")]


@pytest.fixture
def sleepless(tmp_path: Path) -> Sleepless:
    made = Sleepless(tmp_path)
    made.inhibit(INHIBITS)
    (made.seen / "hang").touch()
    made.register()
    return made


def test_it_is_held_while_an_agent_works_and_let_go_with_the_worker(sleepless: Sleepless) -> None:
    with sleepless.worker("--drain") as worker:
        sleepless.wait_for("hanging")
        assert len(sleepless.holders()) == 1
        (sleepless.seen / "hang").unlink()
        os.kill(sleepless.notes("hanging")[0].pid, signal.SIGKILL)
        assert worker.wait(30) == 0
        assert sleepless.holders() == []
    assert sleepless.sbi().status is Status.DONE
    assert len(sleepless.said("ended")) == len(sleepless.said("pids")) == 1
    args = sleepless.said("args")
    assert {"--what=idle:sleep", "--who=deespec", "--mode=block"} <= set(args)
    assert not any("DEESPEC" in line for line in sleepless.said("env"))
    sleepless.app.close()


def test_a_killed_worker_leaves_nothing_that_keeps_the_machine_awake(sleepless: Sleepless) -> None:
    with sleepless.worker() as worker:
        sleepless.wait_for("hanging")
        assert len(sleepless.holders()) == 1
        worker.kill()
        worker.wait()
        assert eventually(lambda: not sleepless.holders())
    assert eventually(lambda: not sleepless.processes())
    sleepless.app.close()


def test_a_worker_without_work_lets_the_machine_sleep(sleepless: Sleepless, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awake, "LINGER_S", 1.0)
    (sleepless.seen / "hang").unlink()
    with sleepless.working():
        assert eventually(lambda: sleepless.unfinished() == 0)
        assert len(sleepless.said("pids")) == 1  # one for both turns
        assert eventually(lambda: not sleepless.holders())
    sleepless.app.close()


@pytest.mark.parametrize("script", ['echo "Access denied" >&2; exit 1', None])
def test_where_it_is_refused_or_missing_work_goes_on_without_a_word(sleepless: Sleepless, script: str | None) -> None:
    (sleepless.seen / "hang").unlink()
    if script is None:
        sleepless.env["PATH"] = f"{sleepless.folder / 'bin'}:{_without_inhibit(sleepless.folder)}"
        (sleepless.folder / "bin" / "systemd-inhibit").unlink()
    else:
        sleepless.inhibit(script)
    status, _, err = sleepless.command("run", "--drain")
    assert (status, sleepless.sbi().status) == (0, Status.DONE)
    assert "awake" not in err
    assert "denied" not in err
    sleepless.app.close()


def test_switched_off_it_starts_nothing(sleepless: Sleepless) -> None:
    (sleepless.seen / "hang").unlink()
    sleepless.settle("run", keep_awake="off")
    sleepless.write_config()
    assert sleepless.command("run", "--drain")[0] == 0
    assert sleepless.said("pids") == []
    sleepless.app.close()


def test_it_lingers_between_two_claims_and_ends_after_the_last(
    sleepless: Sleepless, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awake, "LINGER_S", 0.05)
    holder = Awake(sleepless.app.settings)
    holder.hold()
    assert eventually(lambda: len(sleepless.holders()) == 1)
    holder.hold()
    holder.drop()
    assert len(sleepless.holders()) == 1
    holder.drop()
    assert eventually(lambda: not sleepless.holders())
    holder.hold()
    assert eventually(lambda: len(sleepless.said("pids")) == 2)
    holder.close()
    assert sleepless.holders() == []
    sleepless.app.close()


def _without_inhibit(folder: Path) -> str:
    """The programs that the tests need, and no systemd-inhibit among them."""
    bare = folder / "bare"
    bare.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        for program in Path(place).iterdir() if os.path.isdir(place) else ():
            if program.name != "systemd-inhibit" and not os.path.lexists(bare / program.name):
                (bare / program.name).symlink_to(program)
    return str(bare)
