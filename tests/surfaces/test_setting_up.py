"""The first steps: a command outside of any backlog, an agent and a gate of one's own, and taking them away again."""

from __future__ import annotations

from pathlib import Path

import pytest
from person import Person


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path, capsys, monkeypatch)


def test_outside_of_a_backlog_the_bare_command_shows_the_way(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert person.refusal(exits=5).splitlines() == [
        "No backlog here.",
        "→ Start one: deespec init",
        "→ Look around first: deespec demo",
        "→ All commands: deespec --help",
    ]
    assert person.refusal("status", exits=5).splitlines() == ["No backlog here.", "→ Start one: deespec init"]


def test_an_agent_and_a_gate_are_set_up_by_command(person: Person) -> None:
    assert person("config", "set", "agents.mine.command", "my-agent --flag") == (
        '✓ agents.mine.command = ["my-agent", "--flag"]\n'
    )
    person("config", "set", "run.implement", "mine")
    assert person("config", "set", "gates.tests.run", "pytest -q") == '✓ gates.tests.run = "pytest -q"\n'
    assert person.json("config", "get", "gates.tests.run")["value"] == "pytest -q"
    assert person("config", "check") == "✓ settings are valid\n"


def test_a_kind_without_its_command_is_refused_with_the_command_that_makes_both(person: Person) -> None:
    words = person.refusal("config", "set", "agents.mine.kind", "command", exits=2).splitlines()
    assert words[0].endswith("agents.mine has no command.")
    assert 'deespec config set agents.mine.command "…"' in words[1]


def test_what_was_set_can_be_unset(person: Person) -> None:
    person("config", "set", "run.parallel", "4")
    person("config", "set", "gates.tests.run", "pytest -q")
    assert person("config", "unset", "run.parallel") == "✓ run.parallel is not set any more; 1 counts (default)\n"
    assert person("config", "unset", "gates.tests") == "✓ gates.tests is not set any more\n"
    assert person.json("config", "get", "run.parallel")["value"] == 1
    assert "does not set run.parallel" in person.refusal("config", "unset", "run.parallel", exits=3)


def test_unset_tells_programs_what_counts_now(person: Person) -> None:
    person("config", "set", "run.parallel", "4")
    found = person.json("config", "unset", "run.parallel")
    assert (found["key"], found["value"], found["source"]) == ("run.parallel", 1, "default")
    assert found["file"] == str(person.home / "config.toml")
