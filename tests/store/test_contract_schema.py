"""Schema and program say the same: statuses, stages, records, statements; and the hot statements use their indexes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from deespec.model.asking import Draft, DraftStatus, Question, Remark
from deespec.model.ids import decomposition_of, id_of, number_of
from deespec.model.items import AgentPause, Epic, JournalEntry, Line, Pbi, Priority, Sbi, Turn, Worker
from deespec.model.lifecycle import DECOMPOSES, ENDED, MOVES, STOPPED, GroupStatus, Status, Step
from deespec.model.locks import Lock
from deespec.model.money import Spend
from deespec.model.probes import AgentCheck
from deespec.model.work import Integration, Merge, Notice, Work
from deespec.records import fields, replace
from deespec.store import migrate, rows
from deespec.store.base import Store
from deespec.store.sqlite import SCHEMA

FOLDER = Path(rows.__file__).parent / "queries"
QUERIES = sorted(file.stem for file in FOLDER.glob("[!_]*.sql"))
STAGES = ("pending", "asked", "working", "resumable", "stopped", "ended")


@pytest.fixture
def raw(store: Store, path: str) -> Iterator[apsw.Connection]:
    """The database without the store, in a transaction that is rolled back."""
    opened = apsw.Connection(path)
    opened.execute("BEGIN")
    yield opened
    opened.execute("ROLLBACK")
    opened.close()


def sbi(status: Status, *, resume: bool = False, decomposes: bool = False) -> Sbi:
    """An SBI, or the decomposition of a PBI where only that can have this status."""
    decomposes = decomposes or status in DECOMPOSES
    number = decomposition_of(1) if decomposes else 1
    made = Sbi(number=number, uid="01", title="", spec="", status=status, resume=resume)
    if status in STOPPED:
        made = replace(made, stopped_in=Status.DECOMPOSING if decomposes else Status.IMPLEMENTING)
    return replace(made, finished_at=1) if status in ENDED else made


def accepts(raw: apsw.Connection, sql: str, values: dict[str, Any]) -> bool:
    try:
        with raw:
            raw.execute(sql, values)
            raw.execute("DELETE FROM sbi")
    except apsw.ConstraintError:
        return False
    return True


# --- statuses and stages --------------------------------------------------------------------------------------------

ONLY_SBIS = (Status.IMPLEMENTING, Status.REVIEWING, Status.RESOLVING, Status.INTEGRATING, Status.DONE)
MARKS = [(status, False) for status in Status] + [(status, True) for status in STOPPED]


@pytest.mark.parametrize(("status", "resume"), MARKS)
def test_the_schema_takes_the_stage_that_the_program_derives_and_no_other(
    raw: apsw.Connection, status: Status, resume: bool
) -> None:
    values = rows.encode(sbi(status, resume=resume))
    taken = [stage for stage in STAGES if accepts(raw, rows.insert_sql(Sbi), {**values, "stage": stage})]
    assert taken == [rows.stage(status, resume=resume)]


@pytest.mark.parametrize(("status", "resume"), [one for one in MARKS if one[0] not in ONLY_SBIS])
def test_the_schema_takes_the_stage_of_a_decomposition_and_no_other(
    raw: apsw.Connection, status: Status, resume: bool
) -> None:
    values = rows.encode(sbi(status, resume=resume, decomposes=True))
    taken = [stage for stage in STAGES if accepts(raw, rows.insert_sql(Sbi), {**values, "stage": stage})]
    assert taken == [rows.stage(status, resume=resume, decomposes=True)]


@pytest.mark.parametrize("status", list(Status))
def test_a_number_below_0_is_that_of_a_decomposition_and_has_no_status_of_an_sbi_s_work(
    raw: apsw.Connection, status: Status
) -> None:
    made = sbi(status)
    taken = {
        number: accepts(raw, rows.insert_sql(Sbi), rows.encode(replace(made, number=number)))
        for number in (1, decomposition_of(1))
    }
    assert taken == {1: status not in DECOMPOSES, decomposition_of(1): status not in ONLY_SBIS}


@pytest.mark.parametrize("status", [status for status in Status if status not in STOPPED])
def test_only_a_stopped_item_can_be_told_to_go_on(raw: apsw.Connection, status: Status) -> None:
    assert not accepts(raw, rows.insert_sql(Sbi), rows.encode(sbi(status, resume=True)))


@pytest.mark.parametrize("status", list(Status))
def test_only_an_item_in_work_can_be_claimed(raw: apsw.Connection, status: Status) -> None:
    raw.execute(rows.insert_sql(Sbi), rows.encode(sbi(status)))
    claim = "UPDATE sbi SET lease_token = 1, lease_worker = 'w'"
    assert accepts(raw, claim, {}) == (rows.stage(status, resume=False) == "working")


def test_two_items_cannot_have_the_same_token(raw: apsw.Connection) -> None:
    for number in (1, 2):
        one = replace(sbi(Status.PICKED), number=number, uid=str(number))
        raw.execute(rows.insert_sql(Sbi), rows.encode(one))
    with pytest.raises(apsw.ConstraintError):
        raw.execute("UPDATE sbi SET lease_token = 1, lease_worker = 'w'")


@pytest.mark.parametrize(("table", "words"), [("sbi", Status), ("pbi", GroupStatus), ("epic", GroupStatus)])
def test_the_schema_knows_the_statuses_of_the_program(raw: apsw.Connection, table: str, words: type[Status]) -> None:
    assert allowed(raw, table, "status") == set(words)


@pytest.mark.parametrize("table", ["sbi", "pbi", "epic"])
def test_the_schema_knows_the_priorities_of_the_program(raw: apsw.Connection, table: str) -> None:
    assert allowed(raw, table, "priority") == set(Priority)


def test_every_status_of_the_life_is_one_that_the_schema_knows(raw: apsw.Connection) -> None:
    moved = {status for status, _ in MOVES} | {move.to for move in MOVES.values() if move.to}
    assert moved == allowed(raw, "sbi", "status")


def allowed(raw: apsw.Connection, table: str, column: str) -> set[str]:
    """What `column IN (...)` lists in the table's first CHECK of this column."""
    schema: Any = raw.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchall()[0][0]
    found = re.search(rf"CHECK \({column} IN \(([^)]*)\)\)", schema)
    assert found, f"{table}.{column} has no CHECK"
    return set(re.findall(r"'(\w+)'", found[1]))


