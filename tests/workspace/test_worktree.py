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
    tree = Worktree(project.repository, project.root / "wt", Owner(item="SBI-7", uid="01JD7"))
    start = project.git("rev-parse", "main")
    assert tree.prepare(start)
    assert tree.prepare(start)
    tree.ready()
    assert not tree.prepare(start)


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
    evidence, state = tree.evidence(start, start=start)
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
    evidence, _ = tree.evidence(tree.tip(), start=tree.tip())
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


def test_a_review_that_committed_is_taken_back_with_its_commits(project: Project, work: Work) -> None:
    tree = project.worktree()
    tip = work(tree, file_txt="reviewed\n")
    own = project.commit("file.txt", "by the reviewer\n", at=tree.folder)
    assert tree.restore(name="review-2.7", to=tip) == ("file.txt",)
    assert tree.tip() == tip
    assert (tree.folder / "file.txt").read_text() == "reviewed\n"
    assert project.git("rev-parse", "refs/deespec/SBI-1/review-2.7^@").split() == [tip, own]


def test_a_name_that_was_given_before_is_not_overwritten(project: Project, work: Work) -> None:
    tree = project.worktree()
    work(tree, file_txt="reviewed\n")
    for text in ("one", "two"):
        (tree.folder / "file.txt").write_text(text)
        assert tree.restore(name="cut-3") == ("file.txt",)
    assert project.git("show", "refs/deespec/SBI-1/cut-3:file.txt") == "one"
    assert project.git("show", "refs/deespec/SBI-1/cut-3-2:file.txt") == "two"


def test_a_repository_that_a_reviewer_made_is_put_beside_with_its_history(project: Project, work: Work) -> None:
    tree = project.worktree()
    work(tree, file_txt="reviewed\n")
    inner = tree.folder / "inner"
    inner.mkdir()
    project.git("init", "--quiet", at=inner)
    project.git("config", "user.name", "An agent", at=inner)
    project.git("config", "user.email", "agent@example.org", at=inner)
    made = project.commit("a.txt", "a\n", at=inner)
    assert tree.restore(name="review-2.7") == ("inner/a.txt",)
    assert not inner.exists()
    assert project.git("rev-parse", "HEAD", at=tree.folder.with_name("SBI-1.kept-1")) == made


def test_a_rebase_under_way_has_ended_after_the_turn(project: Project, work: Work) -> None:
    tree = project.worktree()
    start = work(tree, file_txt="mine\n")
    other = project.commit("file.txt", "yours\n")
    with pytest.raises(subprocess.CalledProcessError):
        project.git("rebase", other, at=tree.folder)
    tree.keep(tree.state(), turn=2, token=5, start=start)
    assert project.git("status", at=tree.folder) == "On branch deespec/SBI-1\nnothing to commit, working tree clean"


def test_commits_on_the_branch_that_the_agent_has_left_are_kept(project: Project) -> None:
    tree = project.worktree()
    start = tree.tip()
    own = project.commit("own.txt", "own\n", at=tree.folder)
    project.git("checkout", "--quiet", "--detach", start, at=tree.folder)
    commit = tree.keep(tree.state(), turn=1, token=5, start=start)
    assert project.git("merge-base", own, commit) == own


def test_evidence_tells_the_turn_from_the_whole_work(project: Project, work: Work) -> None:
    tree = project.worktree()
    start = tree.tip()
    begun = work(tree, first_txt="1\n")
    (tree.folder / "second.txt").write_text("2\n")
    evidence, _ = tree.evidence(begun, start=start)
    assert evidence.changed == ("second.txt",)
    assert evidence.whole == ("first.txt", "second.txt")


@pytest.mark.parametrize("name", [".deespec/config.toml", "sub/.deespec/config.toml", ".DeeSpec/config.toml"])
def test_changes_to_a_backlog_are_named_in_every_later_turn(project: Project, name: str) -> None:
    tree = project.worktree()
    start = tree.tip()
    (tree.folder / name).parent.mkdir(parents=True)
    (tree.folder / name).write_text("[run]\n")
    begun = tree.keep(tree.state(), turn=1, token=1, start=start)
    assert tree.evidence(begun, start=start)[0].forbidden == (name,)


def test_a_large_change_is_shown_in_whole_files_with_what_is_left_out(project: Project) -> None:
    tree = project.worktree()
    (tree.folder / "a-large.txt").write_text("large\n" * 100_000)
    (tree.folder / "small.txt").write_text("small\n")
    (tree.folder / "picture").write_bytes(bytes(range(256)))
    evidence, now = tree.evidence(tree.tip(), start=tree.tip())
    text = tree.diff(tree.tip(), now, evidence.changed)
    assert text.startswith(" a-large.txt | +100000 -0\n picture | binary\n small.txt | +1 -0\n 3 files changed")
    assert "+small\n" in text
    assert "+large\n" not in text
    assert text.endswith("left out, as it is too long: a-large.txt\n")


def test_a_change_of_very_many_files_still_begins_with_how_much(project: Project) -> None:
    tree = project.worktree()
    for number in range(700):
        (tree.folder / f"{number:04d}.txt").write_text("x\n")
    evidence, now = tree.evidence(tree.tip(), start=tree.tip())
    text = tree.diff(tree.tip(), now, evidence.changed)
    assert " 0499.txt | +1 -0\n … and 200 more files\n 700 files changed, 700 lines added, 0 removed" in text
    assert text.count("diff --git") == 700


