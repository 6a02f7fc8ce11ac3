"""A worktree goes only when nothing in it can be lost, and goes wholly, whoever is killed meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from anybody import as_anybody
from project import ENV, Project

from deespec.workspace.cleaning import leftover, remove
from deespec.workspace.furnish import furnish
from deespec.workspace.kept import KeptTurn, kept_turns, made_for
from deespec.workspace.survey import Sort, survey
from deespec.workspace.worktree import Worktree

Work = Callable[..., str]


@pytest.fixture
def tree(project: Project, work: Work) -> Worktree:
    made = project.worktree()
    work(made, file_txt="1\n")
    return made


def test_a_worktree_whose_turns_are_kept_goes_with_its_branch(project: Project, tree: Worktree) -> None:
    tip = tree.tip()
    assert remove(tree) == ()
    assert not tree.folder.exists()
    assert project.git("branch", "--list", "deespec/SBI-1") == ""
    assert "SBI-1" not in project.git("worktree", "list")
    assert project.refs("refs/deespec/SBI-1")["refs/deespec/SBI-1/turn-1.100"] == tip
    assert list(tree.folder.parent.iterdir()) == []


def test_an_item_goes_on_after_its_worktree_was_taken_away(project: Project, tree: Worktree) -> None:
    tip = tree.tip()
    remove(tree)
    assert tree.prepare(project.git("rev-parse", "main"))
    assert tree.tip() == tip


@pytest.mark.parametrize("name", ["file.txt", "untracked.txt"])
def test_what_is_not_committed_keeps_it(tree: Worktree, name: str) -> None:
    (tree.folder / name).write_text("2\n")
    assert remove(tree) == (f"not committed: {name}",)
    assert (tree.folder / name).exists()


def test_commits_that_no_turn_has_kept_keep_it(project: Project, tree: Worktree) -> None:
    project.commit("own.txt", "own\n", at=tree.folder)
    assert remove(tree) == ("1 commits that no ref below refs/deespec holds",)
    assert tree.folder.exists()


def test_commits_on_the_branch_keep_it_though_something_else_is_checked_out(project: Project, tree: Worktree) -> None:
    tip = tree.tip()
    project.commit("own.txt", "own\n", at=tree.folder)
    project.git("checkout", "--quiet", "--detach", tip, at=tree.folder)
    assert leftover(tree) == ("1 commits that no ref below refs/deespec holds",)


def test_commits_that_the_agent_dropped_again_are_under_a_ref_first(project: Project, tree: Worktree) -> None:
    own = project.commit("own.txt", "own\n", at=tree.folder)
    project.git("reset", "--quiet", "--hard", "HEAD^", at=tree.folder)
    assert remove(tree) == ()
    assert project.git("merge-base", own, "refs/deespec/SBI-1/dropped") == own


@pytest.mark.parametrize("name", ["wanted.log", "out.log/data"])
def test_ignored_files_that_may_be_wanted_keep_it(tree: Worktree, name: str) -> None:
    (tree.folder / name).parent.mkdir(exist_ok=True)
    (tree.folder / name).write_text("x\n")
    assert leftover(tree)[0].startswith("ignored by Git, and perhaps wanted: ")


@pytest.mark.parametrize(
    "name", ["node_modules/x.js", "pkg/__pycache__/x.pyc", ".venv/bin/python", "a.pyc", "x.egg-info/y"]
)
def test_what_tools_make_again_does_not(project: Project, work: Work, name: str) -> None:
    project.commit(".gitignore", "node_modules/\n__pycache__/\n.venv/\n*.pyc\n*.egg-info/\n")
    tree = project.worktree()
    (tree.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (tree.folder / name).write_text("x\n")
    assert leftover(tree) == ()


def test_what_was_furnished_does_not(project: Project, tree: Worktree) -> None:
    (project.root / ".env").write_text("x")
    (project.root / "vendor").mkdir()
    (project.root / "vendor" / "x").write_text("x")
    (tree.folder / "given.log").write_text("x")
    furnish(project.root, tree.folder, copy=[".env"], link=["vendor"])
    assert remove(tree, furnished=["given.log"]) == ()
    assert (project.root / "vendor" / "x").exists()


def test_a_repository_inside_keeps_it(project: Project, tree: Worktree) -> None:
    inner = tree.folder / "inner"
    inner.mkdir()
    project.git("init", "--quiet", at=inner)
    (inner / "a").write_text("a\n")
    tree.keep(tree.state(), turn=2, token=9, start=tree.tip())
    assert leftover(tree) == ("repositories of their own: inner",)


def test_a_folder_that_is_no_worktree_stays(tree: Worktree) -> None:
    (tree.folder / ".git").unlink()
    assert "no worktree that Git knows" in remove(tree)[0]
    assert tree.folder.exists()


@pytest.mark.parametrize("step", ["rename", "registration", "branch", "delete"])
def test_a_removal_that_was_killed_is_finished_by_the_next(project: Project, tree: Worktree, step: str) -> None:
    cut_off(tree, step)
    assert remove(tree) == ()
    assert list(tree.folder.parent.iterdir()) == []
    assert project.git("branch", "--list", "deespec/SBI-1") == ""
    assert "SBI-1" not in project.git("worktree", "list")


def cut_off(tree: Worktree, step: str) -> None:
    """Leaves what a kill just before this step leaves."""
    private = Path(tree.git.run("rev-parse", "--absolute-git-dir").strip())
    going = tree.folder.with_name("SBI-1.removing")
    if step != "rename":
        os.rename(tree.folder, going)
    if step in ("branch", "delete"):
        shutil.rmtree(private)
    if step == "delete":
        tree.repository.git.run("update-ref", "-d", tree.refs.branch())
        (going / "file.txt").unlink()


def test_a_worktree_is_made_again_though_its_removal_was_killed(project: Project, tree: Worktree) -> None:
    tip = tree.tip()
    cut_off(tree, "registration")
    assert tree.prepare(tip)
    assert tree.state() == project.git("rev-parse", f"{tip}^{{tree}}")
    assert remove(tree) == ()
    assert list(tree.folder.parent.iterdir()) == []


def test_folders_that_nobody_may_write_go_too(tree: Worktree) -> None:
    shut = tree.folder / "node_modules" / "shut"
    shut.mkdir(parents=True)
    (shut / "x.pyc").write_text("x")
    shut.chmod(0o500)
    (tree.folder / ".gitignore").write_text("*.log\nnode_modules\n")
    tree.keep(tree.state(), turn=2, token=9, start=tree.tip())
    assert remove(tree) == ()
    assert not tree.folder.exists()


def test_the_survey_names_what_there_is_and_whose_it_is(project: Project, tree: Worktree) -> None:
    home = project.root / ".deespec"
    (home / "worktrees" / "SBI-1.kept-1").mkdir()
    (home / "worktrees" / "stray").mkdir()
    project.target.checkout(project.git("rev-parse", "main"), name="gates")
    project.target.take_fence("1")
    found = {one.place.removeprefix(f"{home}/"): one for one in survey(project.repository, home)}
    uid = tree.owner.uid
    one = found["worktrees/SBI-1"]
    assert (one.sort, one.uid, one.is_registered, one.size_bytes > 0) == (Sort.WORKTREE, uid, True, True)
    aside, stray = found["worktrees/SBI-1.kept-1"], found["worktrees/stray"]
    assert (aside.sort, aside.name, aside.uid, aside.is_registered) == (Sort.ASIDE, "SBI-1", uid, False)
    assert (stray.uid, stray.is_registered) == (None, False)
    assert (found["checkouts/gates"].sort, found["checkouts/gates"].is_registered) == (Sort.CHECKOUT, True)
    turn, branch = found["refs/deespec/SBI-1/turn-1.100"], found["refs/heads/deespec/SBI-1"]
    assert (turn.sort, turn.uid, turn.commits) == (Sort.REF, uid, 2)
    assert (branch.sort, branch.name, branch.uid) == (Sort.BRANCH, "SBI-1", uid)
    assert found["refs/deespec/fence/deespec/integration"].commits == 0


# --- files of another user --------------------------------------------------------------------------------------------


def give_away(folder: Path) -> Path:
    """Puts a folder there as a container's root leaves it: only its owner may remove what is in it."""
    build = folder / "node_modules"
    build.mkdir()
    (build / "x.pyc").write_text("x")
    os.chown(build, 12_345, 12_345)
    return build


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_of_another_user_are_named_and_the_next_removal_goes_on(project: Project, tree: Worktree) -> None:
    (tree.folder / ".gitignore").write_text("*.log\nnode_modules\n")
    tree.keep(tree.state(), turn=2, token=9, start=tree.tip())
    give_away(tree.folder)
    going = tree.folder.with_name("SBI-1.removing")
    for _ in range(2):
        said = as_anybody(project.root, "remove")
        assert said.startswith(f"{going}/node_modules cannot be removed: ")
        assert said.endswith(f" → sudo rm -rf '{going}'")
    assert "SBI-1" not in project.git("worktree", "list")
    assert sorted(path.name for path in going.iterdir()) == ["node_modules"]
    shutil.rmtree(going)
    assert as_anybody(project.root, "remove") == ""
    assert list(tree.folder.parent.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_registration_goes_whole_though_another_users_files_are_in_it(project: Project, tree: Worktree) -> None:
    private = Path(tree.git.run("rev-parse", "--absolute-git-dir").strip())
    give_away(private)
    gone = project.root / ".git" / "deespec-removing" / "SBI-1"
    assert as_anybody(project.root, "remove").endswith(f" → sudo rm -rf '{gone}'")
    assert not private.exists()
    assert project.git("branch", "--list", "deespec/SBI-1") == ""
    shutil.rmtree(gone)
    assert as_anybody(project.root, "remove") == ""
    assert list(tree.folder.parent.iterdir()) == []


# --- an item's later names --------------------------------------------------------------------------------------------


def test_turns_of_an_items_later_names_are_known_by_its_number(project: Project, tree: Worktree) -> None:
    for name in ("SBI-12-2", "SBI-12-abc123", "SBI-12-3-abc123", "mine"):
        project.git("update-ref", f"refs/heads/deespec/{name}", tree.tip())
    for ref in ("SBI-12-2/turn-4.5", "SBI-12-abc123/turn-6.7", "SBI-12-2/begin", "SBI-123/turn-4.5"):
        project.git("update-ref", f"refs/deespec/{ref}", tree.tip())
    found = {(one.number, one.turn, one.token) for one in kept_turns(project.root, ENV)}
    assert found == {(1, 1, 100), (1, 0, 0), (12, 4, 5), (12, 6, 7), (12, 0, 0), (123, 4, 5)}
    assert made_for(project.root, ENV, KeptTurn(number=12, turn=6, token=7)) == tree.owner.uid
    assert made_for(project.root, ENV, KeptTurn(number=12, turn=9, token=9)) is None
