"""A backlog that an earlier release has made comes over as it was: every row, every reference, every answer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from deespec.clock import Clock
from deespec.model.asking import Draft, DraftStatus, Question
from deespec.model.items import Answer
from deespec.model.lifecycle import Event, Status
from deespec.model.wanted import Scope
from deespec.model.work import Work
from deespec.store import migrate, sqlite
from deespec.store.opener import open_store

if TYPE_CHECKING:
    from ledger import Ledger

Rows = dict[str, list[tuple[object, ...]]]
ACTOR = "me"
BUSY_MS = 5_000


def lived(ledger: Ledger) -> None:
    """A backlog with every kind of row that a release with schema 4 could write, drafts of a review among them."""
    group = ledger.add_pbi()
    done, parked = ledger.add(parent=group.id, paths=("a/**",)), ledger.add("日本", parent=group.id, paths=("b/**",))
    ledger.add(depends_on=(parked.id,), labels=("x", 'y"'), checks=("true",), estimate_hours=1.5)
    ledger.implement()
    ledger.settle(ledger.begin(), Event.SUCCEEDED, Event.MERGED, session="s", cost_usd=0.5)
    claim = ledger.begin()
    ledger.settle(claim, Event.NEEDS_PERSON, question="Which one?")
    with ledger.store.transaction() as tx:
        asked = {"sbi": parked.number, "turn": 1, "key": "which one", "agent": "ann", "asked_at": tx.now}
        tx.add_question(Question(text="Which one?", **asked))
        tx.keep_work(Work(sbi=parked.number, registered="0" * 40))
        draft = {
            "parent": done.id,
            "spec": "Text",
            "turn": 2,
            "agent": "ann",
            "created_at": tx.now,
            "updated_at": tx.now,
        }
        tx.add_draft(Draft(number=1, title="Open", **draft))
        decided = {"decided_by": ACTOR, "decided_at": tx.now}
        tx.add_draft(Draft(number=2, title="No", status=DraftStatus.REJECTED, reason="no", **draft, **decided))
        tx.add_draft(Draft(number=3, title="Yes", status=DraftStatus.APPROVED, registered="SBI-9", **draft, **decided))
        tx.archive([done.id], at=tx.now, actor=ACTOR)
    ledger.add(paths=("c/**",))
    claim = ledger.begin()
    with ledger.store.transaction() as tx:
        words = Answer(kind="implement", text="done", source="command")
        tx.store_answer(sbi=claim.sbi.number, turn=claim.turn, token=claim.token, answer=words, actor=ACTOR)


def older(path: str, folder: Path, *, schema: int) -> str:
    """The same backlog as a release with this schema would have it."""
    made = str(folder / "older.db")
    raw = apsw.Connection(made)
    raw.execute("PRAGMA journal_mode = WAL").fetchall()
    raw.execute("ATTACH ? AS now", (path,))
    raw.execute(f"PRAGMA application_id = {sqlite.APPLICATION_ID}")
    for number, file in migrate.migrations():
        if number <= schema:
            raw.execute(Path(file).read_text())
    for table in tables(raw):
        names = ", ".join(columns(raw, table))
        raw.execute(f"INSERT OR REPLACE INTO main.{table} ({names}) SELECT {names} FROM now.{table}")
    raw.execute(f"PRAGMA user_version = {schema}")
    raw.close()
    os.chmod(made, 0o600)
    return made


def tables(raw: apsw.Connection) -> list[str]:
    found = raw.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
    return [str(name) for (name,) in found]


def columns(raw: apsw.Connection, table: str) -> list[str]:
    return [str(row[1]) for row in raw.execute(f"PRAGMA main.table_info({table})").fetchall()]


def dump(path: str, *, but: str = "") -> Rows:
    raw = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    found = {table: sorted(raw.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in tables(raw)}
    found["journal"] = [row for row in found["journal"] if row[4] != but]
    raw.close()
    return {table: rows for table, rows in found.items() if table != "sqlite_sequence"}


def shape(path: str) -> set[tuple[object, ...]]:
    raw = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    found = raw.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
    raw.close()
    return {tuple(row) for row in found}


@pytest.fixture
def from_4(ledger: Ledger, path: str, tmp_path: Path) -> str:
    lived(ledger)
    assert ledger.violations() == []
    return older(path, tmp_path, schema=4)


def brought_over(path: str) -> None:
    migrate.migrate(path, back_up=lambda _: "backup", actor=ACTOR, clock=Clock(), busy_ms=BUSY_MS)


def test_a_backlog_of_the_fourth_schema_comes_over_row_for_row(from_4: str, path: str) -> None:
    assert dump(from_4)["draft"] != dump(path)["draft"]
    brought_over(from_4)
    assert dump(from_4, but="migrated") == dump(path)
    assert all(rows for table, rows in dump(path).items() if table in ("need", "question", "work", "spend", "call"))


def test_what_comes_over_has_the_tables_of_a_new_backlog(from_4: str, path: str) -> None:
    brought_over(from_4)
    assert shape(from_4) == shape(path)


def test_what_refers_to_items_does_so_after_the_tables_were_made_anew(from_4: str) -> None:
    brought_over(from_4)
    raw = apsw.Connection(from_4)
    raw.execute("PRAGMA foreign_keys = ON")
    assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
    assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    referring = [table for table in tables(raw) if raw.execute(f"PRAGMA foreign_key_list({table})").fetchall()]
    assert referring == ["allowance", "integration", "merge", "need", "question", "work"]
    assert {raw.execute(f"PRAGMA foreign_key_list({table})").fetchall()[0][2] for table in referring} == {"sbi"}
    with pytest.raises(apsw.ConstraintError):
        raw.execute("INSERT INTO work (sbi, generation, restarts, taken) VALUES (99, 1, 0, '')")
    with pytest.raises(apsw.ConstraintError):
        raw.execute("DELETE FROM sbi WHERE number = 2")  # SBI-3 needs it
    raw.close()


def test_a_backlog_that_came_over_is_sound_and_goes_on(from_4: str) -> None:
    brought_over(from_4)
    store = open_store(from_4, clock=Clock(), busy_ms=BUSY_MS)
    with store.read() as tx:
        assert tx.in_force().schema == sqlite.SCHEMA
        assert tx.orphans() == []
        assert [draft.status for draft in tx.drafts("SBI-1", decided=True)] == ["open", "rejected", "approved"]
        assert (tx.drafts("SBI-1")[0].labels, tx.pbi(1).auto, tx.decomposition(1)) == ((), False, None)
    with store.transaction() as tx:
        parked = tx.sbi(2)
        assert parked.status is Status.PARKED
        tx.move(parked, Event.CANCELLED, actor=ACTOR)
        tx.archive(["SBI-2"], at=tx.now, actor=ACTOR)
    with store.read() as tx:
        assert [line.id for line in tx.list_sbis(Scope()).lines] == ["SBI-3", "SBI-4"]
        assert tx.orphans() == []
    store.close()