# --- records --------------------------------------------------------------------------------------------------------

SAMPLES: dict[str, Any] = {
    "int": 5,
    "float": 1.5,
    "bool": True,
    "str": "ü \U0001f600 'x' \0 ,",
    "tuple[str, ...]": ("a", 'b"', "日本"),
    "Status": Status.PARKED,
    "GroupStatus": GroupStatus.PLANNED,
    "Priority": Priority.HIGH,
    "Step": Step.REVIEW,
    "DraftStatus": DraftStatus.APPROVED,
    "tuple[Remark, ...]": (Remark(text="日本", file="a.py", line=3), Remark(text="b", must_fix=False)),
}
PARTICULAR = {
    "depends_on": (),
    "waits_for": "paths",
    "turns_before": 4,
    "turns_reset": 3,
    "state": "finishing",
    "stop": "now",
    "stopped_in": Status.REVIEWING,
    "rank": 1,
    "kind": "merge",
}
"""What only some values are taken of."""
STORED = (
    *(Sbi, Pbi, Epic, Turn, Worker, Lock, AgentPause, JournalEntry),
    *(Work, Integration, Merge, Notice, Spend, Question, Draft, AgentCheck),
)


def sample(cls: type[Any], *, empty: bool) -> Any:
    """A record with a value in every field, or with None wherever that may be."""
    values = {}
    for name in fields(cls):
        kind = cls.__annotations__[name]
        plain = kind.removesuffix(" | None")
        values[name] = None if empty and plain != kind else PARTICULAR.get(name, SAMPLES[plain])
    if cls is Sbi and empty:
        values |= {"status": Status.PENDING, "resume": False}
    if cls is Draft and empty:
        values["status"] = DraftStatus.OPEN
    return cls(**values)


