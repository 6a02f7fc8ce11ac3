"""The archive: finished items leave lists and counts, and nothing else; whatever is open brings its groups back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from deespec.clock import Clock
from deespec.model.items import Epic, Kind, Pbi, Priority, Sbi
from deespec.model.lifecycle import Event, GroupStatus, Status
from deespec.model.wanted import Scope
from deespec.records import fields, replace
from deespec.store import migrate, rows, sqlite
from deespec.store.archiving import ARCHIVE_STEP
from deespec.store.opener import open_store

if TYPE_CHECKING:
    from ledger import Ledger

ACTOR = "archivist"


def archive(ledger: Ledger, *items: str) -> list[str]:
    with ledger.store.transaction() as tx:
        return tx.archive(items, at=tx.now, actor=ACTOR)


def unarchive(ledger: Ledger, *items: str) -> list[str]:
    with ledger.store.transaction() as tx:
        return tx.unarchive(items, actor=ACTOR)


def archived(ledger: Ledger) -> list[str]:
    with ledger.store.read() as tx:
        return tx.archived_all()


def listed(ledger: Ledger, **options: object) -> list[str]:
    with ledger.store.read() as tx:
        return [line.id for line in tx.list_sbis(Scope(), **options).lines]


def add_epic(ledger: Ledger) -> Epic:
    with ledger.store.transaction() as tx:
        epic = Epic(number=tx.next_number(Kind.EPIC), uid=ledger.clock.uid(), title="Theme", spec="")
        tx.add(epic)
        tx.note("person", "registered", item=epic.id, to_status=epic.status)
    return epic


def family(ledger: Ledger) -> None:
    """EPIC-1 over PBI-1 over SBI-1, DONE, and SBI-2, CANCELLED."""
    add_epic(ledger)
    pbi = ledger.add_pbi(parent="EPIC-1")
    ledger.add_many(2, parent=pbi.id)
    ledger.finish()
    ledger.move(2, Event.CANCELLED)


def archive_family(ledger: Ledger) -> None:
    family(ledger)
    ledger.clock.forward(1)
    for items in (("SBI-1", "SBI-2"), ("PBI-1",), ("EPIC-1",)):
        archive(ledger, *items)


# --- what it leaves out ---------------------------------------------------------------------------------------------


def test_an_archived_item_is_in_no_list_and_no_count(ledger: Ledger) -> None:
    ledger.add_many(2)
    ledger.finish()
    archive(ledger, "SBI-1")
    assert listed(ledger) == ["SBI-2"]
    assert listed(ledger, statuses=(Status.DONE,)) == []
    with ledger.store.read() as tx:
        assert tx.counts() == {Status.PENDING: 1}


@pytest.mark.parametrize("filtered", [Scope(), Scope(label="web")], ids=["all", "a label"])
def test_totals_leave_it_out(ledger: Ledger, filtered: Scope) -> None:
    ledger.add_many(3, labels=("web",))
    ledger.finish()
    archive(ledger, "SBI-1")
    with ledger.store.read() as tx:
        assert tx.list_sbis(filtered, limit=1).total == 2


def test_archived_groups_are_in_no_list(ledger: Ledger) -> None:
    archive_family(ledger)
    with ledger.store.read() as tx:
        assert (tx.pbis(), tx.epics()) == ([], [])


def test_the_archive_shows_the_newest_act_first_with_true_totals(ledger: Ledger) -> None:
    family(ledger)
    archive(ledger, "SBI-2")
    ledger.clock.forward(1)
    archive(ledger, "SBI-1")
    archive(ledger, "PBI-1")
    with ledger.store.read() as tx:
        items, total = tx.archived_items(Scope(), limit=2)
        assert ([one.id for one in items], total) == (["PBI-1", "SBI-1"], 3)
        assert tx.archived_items(Scope(parent="EPIC-1"))[1] == 3
        assert tx.archived_items(Scope(text="group"))[1] == 1
        assert tx.archived_last() == ["PBI-1", "SBI-1"]


# --- what it keeps --------------------------------------------------------------------------------------------------


def test_an_archived_item_keeps_its_turns_and_all_its_fields(ledger: Ledger) -> None:
    ledger.add(key="k", labels=("web",))
    before = ledger.finish()
    archive(ledger, "SBI-1")
    with ledger.store.read() as tx:
        assert (tx.sbi(1), len(tx.turns(1))) == (before, 1)


def test_an_archived_item_is_found_by_its_uid_and_its_key(ledger: Ledger) -> None:
    item = ledger.add(key="k")
    ledger.finish()
    archive(ledger, "SBI-1")
    with ledger.store.read() as tx:
        assert tx.by_uid(item.uid) == ["SBI-1"]
        assert getattr(tx.by_key(Kind.SBI, "k"), "id", None) == "SBI-1"


def test_what_needs_an_archived_item_may_start(ledger: Ledger) -> None:
    ledger.add()
    ledger.finish()
    ledger.add(depends_on=("SBI-1",))
    archive(ledger, "SBI-1")
    ledger.add(depends_on=("SBI-1",))
    assert ledger.take_all() == ["SBI-2", "SBI-3"]


def test_a_group_counts_its_archived_children(ledger: Ledger) -> None:
    pbi = ledger.add_pbi()
    ledger.add_many(2, parent=pbi.id)
    ledger.finish()
    archive(ledger, "SBI-1")
    with ledger.store.read() as tx:
        assert tx.child_counts(pbi.id) == {Status.DONE: 1, Status.PENDING: 1}
        assert tx.children(pbi.id) == ["SBI-1", "SBI-2"]


def test_archiving_and_bringing_back_leave_the_backlog_sound(ledger: Ledger) -> None:
    archive_family(ledger)
    assert ledger.violations() == []
    unarchive(ledger, "SBI-2")
    assert ledger.violations() == []


# --- what it takes --------------------------------------------------------------------------------------------------


def test_only_what_has_ended_is_archived(ledger: Ledger) -> None:
    ledger.add_many(6, only_implement=True)
    ledger.finish()
    ledger.move(2, Event.CANCELLED)
    ledger.begin()
    ledger.settle(ledger.begin(), Event.NEEDS_PERSON)
    ledger.settle(ledger.begin(), Event.LIMIT_REACHED)
    assert [ledger.sbi(number).status for number in range(1, 7)] == [
        "DONE", "CANCELLED", "IMPLEMENTING", "PARKED", "FAILED", "PENDING",
    ]  # fmt: skip
    assert archive(ledger, *(f"SBI-{number}" for number in range(1, 7))) == ["SBI-1", "SBI-2"]
    assert archived(ledger) == ["SBI-1", "SBI-2"]


def test_it_is_archived_once(ledger: Ledger) -> None:
    ledger.add()
    ledger.finish()
    assert archive(ledger, "SBI-1") == ["SBI-1"]
    assert archive(ledger, "SBI-1") == []
    assert ledger.events("SBI-1").count("archived") == 1


def test_the_journal_names_who_archived_and_who_brought_back(ledger: Ledger) -> None:
    ledger.add()
    ledger.finish()
    archive(ledger, "SBI-1")
    unarchive(ledger, "SBI-1")
    with ledger.store.read() as tx:
        last = tx.journal(item="SBI-1", newest=True, limit=2)
    assert [(entry.event, entry.actor) for entry in last] == [("archived", ACTOR), ("unarchived", ACTOR)]


def test_a_transaction_takes_no_more_than_a_step(ledger: Ledger) -> None:
    with pytest.raises(AssertionError), ledger.store.transaction() as tx:
        tx.archive([f"SBI-{number}" for number in range(ARCHIVE_STEP + 1)], at=1, actor=ACTOR)


def test_a_group_is_archived_only_when_all_below_it_is(ledger: Ledger) -> None:
    family(ledger)
    archive(ledger, "SBI-1")
    assert archive(ledger, "PBI-1") == []
    archive(ledger, "SBI-2")
    assert archive(ledger, "EPIC-1") == []
    assert archive(ledger, "PBI-1") == ["PBI-1"]
    assert archive(ledger, "EPIC-1") == ["EPIC-1"]


def test_a_group_that_is_not_done_is_not_archived(ledger: Ledger) -> None:
    ledger.add(parent=ledger.add_pbi().id)
    ledger.move(1, Event.CANCELLED)
    archive(ledger, "SBI-1")
    assert archive(ledger, "PBI-1") == []


def test_what_can_be_archived_follows_from_what_is_left(ledger: Ledger) -> None:
    family(ledger)
    with ledger.store.read() as tx:
        assert tx.archivable(before=None) == [1, 2]
        assert tx.archivable_groups([1]) == []
        assert tx.archivable_groups([1, 2]) == ["EPIC-1", "PBI-1"]
    archive(ledger, "SBI-1", "SBI-2")
    with ledger.store.read() as tx:
        assert tx.archivable(before=None) == []
        assert tx.archivable_groups([]) == ["EPIC-1", "PBI-1"]


def test_what_ended_later_is_left(ledger: Ledger) -> None:
    ledger.add_many(2)
    first = ledger.finish()
    ledger.clock.forward(1)
    ledger.finish()
    with ledger.store.read() as tx:
        assert tx.archivable(before=first.finished_at) == [1]


def test_cancelled_items_that_open_ones_need_are_told(ledger: Ledger) -> None:
    ledger.add_many(2)
    ledger.add(depends_on=("SBI-1", "SBI-2"))
    ledger.move(1, Event.CANCELLED)
    ledger.finish()
    with ledger.store.read() as tx:
        assert tx.cancelled_needed() == {1: 3}
    ledger.move(3, Event.CANCELLED)
    with ledger.store.read() as tx:
        assert tx.cancelled_needed() == {}


# --- coming back ----------------------------------------------------------------------------------------------------


def test_a_child_that_comes_back_brings_its_groups(ledger: Ledger) -> None:
    archive_family(ledger)
    assert sorted(unarchive(ledger, "SBI-2")) == ["EPIC-1", "PBI-1", "SBI-2"]
    assert archived(ledger) == ["SBI-1"]


def test_a_group_may_come_back_alone(ledger: Ledger) -> None:
    archive_family(ledger)
    assert sorted(unarchive(ledger, "PBI-1")) == ["EPIC-1", "PBI-1"]


def test_what_is_archived_below_a_group_is_told_from_any_height(ledger: Ledger) -> None:
    archive_family(ledger)
    with ledger.store.read() as tx:
        assert tx.archived_below("EPIC-1") == ["EPIC-1", "PBI-1", "SBI-1", "SBI-2"]
        assert tx.archived_below("PBI-1") == ["PBI-1", "SBI-1", "SBI-2"]
        assert tx.archived_below("SBI-1") == ["SBI-1"]


def test_a_new_child_brings_its_groups_back(ledger: Ledger) -> None:
    archive_family(ledger)
    ledger.add(parent="PBI-1")
    assert archived(ledger) == ["SBI-1", "SBI-2"]
    with ledger.store.read() as tx:
        assert [pbi.status for pbi in tx.pbis()] == [GroupStatus.IN_PROGRESS]


def test_a_done_group_moved_below_an_archived_one_brings_it_back(ledger: Ledger) -> None:
    archive_family(ledger)
    add_epic(ledger)
    ledger.add(parent=ledger.add_pbi(parent="EPIC-2").id)
    ledger.finish()
    with ledger.store.transaction() as tx:
        tx.save_group(replace(tx.pbi(2), parent="EPIC-1"))
        tx.roll_up("EPIC-1")
    assert "EPIC-1" not in archived(ledger)


def test_starting_an_archived_item_again_brings_it_back_first(ledger: Ledger) -> None:
    archive_family(ledger)
    ledger.move(2, Event.RESET)
    assert archived(ledger) == ["SBI-1"]
    assert ledger.events("SBI-2")[-2:] == ["unarchived", "reset"]
    assert ledger.take().sbi.id == "SBI-2"
    assert ledger.violations() == []


def test_a_deleted_item_leaves_no_trace_in_the_archive(ledger: Ledger) -> None:
    ledger.add()
    ledger.move(1, Event.CANCELLED)
    archive(ledger, "SBI-1")
    with ledger.store.transaction() as tx:
        tx.delete(tx.sbi(1))
        tx.note("person", "deleted", item="SBI-1")
    assert archived(ledger) == []
    assert ledger.violations() == []


# --- the schema -----------------------------------------------------------------------------------------------------


@pytest.fixture
def older(path: str) -> str:
    """A backlog as the first schema made it, with a DONE and an open item."""
    raw = apsw.Connection(path)
    raw.execute("PRAGMA journal_mode = WAL").fetchall()
    raw.execute(f"PRAGMA application_id = {sqlite.APPLICATION_ID}")
    raw.execute(Path(migrate.migrations()[0][1]).read_text())
    raw.execute("INSERT INTO meta VALUES ('uid', '01'), ('epoch', 'ab'), ('created_at', '1')")
    raw.execute("PRAGMA user_version = 1")
    done = Sbi(number=1, uid="1", title="One", spec="", status=Status.DONE, parent="PBI-1", finished_at=1)
    for item in (
        Pbi(number=1, uid="3", title="Group", spec="", status=GroupStatus.IN_PROGRESS),
        done,
        Sbi(number=2, uid="2", title="Two", spec="", parent="PBI-1", depends_on=("SBI-1",), priority=Priority.HIGH),
    ):
        table = rows.TABLES[type(item)]
        known = {row[1] for row in raw.execute(f"PRAGMA table_info({table})").fetchall()}
        values = {name: value for name, value in rows.encode(item).items() if name in known}
        places = ", ".join(f":{name}" for name in values)
        raw.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", values)
    raw.execute("INSERT INTO need VALUES (2, 1, 1)")
    raw.close()
    os.chmod(path, 0o600)
    return path


def test_a_backlog_of_the_first_schema_comes_over_with_its_items(older: str) -> None:
    migrate.migrate(older, back_up=lambda _: "backup", actor=ACTOR, clock=Clock(), busy_ms=5_000)
    store = open_store(older, clock=Clock(), busy_ms=5_000)
    with store.read() as tx:
        assert tx.in_force().schema == sqlite.SCHEMA
        assert [line.id for line in tx.list_sbis(Scope()).lines] == ["SBI-1", "SBI-2"]
        assert (tx.sbi(2).depends_on, tx.pbi(1).title, tx.archived_all()) == (("SBI-1",), "Group", [])
    with store.transaction() as tx:
        assert tx.archive(["SBI-1"], at=tx.now, actor=ACTOR) == ["SBI-1"]
    store.close()


def test_the_migration_leaves_the_tables_as_they_were(older: str) -> None:
    before = schema(older)
    for name in (
        "sbi",
        "pbi",
        "worker",
        "turn",
        "spend",
        "answer",
        "agent_pause",
        "agent_strike",
        "spend_at",
        "spend_sbi",
        "sbi_full",
    ):
        del before[name]  # which a later migration changes
    migrate.migrate(older, back_up=lambda _: "backup", actor=ACTOR, clock=Clock(), busy_ms=5_000)
    assert before.items() <= schema(older).items()


def schema(path: str) -> dict[str, str]:
    raw = apsw.Connection(path)
    found = dict(raw.execute("SELECT name, sql FROM sqlite_schema").fetchall())
    raw.close()
    return found


@pytest.mark.parametrize("name", ["list_page", "list_total", "pbi_list", "epic_list", "child_shown", "archivable"])
def test_looking_for_an_item_in_the_archive_takes_no_scan(ledger: Ledger, path: str, name: str) -> None:
    raw = apsw.Connection(path)
    plan = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {rows.query(name)}", _Nothing()).fetchall()]
    raw.close()
    looks = [step for step in plan if "archived" in step]
    assert looks
    assert all("USING PRIMARY KEY (kind=? AND number=?)" in step for step in looks), plan


class _Nothing(dict[str, None]):
    """Every parameter is NULL."""

    def __missing__(self, _: str) -> None:
        return None


def test_every_field_of_an_archived_item_is_read(ledger: Ledger) -> None:
    archive_family(ledger)
    with ledger.store.read() as tx:
        items, _ = tx.archived_items(Scope())
    assert [one.id for one in items] == ["EPIC-1", "PBI-1", "SBI-1", "SBI-2"]
    done = items[2]
    assert {name: getattr(done, name) for name in fields(type(done))} == {
        "kind": "SBI",
        "number": 1,
        "uid": ledger.sbi(1).uid,
        "title": "Item 0",
        "status": "DONE",
        "parent": "PBI-1",
        "finished_at": ledger.sbi(1).finished_at,
        "at": ledger.clock.wall,
    }
