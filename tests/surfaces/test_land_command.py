"""`land` as a person uses it: what comes to his branch, what it refuses, and what it says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from person import Person


class Merger(Person):
    """A person with a Git project, into whose target something was merged."""

    def git(self, *args: str) -> str:
        done = subprocess.run(["git", *args], cwd=self.home.parent, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def merges(self, name: str, title: str, *, trailer: str = "\n\nDeespec-Item: 01JD") -> str:
        """A commit on the target; its id."""
        self.git("checkout", "--quiet", "--detach", "deespec/integration")
        (self.home.parent / name).write_text(f"{title}\n")
        self.git("add", name)
        self.git("commit", "--quiet", "--message", f"{title}{trailer}")
        commit = self.git("rev-parse", "HEAD")
        self.git("checkout", "--quiet", "main")
        self.git("update-ref", "refs/heads/deespec/integration", commit)
        return commit


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Merger:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "person@example.org")
    made = Merger(tmp_path, capsys, monkeypatch)
    (made.home / ".gitignore").write_text("*\n")
    made.git("init", "--quiet", "--initial-branch", "main")
    (made.home.parent / "file.txt").write_text("one\n")
    made.git("add", "file.txt")
    made.git("commit", "--quiet", "--message", "The base")
    made.git("branch", "deespec/integration")
    return made


def test_merged_work_comes_to_the_branch_and_its_items_are_named(person: Merger) -> None:
    old = person.git("rev-parse", "main")
    person.merges("a.txt", "SBI-1: A file")
    person.merges("hand.txt", "By hand", trailer="")
    new = person.merges("b.txt", "SBI-2: Another\x1b[31m")
    said = person("land")
    assert said.splitlines() == [
        f"✓ landed 3 commits on main: {old[:12]}..{new[:12]}",
        "  SBI-1: A file",
        "  SBI-2: Another�[31m",
        f"  checked out in {person.home.parent}",
    ]
    assert person.git("rev-parse", "main") == new
    assert (person.home.parent / "b.txt").exists()
    assert person.git("status", "--short") == ""


def test_it_is_in_the_journal(person: Merger) -> None:
    old = person.git("rev-parse", "main")
    new = person.merges("a.txt", "SBI-1: A file")
    person("land")
    entry = person.json("journal", "list")["items"][-1]
    assert entry["event"] == "landed"
    assert entry["detail"] == f"main {old[:12]}..{new[:12]}, 1 commit: SBI-1: A file"


def test_json_has_all_of_it(person: Merger) -> None:
    old = person.git("rev-parse", "main")
    new = person.merges("a.txt", "SBI-1: A file")
    said = person.json("land")
    assert said == {
        "schema": 1,
        "dry_run": False,
        "landed": True,
        "base": "main",
        "target": "deespec/integration",
        "from": old,
        "to": new,
        "checkout": str(person.home.parent),
        "commits": 1,
        "items": ["SBI-1: A file"],
        "submodules": [],
        "finished": None,
    }


def test_a_dry_run_says_what_would_come_and_moves_nothing(person: Merger) -> None:
    old = person.git("rev-parse", "main")
    new = person.merges("a.txt", "SBI-1: A file")
    assert f"Would land 1 commit on main: {old[:12]}..{new[:12]}" in person("land", "--dry-run")
    assert person.git("rev-parse", "main") == old
    assert not (person.home.parent / "a.txt").exists()
    assert person.json("journal", "list")["items"] == []


def test_nothing_to_land_is_no_error(person: Merger) -> None:
    assert person("land") == "Nothing to land: main has all that is merged into deespec/integration.\n"
    assert not person.json("land")["landed"]
    person.git("branch", "--delete", "--force", "deespec/integration")
    assert "Nothing to land" in person("land")


def test_a_base_that_has_merged_the_target_itself_has_nothing_to_land(person: Merger) -> None:
    person.merges("a.txt", "SBI-1: A file")
    person.git("commit", "--quiet", "--allow-empty", "--message", "Mine")
    said = person.refusal("land", exits=4)
    assert "main has commits that deespec/integration does not have yet." in said
    assert "git merge deespec/integration" in said
    person.git("merge", "--quiet", "deespec/integration")
    assert "Nothing to land" in person("land")


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_persons_changes_are_named_and_kept(person: Merger, options: tuple[str, ...]) -> None:
    person.merges("a.txt", "SBI-1: A file")
    (person.home.parent / "file.txt").write_text("mine\n")
    assert person("land", *options, exits=4).startswith("Would land 1 commit" if options else "")
    assert person.err == f"{person.home.parent} has changes: file.txt.\n→ Commit or stash them, then: deespec land\n"
    assert (person.home.parent / "file.txt").read_text() == "mine\n"


def test_one_that_was_cut_off_is_finished_and_said(person: Merger) -> None:
    old = person.git("rev-parse", "main")
    new = person.merges("a.txt", "SBI-1: A file")
    (person.home.parent / ".git" / "deespec-landing.json").write_text(
        f'{{"base": "main", "old": "{old}", "new": "{new}", "checkout": "{person.home.parent}"}}'
    )
    (person.home.parent / "a.txt").write_text("SBI-1: A file\n")
    assert person("land") == f"✓ finished a landing that was cut off: main {old[:12]}..{new[:12]}\n"
    assert person.git("rev-parse", "main") == new
    assert person.git("status", "--short") == ""
    assert "finished after it was cut off" in person.json("journal", "list")["items"][-1]["detail"]


def test_in_shared_mode_there_is_nothing_to_land(person: Merger) -> None:
    (person.home / "config.toml").write_text('[workspace]\nmode = "shared"\n')
    said = person.refusal("land", exits=4)
    assert said == "Work is done in the project folder itself here: there is nothing to land.\n"


def test_it_is_refused_inside_a_turn(person: Merger, monkeypatch: pytest.MonkeyPatch) -> None:
    person.merges("a.txt", "SBI-1: A file")
    for name, value in (("DEESPEC_HOME", str(person.home)), ("DEESPEC_CLAIM", "1"), ("DEESPEC_ITEM", "SBI-1")):
        monkeypatch.setenv(name, value)
    assert "Not from inside a turn" in person.refusal("land", exits=4)


def test_a_base_that_is_not_there_is_named_with_the_setting(person: Merger) -> None:
    (person.home / "config.toml").write_text('[workspace]\nbase = "nope"\n')
    said = person.refusal("land", exits=4)
    assert said == "There is no branch nope.\n→ deespec config set workspace.base NAME\n"
