"""Programs that are spoken with while they run: what is said arrives, nobody waits, and they are told to end first."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from calls import HOUR_MS, Watching, python, request, shell

from deespec.agents import input as inputs
from deespec.agents.base import Watch
from deespec.agents.input import Inlet, Say
from deespec.agents.process import Ended, Program, run_process


class Talking:
    """Says something at the start, and to each line what the table has for it."""

    def __init__(self, first: bytes = b"", answers: dict[bytes, bytes] | None = None, *, words: bytes = b"") -> None:
        self.first, self.answers, self.words = first, answers or {}, words
        self.lines: list[bytes] = []

    def begin(self, say: Say) -> None:
        self.say = say
        say(self.first)

    def take(self, line: bytes) -> bool:
        self.lines.append(line)
        self.say(self.answers.get(line, b""))
        return line == b"final"

    def cancel(self) -> bool:
        self.say(self.words)
        return bool(self.words)


def talk(folder: Path, program: Program, talking: Talking, watch: Watch | None = None) -> Ended:
    return run_process(program, request(folder), watch or Watching(), talk=talking)


class Stopping(Watching):
    """Stops the call at this line."""

    def __init__(self, talking: Talking, line: bytes) -> None:
        super().__init__()
        self._talking, self._line = talking, line

    def tick(self) -> str | None:
        return "revoked" if self._line in self._talking.lines else super().tick()


def test_what_is_said_is_answered_and_answered_again(tmp_path: Path) -> None:
    talking = Talking(b"one\n", {b"got one": b"two\n", b"got two": b"three\n"})
    ended = talk(tmp_path, shell("for n in 1 2 3; do read word; echo got $word; done; echo final"), talking)
    assert talking.lines == [b"got one", b"got two", b"got three", b"final"]
    assert (ended.exit_code, ended.hung) == (0, False)


def test_its_stdin_ends_after_the_last_line(tmp_path: Path) -> None:
    ended = talk(tmp_path, shell("echo final; cat; exit 5", end_grace_ms=HOUR_MS), Talking())
    assert (ended.exit_code, ended.hung) == (5, False)


def test_the_prompt_is_kept_but_not_said(tmp_path: Path) -> None:
    talking = Talking(b"only this\n")
    talk(tmp_path, shell("read word; echo $word; echo final"), talking)
    assert talking.lines == [b"only this", b"final"]
    assert (tmp_path / "turn" / "prompt.md").read_text() == "Do the work."


def test_much_is_said_without_waiting_for_who_reads_slowly(tmp_path: Path) -> None:
    slow = python(
        "import os, time\nread = 0\nprint('begun', flush=True)\nwhile read < 8_000_000:\n"
        "    read += len(os.read(0, 50_000))\nprint(read, flush=True)\nprint('final', flush=True)"
    )
    talking = Talking(b"x" * 8_000_000)
    assert talk(tmp_path, slow, talking).exit_code == 0
    assert talking.lines == [b"begun", b"8000000", b"final"]


def test_what_waits_to_be_said_is_said_before_the_end(tmp_path: Path) -> None:
    counting = python("import sys\nprint('final', flush=True)\nprint(len(sys.stdin.buffer.read()))")
    talking = Talking(b"x" * 1_000_000)
    talk(tmp_path, counting, talking)
    assert talking.lines == [b"final", b"1000000"]


def test_a_program_that_closes_its_stdin_does_no_harm(tmp_path: Path) -> None:
    talking = Talking(b"", {b"closed": b"x" * 1_000_000})
    ended = talk(tmp_path, shell("exec <&-; echo closed; sleep 0.2; exit 3"), talking)
    assert ended.exit_code == 3


def test_one_that_never_reads_is_not_given_more_than_can_be_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "WAITING_BYTES", 1_000_000)
    reading, writing = os.pipe()
    inlet = Inlet(os.fdopen(writing, "wb", buffering=0))
    for _ in range(100):
        inlet.say(b"x" * 50_000)
    assert not inlet.is_full
    with os.fdopen(reading, "rb") as pipe:
        assert len(pipe.read()) < 1_000_000, "it ends there"


def test_it_is_told_in_its_own_words_before_any_signal(tmp_path: Path) -> None:
    polite = shell(
        "trap 'echo signal' TERM; echo ready; read word; echo told $word; echo final; read word; echo ended",
        cancel_grace_ms=HOUR_MS,
        stop_signal=signal.SIGUSR1,
        stop_grace_ms=HOUR_MS,
    )
    talking = Talking(words=b"stop\n")
    ended = talk(tmp_path, polite, talking, Stopping(talking, b"ready"))
    assert (ended.stopped, talking.lines[:3]) == ("revoked", [b"ready", b"told stop", b"final"])


def test_who_does_not_heed_the_words_gets_the_signal(tmp_path: Path) -> None:
    deaf = shell(
        "trap 'echo signal; exit 4' TERM; echo ready; while :; do sleep 0.05; done",
        cancel_grace_ms=100,
        stop_grace_ms=HOUR_MS,
    )
    talking = Talking(words=b"stop\n")
    ended = talk(tmp_path, deaf, talking, Stopping(talking, b"ready"))
    assert (ended.exit_code, ended.stopped, talking.lines) == (4, "revoked", [b"ready", b"signal"])


def test_who_has_nothing_to_be_told_gets_the_signal_at_once(tmp_path: Path) -> None:
    waiting = shell("trap 'exit 4' TERM; echo ready; while :; do sleep 0.05; done", cancel_grace_ms=HOUR_MS)
    talking = Talking()
    ended = talk(tmp_path, waiting, talking, Stopping(talking, b"ready"))
    assert (ended.exit_code, ended.stopped) == (4, "revoked")


def test_who_ends_on_the_words_is_not_waited_for(tmp_path: Path) -> None:
    quick = shell("echo ready; read word; exit 6", cancel_grace_ms=HOUR_MS)
    talking = Talking(words=b"stop\n")
    ended = talk(tmp_path, quick, talking, Stopping(talking, b"ready"))
    assert (ended.exit_code, ended.stopped) == (6, "revoked")


def test_its_stderr_is_handed_on_by_lines(tmp_path: Path) -> None:
    lines: list[bytes] = []
    run_process(shell("echo one >&2; echo two >&2"), request(tmp_path), Watching(), on_stderr=lines.append)
    assert lines == [b"one", b"two"]
