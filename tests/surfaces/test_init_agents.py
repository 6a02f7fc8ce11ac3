"""Which agents `init` sets up: all that it finds where it cannot ask, and those that a person names."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from person import Person

LOOKED_FOR = ("claude", "codex", "gemini", "opencode")


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path, capsys, monkeypatch)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH; no Git is in it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(path: Path, *names: str) -> None:
    for name in names:
        (path / name).write_text("#!/bin/sh\n")
        (path / name).chmod(0o755)


def written(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / ".deespec" / "config.toml").read_text())


def test_all_that_are_found_are_taken_and_another_reviews(person: Person, path: Path, tmp_path: Path) -> None:
    install(path, "opencode", "codex", "claude", "other")
    said = person("init", "--no-gate", "--permissions", "edit", str(tmp_path / "new"))
    assert "  agents    claude, codex, opencode (may edit)" in said
    assert "  reviews   codex, opencode, claude" in said
    found = written(tmp_path / "new")
    assert found["run"]["implement"] == ["claude", "codex", "opencode"]
    assert found["run"]["review"] == ["codex", "opencode", "claude"]
    assert {name: one["permissions"] for name, one in found["agents"].items()} == dict.fromkeys(
        ("claude", "codex", "opencode"), "edit"
    )


def test_who_is_not_logged_in_is_told_with_what_helps(person: Person, path: Path, tmp_path: Path) -> None:
    install(path, "claude", "codex")
    (path / "codex").write_text('#!/bin/sh\n[ "$1" = --version ] && echo 1.2.3 && exit\necho Not logged in; exit 1\n')
    said = person("init", "--no-gate", str(tmp_path / "new"))
    assert "  agents    claude, codex: not logged in (may edit+shell)\n" in said
    assert "            → codex: Run codex login, or set CODEX_API_KEY.\n" in said
    assert person.json("init", "--no-gate", str(tmp_path / "other"))["not_logged_in"] == ["codex"]


@pytest.mark.parametrize("name", LOOKED_FOR)
def test_the_only_one_that_is_found_also_reviews(name: str, person: Person, path: Path, tmp_path: Path) -> None:
    install(path, name)
    said = person("init", "--no-gate", str(tmp_path / "new"))
    assert f"  agents    {name} (may edit+shell)" in said
    assert "reviews" not in said
    found = written(tmp_path / "new")
    assert found["run"] == {"implement": name}
    assert found["agents"][name]["kind"] == name


@pytest.mark.usefixtures("path")
def test_where_none_is_found_those_that_were_looked_for_are_named(person: Person, tmp_path: Path) -> None:
    assert f"none found ({', '.join(LOOKED_FOR)})" in person("init", "--no-gate", str(tmp_path / "new"))
    assert "implement" not in written(tmp_path / "new")["run"]


def test_who_is_named_works_and_reviews_alone(person: Person, path: Path, tmp_path: Path) -> None:
    install(path, *LOOKED_FOR)
    found = person.json("init", "--no-gate", "--agent", "gemini", str(tmp_path / "new"))
    assert (found["agents"], found["review"]) == (["gemini"], ["gemini"])
    assert written(tmp_path / "new")["run"] == {"implement": "gemini"}


def test_programs_are_told_who_works_and_who_reviews(person: Person, path: Path, tmp_path: Path) -> None:
    install(path, "claude", "codex")
    found = person.json("init", "--no-gate", str(tmp_path / "new"))
    assert (found["agents"], found["review"]) == (["claude", "codex"], ["codex", "claude"])
