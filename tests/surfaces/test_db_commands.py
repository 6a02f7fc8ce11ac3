"""`db backup`, `db restore`, `db migrate` as a person uses them: what they say, ask, refuse, and exit with."""

from __future__ import annotations

import json
import os
from pathlib import Path

import apsw
import pytest
from person import Person

from deespec.store import migrate
from deespec.store.alive import LifeLock
from deespec.store.opener import FILE
from deespec.store.sqlite import APPLICATION_ID, SCHEMA


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Person(tmp_path, capsys, monkeypatch)
    (made.home / "config.toml").touch()
    made.add("Before")
    return made


def titles(person: Person) -> list[str]:
    return [one["title"] for one in person.json("sbi", "list")["items"]]


def lose(person: Person) -> None:
    for side in ("", "-wal", "-shm"):
        (person.home / f"{FILE}{side}").unlink(missing_ok=True)


# --- backup ---------------------------------------------------------------------------------------------------------


def test_without_a_name_it_goes_into_the_backlog_s_own_folder_outside_the_project(
    person: Person, tmp_path: Path
) -> None:
    made = person.json("db", "backup")
    path = Path(made["path"])
    assert path.parent.parent == tmp_path / "state" / "deespec"
    assert path.parent.stat().st_mode & 0o077 == 0
    assert (made["bytes"], made["seq"], made["removed"]) == (path.stat().st_size, 1, [])
    said = person("db", "backup")
    assert "verified, up to entry 1 of the journal" in said
    assert str(path.parent) in said


def test_it_goes_where_it_is_told_and_replaces_nothing_unless_forced(person: Person, tmp_path: Path) -> None:
    person("db", "backup", "mine.db")
    assert "There is a file" in person.refusal("db", "backup", "mine.db", exits=4)
    person("db", "backup", "mine.db", "--force")
    (tmp_path / "folder").mkdir()
    assert Path(person.json("db", "backup", str(tmp_path / "folder"))["path"]).parent == tmp_path / "folder"


def test_keep_removes_the_oldest_and_says_which(person: Person) -> None:
    first = person.json("db", "backup")["path"]
    person.add("Another")
    second = person.json("db", "backup")["path"]
    assert f"removed {os.path.basename(first)}" in person("db", "backup", "--keep", "2")
    assert not os.path.exists(first)
    assert os.path.exists(second)


# --- restore --------------------------------------------------------------------------------------------------------


def test_it_lists_the_backups_even_when_the_database_is_lost(person: Person) -> None:
    assert "None of this backlog is known here" in person.refusal("db", "restore", exits=2)
    made = person.json("db", "backup")["path"]
    lose(person)
    assert made in person("db", "restore")
    assert [one["path"] for one in person.json("db", "restore")["backups"]] == [made]


def test_it_says_what_would_be_lost_and_asks(person: Person) -> None:
    made = person.json("db", "backup")["path"]
    person.add("After")
    person.add("After that")
    said = person("db", "restore", made, exits=2)
    assert "2 entries are newer than the backup" in said
    assert "--yes" in person.err
    plan = person.json("db", "restore", made, "--dry-run")
    assert (plan["lost_entries"], plan["backup"]["items"], plan["database"]["items"]) == (2, 1, 3)
    assert plan["database"]["state"] == "sound"
    assert titles(person) == ["Before", "After", "After that"]


def test_it_brings_the_backup_back_and_names_what_it_replaced(person: Person) -> None:
    made = person.json("db", "backup")["path"]
    person.add("After")
    said = person("db", "restore", made, "--yes")
    assert "1 SBI; entry 3 tells of it" in said
    assert titles(person) == ["Before"]
    [kept] = [line.split()[-1] for line in said.splitlines() if "replaced" in line]
    assert person.json("db", "restore", kept, "--yes")["restored"] == kept
    assert titles(person) == ["Before", "After"]
    assert person("journal", "check")
    assert person.add("Later") == "SBI-3"


def test_a_lost_database_comes_back_and_numbers_are_left_out(person: Person) -> None:
    made = person.json("db", "backup")["path"]
    lose(person)
    assert "deespec db restore" in person.refusal("status", exits=5)
    said = person("db", "restore", made, "--yes")
    assert "1,000 are left out" in said
    assert "replaced" not in said
    assert person.add("Later") == "SBI-1002"


def test_outputs_of_turns_tell_which_numbers_were_given(person: Person) -> None:
    made = person.json("db", "backup")["path"]
    (person.home / "turns" / "SBI-40" / "1.77").mkdir(parents=True)
    person("db", "restore", made, "--yes")
    assert person.add("Later") == "SBI-41"


def test_workers_are_named_that_bar_it(person: Person) -> None:
    made = person.json("db", "backup")["path"]
    life = LifeLock(str(person.home), "01X")
    told = json.loads(person.refusal("db", "restore", made, "--yes", "--json", exits=4))["error"]
    assert "Workers are running: 01X" in told["message"]
    life.release()
    person("db", "restore", made, "--yes")


@pytest.mark.parametrize("command", ["backup", "migrate", "restore"])
def test_it_is_not_for_agents(person: Person, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    for name, value in {"CLAIM": "a-1", "ITEM": "SBI-1", "TURN": "1", "HOME": str(person.home)}.items():
        monkeypatch.setenv(f"DEESPEC_{name}", value)
    assert "Not from inside a turn" in person.refusal("db", command, exits=4)


# --- migrate --------------------------------------------------------------------------------------------------------


def test_an_up_to_date_backlog_has_nothing_to_migrate(person: Person) -> None:
    assert f"Nothing to do: the database has schema {SCHEMA}" in person("db", "migrate")
    assert person.json("db", "migrate") == {"schema": 1, "before": SCHEMA, "after": SCHEMA, "backup": None}


def take_back(path: str) -> None:
    """Makes the database one of the first schema, with what that had room for."""
    older = apsw.Connection(":memory:")
    older.execute(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1")
    older.execute(Path(migrate.migrations()[0][1]).read_text(encoding="utf-8"))
    older.execute("ATTACH ? AS newer", (path,))
    for (table,) in older.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'").fetchall():
        both = [
            {row[1] for row in older.execute(f"PRAGMA {place}.table_info({table})").fetchall()}
            for place in ("main", "newer")
        ]
        names = ", ".join(sorted(both[0] & both[1]))
        older.execute(f"INSERT OR REPLACE INTO main.{table} ({names}) SELECT {names} FROM newer.{table}")
    older.execute("DETACH newer")
    raw = apsw.Connection(path)
    with raw.backup("main", older, "main") as copy:
        copy.step()
    raw.execute("PRAGMA journal_mode = WAL")
    raw.close()


def test_an_older_one_is_brought_up_to_date_after_a_backup(person: Person) -> None:
    take_back(str(person.home / FILE))
    assert "deespec db migrate" in person.refusal("sbi", "list", exits=5)
    said = person("db", "migrate")
    assert f"schema 1 is now {SCHEMA}" in said
    assert "-schema1.db" in said
    assert titles(person) == ["Before"]
