"""`inbox -i` on a real terminal of 80 columns and 24 lines, typed into by a person who may have other plans."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from person import Person

from deespec.backlog.decompose import ask_in
from deespec.clock import Clock
from deespec.model.asking import Draft
from deespec.store.opener import FILE, open_store

PATIENCE_S = 60
PROMPT = "\n> "
ROWS, COLUMNS = 24, 80
LONG = "\n".join(f"Line {number} of a long text." for number in range(100))


class Terminal:
    """A person at a terminal in which a command runs."""

    def __init__(self, process: subprocess.Popen[bytes], ours: int) -> None:
        self.process = process
        self._ours = ours
        self._said = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def until(self, words: str) -> str:
        """What is said until these words come."""
        while words not in self._said:
            part = self._more()
            assert part, f"it ended before {words!r}: {self._said}"
            self._said += part
        found, _, self._said = self._said.partition(words)
        return found + words

    def type(self, words: str, *, then: str = PROMPT) -> str:
        os.write(self._ours, f"{words}\n".encode())
        return self.until(then)

    def press(self, key: bytes) -> None:
        os.write(self._ours, key)

    def end(self) -> str:
        """The rest, until the command has ended."""
        while part := self._more():
            self._said += part
        return self._said

    def _more(self) -> str:
        """What is said next; empty at its end."""
        said = ""
        while not said:
            ready, _, _ = select.select([self._ours], [], [], PATIENCE_S)
            assert ready, f"nothing more came: {self._said}"
            try:
                got = os.read(self._ours, 65_536)
            except OSError:  # its end, on Linux
                return ""
            if not got:
                return ""
            said = self._decoder.decode(got).replace("\r", "")
        return said


@contextmanager
def walking(person: Person, *words: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    env = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", "EDITOR": "true"}
    process = subprocess.Popen(
        [sys.executable, "-m", "deespec", *(words or ("inbox", "-i"))],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=person.home.parent,
        env=env,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 (no threads here)
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_S)
        os.close(ours)


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    """With an item that asks, one that has FAILED, and three drafts of a PBI."""
    made = Person(tmp_path, capsys, monkeypatch)
    made("config", "set", "run.implement", "claude")
    made("register", "pbi", "--title", "Group")
    made.add("Asks")
    made.add("Fails")
    store = open_store(str(made.home / FILE), clock=Clock(), busy_ms=5_000)
    with store.transaction() as tx:
        for number, status, reason, question in (
            (1, "PARKED", "question", "赤と青、どちら?"),
            (2, "FAILED", "turns", None),
        ):
            tx.connection.fetch(
                "UPDATE sbi SET status = :status, stage = 'stopped', stopped_in = 'IMPLEMENTING', finished_at = 1,"
                " reason = :reason, question = :question, turn = 1 WHERE number = :number",
                {"number": number, "status": status, "reason": reason, "question": question},
            )
        for number, needs, replaces in ((1, (), None), (2, ("PBI-1/1",), None), (4, (), 3)):
            tx.add_draft(
                Draft(
                    parent="PBI-1",
                    number=number,
                    title=f"Draft {number}",
                    spec=LONG if number == 1 else "Short.",
                    needs=needs,
                    replaces=replaces,
                    created_at=number,
                )
            )
    with store.transaction() as tx:
        tx.connection.fetch(
            "INSERT INTO draft SELECT parent, 3, 'Old 3', 'Before.', 'replaced', file, line, severity, turn, agent,"
            " labels, paths, '[]', estimate_hours, only_implement, NULL, edited, hold, reason, registered, decided_by,"
            " decided_at, created_at, updated_at FROM draft WHERE number = 4",
            {},
        )
    store.close()
    return made


def statuses(person: Person) -> dict[str, str]:
    return {one["id"]: one["status"] for one in person.json("drafts", "--all")["items"]}


def test_all_that_waits_is_decided_one_by_one(person: Person) -> None:
    with walking(person) as terminal:
        shown = terminal.until(PROMPT)
        assert "(1/5) SBI-1  Asks\nPARKED (question)\n赤と青、どちら?\n[a] answer  [n] new start  [c] cancel" in shown
        assert "[s] skip  [b] back\n[q] quit\n> " in shown
        terminal.type("a", then="Your answer (Enter: your editor): ")
        shown = terminal.type("青、お願いします")
        assert "✓ SBI-1 goes on at the next claim" in shown
        assert "(2/5) SBI-2  Fails\nFAILED (turns)\n[r] retry" in shown
        terminal.type("r", then="(Enter: nothing): ")
        assert "✓ SBI-2 goes on at the next claim" in (shown := terminal.type("Mind the tests"))
        assert "(3/5) PBI-1/1  Draft 1\ndraft\nLine 0 of a long text.\n" in shown
        assert "more lines (f)\n[a] approve" in shown
        assert "Line 99" in terminal.type("f")
        assert "✓ PBI-1/1 registered as SBI-3" in (shown := terminal.type("ａ"))
        assert "(4/5) PBI-1/2  Draft 2\ndraft · needs PBI-1/1\nShort.\n[a] approve  [w] with needs" in shown
        terminal.type("r", then="Why (Enter: not after all): ")
        shown = terminal.type("too much")
        assert "✓ PBI-1/2 rejected" in shown
        assert "(5/5) PBI-1/4  Draft 4\ndraft · in the place of PBI-1/3\n" in shown
        assert "-Before.\n+Short.\n" in terminal.type("d")
        terminal.type("h", then="✓ PBI-1/4 registered as SBI-4, held\n")
        assert terminal.end() == "5 decided, and that stays; nothing is left.\n"
        assert terminal.process.wait(PATIENCE_S) == 0
    assert statuses(person) == {
        "PBI-1/1": "approved",
        "PBI-1/2": "rejected",
        "PBI-1/3": "replaced",
        "PBI-1/4": "approved",
    }
    assert person.json("sbi", "show", "1")["hint"] == "青、お願いします"
    assert person.json("sbi", "show", "2")["hint"] == "Mind the tests"


def test_nothing_shown_at_once_is_higher_or_wider_than_the_screen(person: Person) -> None:
    with walking(person) as terminal:
        for _ in range(4):
            shown = terminal.until(PROMPT)
            assert len(shown[shown.rindex("(") :].splitlines()) < ROWS
            assert max(map(len, shown.splitlines())) <= COLUMNS
            terminal.press(b"s\n")


def test_skipped_ones_are_come_back_to(person: Person) -> None:
    with walking(person) as terminal:
        terminal.until(PROMPT)
        assert "This is the first." in terminal.type("b")
        assert "(2/5)" in terminal.type("s")
        assert "(3/5)" in terminal.type("s")
        assert "(4/5)" in terminal.type("a")
        assert "(2/5)" in terminal.type("b")
        assert '"z" is none of them.' in terminal.type("z")
        assert "Type one of the letters, then Enter." in terminal.type("")
        terminal.press(b"q\n")
        assert terminal.end().endswith("1 decided, and that stays; 4 left → deespec inbox\n")
        assert terminal.process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(("key", "status"), [(b"\x04", 0), (b"\x03", 128 + signal.SIGINT)])
def test_leaving_takes_nothing_back_and_says_so(person: Person, key: bytes, status: int) -> None:
    with walking(person) as terminal:
        terminal.until(PROMPT)
        terminal.type("s")
        terminal.type("s")
        terminal.type("a")
        terminal.type("r", then="Why (Enter: not after all): ")
        terminal.press(key)
        assert "1 decided, and that stays; 4 left" in terminal.end()
        assert terminal.process.wait(PATIENCE_S) == status
    assert (statuses(person)["PBI-1/1"], statuses(person)["PBI-1/2"]) == ("approved", "open")


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (("approve", "PBI-1/1"), "PBI-1/1 is approved as SBI-3 by "),
        (("reject", "PBI-1/1", "-m", "no"), "PBI-1/1 is rejected by "),
    ],
)
def test_what_somebody_else_decides_meanwhile_is_told(person: Person, act: tuple[str, ...], told: str) -> None:
    with walking(person) as terminal:
        terminal.until(PROMPT)
        terminal.type("s")
        terminal.type("s")
        person(*act)
        shown = terminal.type("a")
        assert told in shown
        assert "(4/5)" in shown
        person("sbi", "retry", "2")
        terminal.press(b"q\n")
        terminal.end()
    assert statuses(person)["PBI-1/1"] in told


def test_what_was_over_before_it_came_is_told_and_passed(person: Person) -> None:
    with walking(person) as terminal:
        terminal.until(PROMPT)
        person("sbi", "retry", "2")
        shown = terminal.type("s")
        assert "(2/5) SBI-2 goes on by now: somebody else has decided.\n" in shown
        assert "(3/5) PBI-1/1" in shown


def test_what_a_command_refuses_is_told_and_it_stays(person: Person) -> None:
    person("reject", "PBI-1/1", "-m", "no")
    with walking(person) as terminal:
        terminal.until(PROMPT)
        terminal.type("s")
        assert "(3/4) PBI-1/2" in terminal.type("s")
        shown = terminal.type("a")
        assert "PBI-1/2 needs PBI-1/1, which was rejected by " in shown
        assert "(4/4)" not in shown
        assert "(4/4)" in terminal.type("s")


def test_a_decomposition_that_stopped_can_go_on(person: Person) -> None:
    store = open_store(str(person.home / FILE), clock=Clock(), busy_ms=5_000)
    with store.transaction() as tx:
        asked = ask_in(tx, tx.pbi(1), actor="ann")
        values = {"number": asked.number}
        tx.connection.fetch(
            "UPDATE sbi SET status = 'PARKED', stage = 'stopped', stopped_in = 'DECOMPOSING', reason = 'agent_error'"
            " WHERE number = :number",
            values,
        )
    store.close()
    with walking(person) as terminal:
        while "PBI-1  Group" not in terminal.until(PROMPT):
            terminal.press(b"s\n")
        assert "Group" in terminal.type("f")
        terminal.type("r", then="(Enter: nothing): ")
        assert "✓ its decomposition goes on → deespec pbi decompose PBI-1" in terminal.type("More detail")
    store = open_store(str(person.home / FILE), clock=Clock(), busy_ms=5_000)
    with store.read() as tx:
        now = tx.sbi(asked.number)
    store.close()
    assert (now.resume, now.hint) == (True, "More detail")


def test_what_is_held_is_freed_kind_by_kind(person: Person) -> None:
    person("sbi", "cancel", "1", "2", "--yes")
    for draft in ("1", "2", "4"):
        person("reject", f"PBI-1/{draft}", "-m", "no")
    person("epic", "plan", "-t", "Large")
    person("pbi", "plan", "-t", "Below it", "--parent", "EPIC-1", "--auto")
    person("pbi", "plan", "-t", "Shop")
    for number, parent in ((3, "PBI-2"), (4, "PBI-3"), (5, None)):
        person.add(f"Item {number}", *(("--parent", parent) if parent else ()))
    person("epic", "hold", "1", "--yes")
    person("pbi", "hold", "3", "--yes")
    person("sbi", "hold", "5")
    with walking(person) as terminal:
        assert "(1/3) 1 EPIC held\nEPIC-1  Large\n[u] unhold, with all below" in terminal.until(PROMPT)
        assert "(2/3) 1 PBI held\nPBI-3  Shop\n" in terminal.type("u")
        person("pbi", "unhold", "3", "--yes")
        shown = terminal.type("u")
        assert "PBI-3: not held by now." in shown
        assert "(3/3) 1 held\nSBI-5  Item 5\n" in shown
        terminal.type("u", then="nothing is left.")
        terminal.end()
    assert [person.json("sbi", "show", number)["held"] for number in "345"] == [False] * 3
    assert [person.json("pbi", "show", number)["held"] for number in "23"] == [False] * 2


def test_stopping_for_good_is_asked_about(person: Person) -> None:
    with walking(person) as terminal:
        terminal.until(PROMPT)
        terminal.type("c", then="SBI-1: cancel? [y/N] ")
        terminal.type("n")
        terminal.type("c", then="SBI-1: cancel? [y/N] ")
        assert "✓ SBI-1 cancelled" in terminal.type("はい")
    assert person.json("sbi", "show", "1")["status"] == "CANCELLED"


def test_an_empty_inbox_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with walking(Person(tmp_path, capsys, monkeypatch)) as terminal:
        assert terminal.end() == "Nothing waits for you.\n"


def test_without_a_terminal_it_says_what_to_do(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        said = person.refusal("inbox", "-i", exits=2)
    assert said == "There is no terminal to walk through it.\n→ deespec inbox\n"
    assert "exclude each other" in person.refusal("inbox", "-i", "--json", exits=2)
