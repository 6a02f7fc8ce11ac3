"""Archiving as an act: what it takes and refuses, in which steps, and what remains when it is killed between two."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deespec.backlog import archive, edit
from deespec.backlog.archive import Choice
from deespec.errors import NotFound, NotPossible
from deespec.model.items import Kind, Sbi
from deespec.model.lifecycle import Event, Status
from deespec.model.wanted import Scope
from deespec.store.archiving import ARCHIVE_STEP

if TYPE_CHECKING:
    from ledger import FakeClock, Ledger

ACTOR = "archivist"
LATE_MS = 1_000
PROGRAM = """
import sys
from contextlib import contextmanager
from deespec.backlog import archive
from deespec.clock import Clock
from deespec.store.opener import open_store
store = open_store(sys.argv[1], clock=Clock(), busy_ms=60_000)

class Told:
    "The store, saying after each step that it was done, and waiting for a line before the next."
    def read(self):
        return store.read()
    @contextmanager
    def transaction(self):
        with store.transaction() as tx:
            yield tx
        print("step", flush=True)
        sys.stdin.readline()

told = Told()
print(len(archive.archive(told, archive.choose_finished(told, before=None), actor=sys.argv[2])))
"""


def take(ledger: Ledger, *ids: str, before: int | None = None) -> list[str]:
    return archive.archive(ledger.store, archive.choose_named(ledger.store, ids, before=before), actor=ACTOR)


def take_finished(ledger: Ledger, before: int | None = None) -> list[str]:
    return archive.archive(ledger.store, archive.choose_finished(ledger.store, before=before), actor=ACTOR)


def archived(ledger: Ledger) -> list[str]:
    with ledger.store.read() as tx:
        return tx.archived_all()


def fill(ledger: Ledger, count: int) -> None:
    """So many DONE items, as import writes them."""
    with ledger.store.transaction() as tx:
        for _ in range(count):
            number = tx.next_number(Kind.SBI)
            done = Sbi(number=number, uid=ledger.clock.uid(), title="x", spec="", status=Status.DONE, finished_at=1)
            tx.add(done)
            tx.note("test", "registered", item=done.id, to_status=done.status)


# --- what it takes --------------------------------------------------------------------------------------------------


def test_all_that_is_finished_goes_with_the_groups_that_are(ledger: Ledger) -> None:
    pbi = ledger.add_pbi()
    ledger.add(parent=pbi.id)
    ledger.add_many(2)
    ledger.finish()
    ledger.move(2, Event.CANCELLED)
    assert take_finished(ledger) == ["SBI-1", "SBI-2", "PBI-1"]
    assert take_finished(ledger) == []
    assert ledger.violations() == []


def test_a_group_without_any_child_left_in_lists_goes_later_too(ledger: Ledger) -> None:
    pbi = ledger.add_pbi()
    ledger.add_many(2, parent=pbi.id)
    ledger.finish()
    assert take_finished(ledger) == ["SBI-1"]
    edit.delete(ledger.store, "SBI-2", actor=ACTOR)
    assert take_finished(ledger) == ["PBI-1"]


def test_what_was_finished_later_stays(ledger: Ledger) -> None:
    ledger.add_many(2)
    first = ledger.finish()
    ledger.clock.forward(LATE_MS)
    ledger.finish()
    assert take_finished(ledger, before=first.finished_at) == ["SBI-1"]


def test_a_cancelled_item_that_an_open_one_needs_stays(ledger: Ledger) -> None:
    ledger.add()
    ledger.add(depends_on=("SBI-1",))
    ledger.move(1, Event.CANCELLED)
    assert archive.choose_finished(ledger.store, before=None) == Choice(needed=(("SBI-1", "SBI-2"),))


def test_a_named_group_takes_all_below_it(ledger: Ledger) -> None:
    ledger.add_many(2, parent=ledger.add_pbi().id)
    ledger.add()
    for _ in range(3):
        ledger.finish()
    assert take(ledger, "PBI-1") == ["SBI-1", "SBI-2", "PBI-1"]


def test_what_is_archived_already_is_told(ledger: Ledger) -> None:
    ledger.add()
    ledger.finish()
    take(ledger, "SBI-1")
    assert archive.choose_named(ledger.store, ["SBI-1"], before=None) == Choice(already=("SBI-1",))


# --- what it refuses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ((), "PENDING"),
        ((Event.IMPLEMENTED,), "REVIEWING"),
        ((Event.NEEDS_PERSON,), "PARKED"),
        ((Event.LIMIT_REACHED,), "FAILED"),
    ],
)
def test_what_is_not_finished_is_refused_and_nothing_is_archived(
    ledger: Ledger, events: tuple[Event, ...], status: str
) -> None:
    ledger.add()
    ledger.finish()
    ledger.add()
    if events:
        ledger.settle(ledger.begin(), *events)
    with pytest.raises(NotPossible, match=f"SBI-2 is {status}"):
        take(ledger, "SBI-1", "SBI-2")
    assert archived(ledger) == []


def test_a_group_with_open_items_is_refused(ledger: Ledger) -> None:
    ledger.add_many(2, parent=ledger.add_pbi().id)
    ledger.finish()
    with pytest.raises(NotPossible, match="PBI-1 is IN_PROGRESS"):
        take(ledger, "PBI-1")


def test_a_named_item_that_was_finished_later_is_refused(ledger: Ledger) -> None:
    ledger.add()
    ledger.finish()
    with pytest.raises(NotPossible, match="later than --older"):
        take(ledger, "SBI-1", before=ledger.clock.wall - 1)


def test_a_named_cancelled_item_that_an_open_one_needs_is_refused(ledger: Ledger) -> None:
    ledger.add()
    ledger.add(depends_on=("SBI-1",))
    ledger.move(1, Event.CANCELLED)
    with pytest.raises(NotPossible, match="SBI-2 still needs it"):
        take(ledger, "SBI-1")


def test_what_is_not_there_is_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFound):
        take(ledger, "SBI-1")
    with pytest.raises(NotFound):
        archive.named_in_archive(ledger.store, ["PBI-1"])


def test_what_was_started_again_since_it_was_chosen_stays(ledger: Ledger) -> None:
    ledger.add_many(2)
    ledger.move(1, Event.CANCELLED)
    ledger.move(2, Event.CANCELLED)
    choice = archive.choose_finished(ledger.store, before=None)
    edit.reset(ledger.store, [1], actor=ACTOR)
    assert archive.archive(ledger.store, choice, actor=ACTOR) == ["SBI-2"]


# --- coming back ----------------------------------------------------------------------------------------------------


def test_a_group_comes_back_with_all_below_it(ledger: Ledger) -> None:
    ledger.add_many(2, parent=ledger.add_pbi().id)
    ledger.finish()
    ledger.finish()
    take_finished(ledger)
    items, absent = archive.named_in_archive(ledger.store, ["PBI-1"])
    assert archive.restore(ledger.store, items, actor=ACTOR) == ["PBI-1", "SBI-1", "SBI-2"]
    assert (archived(ledger), absent) == ([], [])
    assert ledger.violations() == []


def test_an_item_of_which_nothing_is_archived_is_told(ledger: Ledger) -> None:
    ledger.add()
    assert archive.named_in_archive(ledger.store, ["SBI-1"]) == ([], ["SBI-1"])


# --- steps ----------------------------------------------------------------------------------------------------------


def test_many_are_archived_and_restored_in_several_transactions(
    ledger: Ledger, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ticking() -> int:
        clock.forward(1)
        return clock.wall

    fill(ledger, ARCHIVE_STEP * 2 + 1)
    monkeypatch.setattr(clock, "now_ms", ticking)
    assert len(take_finished(ledger)) == ARCHIVE_STEP * 2 + 1
    assert len(times(ledger, "archived")) == 3
    with ledger.store.read() as tx:
        last = tx.archived_last()
    assert len(last) == ARCHIVE_STEP * 2 + 1, "one act has one time"
    assert len(archive.restore(ledger.store, last, actor=ACTOR)) == ARCHIVE_STEP * 2 + 1
    assert len(times(ledger, "unarchived")) == 3


def times(ledger: Ledger, event: str) -> set[int]:
    with ledger.store.read() as tx:
        return {entry.at for entry in tx.journal(event=event)}


def test_killed_between_two_steps_the_first_has_happened_and_the_next_act_does_the_rest(
    ledger: Ledger, path: str
) -> None:
    fill(ledger, ARCHIVE_STEP + 1)
    with started(path) as act:
        assert act.stdout is not None
        assert act.stdout.readline() == "step\n"
        act.kill()
        act.wait()
    assert len(archived(ledger)) == ARCHIVE_STEP
    assert ledger.violations() == []
    assert take_finished(ledger) == [f"SBI-{ARCHIVE_STEP + 1}"]
    assert ledger.events().count("archived") == ARCHIVE_STEP + 1


def test_others_write_between_two_steps(ledger: Ledger, path: str) -> None:
    fill(ledger, ARCHIVE_STEP + 1)
    with started(path) as act:
        assert act.stdin is not None
        assert act.stdout is not None
        act.stdout.readline()
        ledger.add(title="Meanwhile")
        act.stdin.write("\n\n")
        act.stdin.close()
        assert act.stdout.readlines() == ["step\n", f"{ARCHIVE_STEP + 1}\n"]
    with ledger.store.read() as tx:
        assert [line.title for line in tx.list_sbis(Scope()).lines] == ["Meanwhile"]


def test_two_at_once_archive_each_item_once(ledger: Ledger, path: str) -> None:
    fill(ledger, ARCHIVE_STEP * 4)
    with started(path) as one, started(path) as other:
        for act in (one, other):
            assert act.stdin is not None
            act.stdin.write("\n" * 10)
            act.stdin.close()
        counts = [int(act.stdout.readlines()[-1]) for act in (one, other) if act.stdout is not None]
    assert sum(counts) == ARCHIVE_STEP * 4
    assert ledger.events().count("archived") == ARCHIVE_STEP * 4
    assert ledger.violations() == []


def started(path: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", PROGRAM, path, ACTOR]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(path).parent)