def test_the_diff_does_not_run_what_the_agent_has_told_git_to(project: Project, tmp_path: Path) -> None:
    tree = project.worktree()
    project.git("config", "diff.mine.textconv", f"touch {tmp_path}/ran; cat")
    (tree.folder / ".gitattributes").write_text("*.txt diff=mine\n")
    (tree.folder / "file.txt").write_text("changed\n")
    evidence, now = tree.evidence(tree.tip(), start=tree.tip())
    assert "+changed" in tree.diff(tree.tip(), now, evidence.changed)
    assert not (tmp_path / "ran").exists()


# --- what a stranger finds in the folder ---


def test_a_rescue_keeps_everything_and_touches_nothing(project: Project, work: Work) -> None:
    tree = project.worktree()
    tip = work(tree, file_txt="1\n")
    own = project.commit("own.txt", "own\n", at=tree.folder)
    project.git("checkout", "--quiet", "--detach", at=tree.folder)
    project.git("update-ref", "refs/heads/deespec/SBI-1", tip)
    (tree.folder / "left.txt").write_text("left\n")
    before = everything(project, tree)
    ref = tree.rescue(name="found-9")
    assert ref == "refs/deespec/SBI-1/found-9"
    assert project.git("ls-tree", "--name-only", ref, "left.txt", "own.txt").split() == ["left.txt", "own.txt"]
    assert project.git("merge-base", own, ref) == own
    assert everything(project, tree) == before


def everything(project: Project, tree: Worktree) -> list[object]:
    private = Path(project.git("rev-parse", "--absolute-git-dir", at=tree.folder))
    files = sorted(path for path in private.rglob("*") if path.is_file())
    return [project.refs("refs/heads"), *((path, path.read_bytes()) for path in files)]


def test_nothing_to_rescue_leaves_no_ref(project: Project, work: Work) -> None:
    tree = project.worktree()
    work(tree, file_txt="1\n")
    before = project.refs()
    assert tree.rescue(name="found-9") is None
    assert project.refs() == before


@pytest.mark.parametrize("act", ["removed", "a repository of its own", "another worktree's"])
def test_a_folder_whose_git_was_tampered_with_never_leads_to_the_persons_checkout(project: Project, act: str) -> None:
    tree, other = project.worktree(1), project.worktree(2)
    start = tree.tip()
    (tree.folder / "left.txt").write_text("left\n")
    (tree.folder / ".git").unlink()
    if act == "a repository of its own":
        project.git("init", "--quiet", at=tree.folder)
    if act == "another worktree's":
        (tree.folder / ".git").write_text((other.folder / ".git").read_text())
    before = project.git("status", "--short"), project.git("log", "--all", "--format=%H", "main", "deespec/SBI-2")
    evidence, state = tree.evidence(start, start=start)
    assert evidence.changed == ("left.txt",)
    commit = tree.keep(state, turn=1, token=1, start=start)
    tree.restore(name="x")
    assert project.git("status", "--short") == before[0]
    assert tree.prepare(commit)
    assert project.git("rev-parse", "HEAD", at=tree.folder) == commit
    assert (tree.folder / "left.txt").read_text() == "left\n"


def test_a_branch_that_the_agent_deleted_comes_back_at_its_last_turn(project: Project, work: Work) -> None:
    tree = project.worktree()
    commit = work(tree, file_txt="1\n")
    work_2 = work(tree, file_txt="2\n")
    project.git("checkout", "--quiet", "--detach", at=tree.folder)
    project.git("branch", "--quiet", "-D", "deespec/SBI-1")
    tree.prepare(project.git("rev-parse", "main"))
    assert tree.tip() == work_2 != commit


def test_a_name_of_its_own_gives_folder_and_branch_after_a_reset(project: Project, work: Work) -> None:
    work(project.worktree(), file_txt="1\n")
    owner = Owner(item="SBI-1", uid="01JD0000000000000000000001", name="SBI-1-2")
    again = Worktree(project.repository, project.root / ".deespec" / "worktrees" / "SBI-1-2", owner)
    assert again.prepare(project.git("rev-parse", "main"))
    assert project.git("branch", "--show-current", at=again.folder) == "deespec/SBI-1-2"
    assert (again.folder / "file.txt").read_text() == "one\ntwo\nthree\n"


def test_a_persons_worktree_on_an_unplugged_disk_stays_registered(project: Project, tmp_path: Path) -> None:
    project.git("worktree", "add", "--quiet", str(tmp_path / "disk"))
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    project.worktree()
    assert str(tmp_path / "disk") in project.git("worktree", "list")


def test_a_worktree_that_a_person_has_locked_is_used(project: Project, work: Work) -> None:
    tree = project.worktree()
    project.git("worktree", "lock", str(tree.folder))
    work(tree, file_txt="1\n")
    assert not tree.prepare(tree.tip())


def test_a_worktree_whose_making_was_killed_is_made_again(project: Project) -> None:
    tree = project.worktree()
    private = Path(project.git("rev-parse", "--absolute-git-dir", at=tree.folder))
    (private / "locked").write_text("initializing")
    (private / "deespec-ready").unlink()
    (tree.folder / "file.txt").unlink()
    assert tree.prepare(tree.tip())
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
