"""The target's work comes into an item's folder: whole where it merges, with markers and names where it does not."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

import pytest
from project import Project

from deespec.workspace.worktree import Worktree

Work = Callable[..., str]


def test_a_conflict_lies_in_the_folder_as_after_git_merge(project: Project, work: Work) -> None:
    tree = project.worktree()
    work(tree, file_txt="mine\n")
    target = project.commit("file.txt", "yours\n")
    project.commit("other.txt", "not of this merge\n")
    assert tree.take_in(target) == ("file.txt",)
    assert tree.markers(("file.txt", ".gitignore")) == ("file.txt",)
    assert project.git("status", "--short", at=tree.folder) == "UU file.txt"
    assert "yours" in (tree.folder / "file.txt").read_text()


def test_what_merges_is_in_the_folder_beside_the_conflict(project: Project, work: Work) -> None:
    tree = project.worktree()
    work(tree, file_txt="mine\n")
    project.commit("new.txt", "new\n")
    tree.take_in(project.commit("file.txt", "yours\n"))
    assert (tree.folder / "new.txt").read_text() == "new\n"


def test_a_resolved_merge_has_the_target_as_parent(project: Project, work: Work) -> None:
    tree = project.worktree()
    tip = work(tree, file_txt="mine\n")
    target = project.commit("file.txt", "yours\n")
    tree.take_in(target)
    (tree.folder / "file.txt").write_text("both\n")
    commit = tree.keep(tree.state(), turn=2, token=7, start=tip, onto=target)
    assert project.git("rev-parse", f"{commit}^@").split() == [tip, target]
    assert tree.markers(("file.txt",)) == ()
    assert project.git("status", at=tree.folder).count("merg") == 0
    assert project.git("status", "--short", at=tree.folder) == ""


def test_an_agent_that_commits_the_merge_itself_gives_no_parent_twice(project: Project, work: Work) -> None:
    tree = project.worktree()
    tip = work(tree, file_txt="mine\n")
    target = project.commit("file.txt", "yours\n")
    tree.take_in(target)
    own = project.commit("file.txt", "both\n", at=tree.folder)
    assert project.git("rev-parse", f"{own}^@").split() == [tip, target]
    commit = tree.keep(tree.state(), turn=2, token=7, start=tip, onto=target)
    assert project.git("rev-parse", f"{commit}^@").split() == [own]


def test_every_kind_of_conflict_names_its_files(project: Project) -> None:
    for name in ("deleted.txt", "kept.txt", "moved.txt", "mode.sh"):
        project.commit(name, "".join(f"{name} {line}\n" for line in range(20)))
    project.commit("picture.bin", "\0\1\2")
    tree = project.worktree()
    at = tree.folder
    (at / "deleted.txt").write_text("changed\n")
    (at / "kept.txt").unlink()
    (at / "moved.txt").rename(at / "mine.txt")
    (at / "picture.bin").write_bytes(b"\0mine")
    (at / "thing").write_text("a file\n")
    (at / "mode.sh").write_text("mine\n")
    tree.keep(tree.state(), turn=1, token=1, start=tree.tip())
    here = project.root
    (here / "deleted.txt").unlink()
    (here / "kept.txt").write_text("changed\n")
    (here / "moved.txt").rename(here / "yours.txt")
    (here / "picture.bin").write_bytes(b"\0yours")
    (here / "thing").mkdir()
    (here / "thing" / "in it").write_text("a folder\n")
    (here / "mode.sh").unlink()
    (here / "mode.sh").symlink_to("elsewhere")
    found = tree.take_in(project.commit("file.txt", "yours\n"))
    wanted = {"deleted.txt", "kept.txt", "mine.txt", "moved.txt", "picture.bin", "yours.txt"}
    assert wanted <= set(found)
    assert any(name.startswith("thing") for name in found)
    assert any(name.startswith("mode.sh") for name in found)


def test_taken_in_again_after_a_crash_gives_the_same(project: Project, work: Work) -> None:
    tree = project.worktree()
    work(tree, file_txt="mine\n")
    project.commit("new.txt", "new\n")
    target = project.commit("file.txt", "yours\n")
    first = tree.take_in(target), tree.state()
    private = tree.git.run("rev-parse", "--absolute-git-dir").strip()
    os.unlink(f"{private}/MERGE_HEAD")
    (tree.folder / "new.txt").write_text("ne")  # cut off while it was written
    open(f"{private}/index.lock", "w").close()
    assert (tree.take_in(target), tree.state()) == first
    assert (tree.take_in(target), tree.state()) == first


def test_what_an_agent_has_done_since_is_kept_under_a_ref(project: Project, work: Work) -> None:
    tree = project.worktree()
    work(tree, file_txt="mine\n")
    target = project.commit("file.txt", "yours\n")
    tree.take_in(target)
    (tree.folder / "file.txt").write_text("resolved by hand\n")
    tree.take_in(target)
    kept = f"refs/deespec/SBI-1/before-merge-{target[:12]}"
    assert project.git("show", f"{kept}:file.txt") == "resolved by hand"


@pytest.mark.parametrize(
    ("text", "is_marked"),
    [
        ("a\n<<<<<<< mine\nb\n=======\nc\n>>>>>>> yours\n", True),
        ("<<<<<<< mine\r\nb\r\n=======\r\nc\r\n>>>>>>> yours\r\n", True),
        ("<<<<<<< mine\nb\n||||||| base\nx\n=======\nc\n>>>>>>> yours", True),
        ("A title\n=======\n", False),
        (">>>>>>> \n=======\n<<<<<<< \n", False),
        ("  <<<<<<< mine\n  =======\n  >>>>>>> yours\n", False),
        ("<<<<<<<< eight\n=======\n>>>>>>>> eight\n", False),
    ],
)
def test_markers_are_lines_in_order(project: Project, text: str, is_marked: bool) -> None:
    tree = project.worktree()
    (tree.folder / "-x").write_text(text)
    assert tree.markers(("-x", "gone")) == (("-x",) if is_marked else ())


def test_markers_are_not_looked_for_behind_links_or_in_pipes(project: Project) -> None:
    tree = project.worktree()
    (project.root / "secret").write_text("<<<<<<< a\n=======\n>>>>>>> b\n")
    (tree.folder / "link").symlink_to(project.root / "secret")
    (tree.folder / "folder").symlink_to(project.root)
    os.mkfifo(tree.folder / "pipe")
    assert tree.markers(("link", "folder/secret", "pipe", "../../../secret")) == ()


# --- going on from a need, or from the target, without a conflict ---


def test_what_merges_cleanly_is_in_folder_and_branch(project: Project, work: Work) -> None:
    tree = project.worktree()
    tip = work(tree, mine_txt="mine\n")
    other = project.commit("file.txt", "yours\n")
    assert tree.merge_clean(other)
    assert project.git("rev-parse", f"{tree.tip()}^@").split() == [tip, other]
    assert (tree.folder / "file.txt").read_text() == "yours\n"
    assert project.git("status", "--short", at=tree.folder) == ""
    assert tree.state() == project.git("rev-parse", f"{tree.tip()}^{{tree}}")


def test_what_is_there_already_is_not_merged_again(project: Project, work: Work) -> None:
    tree = project.worktree()
    tip = work(tree, mine_txt="mine\n")
    assert tree.merge_clean(project.git("rev-parse", "main"))
    assert tree.tip() == tip


@pytest.mark.parametrize("name", ["file.txt", "untracked.txt"])
def test_a_folder_with_changes_is_left_as_it_is(project: Project, name: str) -> None:
    tree = project.worktree()
    tip = tree.tip()
    (tree.folder / name).write_text("an agent's\n")
    assert not tree.merge_clean(project.commit("new.txt", "new\n"))
    assert (tree.folder / name).read_text() == "an agent's\n"
    assert not (tree.folder / "new.txt").exists()
    assert tree.tip() == tip


def test_a_conflict_merges_nothing(project: Project, work: Work) -> None:
    tree = project.worktree()
    tip = work(tree, file_txt="mine\n")
    assert not tree.merge_clean(project.commit("file.txt", "yours\n"))
    assert (tree.folder / "file.txt").read_text() == "mine\n"
    assert tree.tip() == tip


def test_a_merge_that_was_cut_off_is_finished(project: Project, work: Work) -> None:
    tree = project.worktree()
    work(tree, mine_txt="mine\n")
    project.commit("new.txt", "new\n")
    other = project.commit("file.txt", "yours\n")
    (tree.folder / "file.txt").write_text("yours\n")  # the first of two files
    assert tree.merge_clean(other)
    assert (tree.folder / "new.txt").read_text() == "new\n"
    assert project.git("status", "--short", at=tree.folder) == ""


def test_a_file_that_git_ignores_is_not_overwritten_by_a_merge(project: Project, work: Work) -> None:
    tree = project.worktree()
    work(tree, mine_txt="mine\n")
    (tree.folder / "local.log").write_text("an agent's own\n")
    (project.root / "local.log").write_text("the project's\n")
    project.git("add", "--force", "local.log")
    assert not tree.merge_clean(project.commit("file.txt", "yours\n"))
    assert (tree.folder / "local.log").read_text() == "an agent's own\n"


def mode(tree: Worktree, name: str) -> int:
    return stat.S_IMODE((tree.folder / name).stat().st_mode)


def test_modes_come_with_a_merge(project: Project) -> None:
    tree = project.worktree()
    (project.root / "run.sh").write_text("#!/bin/sh\n")
    (project.root / "run.sh").chmod(0o755)
    assert tree.merge_clean(project.commit("x", "x\n"))
    assert mode(tree, "run.sh") & stat.S_IXUSR
