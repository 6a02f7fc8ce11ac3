"""An exported backlog comes into this one: what is kept, what is held, what is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deespec.backlog.exports.backlog import export
from deespec.backlog.imports.backlog import Imported, bring, rehearse
from deespec.backlog.imports.backlog_read import read_export
from deespec.errors import DeespecError, InvalidInput, NotPossible
from deespec.model.asking import Draft
from deespec.model.items import Kind
from deespec.model.lifecycle import Event, Status
from deespec.model.spec import NewItem
from ledger import Ledger

New = Callable[[], Ledger]

KILLED = """
import os, signal, sys
from pathlib import Path
from deespec.backlog.imports.backlog import bring
from deespec.backlog.imports.backlog_read import read_export
from deespec.clock import Clock
from deespec.store.opener import open_store

name, times = sys.argv[3], int(sys.argv[4])

def watch(frame, event, arg):
    global times
    if event == "call" and frame.f_code.co_name == name:
        times -= 1
        if times == 0:
            os.kill(os.getpid(), signal.SIGKILL)

store = open_store(sys.argv[1], clock=Clock(), busy_ms=5000)
whole = read_export(Path(sys.argv[2]))
sys.setprofile(watch)
bring(store, Path(sys.argv[1]).parent, whole, as_is=True, actor="me")
"""


def apart(new_ledger: New) -> tuple[Ledger, Ledger]:
    """Two backlogs whose items have different uids."""
    there, here = new_ledger(), new_ledger()
    there.clock.forward(-7_000)
    return there, here


def take_out(ledger: Ledger, tmp_path: Path) -> Path:
    export(ledger.store, tmp_path / "home", tmp_path / "out")
    return tmp_path / "out"


def bring_in(ledger: Ledger, tmp_path: Path, *, as_is: bool = False) -> Imported:
    home = tmp_path / "here"
    return bring(ledger.store, home, read_export(tmp_path / "out"), as_is=as_is, actor="me@here")


def change(tmp_path: Path, file: str, old: str, new: str) -> None:
    path = tmp_path / "out" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def held(ledger: Ledger) -> list[int]:
    with ledger.store.read() as tx:
        return tx.held()


# --- what comes -------------------------------------------------------------------------------------------------------


def test_open_items_come_in_held_and_ended_ones_as_they_are(new_ledger: New, tmp_path: Path) -> None:
    there, here = apart(new_ledger)
    there.add_many(3)
    there.finish()
    there.move(2, Event.CANCELLED)
    take_out(there, tmp_path)
    bring_in(here, tmp_path)
    assert held(here) == [3]
    assert [here.sbi(number).status for number in (1, 2, 3)] == ["DONE", "CANCELLED", "PENDING"]
    assert here.violations() == []


def test_what_was_in_work_begins_anew_with_its_turns(new_ledger: New, tmp_path: Path) -> None:
    there, here = apart(new_ledger)
    there.add("One")
    there.implement()
    take_out(there, tmp_path)
    done = bring_in(here, tmp_path, as_is=True)
    assert (here.sbi(1).status, here.sbi(1).turn, here.sbi(1).turns_used) == (Status.PENDING, 1, 0)
    assert "SBI-1 was REVIEWING" in done.brought.notes[0]
    with here.store.read() as tx:
        assert [turn.number for turn in tx.turns(1)] == [1]
    assert here.violations() == []
    assert here.take().turn == 2


def test_a_second_import_changes_nothing(new_ledger: New, tmp_path: Path) -> None:
    there, here = apart(new_ledger)
    there.add_many(3)
    take_out(there, tmp_path)
    bring_in(here, tmp_path)
    before = here.events()
    again = bring_in(here, tmp_path)
    assert (again.brought.came, again.brought.known) == ((), 3)
    assert here.events() == before


def test_in_a_filled_backlog_numbers_that_are_taken_change_and_all_that_names_them_follows(
    new_ledger: New, tmp_path: Path
) -> None:
    there, here = apart(new_ledger)
    there.add_pbi("Group")
    there.add("First", parent="PBI-1")
    there.add("Second", depends_on=("SBI-1",), parent="PBI-1")
    there.implement()
    with there.store.transaction() as tx:
        tx.add_draft(Draft(parent="SBI-1", number=1, title="A draft", spec="x", needs=("SBI-2",)))
    take_out(there, tmp_path)
    here.add_many(3)
    here.add_pbi("Mine")
    done = bring_in(here, tmp_path)
    assert {one.was: one.item.id for one in done.brought.renumbered} == {
        "PBI-1": "PBI-2",
        "SBI-1": "SBI-4",
        "SBI-2": "SBI-5",
    }
    assert (here.sbi(5).depends_on, here.sbi(5).parent) == (("SBI-4",), "PBI-2")
    with here.store.read() as tx:
        assert tx.draft("SBI-4", 1).needs == ("SBI-5",)
        assert [turn.sbi for turn in tx.turns(4)] == [4]
    assert "registered" in here.events("SBI-4")
    assert here.violations() == []
    assert here.add("Next").number == 6


def test_an_item_that_was_added_there_comes_with_the_next_import(new_ledger: New, tmp_path: Path) -> None:
    there, here = apart(new_ledger)
    there.add("One")
    take_out(there, tmp_path)
    bring_in(here, tmp_path)
    there.add("Two", depends_on=("SBI-1",))
    take_out(there, tmp_path)
    done = bring_in(here, tmp_path)
    assert [one.item.id for one in done.brought.came] == ["SBI-2"]
    assert here.sbi(2).depends_on == ("SBI-1",)
    assert here.violations() == []


def test_numbers_that_were_given_there_are_not_given_again(new_ledger: New, tmp_path: Path) -> None:
    there, here = apart(new_ledger)
    there.add_many(3)
    with there.store.transaction() as tx:
        tx.delete(tx.sbi(3))
        tx.note("me", "deleted", item="SBI-3")
    take_out(there, tmp_path)
    bring_in(here, tmp_path)
    assert here.add("Next").number == 4


def test_a_key_that_is_taken_here_is_left_out_and_told(new_ledger: New, tmp_path: Path) -> None:
    there, here = apart(new_ledger)
    there.add("One", key="k")
    take_out(there, tmp_path)
    here.add("Mine", key="k")
    done = bring_in(here, tmp_path)
    assert "has its key 'k'" in done.brought.notes[0]
    assert here.sbi(2).key is None


def test_label_files_come_and_those_that_are_here_stay(new_ledger: New, tmp_path: Path) -> None:
    there, here = apart(new_ledger)
    (tmp_path / "home" / "labels").mkdir(parents=True)
    (tmp_path / "here" / "labels").mkdir(parents=True)
    (tmp_path / "home" / "labels" / "a.md").write_bytes(b"of there\r\n")
    (tmp_path / "home" / "labels" / "b.md").write_text("of there")
    (tmp_path / "here" / "labels" / "b.md").write_text("of here")
    there.add("One", labels=("a", "b"))
    take_out(there, tmp_path)
    done = bring_in(here, tmp_path)
    assert (done.labels, done.kept) == (("a.md",), ("b.md",))
    assert (tmp_path / "here" / "labels" / "a.md").read_bytes() == b"of there\r\n"
    assert (tmp_path / "here" / "labels" / "b.md").read_text() == "of here"


def test_copies_of_templates_come_with_the_labels(new_ledger: New, tmp_path: Path) -> None:
    there, here = apart(new_ledger)
    copies = tmp_path / "home" / "labels" / "templates"
    copies.mkdir(parents=True)
    (copies / "rules.txt").write_text("rules")
    take_out(there, tmp_path)
    assert bring_in(here, tmp_path).labels == ("templates/rules.txt",)
    assert (tmp_path / "here" / "labels" / "templates" / "rules.txt").read_text() == "rules"


def test_a_label_that_is_no_text_is_refused(new_ledger: New, tmp_path: Path) -> None:
    there, here = apart(new_ledger)
    (tmp_path / "home" / "labels").mkdir(parents=True)
    (tmp_path / "home" / "labels" / "a.md").write_bytes(b"x\n\xff")
    take_out(there, tmp_path)
    with pytest.raises(InvalidInput, match=r"a\.md:2: this is not UTF-8 text"):
        bring_in(here, tmp_path)


def test_a_decomposition_comes_with_its_pbi(new_ledger: New, tmp_path: Path) -> None:
    there, here = apart(new_ledger)
    there.ask(there.add_pbi("Group"))
    there.ask(there.add_pbi("In work"))
    there.ask(there.add_pbi("Stopped"))
    for number, event in ((2, Event.CLAIMED), (3, Event.CANCELLED)):
        with there.store.transaction() as tx:
            sbi = tx.decomposition(number)
            assert sbi is not None
            tx.move(sbi, event, actor="me")
    take_out(there, tmp_path)
    here.add_pbi("Mine")
    bring_in(here, tmp_path)
    with here.store.read() as tx:
        found = [tx.decomposition(number) for number in (2, 3, 4)]
    assert [(one.parent, one.status, one.held) for one in found if one is not None] == [
        ("PBI-2", Status.PENDING, True),
        ("PBI-3", Status.CANCELLED, False),
        ("PBI-4", Status.PENDING, True),
    ]
    assert here.violations() == []


@pytest.mark.parametrize("as_is", [False, True])
@pytest.mark.parametrize("event", [None, Event.DECOMPOSED, Event.LIMIT_REACHED, Event.NEEDS_PERSON, Event.CANCELLED])
def test_a_pbi_that_is_decomposed_by_itself_comes_in_however_far_that_is(
    new_ledger: New, tmp_path: Path, event: Event | None, *, as_is: bool
) -> None:
    there, here = apart(new_ledger)
    there.add_pbi("Group", auto=True, labels=("x",))
    there.decompose(event)
    take_out(there, tmp_path)
    bring_in(here, tmp_path, as_is=as_is)
    with here.store.read() as tx, there.store.read() as old:
        came, pbi, was = tx.decomposition(1), tx.pbi(1), old.decomposition(1)
    assert came is not None
    assert was is not None
    assert (came.status, came.labels) == (was.status, ("x",))
    assert (came.held, pbi.held) == (not as_is, not as_is)
    assert here.violations() == []
    assert bring_in(here, tmp_path, as_is=as_is).brought.came == ()


def test_a_rehearsal_changes_nothing(new_ledger: New, tmp_path: Path) -> None:
    there, here = apart(new_ledger)
    there.add_many(2)
    take_out(there, tmp_path)
    done = rehearse(here.store, tmp_path / "here", read_export(tmp_path / "out"), as_is=True, actor="me")
    assert len(done.brought.came) == 2
    assert here.events() == []
    assert here.add("Mine").number == 1


def test_items_without_their_history_come_in_sound(new_ledger: New, tmp_path: Path) -> None:
    there, here = apart(new_ledger)
    there.add_many(2)
    there.move(2, Event.CANCELLED)
    (take_out(there, tmp_path) / "history.ndjson").write_text("")
    bring_in(here, tmp_path)
    assert here.sbi(2).status is Status.CANCELLED
    assert here.violations() == []


def test_who_came_from_an_export_may_export_to_it(new_ledger: New, tmp_path: Path) -> None:
    there, here = apart(new_ledger)
    there.add("One")
    take_out(there, tmp_path)
    bring_in(here, tmp_path, as_is=True)
    here.add("Two")
    assert export(here.store, tmp_path / "here", tmp_path / "out").counts["sbi"] == 2


# --- what is refused --------------------------------------------------------------------------------------------------

ITEM = "sbi/SBI-000001-one.md"
FAULTS = [
    (ITEM, "title: One", "titel: One", "SBI-000001-one.md:6: there is no key titel"),
    (ITEM, "status: PENDING", "status: READY", ":4: status must be one of"),
    (ITEM, "status: PENDING", "status: DONE", ":4: status is DONE, and there is no finished_at"),
    (ITEM, "status: PENDING", "status: PARKED", ":4: status and stopped_in contradict"),
    (ITEM, "status: PENDING", "status: DECOMPOSED", ":4: status cannot be DECOMPOSED"),
    (ITEM, "id: SBI-1", "id: PBI-1", ":2: id must be that of one SBI"),
    (ITEM, "id: SBI-1", "id: SBI-2", "both say that they are SBI-2"),
    (ITEM, "held: false", "held: perhaps", ":5: held must be true or false"),
    (ITEM, "held: false", "held: false\nturn: 3", "has ended 3 turns, but 0 are recorded"),
    (ITEM, "held: false", "held: false\nturns_before: 3", ":6: turns_before is 3, and only 0"),
    (ITEM, "held: false", "held: false\npaths: [../x]", ":6: paths has"),
    (ITEM, "held: false", "held: false\ndepends_on: [SBI-9]", "depends_on names SBI-9, which is not in this export"),
    (ITEM, "held: false", "held: false\ndepends_on: [SBI-2]", "these needs form a circle"),
    (ITEM, "held: false", "held: false\nparent: PBI-9", "parent names PBI-9, which is not in this export"),
    (ITEM, 'registered_at: "2', 'registered_at: "x2', "registered_at must be a time"),
    ("history.ndjson", '{"what": "journal"', "{", "history.ndjson:1: this is no JSON"),
    ("history.ndjson", '"what": "journal"', '"what": "song"', "history.ndjson:1: this is no object whose"),
    ("history.ndjson", '"actor": ', '"seq": 7, "actor": ', "history.ndjson:1: there is no seq"),
    ("backlog.json", '"version": 1', '"version": 2', "by a newer deespec"),
    ("backlog.json", '"deespec backlog"', '"other"', "is no export's"),
    ("backlog.json", '"sbi/SBI-000001-one.md"', '"sbi/SBI-000009.md"', "and is not there"),
]


@pytest.mark.parametrize(("file", "old", "new", "said"), FAULTS)
def test_what_is_wrong_is_refused_with_its_place_and_nothing_comes(
    new_ledger: New, tmp_path: Path, *, file: str, old: str, new: str, said: str
) -> None:
    there, here = apart(new_ledger)
    there.add("One")
    there.add("Two", depends_on=("SBI-1",))
    take_out(there, tmp_path)
    change(tmp_path, file, old, new)
    with pytest.raises(DeespecError) as refused:
        bring_in(here, tmp_path)
    assert said in refused.value.message
    assert here.events() == []


@pytest.mark.parametrize("what", ["item", "folder"])
def test_no_link_in_an_export_is_followed(new_ledger: New, tmp_path: Path, what: str) -> None:
    there, here = apart(new_ledger)
    there.add("One")
    out = take_out(there, tmp_path)
    one = out / "sbi" if what == "folder" else out / ITEM
    one.rename(tmp_path / "elsewhere")
    one.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidInput, match="link"):
        bring_in(here, tmp_path)


def test_an_export_that_was_cut_off_is_refused(new_ledger: New, tmp_path: Path) -> None:
    there, here = apart(new_ledger)
    there.add("One")
    (take_out(there, tmp_path) / "export-in-progress.json").write_text("{}")
    with pytest.raises(NotPossible, match="was cut off"):
        bring_in(here, tmp_path)


# --- killed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("add", 1),
        ("add", 20),
        ("set_needs", 5),
        ("put_history", 1),
        ("roll_up", 1),
        ("_refuse_unsound", 1),
        ("commit", 1),
    ],
)
def test_killed_in_the_middle_nothing_came_and_the_next_import_brings_all(
    new_ledger: New, tmp_path: Path, name: str, times: int
) -> None:
    there, here = apart(new_ledger)
    there.add_pbi("Group")
    there.add_all([NewItem(kind=Kind.SBI, title=f"Item {number}", spec="x", parent="PBI-1") for number in range(30)])
    with there.store.transaction() as tx:
        for number in range(2, 31):
            tx.set_needs(number, (f"SBI-{number - 1}",))
    take_out(there, tmp_path)
    here.add("Mine")
    before = here.events()
    database = str(here.store.path)  # type: ignore[attr-defined]
    command = [sys.executable, "-c", KILLED, database, str(tmp_path / "out"), name, str(times)]
    ended = subprocess.run(command, capture_output=True, check=False, env={**os.environ})
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert here.events() == before
    assert here.violations() == []
    done = bring_in(here, tmp_path, as_is=True)
    assert len(done.brought.came) + done.brought.known == 31
    assert here.violations() == []


@pytest.mark.parametrize("name", ["create", "commit"])
def test_killed_at_the_labels_no_item_has_one_without_its_file(new_ledger: New, tmp_path: Path, name: str) -> None:
    there, here = apart(new_ledger)
    (tmp_path / "home" / "labels").mkdir(parents=True)
    (tmp_path / "home" / "labels" / "a.md").write_text("x")
    there.add("One", labels=("a",))
    take_out(there, tmp_path)
    database = Path(here.store.path)  # type: ignore[attr-defined]
    command = [sys.executable, "-c", KILLED, str(database), str(tmp_path / "out"), name, "1"]
    ended = subprocess.run(command, capture_output=True, check=False, env={**os.environ})
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert here.events() == []
    assert (database.parent / "labels" / "a.md").exists() == (name == "commit")
    bring(here.store, database.parent, read_export(tmp_path / "out"), as_is=True, actor="me")
    assert here.sbi(1).labels == ("a",)
    assert (database.parent / "labels" / "a.md").read_text() == "x"
