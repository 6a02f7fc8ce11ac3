"""`check` finds each kind of damage and contradiction, calls nothing else so, and changes nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest
from children import STORE, child, ended

from deespec.clock import Clock
from deespec.errors import ForeignDatabase, StoreUnusable
from deespec.model.lifecycle import Event
from deespec.store.invariants import Severity, Violation
from deespec.store.upkeep.check import Checked, check

if TYPE_CHECKING:
    from ledger import Ledger

BUSY_MS = 60_000
REGISTERS = (
    STORE
    + """
for number in range(20):
    with store.transaction() as tx:
        tx.note(sys.argv[2], "wrote", detail=str(number))
"""
)


def run(path: str, *, quick: bool = False) -> Checked:
    return check(path, clock=Clock(), busy_ms=BUSY_MS, quick=quick)


def worse(checked: Checked) -> list[tuple[str, Violation]]:
    """What was found beyond notes, with the part that found it."""
    return [(part.name, one) for part in checked.parts for one in part.found if one.severity is not Severity.NOTE]


def by_hand(path: str, *statements: str) -> None:
    """What no deespec would write."""
    raw = apsw.Connection(path)
    raw.execute("PRAGMA foreign_keys = OFF")
    raw.execute("PRAGMA ignore_check_constraints = ON")
    raw.config(apsw.SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1)
    for statement in statements:
        raw.execute(statement).fetchall()
        assert raw.changes() or not statement.startswith(("UPDATE", "DELETE")), statement
    raw.close()


@pytest.fixture
def lived(ledger: Ledger) -> Ledger:
    """A backlog in which something of everything has happened; nobody has it open."""
    group = ledger.add_pbi("A group")
    one = ledger.add("One", parent=group.id, paths=("src/**",))
    ledger.add("Two", depends_on=(one.id,))
    ledger.add("Three", paths=("src/a/**",))
    ledger.take()
    ledger.claim()
    ledger.move(one, Event.CANCELLED)
    ledger.add("Four")
    ledger.take()
    ledger.store.close()
    return ledger


def test_a_backlog_that_was_worked_with_is_sound(lived: Ledger, path: str) -> None:
    checked = run(path)
    assert worse(checked) == []
    assert checked.known is not None
    with lived.store.read() as tx:
        assert checked.known.seq == tx.journal_end()


def test_it_changes_nothing(lived: Ledger, path: str) -> None:
    with open(path, "rb") as file:
        before = file.read()
    run(path)
    with open(path, "rb") as file:
        assert file.read() == before
    assert os.path.getsize(f"{path}-wal") == 0


TURN = (
    "INSERT INTO turn (sbi, number, step, agent, account, outcome, findings, worker, token, attempt, metered,"
    " started_at, finished_at) VALUES ({sbi}, {number}, 'implement', '', '', 'implemented', '[]', '', 0, 1, 1, 1, 2)"
)
BROKEN: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a turn that is not there": (("UPDATE sbi SET turn = 3 WHERE number = 3",), "turns", "SBI-3"),
    "a list that is none": (("UPDATE sbi SET labels = 'x' WHERE number = 1",), "turns", "SBI-1"),
    "a need of nobody": (("INSERT INTO need (sbi, needs, rank) VALUES (3, 99, 2)",), "references", "need"),
    "a rank that is not its own": (("UPDATE sbi SET rank = 0 WHERE number = 2",), "needs", "SBI-2"),
    "a parent that is not there": (("UPDATE sbi SET parent = 'PBI-9' WHERE number = 3",), "groups", "PBI-9"),
    "a group with another status": (("UPDATE pbi SET status = 'DONE'",), "groups", "PBI-1"),
    "a number that would come again": (("UPDATE counter SET value = 2 WHERE name = 'sbi'",), "numbers", "SBI-4"),
    "an answer to a turn that is over": (
        ("INSERT INTO answer (sbi, turn, token, kind, text, source, at) VALUES (3, 7, 1, 'implement', '', 'x', 1)",),
        "claims",
        "SBI-3",
    ),
    "a claim without its call": (("DELETE FROM call",), "claims", "SBI-"),
    "a claim that was never given": (("UPDATE counter SET value = 0 WHERE name = 'token'",), "numbers", "token"),
    "an archived item that is not there": (
        ("INSERT INTO archived (kind, number, status, at) VALUES ('SBI', 77, 'DONE', 1)",),
        "groups",
        "SBI-77",
    ),
    "an archived item that is not finished": (
        ("INSERT INTO archived (kind, number, status, at) VALUES ('SBI', 3, 'DONE', 1)",),
        "groups",
        "SBI-3",
    ),
    "an entry that is gone": (("DELETE FROM journal WHERE seq = 3",), "journal", "entry 3"),
    "a status that nobody led to": (
        ("UPDATE sbi SET status = 'DONE', stage = 'ended', finished_at = 1 WHERE number = 3",),
        "journal",
        "SBI-3",
    ),
    "an index that is gone": (("DROP INDEX sbi_ready",), "schema", "sbi_ready"),
    "a table of somebody else's": (("CREATE TABLE notes (text TEXT)",), "schema", "notes"),
    "a value that its table forbids": (("UPDATE sbi SET held = 7 WHERE number = 3",), "pages", "SBI-3 breaks a rule"),
    "a wait for what bars nobody": (
        ("UPDATE sbi SET waits_on = 1, waits_for = 'paths' WHERE number = 4",),
        "needs",
        "SBI-4 waits for the paths of SBI-1, which is CANCELLED and bars nobody",
    ),
    "a wait for what is not needed": (
        ("UPDATE sbi SET waits_on = 3, waits_for = 'need' WHERE number = 4",),
        "needs",
        "SBI-4 waits for SBI-3, which it does not need",
    ),
    "a wait for paths that are not shared": (
        ("UPDATE sbi SET waits_on = 3, waits_for = 'paths', paths = '[\"docs/**\"]' WHERE number = 4",),
        "needs",
        "SBI-4 waits for the paths of SBI-3, and they share none",
    ),
    "a rank of a need": (("UPDATE need SET rank = 0",), "needs", "SBI-2 needs SBI-1 with rank 0"),
    "a parent that cannot be one": (("UPDATE sbi SET parent = 'SBI-1' WHERE number = 3",), "groups", "cannot be one"),
    "one claim of two items": (
        (
            "DROP INDEX sbi_token",
            "UPDATE sbi SET (status, stage, lease_token, lease_worker) ="
            " (SELECT status, stage, lease_token, lease_worker FROM sbi WHERE number = 3) WHERE number = 4",
        ),
        "claims",
        "is the live claim of SBI-3, SBI-4",
    ),
    "a claim of nobody's": (("UPDATE sbi SET lease_boot = NULL WHERE number = 3",), "claims", "does not say whose"),
    "a claim on what is not in work": (
        ("UPDATE sbi SET status = 'PENDING', stage = 'pending' WHERE number = 3",),
        "claims",
        "SBI-3 is PENDING and has a live claim",
    ),
    "a cost below nothing": (
        (
            "INSERT INTO spend (token, sbi, turn, step, agent, account, cost_usd, metered, at)"
            " VALUES (1, 3, 1, '', '', '', -1.0, 1, 1)",
        ),
        "claims",
        "SBI-3 has cost -1.0 $",
    ),
    "a pause that ends before it begins": (
        ("INSERT INTO agent_pause VALUES ('ann', '', 'ann', 'limit', '', 5, 9, 0, 0)",),
        "claims",
        "the pause of ann",
    ),
    "turns of nobody": ((TURN.format(sbi=77, number=1),), "turns", "SBI-77 is not there, and 1 turns"),
    "a turn too many": ((TURN.format(sbi=3, number=1),), "turns", "SBI-3 has ended 0 turns, but 1 are recorded"),
    "a turn that the journal does not know": ((TURN.format(sbi=3, number=1),), "journal", "SBI-3 has turn 1, which"),
    "a turn that only the journal knows": (
        ("UPDATE journal SET turn = 4, elapsed_ms = 5, item = 'SBI-3' WHERE seq = 1",),
        "journal",
        "SBI-3 has ended turn 4 in the journal",
    ),
    "an item that is gone": (("DELETE FROM sbi WHERE number = 4",), "journal", "SBI-4 was registered and not deleted"),
    "an item that was never registered": (
        ("UPDATE journal SET event = 'updated' WHERE item = 'SBI-4' AND event = 'registered'",),
        "journal",
        "SBI-4 is not in the journal",
    ),
    "a move from elsewhere": (
        ("UPDATE journal SET from_status = 'DONE' WHERE event = 'cancelled'",),
        "journal",
        "SBI-1 was PICKED in the journal",
    ),
    "the end of the journal": (
        ("DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)",),
        "journal",
        "the journal ends at entry",
    ),
    "an epoch that is gone": (("DELETE FROM meta WHERE name = 'epoch'",), "turns", "does not know its epoch"),
    "a value of another type": (
        (
            "UPDATE sqlite_schema SET sql = replace(sql, 'setbacks INTEGER NOT NULL', 'setbacks TEXT NOT NULL')"
            " WHERE name = 'sbi'",
            "PRAGMA schema_version = 9000",
            "UPDATE sbi SET setbacks = 'many' WHERE number = 3",
            "UPDATE sqlite_schema SET sql = replace(sql, 'setbacks TEXT NOT NULL', 'setbacks INTEGER NOT NULL')"
            " WHERE name = 'sbi'",
        ),
        "pages",
        "SBI-3 breaks a rule of its table: cannot store TEXT value in INTEGER column",
    ),
    "bytes that are no text": (
        ("UPDATE sbi SET title = CAST(x'41ff' AS TEXT) WHERE number = 3",),
        "texts",
        "the title of SBI-3 is not text",
    ),
}


@pytest.mark.parametrize(("statements", "part", "word"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_is_found_where_it_is(
    lived: Ledger, path: str, statements: tuple[str, ...], part: str, word: str
) -> None:
    by_hand(path, *statements)
    found = worse(run(path))
    assert any(name == part and word in one.text for name, one in found), found


MISSING = (
    "a need of nobody",
    "a turn that is not there",
    "a turn that only the journal knows",
    "an entry that is gone",
    "an item that is gone",
    "the end of the journal",
    "turns of nobody",
)


@pytest.mark.parametrize("what", BROKEN)
def test_it_says_how_bad_it_is(lived: Ledger, path: str, what: str) -> None:
    statements, part, word = BROKEN[what]
    by_hand(path, *statements)
    [told] = [one for name, one in worse(run(path)) if name == part and word in one.text][:1]
    expected = Severity.LOST if what in MISSING else Severity.WRONG
    assert told.severity is (Severity.DAMAGED if part == "texts" else expected)


def test_what_is_still_to_come_is_a_note_of_a_clock(lived: Ledger, path: str) -> None:
    by_hand(path, "UPDATE sbi SET updated_at = 9999999999999 WHERE number = 3")
    checked = run(path)
    [told] = [one for part in checked.parts if part.name == "times" for one in part.found]
    assert (told.severity, told.item) == (Severity.NOTE, "SBI-3")
    assert "2286-11-20" in told.text


def test_an_item_that_would_wait_for_years_is_wrong(lived: Ledger, path: str) -> None:
    by_hand(path, "UPDATE sbi SET not_before = 9999999999999 WHERE number = 3")
    assert [(name, one.item) for name, one in worse(run(path))] == [("times", "SBI-3")]


@pytest.mark.parametrize(("number", "word"), [(99, "this deespec knows up to"), (1, "this deespec needs")])
def test_rows_of_another_schema_are_not_judged(lived: Ledger, path: str, number: int, word: str) -> None:
    by_hand(path, f"PRAGMA user_version = {number}")
    checked = run(path)
    assert any(name == "schema" and word in one.text and one.remedy for name, one in worse(checked))
    assert checked.known is None


def test_a_table_that_is_gone_does_not_keep_the_others_from_being_judged(lived: Ledger, path: str) -> None:
    by_hand(path, "DROP TABLE call", "UPDATE sbi SET rank = 0 WHERE number = 2")
    found = worse(run(path))
    assert {"schema", "claims", "needs"} <= {name for name, _ in found}
    assert any(one.text == "table call is not there" for _, one in found)


def test_a_database_out_of_wal_mode_is_wrong(lived: Ledger, path: str) -> None:
    by_hand(path, "PRAGMA journal_mode = DELETE")
    assert [one.text for _, one in worse(run(path))] == ["its journal mode is delete, not wal"]


def test_a_log_that_somebody_left_stays_as_it_is(ledger: Ledger, path: str, tmp_path: Path) -> None:
    ledger.add()
    copy = tmp_path / "copy" / "deespec.db"
    copy.parent.mkdir()
    for suffix in ("", "-wal"):
        shutil.copyfile(path + suffix, f"{copy}{suffix}")
    before = [Path(f"{copy}{suffix}").read_bytes() for suffix in ("", "-wal")]
    assert worse(run(str(copy))) == []
    assert [Path(f"{copy}{suffix}").read_bytes() for suffix in ("", "-wal")] == before


def test_an_entry_that_was_taken_back_leaves_no_gap(ledger: Ledger, path: str) -> None:
    ledger.add()
    with pytest.raises(KeyError), ledger.store.transaction() as tx:
        tx.note("somebody", "wrote")
        raise KeyError
    ledger.add()
    assert worse(run(path)) == []


def test_the_entry_that_is_asked_for_is_told(ledger: Ledger, path: str) -> None:
    ledger.add()
    ledger.add()
    known = check(path, clock=Clock(), busy_ms=BUSY_MS, entry=2).known
    assert known is not None
    assert known.entry == (2, ledger.clock.now_ms(), "registered")


def test_a_circle_of_needs_is_told_as_the_way_around_it(ledger: Ledger, path: str) -> None:
    one = ledger.add()
    two = ledger.add(depends_on=(one.id,))
    ledger.store.close()
    by_hand(path, f"INSERT INTO need (sbi, needs, rank) VALUES ({one.number}, {two.number}, 2)")
    assert any("SBI-1 → SBI-2 → SBI-1" in one.text for _, one in worse(run(path)))


def pages_of(path: str, name: str) -> list[int]:
    raw = apsw.Connection(path)
    found = [row[0] for row in raw.execute("SELECT pageno FROM dbstat WHERE name = ?", (name,)).fetchall()]
    raw.close()
    return found


@pytest.mark.parametrize("name", ["sbi", "journal", "sbi_ready"])
def test_a_page_that_was_overwritten_is_damage(lived: Ledger, path: str, name: str) -> None:
    page = pages_of(path, name)[0]
    with open(path, "r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
    found = worse(run(path))
    assert Severity.DAMAGED in {one.severity for _, one in found}


def test_an_index_that_does_not_agree_with_its_table_is_found_but_not_quickly(lived: Ledger, path: str) -> None:
    by_hand(path, "UPDATE sqlite_schema SET sql = 'CREATE INDEX sbi_status ON sbi (title)' WHERE name = 'sbi_status'")
    assert any(name == "pages" for name, _ in worse(run(path)))
    assert not any(name == "pages" for name, _ in worse(run(path, quick=True)))


def test_a_file_that_is_no_database_is_refused_with_what_to_do(path: str) -> None:
    with open(path, "wb") as file:
        file.write(b"nothing of ours" * 1_000)
    with pytest.raises(ForeignDatabase) as refused:
        run(path)
    assert "db restore" in (refused.value.hint or "")


def test_a_database_that_is_not_there_is_refused(path: str) -> None:
    with pytest.raises(StoreUnusable):
        run(path)
    assert not os.path.exists(path)


def cut(path: str, share: Callable[[int], int]) -> None:
    log = f"{path}-wal"
    os.truncate(log, share(os.path.getsize(log)))


def test_a_log_whose_end_is_gone_looks_sound_and_ends_earlier(ledger: Ledger, path: str, tmp_path: str) -> None:
    """Which is why board/checkup.py asks backups and Git as well."""
    for _ in range(20):
        ledger.add()
    with ledger.store.read() as tx:
        end = tx.journal_end()
    copy = os.path.join(tmp_path, "copy", "deespec.db")
    os.mkdir(os.path.dirname(copy))
    for suffix in ("", "-wal"):
        shutil.copyfile(path + suffix, copy + suffix)
    cut(copy, lambda size: size // 2)
    checked = run(copy)
    assert worse(checked) == []
    assert checked.known is not None
    assert 0 < checked.known.seq < end


def test_it_tells_one_moment_while_eight_write(ledger: Ledger, path: str) -> None:
    with ExitStack() as stack:
        writers = [stack.enter_context(child(REGISTERS, path, f"writer {number}")) for number in range(8)]
        looks = [run(path)]
        while any(one.poll() is None for one in writers):
            looks.append(run(path))
        for one in writers:
            ended(one)
    assert [worse(one) for one in looks] == [[]] * len(looks)
    known = run(path).known
    assert known is not None
    assert known.seq == 160
