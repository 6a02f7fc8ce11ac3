"""The first steps: a command outside of any backlog, an agent and a gate of one's own, and taking them away again."""

from __future__ import annotations

import subprocess
import tomllib
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


@pytest.mark.parametrize(
    ("key", "value"),
    [("agents.foo.command", "true"), ("prices.gpt-5.1.input", "1"), ("accounts.team.limit", "2"), ("gates.a.run", "a")],
)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_whole_section_can_be_unset(person: Person, key: str, value: str, options: tuple[str, ...]) -> None:
    person("config", "set", key, value)
    section = key.rpartition(".")[0]
    said = person("config", "unset", section, *options)
    assert section in said
    assert person.err == ""
    assert section not in person("config", "list")


def test_a_price_with_one_half_is_told_whenever_it_matters(person: Person) -> None:
    words = "the price of gpt-5.1 has no output: such tokens count as free"
    fix = "deespec config set prices.gpt-5.1.output USD"
    person("config", "set", "prices.gpt-5.1.input", "1.25")
    assert person.err == f"! {words} → {fix}\n"
    assert person("config", "check") == f"! {words}\n  → {fix}\n✓ settings are valid\n"
    assert person.json("config", "check")["warnings"] == [{"problem": words, "hint": fix}]
    assert words in person("doctor", exits=0)
    person("config", "set", "prices.gpt-5.1.output", "10")
    assert person.err == ""
    assert person("config", "check") == "✓ settings are valid\n"


def test_unset_tells_programs_what_counts_now(person: Person) -> None:
    person("config", "set", "run.parallel", "4")
    found = person.json("config", "unset", "run.parallel")
    assert (found["key"], found["value"], found["source"]) == ("run.parallel", 1, "default")
    assert found["file"] == str(person.home / "config.toml")


# --- where the work is done ---------------------------------------------------------------------------------------


def _git(folder: Path, *args: str) -> None:
    who = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgSign=false")
    subprocess.run(["git", *who, *args], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(person: Person, tmp_path: Path) -> Path:
    """A repository with one commit on main."""
    folder = tmp_path / "repository"
    folder.mkdir()
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "commit", "--quiet", "--allow-empty", "--message=Begin")
    return folder


def _begun(person: Person, folder: Path) -> list[str]:
    """What `init` says of the place, from the line about where work is done."""
    lines = person("init", "--agent", "patch", str(folder)).splitlines()
    return lines[next(at for at, line in enumerate(lines) if line.startswith("  work ")) :]


COMMIT_IT = ["Commit it, so that its gates count for everybody:", '  git add .deespec && git commit -m "deespec"']
NEXT = 'Next: deespec register sbi --title "…", then deespec run'


def test_in_a_repository_init_names_the_branch_that_is_checked_out_and_says_where_work_goes(
    person: Person, project: Path
) -> None:
    assert _begun(person, project) == [
        "  work      a worktree for each item, up to 3 at a time",
        "  base      main; finished work is merged into deespec/integration, then: deespec land",
        *COMMIT_IT,
        NEXT,
    ]
    settings = tomllib.loads((project / ".deespec" / "config.toml").read_text(encoding="utf-8"))
    assert settings["workspace"] == {"base": "main"}


def test_git_takes_of_a_backlog_what_init_asks_to_commit_and_a_second_machine_begins_with_it(
    person: Person, project: Path, tmp_path: Path
) -> None:
    _begun(person, project)
    _git(project, "add", ".deespec")
    _git(project, "commit", "--quiet", "--message=deespec")
    _git(tmp_path, "clone", "--quiet", str(project), "clone")
    files = sorted(path.name for path in (tmp_path / "clone" / ".deespec").iterdir())
    assert files == [".gitignore", "config.toml"]
    assert _begun(person, tmp_path / "clone")[1:] == [
        "  base      main; finished work is merged into deespec/integration, then: deespec land",
        NEXT,
    ]


def test_init_warns_of_a_branch_that_is_not_the_usual_one(person: Person, project: Path) -> None:
    _git(project, "switch", "--quiet", "--create", "feature-x")
    _, base, warning, *_ = _begun(person, project)
    assert base.startswith("  base      feature-x; ")
    assert warning == "! you are on feature-x, and main is there, too: deespec config set workspace.base main"


def test_which_branch_is_the_usual_one_the_remote_knows_best(person: Person, project: Path, tmp_path: Path) -> None:
    _git(project, "switch", "--quiet", "--create", "next")
    _git(tmp_path, "clone", "--quiet", str(project), "clone")
    _git(tmp_path / "clone", "branch", "--quiet", "main", "origin/main")
    assert not [line for line in _begun(person, tmp_path / "clone") if line.startswith("!")]


def test_without_a_branch_that_is_checked_out_init_asks_for_one(person: Person, project: Path) -> None:
    _git(project, "checkout", "--quiet", "--detach")
    _, warning, *_ = _begun(person, project)
    assert warning == "! no branch is checked out; name one: deespec config set workspace.base main"


def test_where_nothing_is_committed_yet_the_settings_can_be_the_first_commit(person: Person, tmp_path: Path) -> None:
    _git(tmp_path, "init", "--quiet", "--initial-branch=main", "repository")
    assert _begun(person, tmp_path / "repository")[2:4] == [
        "! there is no commit yet, and worktrees begin at one",
        COMMIT_IT[0],
    ]


def test_settings_that_git_ignores_count_on_one_machine_only_and_init_says_so(person: Person, project: Path) -> None:
    (project / ".gitignore").write_text(".deespec\n", encoding="utf-8")
    _git(project, "add", ".gitignore")
    _git(project, "commit", "--quiet", "--message=Ignore")
    assert _begun(person, project)[2:] == ["! Git ignores .deespec, so its gates count on this machine only", NEXT]


def test_a_folder_of_a_repository_is_shared_and_init_names_the_top(person: Person, project: Path) -> None:
    assert _begun(person, project / "part") == [
        f"  work      in the folder itself, one item at a time: it is part of the repository {project}",
        f"! worktrees are made of whole repositories: deespec init {project}",
        NEXT,
    ]


def test_a_bare_repository_has_nothing_to_work_on(person: Person, tmp_path: Path) -> None:
    _git(tmp_path, "init", "--quiet", "--bare", "bare.git")
    assert _begun(person, tmp_path / "bare.git") == [
        "  work      in the folder itself, one item at a time: this is a bare repository",
        f"! there are no files to work on in {tmp_path / 'bare.git'}: clone it",
        NEXT,
    ]


def test_outside_of_any_repository_items_share_the_folder(person: Person, tmp_path: Path) -> None:
    assert _begun(person, tmp_path / "plain") == [
        "  work      in the folder itself, one item at a time: there is no Git repository",
        NEXT,
    ]


def test_programs_are_told_mode_base_and_warning(person: Person, project: Path) -> None:
    found = person.json("init", "--agent", "patch", str(project))
    assert (found["mode"], found["base"], found["warning"]) == ("worktree", "main", None)
