"""Merged work comes to the base forward only, and never over what a person has changed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from project import ENV, Project

from deespec.errors import WorkspaceError
from deespec.workspace.landing import ITEMS_MOST, RECORD, Landing, check, finish, land, plan
from deespec.workspace.merging import How, Merged
from deespec.workspace.repository import Repository

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


def bring(project: Project, **files: str | None) -> None:
    """Puts a commit into the target that has these files changed, or removed."""
    folder = project.root.parent / "elsewhere"
    project.target.start("main", backlog="01JD0000000000000000000000")
    project.git("worktree", "add", "--quiet", "--detach", str(folder), "deespec/integration")
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        if text is None:
            path.unlink()
            if path.parent != folder:
                path.parent.rmdir()
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    project.git("add", "--all", "--force", at=folder)
    project.git("commit", "--quiet", "--message", "Brought", at=folder)
    commit = project.git("rev-parse", "HEAD", at=folder)
    project.git("update-ref", "refs/heads/deespec/integration", commit)
    project.git("worktree", "remove", "--force", str(folder))


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
    with pytest.raises(WorkspaceError, match="main has commits that deespec/integration does not have yet"):
        planned(merged)


def test_nothing_to_land_changes_nothing(project: Project) -> None:
    project.target.start("main", backlog="01JD0000000000000000000000")
    before = project.git("rev-parse", "main")
    land(project.repository, planned(project))
    assert project.git("rev-parse", "main") == before


# --- what lies in the checkout ---------------------------------------------------------------------------------------


def test_a_file_that_git_ignores_is_never_overwritten(project: Project) -> None:
    bring(project, secret_log="from the work\n")
    (project.root / "secret.log").write_text("a person's\n")
    with pytest.raises(WorkspaceError, match=r"files that the work brings, too: secret\.log"):
        land(project.repository, planned(project))
    assert (project.root / "secret.log").read_text() == "a person's\n"
    assert project.git("rev-parse", "main") == planned(project).old


def test_an_ignored_file_below_what_becomes_a_file_is_never_overwritten(project: Project) -> None:
    (project.root / "thing").mkdir()
    project.commit("thing/a.txt", "a\n")
    bring(project, thing__a_txt=None, thing="a file now\n")
    (project.root / "thing" / "mine.log").write_text("a person's\n")
    with pytest.raises(WorkspaceError, match=r"thing/mine\.log"):
        land(project.repository, planned(project))
    assert (project.root / "thing" / "mine.log").read_text() == "a person's\n"


def test_a_folder_may_become_a_file_and_a_file_a_folder(project: Project) -> None:
    (project.root / "thing").mkdir()
    project.commit("thing/a.txt", "a\n")
    project.commit("other", "a file\n")
    bring(project, thing__a_txt=None, thing="a file now\n", other=None, **{"other__b_txt": "b\n"})
    land(project.repository, planned(project))
    assert project.git("status", "--short") == ""
    assert (project.root / "thing").read_text() == "a file now\n"
    assert (project.root / "other" / "b.txt").read_text() == "b\n"


def test_a_change_off_the_way_is_refused_too(merged: Project) -> None:
    (merged.root / "文書" / "読む.txt").write_text("a person's\n")
    with pytest.raises(WorkspaceError, match=r"has changes: 文書/読む\.txt"):
        land(merged.repository, planned(merged))


def test_a_refused_landing_leaves_the_index_as_it_was(merged: Project) -> None:
    (merged.root / "file.txt").write_text("a person's\n")
    merged.git("add", "--intent-to-add", "--all")
    before = (merged.root / ".git" / "index").read_bytes()
    with pytest.raises(WorkspaceError):
        land(merged.repository, planned(merged))
    assert (merged.root / ".git" / "index").read_bytes() == before
    assert leftovers(merged.root / ".git") == []


def test_a_merge_that_waits_for_its_person_is_left_alone(merged: Project) -> None:
    (merged.root / ".git" / "MERGE_HEAD").write_text(merged.git("rev-parse", "main") + "\n")
    with pytest.raises(WorkspaceError, match="A merge is going on"):
        land(merged.repository, planned(merged))


def test_a_rebase_of_the_base_is_left_alone(merged: Project) -> None:
    merged.commit("file.txt", "mine\n")
    merged.git("update-ref", "refs/heads/deespec/integration", "main")
    merged.git("branch", "other", "main~1")
    (merged.root / "file.txt").write_text("theirs\n")
    merged.git("stash", "--quiet")
    merged.git("checkout", "--quiet", "other")
    merged.commit("file.txt", "theirs\n")
    merged.git("checkout", "--quiet", "main")
    with pytest.raises(subprocess.CalledProcessError):
        merged.git("rebase", "other")
    with pytest.raises(WorkspaceError, match="A rebase of main is going on"):
        planned(merged)


def test_somebody_elses_lock_on_the_index_is_waited_for_and_never_removed(
    merged: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deespec.workspace.following.LOCK_WAIT_S", 0)
    (merged.root / ".git" / "index.lock").write_text("a person's")
    with pytest.raises(WorkspaceError, match=r"Another Git holds .*index\.lock"):
        land(merged.repository, planned(merged))
    assert (merged.root / ".git" / "index.lock").read_text() == "a person's"
    assert leftovers(merged.root / ".git") == ["index.lock"]


def test_a_file_that_cannot_be_written_stops_it_and_the_next_landing_goes_on(merged: Project) -> None:
    merged.git("config", "filter.bad.smudge", "false")
    merged.git("config", "filter.bad.required", "true")
    (merged.root / ".git" / "info" / "attributes").write_text("new.txt filter=bad\n")
    with pytest.raises(WorkspaceError, match="main could not be landed: git read-tree failed"):
        land(merged.repository, planned(merged))
    (merged.root / ".git" / "info" / "attributes").unlink()
    finish(merged.repository)
    land(merged.repository, planned(merged))
    assert_landed(merged)


def test_sparse_checkouts_stay_sparse(merged: Project) -> None:
    merged.git("sparse-checkout", "set", "--no-cone", "/file.txt", "/old.txt")
    land(merged.repository, planned(merged))
    assert not (merged.root / "new.txt").exists()
    assert not (merged.root / "文書").exists()
    assert_landed(merged)


def test_a_submodule_is_named_and_its_files_are_left_to_its_person(project: Project) -> None:
    library = Project(project.root.parent / "library")
    project.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.root), "lib")
    project.git("commit", "--quiet", "--message", "With a library")
    old = project.git("rev-parse", "main")
    library.commit("file.txt", "newer\n")
    project.git("pull", "--quiet", "--no-rebase", at=project.root / "lib")
    project.git("commit", "--quiet", "--all", "--message", "Newer library")
    new = project.git("rev-parse", "main")
    project.git("branch", "deespec/integration", new)
    project.git("reset", "--quiet", "--hard", old)
    project.git("config", "submodule.recurse", "true")
    landing = planned(project)
    assert landing.submodules == ("lib",)
    head = project.git("rev-parse", "HEAD", at=project.root / "lib")
    land(project.repository, landing)
    assert project.git("rev-parse", "main") == new
    assert project.git("rev-parse", "HEAD", at=project.root / "lib") == head


# --- where the base is checked out -----------------------------------------------------------------------------------


def test_a_linked_worktree_with_the_base_follows(merged: Project) -> None:
    merged.git("checkout", "--quiet", "--detach")
    other = merged.root.parent / "linked"
    merged.git("worktree", "add", "--quiet", str(other), "main")
    landing = planned(merged)
    assert landing.checkout == str(other)
    land(merged.repository, landing)
    assert (other / "file.txt").read_text() == "changed\n"
    assert merged.git("status", "--short", at=other) == ""
    assert (merged.root / "file.txt").read_text() == "one\ntwo\nthree\n"


def test_two_checkouts_of_the_base_are_refused_with_what_to_do(merged: Project) -> None:
    other = merged.root.parent / "linked"
    merged.git("worktree", "add", "--quiet", "--force", str(other), "main")
    with pytest.raises(WorkspaceError, match="checked out in 2 folders") as refused:
        planned(merged)
    assert "switch --detach" in str(refused.value.hint)


def test_a_worktree_whose_folder_was_deleted_does_not_count(merged: Project) -> None:
    merged.git("checkout", "--quiet", "--detach")
    other = merged.root.parent / "linked"
    merged.git("worktree", "add", "--quiet", str(other), "main")
    subprocess.run(["rm", "-r", str(other)], check=True)
    landing = planned(merged)
    assert landing.checkout is None
    land(merged.repository, landing)
    assert merged.git("rev-parse", "main") == landing.new


def test_a_locked_worktree_that_cannot_be_reached_is_named(merged: Project) -> None:
    merged.git("checkout", "--quiet", "--detach")
    other = merged.root.parent / "linked"
    merged.git("worktree", "add", "--quiet", "--lock", str(other), "main")
    other.rename(merged.root.parent / "unmounted")
    with pytest.raises(WorkspaceError, match="is locked and cannot be reached"):
        planned(merged)


def test_a_bare_repository_has_no_checkout(merged: Project) -> None:
    bare = merged.root.parent / "bare.git"
    merged.git("clone", "--quiet", "--bare", str(merged.root), str(bare))
    repository = Repository(bare, ENV)
    landing = plan(repository, "main", "refs/heads/deespec/integration")
    assert landing.checkout is None
    land(repository, landing)
    assert merged.git("rev-parse", "main", at=bare) == landing.new


def test_a_checkout_that_came_after_the_plan_stops_it(merged: Project) -> None:
    merged.git("checkout", "--quiet", "--detach")
    landing = planned(merged)
    merged.git("checkout", "--quiet", "main")
    with pytest.raises(WorkspaceError, match="checked out elsewhere meanwhile"):
        land(merged.repository, landing)
    assert merged.git("status", "--short") == ""


def test_a_commit_that_came_after_the_plan_stops_it(merged: Project) -> None:
    landing = planned(merged)
    mine = merged.commit("mine.txt", "mine\n")
    with pytest.raises(WorkspaceError, match="main was moved meanwhile"):
        land(merged.repository, landing)
    assert merged.git("rev-parse", "main") == mine
    assert merged.git("status", "--short") == ""
    assert leftovers(merged.root / ".git") == []


# --- what it would bring ---------------------------------------------------------------------------------------------


def test_the_plan_names_the_items_and_counts_the_commits(merged: Project) -> None:
    bring(merged, by_hand_txt="not an item's\n")
    landing = planned(merged)
    assert (landing.commits, landing.items) == (2, ("Done (SBI-1)",))


def test_a_plan_names_so_many_items_at_most(project: Project) -> None:
    project.target.start("main", backlog="01JD0000000000000000000000")
    tree, tip = project.git("rev-parse", "main^{tree}", "main").split()
    for number in range(ITEMS_MOST + 2):
        tip = project.git("commit-tree", tree, "-p", tip, "-m", f"SBI-{number}: x", "-m", "Deespec-Item: 01JD")
    project.git("update-ref", "refs/heads/deespec/integration", tip)
    landing = planned(project)
    assert (landing.commits, len(landing.items)) == (ITEMS_MOST + 2, ITEMS_MOST)
    assert landing.items[-1] == f"SBI-{ITEMS_MOST + 1}: x"


# --- cut off ---------------------------------------------------------------------------------------------------------


def dying(project: Project, kind: str, number: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(Path(__file__).with_name("dying_landing.py")), str(project.root), kind, str(number)]
    env = {**ENV, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def leftovers(private: Path) -> list[str]:
    names = {RECORD, "index.lock", "deespec-index", "deespec-index.lock", "deespec-index.mine"}
    return sorted(path.name for path in private.iterdir() if path.name in names)


def assert_landed(project: Project) -> None:
    assert project.git("status", "--short") == ""
    assert project.git("rev-parse", "main") == project.git("rev-parse", "deespec/integration")
    assert leftovers(project.root / ".git") == []


@pytest.fixture
def many(project: Project) -> Project:
    """A project whose target is ahead by files of every kind, which go through a filter that can kill."""
    filter_ = Path(__file__).with_name("dying_filter.py")
    counted = project.root / ".git" / "counted"
    project.git("config", "filter.dying.smudge", f"'{sys.executable}' '{filter_}' '{counted}'")
    project.git("config", "filter.dying.clean", "cat")
    (project.root / ".git" / "info" / "attributes").write_text("*.data filter=dying\n")
    for number in range(4):
        (project.root / f"{number}.data").write_text(f"old {number}\n" * 100)
    project.commit("gone.txt", "gone\n")
    changed = {f"{number}_data": f"new {number}\n" * 100 for number in range(1, 6)}
    bring(project, gone_txt=None, **changed)
    return project


def survives(project: Project, kind: str, number: int, *, edits: bool) -> None:
    """Killed there, a landing can be finished or was not begun, and a person's change is never lost."""
    landing = planned(project)
    died = dying(project, kind, number)
    assert died.returncode in (0, -9), died.stderr
    if edits:
        (project.root / "3.data").write_text("a person's\n")
    said = ""
    try:
        finish(project.repository)
        land(project.repository, planned(project))
    except WorkspaceError as refused:
        said = refused.message
    assert (not said) if not edits else ("3.data" in said or not said)
    if edits:
        assert (project.root / "3.data").read_text() == "a person's\n"
        return
    assert landing.new == project.git("rev-parse", "main")
    assert_landed(project)
    assert (project.root / "5.data").read_text() == "new 5\n" * 100


