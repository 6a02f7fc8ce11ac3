"""Merged work comes to the base forward only, and never over what a person has changed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from project import Project

from deespec.errors import WorkspaceError
from deespec.records import as_dict
from deespec.workspace.landing import RECORD, Landing, finish, land, plan
from deespec.workspace.merging import How, Merged

Work = Callable[..., str]


@pytest.fixture
def merged(project: Project, work: Work) -> Project:
    """A project whose target is ahead of main by a changed file, a new one and one that was removed."""
    project.commit("old.txt", "old\n")
    tree = project.worktree()
    (tree.folder / "old.txt").unlink()
    found = project.target.merged(
        work(tree, file_txt="changed\n", new_txt="new\n"), tree.owner, how=How.REBASE, subject="Done (SBI-1)"
    )
    assert isinstance(found, Merged)
    assert project.target.advance(found, fence=project.target.take_fence("1"))
    return project


def planned(project: Project) -> Landing:
    return plan(project.repository, "main", project.target.ref)


def test_a_checkout_of_the_base_follows(merged: Project) -> None:
    land(merged.repository, planned(merged))
    assert merged.git("status", "--short") == ""
    assert (merged.root / "file.txt").read_text() == "changed\n"
    assert not (merged.root / "old.txt").exists()
    assert merged.git("rev-parse", "main") == merged.git("rev-parse", "deespec/integration")


def test_a_base_that_nobody_has_checked_out_is_moved_alone(merged: Project) -> None:
    merged.git("checkout", "--quiet", "--detach")
    land(merged.repository, planned(merged))
    assert (merged.root / "file.txt").read_text() == "one\ntwo\nthree\n"
    assert merged.git("rev-parse", "main") == merged.git("rev-parse", "deespec/integration")


def test_untracked_files_do_not_count_as_changes(merged: Project) -> None:
    (merged.root / "notes.txt").write_text("mine\n")
    land(merged.repository, planned(merged))
    assert (merged.root / "notes.txt").read_text() == "mine\n"


def test_a_file_that_was_only_touched_does_not_count_as_changed(merged: Project) -> None:
    (merged.root / "file.txt").write_text("one\ntwo\nthree\n")
    land(merged.repository, planned(merged))
    assert (merged.root / "file.txt").read_text() == "changed\n"


@pytest.mark.parametrize("staged", [False, True])
def test_a_persons_changes_are_never_overwritten(merged: Project, staged: bool) -> None:
    (merged.root / "file.txt").write_text("a person's\n")
    if staged:
        merged.git("add", "file.txt")
    before = merged.git("rev-parse", "main")
    with pytest.raises(WorkspaceError, match=r"has changes: file\.txt"):
        land(merged.repository, planned(merged))
    assert (merged.root / "file.txt").read_text() == "a person's\n"
    assert merged.git("rev-parse", "main") == before


def test_an_untracked_file_in_the_way_is_never_overwritten(merged: Project) -> None:
    (merged.root / "new.txt").write_text("a person's\n")
    with pytest.raises(WorkspaceError, match=r"new\.txt"):
        land(merged.repository, planned(merged))
    assert (merged.root / "new.txt").read_text() == "a person's\n"


def test_a_base_that_went_its_own_way_is_refused(merged: Project) -> None:
    merged.commit("other.txt", "other\n")
    with pytest.raises(WorkspaceError, match="does not have yet"):
        planned(merged)


def test_nothing_to_land_changes_nothing(project: Project) -> None:
    project.target.start("main", backlog="01JD0000000000000000000000")
    before = project.git("rev-parse", "main")
    land(project.repository, planned(project))
    assert project.git("rev-parse", "main") == before


def cut_off(project: Project, landing: Landing) -> None:
    """As a landing leaves it that was killed while Git wrote files."""
    (project.root / ".git" / RECORD).write_text(json.dumps(as_dict(landing)))
    (project.root / "file.txt").write_text("changed\n")
    (project.root / ".git" / "index.lock").write_text("")


def test_a_landing_that_was_cut_off_is_finished(merged: Project) -> None:
    landing = planned(merged)
    cut_off(merged, landing)
    assert finish(merged.repository) == landing
    assert merged.git("status", "--short") == ""
    assert merged.git("rev-parse", "main") == landing.new
    assert finish(merged.repository) is None


def test_what_a_person_changed_after_the_cut_is_named_and_kept(merged: Project) -> None:
    cut_off(merged, planned(merged))
    (merged.root / "file.txt").write_text("a person's\n")
    with pytest.raises(WorkspaceError, match=r"file\.txt"):
        finish(merged.repository)
    assert (merged.root / "file.txt").read_text() == "a person's\n"


def test_a_cut_off_landing_that_a_person_has_gone_on_from_is_forgotten(merged: Project) -> None:
    cut_off(merged, planned(merged))
    (merged.root / ".git" / "index.lock").unlink()
    merged.git("reset", "--quiet", "--hard")
    mine = merged.commit("mine.txt", "mine\n")
    assert finish(merged.repository) is None
    assert merged.git("rev-parse", "main") == mine
