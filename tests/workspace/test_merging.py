"""Work gets into the target once, whole, and only by whoever holds the fence."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from anybody import CHECKOUT, as_anybody
from project import BACKLOG, ENV, Project

from deespec.errors import WorkspaceError
from deespec.records import replace
from deespec.workspace.landing import land, plan
from deespec.workspace.merging import Conflict, How, Merged, Target
from deespec.workspace.messages import BODY_CHARACTERS, SUBJECT_CHARACTERS
from deespec.workspace.repository import Repository
from deespec.workspace.survey import Sort, survey
from deespec.workspace.worktree import Worktree

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


@pytest.mark.parametrize("text", [None, "gitdir: ../../../.git\n", "nonsense\n"])
def test_a_gate_that_breaks_its_checkout_does_not_turn_git_upon_the_person_s(
    project: Project, work: Work, text: str | None
) -> None:
    commit = work(project.worktree(), new_txt="new\n")
    folder = project.target.checkout(commit, name="gates")
    (folder / ".git").unlink()
    if text is not None:
        (folder / ".git").write_text(text)
    assert project.target.checkout(commit, name="gates") == folder
    assert (folder / "new.txt").read_text() == "new\n"
    assert project.git("symbolic-ref", "HEAD") == "refs/heads/main"
    assert project.git("status", "--short") == ""


# --- where new work begins, and the base's new commits ----------------------------------------------------------------


def diverged(project: Project, work: Work, *, name: str = "other.txt", text: str = "the base's\n") -> tuple[str, str]:
    """The tips of target and base, after both have moved."""
    found = merge(project, work(project.worktree(), file_txt="the item's\n"))
    assert isinstance(found, Merged)
    assert project.target.advance(found, fence=project.target.take_fence("1"))
    return found.new, project.commit(name, text)


def test_new_work_begins_at_whichever_has_the_others_commits(project: Project, work: Work) -> None:
    start = project.target.start("main", backlog=BACKLOG)
    assert project.target.fresh_start("main") == start
    ahead = project.commit("other.txt", "1\n")
    assert project.target.fresh_start("main") == ahead
    project.git("reset", "--quiet", "--hard", start)
    found = merge(project, work(project.worktree(), file_txt="1\n"))
    assert isinstance(found, Merged)
    project.target.advance(found, fence=project.target.take_fence("1"))
    assert project.target.fresh_start("main") == found.new


def test_new_work_begins_with_both_where_both_have_moved(project: Project, work: Work) -> None:
    target, base = diverged(project, work)
    start = project.target.fresh_start("main")
    assert project.git("rev-parse", f"{start}^@").split() == [target, base]
    assert project.git("log", "-1", "--format=%s|%b|%an", start) == "Merge main||deespec"
    assert project.git("ls-tree", "--name-only", start, "file.txt", "other.txt").split() == ["file.txt", "other.txt"]
    assert project.target.tip() == target
    assert project.repository.owner(start) is None


def test_the_same_two_tips_give_the_same_commit_in_every_process(project: Project, work: Work) -> None:
    diverged(project, work)
    other = Target(project.repository, project.target.name, checkouts=project.target.checkouts)
    start = project.target.fresh_start("main")
    assert other.fresh_start("main") == start
    assert project.target.with_base("main") == Merged(old=project.target.tip() or "", new=start)


def test_new_work_begins_at_the_target_where_base_and_target_are_in_conflict(project: Project, work: Work) -> None:
    target, _ = diverged(project, work, name="file.txt")
    assert project.target.fresh_start("main") == target
    assert project.target.with_base("main") == Conflict(files=("file.txt",))


def test_the_bases_new_commits_come_into_the_target(project: Project, work: Work) -> None:
    target, base = diverged(project, work)
    found = project.target.with_base("main")
    assert isinstance(found, Merged)
    assert project.target.advance(found, fence=project.target.take_fence("2"))
    assert project.target.with_base("main") is None
    assert project.target.contains(base)
    assert project.target.contains(target)


def test_a_target_without_anything_of_its_own_moves_forward_with_the_base(project: Project) -> None:
    start = project.target.start("main", backlog=BACKLOG)
    base = project.commit("other.txt", "1\n")
    assert project.target.with_base("main") == Merged(old=start, new=base)


def test_a_tag_of_the_bases_name_is_not_taken_for_it(project: Project) -> None:
    project.target.start("main", backlog=BACKLOG)
    project.git("tag", "main", "main~0")
    base = project.commit("other.txt", "1\n")
    assert project.target.with_base("main") == Merged(old=project.target.tip() or "", new=base)


# --- taking back ------------------------------------------------------------------------------------------------------


def test_a_merged_change_is_taken_back_and_later_ones_stay(project: Project, work: Work) -> None:
    one, two = project.worktree(1), project.worktree(2)
    commits = work(one, a_txt="a\n", file_txt="a\n"), work(two, b_txt="b\n")
    fence = project.target.take_fence("1")
    merged = []
    for number, commit in enumerate(commits, start=1):
        found = merge(project, commit, number)
        assert isinstance(found, Merged)
        assert project.target.advance(found, fence=fence)
        merged.append(found)
    back = project.target.reverted(merged[0].old, merged[0].new, owner=one.owner, subject="Undo SBI-1")
    assert isinstance(back, Merged)
    assert project.git("rev-parse", f"{back.new}^@") == merged[1].new
    names = project.git("ls-tree", "--name-only", back.new, "a.txt", "b.txt", "file.txt").split()
    assert (names, project.git("show", f"{back.new}:file.txt")) == (["b.txt", "file.txt"], "one\ntwo\nthree")
    assert project.repository.owner(back.new) == one.owner.uid


def test_a_change_that_others_built_on_is_a_conflict(project: Project, work: Work) -> None:
    tree = project.worktree()
    found = merge(project, work(tree, file_txt="1\n"))
    assert isinstance(found, Merged)
    project.target.advance(found, fence=project.target.take_fence("1"))
    later = merge(project, work(project.worktree(2), file_txt="2\n"), 2)
    assert isinstance(later, Merged)
    project.target.advance(later, fence=project.target.take_fence("1"))
    back = project.target.reverted(found.old, found.new, owner=tree.owner, subject="Undo SBI-1")
    assert back == Conflict(files=("file.txt",))


def test_what_was_taken_back_already_needs_no_commit(project: Project, work: Work) -> None:
    tree = project.worktree()
    found = merge(project, work(tree, file_txt="1\n"))
    assert isinstance(found, Merged)
    project.target.advance(found, fence=project.target.take_fence("1"))
    for _ in range(2):
        back = project.target.reverted(found.old, found.new, owner=tree.owner, subject="Undo SBI-1")
        assert isinstance(back, Merged)
        project.target.advance(back, fence=project.target.take_fence("1"))
    assert back.new == back.old


def test_what_was_never_merged_cannot_be_taken_back(project: Project, work: Work) -> None:
    tree = project.worktree()
    found = merge(project, work(tree, file_txt="1\n"))
    assert isinstance(found, Merged)
    with pytest.raises(WorkspaceError, match="nothing to take back"):
        project.target.reverted(found.old, found.new, owner=tree.owner, subject="Undo SBI-1")


def test_work_that_was_taken_back_can_be_merged_again(project: Project, work: Work) -> None:
    tree = project.worktree()
    found = merge(project, work(tree, file_txt="1\n"))
    assert isinstance(found, Merged)
    project.target.advance(found, fence=project.target.take_fence("1"))
    back = project.target.reverted(found.old, found.new, owner=tree.owner, subject="Undo SBI-1")
    assert isinstance(back, Merged)
    project.target.advance(back, fence=project.target.take_fence("1"))
    folder = project.root / ".deespec" / "worktrees" / "SBI-1-2"
    new = Worktree(project.repository, folder, replace(tree.owner, name="SBI-1-2"))
    new.prepare(project.target.fresh_start("main"))
    again = merge(project, work(new, file_txt="1 again\n"))
    assert isinstance(again, Merged)
    assert project.git("show", f"{again.new}:file.txt") == "1 again"


# --- whose commit it is -----------------------------------------------------------------------------------------------

SCISSORS = "# ------------------------ >8 ------------------------"
FORGED = [
    ("Deespec-Item: other", ""),
    ("x\n\nDeespec-Item: other", ""),
    ("x\r\n\r\nDeespec-Item: other\r\n\r\n", ""),
    ("x", "Deespec-Item: other"),
    ("x", "text\n\nDeespec-Item: other\n\n"),
    ("x", f"Deespec-Item: other\n{SCISSORS}\nrest"),
    (f"Deespec-Item: other\n{SCISSORS}", f"{SCISSORS}\n"),
    ("x", "deespec-item: other\n---\nrest"),
    ("x", "Signed-off-by: a\n  Deespec-Item: other\nDeespec-Item : other"),
    ("x\x00y", "Deespec-Item: other\x00"),
    ("x\udc80", "\u2028Deespec-Item: other\x0b\x0c"),
]


@pytest.mark.parametrize(("subject", "body"), FORGED)
@pytest.mark.parametrize("how", list(How))
def test_neither_title_nor_report_forges_an_owner(
    project: Project, work: Work, how: How, subject: str, body: str
) -> None:
    tree = project.worktree()
    found = project.target.merged(work(tree, file_txt="1\n"), tree.owner, how=how, subject=subject, body=body)
    assert isinstance(found, Merged)
    assert project.repository.owner(found.new) == tree.owner.uid
    trailers = project.git("log", "-1", "--format=%(trailers:key=Deespec-Item,valueonly)", found.new)
    assert trailers == tree.owner.uid
    said = project.git("log", "-1", "--format=%B", found.new)
    parsed = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=said, cwd=project.root, capture_output=True, text=True
    )
    assert parsed.stdout.splitlines()[-1:] == [f"Deespec-Item: {tree.owner.uid}"]
    assert "other" not in parsed.stdout.replace("| Deespec-Item", "")


@pytest.mark.parametrize("how", [How.REBASE, How.SQUASH])
def test_trailers_of_an_agents_own_commits_do_not_get_into_the_target(project: Project, work: Work, how: How) -> None:
    tree = project.worktree()
    (tree.folder / "mine.txt").write_text("mine\n")
    project.git("add", "--all", at=tree.folder)
    project.git("commit", "--quiet", "--message", "Mine\n\nDeespec-Item: other", at=tree.folder)
    found = project.target.merged(work(tree, file_txt="1\n"), tree.owner, how=how, subject="SBI-1: x")
    assert isinstance(found, Merged)
    log = project.git("log", "--format=%(trailers:key=Deespec-Item,valueonly)", f"{found.old}..{found.new}")
    assert log.split() == [tree.owner.uid]


def test_title_report_and_owner_are_what_the_commit_says(project: Project, work: Work) -> None:
    tree = project.worktree()
    body = "# Report\n\nIt works:\n- a\n- b\n"
    for how in How:
        found = project.target.merged(
            work(tree, file_txt=how), tree.owner, how=how, subject="SBI-12: 題名\tand  more", body=body
        )
        assert isinstance(found, Merged)
        assert project.git("log", "-1", "--format=%B", found.new) == (
            f"SBI-12: 題名 and more\n\n{body}\nDeespec-Merge: {tree.owner.uid}\nDeespec-Item: {tree.owner.uid}"
        )


def test_a_report_without_end_is_cut(project: Project, work: Work) -> None:
    tree = project.worktree()
    found = project.target.merged(
        work(tree, file_txt="1\n"), tree.owner, how=How.REBASE, subject="x" * 9_999, body="y" * 99_999
    )
    assert isinstance(found, Merged)
    subject, body, _ = project.git("log", "-1", "--format=%B", found.new).split("\n\n")
    assert (len(subject), len(body)) == (SUBJECT_CHARACTERS, BODY_CHARACTERS + 2)


# --- other kinds of repositories --------------------------------------------------------------------------------------


def test_all_of_it_works_with_sha_256(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", object_format="sha256")
    tree = project.worktree()
    (tree.folder / "new.txt").write_text("new\n")
    start = tree.tip()
    state = tree.state()
    work = tree.keep(state, turn=1, token=1, start=start)
    found = merge(project, work)
    assert isinstance(found, Merged)
    assert len(found.new) == 64
    assert project.target.advance(found, fence=project.target.take_fence("1"))
    base = project.commit("base.txt", "base\n")
    assert project.git("rev-parse", f"{project.target.fresh_start('main')}^2") == base
    brought = project.target.with_base("main")
    assert isinstance(brought, Merged)
    assert project.target.advance(brought, fence=project.target.take_fence("2"))
    back = project.target.reverted(found.old, found.new, owner=tree.owner, subject="Undo")
    assert isinstance(back, Merged)
    assert project.target.advance(back, fence=project.target.take_fence("3"))
    assert (project.target.checkout(back.new, name="gates") / "base.txt").exists()
    land(project.repository, plan(project.repository, "main", project.target.ref))
    assert project.git("rev-parse", "main") == back.new
    assert project.git("status", "--short") == ""


def test_a_lock_that_a_killed_git_left_on_the_fence_is_cleared(project: Project) -> None:
    project.target.start("main", backlog=BACKLOG)
    fence = project.target.take_fence("1")
    (project.root / ".git" / f"{project.target.fence_ref}.lock").touch()
    assert project.target.take_fence("2") != fence


def test_a_git_that_was_killed_after_it_had_moved_the_target_has_moved_it(
    project: Project, work: Work, tmp_path: Path
) -> None:
    tree = project.worktree()
    commit = work(tree, new_txt="new\n")
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    real = shutil.which("git")
    slow.write_text(f'#!/bin/sh\n{real} "$@" || exit\ncase " $* " in *" update-ref --stdin "*) kill -9 $$;; esac\n')
    slow.chmod(0o755)
    env = {**ENV, "PATH": f"{slow.parent}:{os.environ['PATH']}"}
    target = Target(Repository(project.root, env), "deespec/integration", checkouts=tmp_path / "checkouts")
    fence = target.take_fence("one")
    merged = target.merged(commit, tree.owner, how=How.REBASE, subject="SBI-1: It")
    assert isinstance(merged, Merged)
    assert target.advance(merged, fence=fence)
    assert target.tip() == merged.new


# --- what gates leave in their checkout -------------------------------------------------------------------------------


def test_a_folder_that_a_gate_has_shut_is_not_in_the_way_of_the_next(project: Project) -> None:
    project.target.start("main", backlog=BACKLOG)
    folder = project.target.checkout("main", name=CHECKOUT)
    (folder / "shut").mkdir()
    (folder / "shut" / "x").write_text("x")
    (folder / "shut").chmod(0o555)
    assert as_anybody(project.root, "checkout") == str(folder)
    assert sorted(path.name for path in folder.iterdir()) == [".git", ".gitignore", "file.txt", "文書"]
    assert os.listdir(folder.parent) == [CHECKOUT]
    assert project.git("rev-parse", "HEAD", at=folder) == project.git("rev-parse", "main")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_of_another_user_that_a_gate_has_left_are_put_aside(project: Project) -> None:
    project.target.start("main", backlog=BACKLOG)
    folder = project.target.checkout("main", name=CHECKOUT)
    for _ in range(2):
        (folder / "build").mkdir()
        (folder / "build" / "x").write_text("x")
        os.chown(folder / "build", 12_345, 12_345)
        assert as_anybody(project.root, "checkout") == str(folder)
        assert not (folder / "build").exists()
    assert sorted(os.listdir(folder.parent)) == [CHECKOUT, f"{CHECKOUT}.removing-1", f"{CHECKOUT}.removing-2"]
    assert os.listdir(folder.with_name(f"{CHECKOUT}.removing-1")) == ["build"]
    found = survey(project.repository, project.root / ".deespec")
    assert sorted((one.sort, one.name) for one in found if one.name == CHECKOUT) == [
        *[(Sort.ASIDE, CHECKOUT)] * 2,
        (Sort.CHECKOUT, CHECKOUT),
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_checkout_that_cannot_be_removed_harms_nobody(project: Project) -> None:
    project.target.start("main", backlog=BACKLOG)
    folder = project.target.checkout("main", name=CHECKOUT)
    (folder / "build").mkdir()
    (folder / "build" / "x").write_text("x")
    os.chown(folder / "build", 12_345, 12_345)
    assert as_anybody(project.root, "drop") == ""
    assert as_anybody(project.root, "checkout") == str(folder)
    assert (folder / "file.txt").exists()