@pytest.mark.parametrize(("kind", "number"), [("file", 3), ("step", 20), ("step", 33)])
@pytest.mark.parametrize("edits", [False, True])
def test_a_landing_that_is_killed_is_finished_or_names_what_a_person_changed(
    many: Project, kind: str, number: int, edits: bool
) -> None:
    survives(many, kind, number, edits=edits)


def test_nothing_is_left_of_a_landing_that_nobody_killed(many: Project) -> None:
    done = dying(many, "step", 0)
    assert int(done.stdout) > 25, done.stderr
    assert_landed(many)
    assert finish(many.repository) is None


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(80))
def test_a_landing_that_is_killed_anywhere_is_finished_or_names_what_a_person_changed(many: Project, seed: int) -> None:
    kind, most = ("step", 60) if seed % 4 else ("file", 5)
    survives(many, kind, random.Random(seed).randint(1, most), edits=seed % 3 == 0)


def test_git_killed_while_it_writes_leaves_a_record_and_the_lock(many: Project) -> None:
    assert dying(many, "file", 3).returncode == -9
    assert {RECORD, "index.lock"} <= {*leftovers(many.root / ".git")}
    assert "3.data" in many.git("status", "--short")
    assert finish(many.repository) is not None
    assert_landed(many)


def test_a_beginning_of_a_file_is_finished(many: Project) -> None:
    assert dying(many, "file", 3).returncode == -9
    (many.root / "4.data").write_text("new 4\nnew")
    finish(many.repository)
    assert_landed(many)


