"""Repositories inside the project's own: what a turn does in them is seen, kept and named, never a bare link."""

from __future__ import annotations

from pathlib import Path

import pytest
from workshop import WAITS, Workshop, eventually, steps

from deespec.engine.ready import look_at_workspace
from deespec.errors import WorkspaceError

DONE = 'echo "DECISION: IMPLEMENTED"'


def repository(project: Workshop, name: str, *, commit: bool = True) -> Path:
    """A repository with one file, inside the project's."""
    (project.root / name).mkdir(parents=True)
    project.git("-C", name, "init", "--quiet", "--initial-branch=main")
    (project.root / name / "file").write_text("old\n")
    if commit:
        project.git("-C", name, "add", "file")
        project.git("-C", name, "commit", "--quiet", "-m", "First")
    return project.root / name


def findings(project: Workshop, script: str, **fields: object) -> tuple[str, ...]:
    project.agent(steps(f"{script}\n{DONE}"))
    project.register(**fields)
    project.turn()
    return project.turns()[0].findings


@pytest.mark.parametrize("commit", [True, False], ids=["with a commit", "without"])
@pytest.mark.parametrize("also", ["", "echo mine > mine; "], ids=["only there", "there too"])
def test_a_change_in_a_repository_inside_is_a_finding_that_names_it(project: Workshop, commit: bool, also: str) -> None:
    repository(project, "vendor/lib", commit=commit)
    [finding] = findings(project, f"{also}echo new >> vendor/lib/file")
    assert finding.startswith("vendor/lib is a Git repository of its own: ")


@pytest.mark.parametrize(
    "script",
    [
        "echo new > vendor/lib/another",
        "rm vendor/lib/file",
        "cd vendor/lib; echo new >> file; git add file; git -c user.name=A -c user.email=a@b commit -qm New",
    ],
    ids=["new file", "removed file", "commit"],
)
def test_each_kind_of_change_in_it_is_seen(project: Workshop, script: str) -> None:
    repository(project, "vendor/lib")
    assert findings(project, f"({script})")[0].startswith("vendor/lib is a Git repository")


def test_a_repository_that_a_turn_makes_is_a_finding(project: Workshop) -> None:
    [finding] = findings(project, "mkdir made; cd made; git init -q; echo a > a; cd ..")
    assert finding.startswith("made is a Git repository of its own: ")
    assert "remove made/.git" in finding


def test_a_repository_within_a_repository_is_named_too(project: Workshop) -> None:
    repository(project, "outer")
    repository(project, "outer/inner")
    named = [finding.split(" ")[0] for finding in findings(project, "echo new >> outer/inner/file")]
    assert named == ["outer", "outer/inner"]


def test_a_repository_that_nobody_touches_is_no_finding(project: Workshop) -> None:
    repository(project, "vendor/lib")
    repository(project, "empty", commit=False)
    (project.root / "vendor/lib/left").write_text("by a person\n")
    assert findings(project, "echo mine > mine") == ()


def test_what_a_repository_ignores_is_no_change(project: Workshop) -> None:
    made = repository(project, "vendor/lib")
    (made / ".gitignore").write_text("build/\n")
    assert findings(project, "echo mine > mine; mkdir vendor/lib/build; echo a > vendor/lib/build/a") == ()


def test_an_item_that_names_it_may_work_in_it(project: Workshop) -> None:
    repository(project, "vendor/lib")
    assert findings(project, "echo new >> vendor/lib/file", paths=("vendor/lib/**",)) == ()
    assert project.took() == "succeeded"
    assert "Changed files: vendor/lib/file" in project.prompt(turn=2)


def test_a_wide_glob_does_not_name_it(project: Workshop) -> None:
    repository(project, "vendor/lib")
    assert findings(project, "echo new >> vendor/lib/file", paths=("vendor/**",))[0].startswith("vendor/lib is")


def test_what_was_done_in_it_can_be_reached_for_good(project: Workshop) -> None:
    repository(project, "vendor/lib")
    findings(project, "echo new >> vendor/lib/file")
    assert project.git("show", f"{project.turns()[0].tree}:vendor/lib/file") == "old\nnew"


def test_a_project_below_the_top_of_its_repository_sees_them_too(project: Workshop, tmp_path: Path) -> None:
    repository(project, "part/lib")
    project.settle("workspace", root="part")
    [finding] = findings(project, "echo new >> lib/file")
    assert finding.startswith("lib is a Git repository")


def test_what_a_neighbour_does_in_it_is_not_held_against_an_item(project: Workshop) -> None:
    repository(project, "lib")
    script = f"""
        if test $DEESPEC_ITEM = SBI-1; then echo a > one; touch "$SEEN/first"; {WAITS}
        else echo new >> lib/file; touch "$SEEN/second"; fi
        {DONE}
    """
    project.agent(steps(script))
    project.register(paths=("one",))
    project.register(paths=("lib/**",))
    with project.working(slots=2):
        assert eventually(lambda: project.saw("second") is not None and project.sbi(2).turn)
        (project.seen / "go").touch()
        assert eventually(lambda: project.sbi(1).turn)
    assert project.turns(1)[0].findings == ()


def test_the_repositories_themselves_stay_as_they_are(project: Workshop) -> None:
    made = repository(project, "vendor/lib")
    index = (made / ".git" / "index").read_bytes()
    findings(project, "echo new >> vendor/lib/file")
    assert (made / ".git" / "index").read_bytes() == index
    assert project.git("-C", "vendor/lib", "status", "--porcelain") == "M file"
    assert project.git("-C", "vendor/lib", "for-each-ref", "refs/deespec") == ""


# --- the checkout at the start --------------------------------------------------------------------------------------


def submodule(project: Workshop) -> Path:
    made = repository(project, "lib")
    project.git("add", "lib")
    project.git("commit", "--quiet", "-m", "Link")
    return made


def test_a_link_that_is_as_it_was_committed_is_no_reason_to_refuse(project: Workshop) -> None:
    made = submodule(project)
    look_at_workspace(project.app, dirty=False)
    (made / "file").write_text("new\n")
    look_at_workspace(project.app, dirty=False)


def test_a_link_to_another_commit_is_refused_and_named(project: Workshop) -> None:
    submodule(project)
    project.git("-C", "lib", "commit", "--quiet", "--allow-empty", "-m", "Second")
    with pytest.raises(WorkspaceError, match="lib"):
        look_at_workspace(project.app, dirty=False)
