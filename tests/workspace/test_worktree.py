"""Each item has a folder of its own, and nothing that was ever in it is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from project import ENV, Project

from deespec.errors import WorkspaceError
from deespec.workspace.worktree import Owner, Worktree

Work = Callable[..., str]


def test_a_worktree_begins_with_the_files_of_the_target(project: Project) -> None:
    tree = project.worktree()
    assert (tree.folder / "文書" / "読む.txt").read_text() == "読む\n"
    assert project.git("branch", "--show-current", at=tree.folder) == "deespec/SBI-1"


def test_a_new_worktree_is_not_ready_until_it_is_said_so(project: Project) -> None:
    project.target.start("main", backlog="01JD0000000000000000000000")
    tree = Worktree(
        project.repository, project.root / "wt", Owner(item="SBI-7", uid="01JD7"), target=project.target.ref
    )
    assert tree.prepare()
    assert tree.prepare()
    tree.ready()
    assert not tree.prepare()


def test_the_persons_checkout_and_index_are_left_alone(project: Project, work: Work) -> None:
    (project.root / "file.txt").write_text("a person's own change\n")
    before = (project.root / ".git" / "index").read_bytes()
    work(project.worktree(), file_txt="an agent's\n")
    assert (project.root / ".git" / "index").read_bytes() == before
    assert project.git("status", "--short") == "M file.txt"
    assert project.git("branch", "--show-current") == "main"


def test_what_an_agent_left_is_committed_with_the_items_uid(project: Project, work: Work) -> None:
    tree = project.worktree()
    commit = work(tree, file_txt="changed\n", new_txt="new\n")
    assert project.git("log", "-1", "--format=%(trailers:key=Deespec-Item,valueonly)", commit) == tree.owner.uid
    assert project.git("show", f"{commit}:new.txt") == "new"
    assert project.git("status", "--short", at=tree.folder) == ""


def test_each_turn_has_a_ref_that_stays(project: Project, work: Work) -> None:
    tree = project.worktree()
    first, second = work(tree, file_txt="1\n"), work(tree, file_txt="2\n")
    refs = project.refs("refs/deespec/SBI-1")
    assert refs["refs/deespec/SBI-1/turn-1.100"] == first
    assert refs["refs/deespec/SBI-1/turn-2.200"] == second


def test_a_turn_of_the_same_token_is_never_written_twice(project: Project) -> None:
    tree = project.worktree()
    start = tree.tip()
    tree.keep(tree.state(), turn=1, token=5, start=start)
    with pytest.raises(WorkspaceError):
        tree.keep(tree.state(), turn=1, token=5, start=start)


def test_commits_of_the_agents_own_stay_below(project: Project) -> None:
    tree = project.worktree()
    start = tree.tip()
    own = project.commit("own.txt", "own\n", at=tree.folder)
    (tree.folder / "left.txt").write_text("left\n")
    evidence, state = tree.evidence(start)
    assert evidence.changed == ("left.txt", "own.txt")
    commit = tree.keep(state, turn=1, token=5, start=start)
    assert project.git("rev-parse", f"{commit}^") == own


def test_a_history_that_the_agent_rewrote_is_kept_beside(project: Project) -> None:
    tree = project.worktree()
    start = tree.tip()
    project.git("checkout", "--quiet", "--orphan", "elsewhere", at=tree.folder)
    other = project.commit("other.txt", "other\n", at=tree.folder)
    commit = tree.keep(tree.state(), turn=1, token=5, start=start)
    assert project.git("rev-parse", f"{commit}^1", f"{commit}^2").split() == [start, other]
    assert project.git("branch", "--show-current", at=tree.folder) == "deespec/SBI-1"


def test_changes_below_the_backlogs_own_folder_are_named(project: Project) -> None:
    tree = project.worktree()
    (tree.folder / ".deespec").mkdir()
    (tree.folder / ".deespec" / "config.toml").write_text("[run]\n")
    evidence, _ = tree.evidence(tree.tip())
    assert evidence.forbidden == (".deespec/config.toml",)


def test_a_reviewers_edits_are_taken_back_and_kept_under_a_ref(project: Project, work: Work) -> None:
    tree = project.worktree()
    tip = work(tree, file_txt="reviewed\n")
    (tree.folder / "file.txt").write_text("by the reviewer\n")
    (tree.folder / "notes.txt").write_text("mine\n")
    assert tree.restore(name="review-2.7") == ("file.txt", "notes.txt")
    assert (tree.folder / "file.txt").read_text() == "reviewed\n"
    assert not (tree.folder / "notes.txt").exists()
    assert tree.tip() == tip
    assert project.git("show", "refs/deespec/SBI-1/review-2.7:notes.txt") == "mine"


def test_a_review_that_changed_nothing_leaves_no_ref(project: Project, work: Work) -> None:
    tree = project.worktree()
    work(tree, file_txt="reviewed\n")
    assert tree.restore(name="review-2.7") == ()
    assert "refs/deespec/SBI-1/review-2.7" not in project.refs()


def test_a_branch_of_somebody_else_is_never_touched(project: Project) -> None:
    foreign = project.commit("foreign.txt", "foreign\n")
    project.git("branch", "deespec/SBI-1", foreign)
    tree = project.worktree()
    assert project.git("rev-parse", "deespec/SBI-1") == foreign
    assert project.git("branch", "--show-current", at=tree.folder) == "deespec/SBI-1-000001"


def test_the_item_of_another_backlog_with_the_same_number_gets_another_name(project: Project, work: Work) -> None:
    work(project.worktree(uid="01JDAAAAAAAAAAAAAAAAAAAAAA"), file_txt="one\n")
    project.git("worktree", "remove", "--force", str(project.root / ".deespec" / "worktrees" / "SBI-1"))
    other = project.worktree(uid="01JDBBBBBBBBBBBBBBBBBBBBBB")
    work(other, file_txt="other\n")
    assert project.git("show", "deespec/SBI-1:file.txt") == "one"
    assert project.git("show", "deespec/SBI-1-bbbbbb:file.txt") == "other"


def test_a_folder_in_the_way_is_kept_beside(project: Project) -> None:
    there = project.root / ".deespec" / "worktrees" / "SBI-1"
    there.mkdir(parents=True)
    (there / "precious").write_text("mine")
    project.worktree()
    assert (there.with_name("SBI-1.kept-1") / "precious").read_text() == "mine"


def test_a_worktree_whose_making_was_killed_is_made_again(project: Project) -> None:
    tree = project.worktree()
    private = Path(project.git("rev-parse", "--absolute-git-dir", at=tree.folder))
    (private / "locked").write_text("initializing")
    (private / "deespec-ready").unlink()
    (tree.folder / "file.txt").unlink()
    assert tree.prepare()
    assert (tree.folder / "file.txt").read_text() == "one\ntwo\nthree\n"


def test_the_mutex_outlives_a_killed_worker_as_long_as_its_git_works(project: Project, tmp_path: Path) -> None:
    """A Git that goes on after its worker was killed must not meet the next one's."""
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text(f'#!/bin/sh\necho $$ > "{tmp_path}/pid"\nexec sleep 60\n')
    slow.chmod(0o755)
    code = (
        "import os, sys; from pathlib import Path\n"
        "from deespec.workspace.repository import Repository\n"
        f"r = Repository(Path({str(project.root)!r}), dict(os.environ))\n"
        f"with r.exclusive() as git: git.env['PATH'] = {str(slow.parent)!r} + ':' + os.environ['PATH']; git.run('gc')\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], env=ENV) as worker:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
            assert worker.poll() is None
        worker.kill()
    left = int((tmp_path / "pid").read_text())
    assert not _is_free(project.root / ".git" / "deespec.lock")
    os.kill(left, signal.SIGKILL)
    with project.repository.exclusive():
        pass


def _is_free(path: Path) -> bool:
    import fcntl

    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
