"""A project for crashes: witnesses as agents, workers as processes, and what must hold whatever was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workshop import PATIENCE_S, Workshop, eventually, processes_with

from deespec.agents import guard as guards
from deespec.board.checkup import check_up
from deespec.model.items import Guard
from deespec.records import record
from deespec.store.queue import WriteQueue

HERE = Path(__file__).parent
OUTCOMES = {"implemented", "implemented_only", "findings", "succeeded", "needs_changes", "rejected"}


@record
class Note:
    """One line of a witness."""

    word: str
    item: str
    turn: int
    claim: str
    pid: int


class Scene(Workshop):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("README", "Read me.\n")
        self.settle("run", implement="witness", retry_delay=0, max_attempts=100)
        self.witness()

    def witness(self, **env: str) -> None:
        """What the witnesses do: ANSWERS=words instead of commands, WORK_S, GROUPS."""
        command = [sys.executable, "-I", "-S", str(HERE / "witness.py")]
        self.settle("agents.witness", kind="command", command=command, env={"SEEN": str(self.seen)} | env)

    # --- workers --------------------------------------------------------------------------------------------------

    def die_at(self, point: str, times: int) -> None:
        """A worker that kills itself there."""
        self.write_config()
        command = [sys.executable, str(HERE / "dying_worker.py"), point, str(times)]
        done = subprocess.run(command, cwd=self.root, env=self.env, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == -signal.SIGKILL, done.stderr

    @contextmanager
    def worker(self, *args: str) -> Iterator[subprocess.Popen[str]]:
        """`deespec run` as a process."""
        self.write_config()
        with self.process("run", *args) as process:
            yield process

    def processes(self) -> list[int]:
        """Every living process of a turn of this backlog: agents, what they started, guards."""
        return processes_with("DEESPEC_HOME", str(self.home))

    def wait_for(self, word: str, count: int = 1) -> list[Note]:
        """The notes with this word, when there are so many of them."""
        assert eventually(lambda: len(self.notes(word)) >= count), self.notes()
        return self.notes(word)

    def guard(self, number: int = 1) -> Guard:
        with self.app.store.read() as tx:
            found = tx.calls_of(number)[-1].guard
        assert found is not None
        return found

    def stop(self, *pids: int) -> None:
        """They stand still, and none of them holds the write lock, which would stop everybody."""
        with WriteQueue(str(self.home / "write.lock"), busy_ms=PATIENCE_S * 1000):
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            assert eventually(lambda: all(state(pid) == b"T" for pid in pids))

    # --- what must hold -------------------------------------------------------------------------------------------

    def notes(self, word: str | None = None) -> list[Note]:
        found = []
        for line in (self.saw("log") or "").splitlines():
            said, item, turn, claim, pid = line.split()
            if word in (None, said):
                found.append(Note(word=said, item=item, turn=int(turn), claim=claim, pid=int(pid)))
        return found

    def calls(self) -> Counter[tuple[str, int]]:
        """How often an agent was called for each turn."""
        return Counter((note.item, note.turn) for note in self.notes("start"))

    def check(self) -> None:
        """The invariants, once no worker is left."""
        assert self.notes("crowd") == []
        assert self.notes("clash") == []
        assert eventually(lambda: not self.processes())
        with self.app.store.read() as tx:
            assert tx.running() == []
            journal = tx.journal()
            turns = {number: tx.turns(number) for number in range(1, sum(tx.counts().values()) + 1)}
        for done in turns.values():
            assert [turn.number for turn in done] == list(range(1, len(done) + 1))
        settled = Counter((entry.item, entry.turn) for entry in journal if entry.event in OUTCOMES)
        assert settled == Counter((f"SBI-{number}", turn.number) for number, done in turns.items() for turn in done)
        checkup = check_up(self.app)
        assert checkup.sound, [part for part in checkup.parts if part.found]
        self._check_answers({(f"SBI-{turn.sbi}", turn.number): turn.report for done in turns.values() for turn in done})

    def check_done(self) -> None:
        """The invariants, and that everything was done."""
        self.check()
        assert self.unfinished() == 0

    def _check_answers(self, reports: dict[tuple[str, int], str | None]) -> None:
        """An answer that was acknowledged counts, and nobody is called again for its turn."""
        notes = self.notes()
        for at, note in enumerate(notes):
            if note.word == "acknowledged":
                key = (note.item, note.turn)
                assert reports[key] == f"By {note.claim}."
                assert not [later for later in notes[at:] if later.word == "start" and (later.item, later.turn) == key]


def state(pid: int) -> bytes | None:
    """As the kernel names it: R, S, T ...; None: there is no such process."""
    fields = guards.stat_fields(pid)
    return None if fields is None else fields[guards.STATE]


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