def test_a_cut_off_landing_that_a_person_has_gone_on_from_is_forgotten(many: Project) -> None:
    dying(many, "file", 3)
    (many.root / ".git" / "index.lock").unlink()
    many.git("reset", "--quiet", "--hard")
    many.git("clean", "-fdq", ":!.deespec")
    mine = many.commit("mine.txt", "mine\n")
    assert finish(many.repository) is None
    assert many.git("rev-parse", "main") == mine
    assert leftovers(many.root / ".git") == []


def test_a_persons_lock_after_the_cut_is_not_taken_for_ours(many: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deespec.workspace.following.LOCK_WAIT_S", 0)
    dying(many, "file", 3)
    (many.root / ".git" / "index.lock").unlink()
    (many.root / ".git" / "index.lock").write_text("a person's")
    with pytest.raises(WorkspaceError, match="Another Git holds"):
        finish(many.repository)
    assert (many.root / ".git" / "index.lock").read_text() == "a person's"


def test_a_record_that_cannot_be_read_is_named(project: Project) -> None:
    (project.root / ".git" / RECORD).write_text("{")
    with pytest.raises(WorkspaceError, match=f"{RECORD} tells of a landing"):
        finish(project.repository)


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_change_that_git_was_told_not_to_look_at_is_named_beforehand(merged: Project, flag: str) -> None:
    merged.git("update-index", flag, "file.txt")
    check(merged.repository, planned(merged))
    (merged.root / "file.txt").write_text("mine\n")
    for act in (check, land):
        with pytest.raises(WorkspaceError, match=r"has changes: file\.txt"):
            act(merged.repository, planned(merged))
    assert (merged.root / "file.txt").read_text() == "mine\n"