@pytest.mark.parametrize("empty", [False, True], ids=["full", "empty"])
@pytest.mark.parametrize("cls", STORED)
def test_a_record_comes_back_from_its_row_as_it_was(raw: apsw.Connection, cls: type[Any], empty: bool) -> None:
    record = sample(cls, empty=empty)
    raw.execute(rows.insert_sql(cls), rows.encode(record))
    table = rows.query("_with_needs") if cls is Sbi else rows.TABLES[cls]
    [row] = raw.execute(f"SELECT {rows.columns(cls)} FROM {table}").fetchall()
    assert rows.decode(cls, row) == record


def test_every_record_with_a_table_is_one_of_those_that_are_tried() -> None:
    assert set(rows.TABLES) == {*STORED, Line}


def test_a_line_shows_what_its_item_holds(raw: apsw.Connection) -> None:
    item = sample(Sbi, empty=False)
    raw.execute(rows.insert_sql(Sbi), rows.encode(item))
    [row] = raw.execute(f"SELECT {rows.columns(Line)} FROM sbi").fetchall()
    line = rows.decode(Line, row)
    shared = set(fields(Line)) & set(fields(Sbi))
    assert {name: getattr(line, name) for name in shared} == {name: getattr(item, name) for name in shared}


# --- statements -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUERIES)
def test_a_statement_compiles(raw: apsw.Connection, name: str) -> None:
    plan(raw, name)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("claim_working", "sbi_working"),
        ("claim_resumable", "sbi_resumable"),
        ("claim_decompositions", "sbi_decompositions (rank=?)"),
        ("claim_ready", "sbi_ready (agent=? AND rank=? AND rowid>?)"),
        ("claim_next_time", "sbi_working"),
        ("claim_count", "sbi_token"),
        ("claim_accounts", "sbi_token"),
        ("claim_others", "sbi_token"),
        ("working_paths", "sbi_working"),
        ("ready_agents", "sbi_ready"),
        ("next_find", "sbi_refused (rank=?)"),
        ("waiters_release", "sbi_waits (waits_on=?)"),
        ("lease_dead", "sbi_token"),
        ("lease_renew", "sbi_claimed (lease_worker=?)"),
        ("sbi_rank", "need_reverse (needs=?)"),
        ("child_counts", "sbi_parent (parent=?)"),
        ("spent_since", "spend_at (at>?)"),
        ("spent_in_run", "spend_run (worker=?)"),
        ("spent_on", "spend_sbi (sbi=?"),
        ("claim_agents_of_worker", "sbi_claimed (lease_worker=?)"),
        ("probe_began", "sbi_token"),
    ],
)
def test_what_every_claim_asks_costs_the_same_in_a_large_backlog(raw: apsw.Connection, name: str, index: str) -> None:
    steps = plan(raw, name)
    assert any(f"INDEX {index}" in step for step in steps), steps
    assert not [step for step in steps if re.fullmatch(r"SCAN (sbi|need|turn|spend)", step)]


@pytest.mark.parametrize("item", ["SBI-12", "PBI-7"])
def test_a_statement_names_the_work_as_the_program_does(raw: apsw.Connection, item: str) -> None:
    said = rows._with_ids(
        "SELECT {id:a.number}, {number:b.item} FROM (SELECT ? AS number) AS a, (SELECT ? AS item) AS b"
    )
    [(name, number)] = raw.execute(said, (number_of(item), item)).fetchall()
    assert (name, number) == (item, number_of(item)) == (id_of(number), number)


def test_no_statement_takes_a_number_of_work_for_that_of_an_sbi() -> None:
    named = [name for name in QUERIES if "'SBI-' ||" in (FOLDER / f"{name}.sql").read_text()]
    assert named == []


def plan(raw: apsw.Connection, name: str) -> list[str]:
    statement = rows.query(name)
    values = dict.fromkeys(re.findall(r":(\w+)", statement))
    return [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()]


# --- migrations -----------------------------------------------------------------------------------------------------


def test_the_newest_migration_is_the_schema_that_the_program_knows() -> None:
    assert migrate.migrations()[-1][0] == SCHEMA


def test_the_database_s_own_check_finds_nothing_wrong(raw: apsw.Connection) -> None:
    assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
