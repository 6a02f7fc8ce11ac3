"""`db check` and `db stats` as a person and a program read them: verdicts, remedies, exit status, figures."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import apsw
import pytest
from person import Person

CONFIG = """\
[run]
implement = "player"
review = "player"

[agents.player]
kind = "scripted"
script = "play.toml"
"""
PLAY = """\
[[rules]]
step = "implement"
files = { "notes.txt" = "done" }
answer = { type = "implement", text = "Wrote notes." }

[[rules]]
step = "review"
answer = { type = "review", decision = "SUCCEEDED", text = "Good." }
"""
PARTS = [
    *("pages", "references", "schema", "texts", "turns", "needs", "groups", "claims", "numbers", "times", "journal"),
    *("backups", "turn refs"),
]


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Person(tmp_path, capsys, monkeypatch)
    (made.home / "config.toml").write_text(CONFIG)
    (made.home.parent / "play.toml").write_text(PLAY)
    return made


@pytest.fixture
def worked(person: Person) -> Person:
    """A backlog in which one item is DONE and another needs it."""
    person.add("One")
    person("run", "--drain")
    person.add("Two", "--depends-on", "SBI-1")
    return person


def by_hand(person: Person, statement: str) -> None:
    raw = apsw.Connection(str(person.home / "deespec.db"))
    raw.execute("PRAGMA ignore_check_constraints = ON")
    raw.execute(statement)
    assert raw.changes()
    raw.close()


def told(person: Person, *args: str) -> dict[str, Any]:
    """What a program hears of a check that finds something."""
    found: dict[str, Any] = json.loads(person(*args, "--json", exits=1))
    return found


# --- check ------------------------------------------------------------------------------------------------------------


def test_a_backlog_that_was_worked_off_is_sound_in_every_part(worked: Person) -> None:
    lines = worked("db", "check").splitlines()
    assert [line[2:13].rstrip() for line in lines[:-1]] == PARTS
    assert {line[0] for line in lines[:-1]} == {"✓"}
    assert lines[-1] == "sound"


def test_a_program_hears_every_verdict(worked: Person) -> None:
    found = worked.json("db", "check")
    assert found["sound"]
    assert [(one["name"], one["verdict"], one["findings"]) for one in found["checks"]] == [
        (name, "sound", []) for name in PARTS
    ]


def test_a_quick_check_leaves_out_what_takes_long(worked: Person) -> None:
    assert [one["name"] for one in worked.json("db", "check", "--quick")["checks"]] == [
        name for name in PARTS if name != "texts"
    ]


def test_what_is_wrong_is_told_with_item_severity_and_remedy(worked: Person) -> None:
    by_hand(worked, "UPDATE sbi SET held = 7 WHERE number = 2")
    out = worked("db", "check", exits=1)
    assert "! pages" in out
    assert "    wrong: SBI-2 breaks a rule of its table: CHECK constraint failed: held IN (0, 1)\n" in out
    assert "    → deespec db backup, and report what was found\n" in out
    assert out.endswith("wrong: it contradicts itself, and deespec may misbehave\n")


def test_the_worst_decides_and_a_backup_is_the_way_back(worked: Person) -> None:
    worked("db", "backup")
    by_hand(worked, "DELETE FROM turn WHERE sbi = 1 AND number = 2")
    found = told(worked, "db", "check")
    [turns] = [one for one in found["checks"] if one["name"] == "turns"]
    assert turns["verdict"] == "lost"
    [finding] = turns["findings"]
    assert (finding["id"], finding["text"]) == ("SBI-1", "SBI-1 has ended 2 turns, but 1 are recorded")
    assert finding["remedy"].startswith(f"deespec db restore {os.environ['XDG_STATE_HOME']}/deespec/")


def test_many_findings_are_cut_for_people_and_whole_for_programs(person: Person) -> None:
    for number in range(25):
        person.add(f"Item {number}")
    by_hand(person, "UPDATE sbi SET labels = 'x'")
    out = person("db", "check", exits=1)
    assert out.count("labels cannot be read") == 10
    assert "… and 15 more (--json shows all)" in out
    [turns] = [one for one in told(person, "db", "check")["checks"] if one["name"] == "turns"]
    assert len(turns["findings"]) == 25


def test_what_is_in_the_database_cannot_drive_the_terminal(person: Person) -> None:
    person.add("One")
    by_hand(person, "UPDATE sbi SET labels = '\x1b[31m\n!'")
    assert "\x1b" not in person("db", "check", exits=1)


def test_a_database_that_is_gone_is_an_answer_and_no_failure(worked: Person) -> None:
    for file in worked.home.glob("deespec.db*"):
        file.unlink()
    out = worked("db", "check", exits=1)
    assert "There is no database" in out
    assert "→ deespec init creates it; deespec db restore brings a backup back.\n" in out


def test_the_journal_s_check_finds_the_same_of_the_journal(worked: Person) -> None:
    by_hand(worked, "DELETE FROM journal WHERE seq = 3")
    heard = told(worked, "journal", "check")["violations"]
    [journal] = [one for one in told(worked, "db", "check")["checks"] if one["name"] == "journal"]
    assert heard == [one["text"] for one in journal["findings"]]
    assert "entry 3 of the journal is not there" in heard


# --- stats ------------------------------------------------------------------------------------------------------------


def test_stats_name_sizes_with_their_units(worked: Person) -> None:
    worked("db", "backup")
    found = worked.json("db", "stats")
    assert found["database_bytes"] + found["wal_bytes"] >= found["bytes_per_item"] > 0
    assert {one["name"]: one["rows"] for one in found["tables"]}["turn"] == 2
    assert found["growth"][0] == {"days": 7, "items": 2, "turns": 2, "entries": found["seq"]}
    assert found["in_force"]["synchronous"] == "FULL"
    assert found["newest_backup"]["path"].startswith(os.environ["XDG_STATE_HOME"])
    assert found["first_entry_at"] <= found["newest_entry_at"]


def test_stats_are_few_lines_for_people(worked: Person) -> None:
    out = worked("db", "stats")
    for begin in ("database  ", "unused    ", "log       ", "journal   up to entry ", "7 days    items 2 (0.3 a day)"):
        assert f"\n{begin}" in f"\n{out}"
    assert "\nbackups   none → deespec db backup\n" in out
    assert "in force  journal_mode wal, synchronous FULL, foreign_keys 1" in out


def test_a_new_backlog_has_stats_too(person: Person) -> None:
    assert "\nlargest   no items\n" in person("db", "stats")
    assert person.json("db", "stats")["bytes_per_item"] is None
