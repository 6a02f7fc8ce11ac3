"""Work gets into the target once, whole, and only by whoever holds the fence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from project import BACKLOG, Project

from deespec.errors import WorkspaceError
from deespec.workspace.merging import Conflict, How, Merged

Work = Callable[..., str]


def merge(project: Project, commit: str, number: int = 1, *, how: How = How.REBASE) -> Merged | Conflict:
    owner = project.worktree(number).owner
    return project.target.merged(commit, owner, how=how, subject=f"Done ({owner.item})")


def test_the_target_begins_at_the_base(project: Project) -> None:
    assert project.target.start("main", backlog=BACKLOG) == project.git("rev-parse", "main")
    assert project.git("rev-parse", "deespec/integration") == project.git("rev-parse", "main")


def test_a_target_that_another_has_made_is_refused(project: Project) -> None:
    project.git("branch", "deespec/integration")
    with pytest.raises(WorkspaceError, match="has not made"):
        project.target.start("main", backlog=BACKLOG)


def test_a_repository_without_commits_is_refused_with_what_to_do(project: Project) -> None:
    with pytest.raises(WorkspaceError, match="no commit") as refused:
        project.target.start("nothing-there", backlog=BACKLOG)
    assert refused.value.hint


def test_turns_become_one_commit_on_top_of_the_target(project: Project, work: Work) -> None:
    tree = project.worktree()
    work(tree, file_txt="1\n")
    found = merge(project, work(tree, file_txt="2\n"))
    assert isinstance(found, Merged)
    assert project.git("rev-parse", f"{found.new}^@") == found.old
    assert project.git("show", f"{found.new}:file.txt") == "2"
    assert project.git("log", "-1", "--format=%s|%(trailers:key=Deespec-Item,valueonly)", found.new) == (
        f"Done (SBI-1)|{tree.owner.uid}"
    )


def test_with_merge_the_turns_stay_below_the_merge_commit(project: Project, work: Work) -> None:
    commit = work(project.worktree(), file_txt="1\n")
    found = merge(project, commit, how=How.MERGE)
    assert isinstance(found, Merged)
    assert project.git("rev-parse", f"{found.new}^1", f"{found.new}^2").split() == [found.old, commit]


def test_nothing_is_moved_before_it_is_advanced(project: Project, work: Work) -> None:
    commit = work(project.worktree(), file_txt="1\n")
    before = project.git("rev-parse", "deespec/integration")
    merge(project, commit)
    assert project.git("rev-parse", "deespec/integration") == before


def test_work_that_changes_nothing_needs_no_commit(project: Project, work: Work) -> None:
    found = merge(project, work(project.worktree()))
    assert isinstance(found, Merged)
    assert found.new == found.old


def test_both_changes_are_in_the_target(project: Project, work: Work) -> None:
    one, two = project.worktree(1), project.worktree(2)
    commits = work(one, a_txt="a\n"), work(two, b_txt="b\n")
    fence = project.target.take_fence("1")
    for number, commit in enumerate(commits, start=1):
        found = merge(project, commit, number)
        assert isinstance(found, Merged)
        assert project.target.advance(found, fence=fence)
    assert project.git("ls-tree", "--name-only", "deespec/integration", "a.txt", "b.txt").split() == ["a.txt", "b.txt"]


def test_a_conflict_names_the_files_and_moves_nothing(project: Project, work: Work) -> None:
    one, two = project.worktree(1), project.worktree(2)
    commits = work(one, file_txt="mine\n"), work(two, file_txt="yours\n")
    first = merge(project, commits[0], 1)
    assert isinstance(first, Merged)
    project.target.advance(first, fence=project.target.take_fence("1"))
    assert merge(project, commits[1], 2) == Conflict(files=("file.txt",))
    assert project.target.tip() == first.new


def test_a_target_that_moved_meanwhile_is_not_overwritten(project: Project, work: Work) -> None:
    one, two = project.worktree(1), project.worktree(2)
    found = [merge(project, work(one, a_txt="a\n"), 1), merge(project, work(two, b_txt="b\n"), 2)]
    fence = project.target.take_fence("1")
    assert isinstance(found[0], Merged)
    assert isinstance(found[1], Merged)
    assert project.target.advance(found[0], fence=fence)
    assert not project.target.advance(found[1], fence=fence)
    assert project.target.tip() == found[0].new


def test_whoever_was_overtaken_moves_nothing_any_more(project: Project, work: Work) -> None:
    found = merge(project, work(project.worktree(), file_txt="1\n"))
    assert isinstance(found, Merged)
    stale = project.target.take_fence("1")
    mine = project.target.take_fence("2")
    assert not project.target.advance(found, fence=stale)
    assert project.target.tip() == found.old
    assert project.target.advance(found, fence=mine)


def test_what_was_moved_is_found_in_the_target_afterwards(project: Project, work: Work) -> None:
    found = merge(project, work(project.worktree(), file_txt="1\n"))
    assert isinstance(found, Merged)
    assert not project.target.contains(found.new)
    project.target.advance(found, fence=project.target.take_fence("1"))
    assert project.target.contains(found.new)


def test_gates_see_exactly_the_files_of_the_commit(project: Project, work: Work) -> None:
    commit = work(project.worktree(), new_txt="new\n")
    folder = project.target.checkout(commit, name="gates")
    (folder / "built.log").write_text("ignored, and left by a gate")
    (folder / "file.txt").write_text("changed by a gate")
    again = project.target.checkout(project.git("rev-parse", "main"), name="gates")
    assert again == folder
    assert sorted(path.name for path in folder.iterdir()) == [".git", ".gitignore", "file.txt", "文書"]
    assert (folder / "file.txt").read_text() == "one\ntwo\nthree\n"
