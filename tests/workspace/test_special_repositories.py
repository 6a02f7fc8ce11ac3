"""Repositories out of the ordinary work, or say plainly why not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from project import BACKLOG, ENV, Project

from deespec.errors import WorkspaceError
from deespec.workspace.cleaning import leftover, remove
from deespec.workspace.merging import Target
from deespec.workspace.repository import Repository
from deespec.workspace.worktree import Owner, Worktree

Work = Callable[..., str]


def turn(project: Project, tree: Worktree, *, number: int = 1) -> tuple[str, ...]:
    """What a turn's evidence names; it is kept, and leaves the folder clean."""
    start = tree.tip()
    evidence, state = tree.evidence(start, start=start)
    tree.keep(state, turn=number, token=number, start=start)
    assert project.git("status", "--short", at=tree.folder) == ""
    return evidence.changed


# --- submodules ---


@pytest.fixture
def library(project: Project, tmp_path: Path) -> Path:
    """A submodule `lib sub` of the project, with one of its own, both from repositories that are gone."""
    for name in ("inner", "outer"):
        made = tmp_path / name
        made.mkdir()
        project.git("init", "--quiet", "--initial-branch", "main", at=made)
        project.git("config", "user.name", "A person", at=made)
        project.git("config", "user.email", "person@example.org", at=made)
        project.commit("code.c", "int x;\n", at=made)
    allow = ("-c", "protocol.file.allow=always", "submodule", "--quiet")
    project.git(*allow, "add", str(tmp_path / "inner"), "deep", at=tmp_path / "outer")
    project.commit("more.c", "int y;\n", at=tmp_path / "outer")
    project.git(*allow, "add", str(tmp_path / "outer"), "lib sub")
    project.git(*allow, "update", "--init", "--recursive")
    project.git("commit", "--quiet", "--message", "A library")
    for name in ("inner", "outer"):
        (tmp_path / name).rename(tmp_path / f"{name} is gone")
    return project.root / "lib sub"


def test_submodules_are_checked_out_without_their_origin(project: Project, library: Path) -> None:
    config = (project.root / ".git" / "config").read_text()
    tree = project.worktree()
    assert (tree.folder / "lib sub" / "code.c").exists()
    assert (tree.folder / "lib sub" / "deep" / "code.c").exists()
    assert (project.root / ".git" / "config").read_text() == config
    assert project.git("status", "--short", at=tree.folder) == ""


def test_a_submodule_that_was_left_alone_stays_a_link(project: Project, library: Path) -> None:
    tree = project.worktree()
    (tree.folder / "file.txt").write_text("changed\n")
    assert turn(project, tree) == ("file.txt",)
    assert project.git("rev-parse", f"{tree.tip()}:lib sub") == project.git("rev-parse", "main:lib sub")


def test_a_change_in_a_submodule_is_named_in_this_and_later_turns(project: Project, library: Path) -> None:
    tree = project.worktree()
    start = tree.tip()
    (tree.folder / "lib sub" / "code.c").write_text("int changed;\n")
    for number in (1, 2):
        evidence, state = tree.evidence(tree.tip(), start=start)
        assert evidence.nested[0] == "lib sub"
        commit = tree.keep(state, turn=number, token=number, start=tree.tip())
        assert project.git("show", f"{commit}:lib sub/code.c") == "int changed;"


def test_a_submodule_goes_with_the_target(project: Project, library: Path) -> None:
    tree = project.worktree()
    project.git("config", "user.name", "A person", at=library)
    project.git("config", "user.email", "person@example.org", at=library)
    project.commit("code.c", "long x;\n", at=library)
    other = project.commit("file.txt", "with the library's news\n")
    assert tree.merge_clean(other)
    assert project.git("rev-parse", "HEAD", at=tree.folder / "lib sub") == project.git("rev-parse", "HEAD", at=library)
    assert turn(project, tree) == ()


def test_a_commit_in_a_submodule_keeps_the_worktree(project: Project, library: Path) -> None:
    tree = project.worktree()
    assert leftover(tree) == ()
    inner = tree.folder / "lib sub"
    project.git("config", "user.name", "An agent", at=inner)
    project.git("config", "user.email", "agent@example.org", at=inner)
    project.commit("code.c", "int own;\n", at=inner)
    assert turn(project, tree) == ("lib sub",)
    assert remove(tree) == ("commits in submodules: lib sub",)


def test_a_worktree_with_submodules_goes_wholly(project: Project, library: Path) -> None:
    tree = project.worktree()
    assert remove(tree) == ()
    assert not tree.folder.exists()
    assert project.git("status", "--short") == ""


def test_a_submodule_that_the_checkout_does_not_have_is_named(project: Project, library: Path) -> None:
    project.git("submodule", "--quiet", "deinit", "--force", "lib sub")
    (project.root / ".git" / "modules").rename(project.root / ".git" / "elsewhere")
    with pytest.raises(WorkspaceError, match="The submodule lib sub cannot be checked out") as refused:
        project.worktree()
    assert refused.value.hint == f"git -C {project.root} submodule update --init --recursive"


# --- parts of a repository ---


def test_a_sparse_checkout_gives_sparse_worktrees(project: Project) -> None:
    (project.root / "far").mkdir()
    project.commit("far/away.txt", "away\n")
    project.git("sparse-checkout", "set", "文書")
    tree = project.worktree()
    assert not (tree.folder / "far").exists()
    assert (tree.folder / "文書" / "読む.txt").exists()
    (tree.folder / "文書" / "new.txt").write_text("new\n")
    assert turn(project, tree) == ("文書/new.txt",)
    assert project.git("show", f"{tree.tip()}:far/away.txt") == "away"


def test_work_outside_of_the_sparse_part_is_seen(project: Project) -> None:
    (project.root / "far").mkdir()
    project.commit("far/away.txt", "away\n")
    project.git("sparse-checkout", "set", "文書")
    tree = project.worktree()
    (tree.folder / "far").mkdir()
    (tree.folder / "far" / "new.txt").write_text("new\n")
    start = tree.tip()
    evidence, state = tree.evidence(start, start=start)
    assert evidence.changed == ("far/new.txt",)
    commit = tree.keep(state, turn=1, token=1, start=start)
    assert project.git("ls-tree", "--name-only", commit, "far/").split() == ["far/away.txt", "far/new.txt"]


def test_settings_of_one_worktree_stay_its_own(project: Project) -> None:
    project.git("config", "extensions.worktreeConfig", "true")
    project.git("config", "--worktree", "core.excludesFile", os.devnull)
    tree = project.worktree()
    (tree.folder / "new.txt").write_text("new\n")
    assert turn(project, tree) == ("new.txt",)


# --- what a repository does to files ---


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def test_large_file_pointers_stay_as_they_are_without_their_program(project: Project, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for program in ("git", "sh"):
        found = subprocess.run(["which", program], capture_output=True, text=True, check=True).stdout.strip()
        (tmp_path / "bin" / program).symlink_to(found)
    (project.root / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    project.commit("large.bin", POINTER)
    for key, value in (("smudge", "git-lfs smudge -- %f"), ("process", "git-lfs filter-process"), ("required", "true")):
        project.git("config", f"filter.lfs.{key}", value)
    project.git("config", "filter.lfs.clean", "git-lfs clean -- %f")
    project.repository = Repository(project.root, ENV | {"PATH": str(tmp_path / "bin")})
    project.target.repository = project.repository
    tree = project.worktree()
    assert (tree.folder / "large.bin").read_text() == POINTER
    (tree.folder / "file.txt").write_text("changed\n")
    start = tree.tip()
    evidence, state = tree.evidence(start, start=start)
    assert evidence.changed == ("file.txt",)
    tree.keep(state, turn=1, token=1, start=start)
    assert tree.restore(name="x") == ()


@pytest.mark.parametrize("setting", ["true", "input", "false"])
def test_line_ends_as_the_person_has_set_them_are_no_change(project: Project, setting: str) -> None:
    project.git("config", "core.autocrlf", setting)
    tree = project.worktree()
    crlf = b"\r\n" if setting == "true" else b"\n"
    assert (tree.folder / "file.txt").read_bytes() == crlf.join((b"one", b"two", b"three", b""))
    (tree.folder / "file.txt").unlink()
    project.git("checkout", "--", "file.txt", at=tree.folder)
    (tree.folder / "文書" / "読む.txt").write_bytes(b"1" + crlf)
    assert turn(project, tree) == ("文書/読む.txt",)
    assert project.git("cat-file", "-p", f"{tree.tip()}:文書/読む.txt") == "1"
    assert tree.restore(name="x") == ()


@pytest.mark.parametrize(
    "name", ["-x", "--help", "a b", "*", "[x]", ":(top)", 'q"uote', "back\\slash", "新しい", "tab\t", "new\nline"]
)
def test_any_name_of_a_file_works(project: Project, name: str) -> None:
    tree = project.worktree()
    (tree.folder / name).write_text("x\n")
    start = tree.tip()
    evidence, now = tree.evidence(start, start=start)
    assert "+x" in tree.diff(start, now, evidence.changed)
    assert turn(project, tree) == (name,)
    (tree.folder / name).write_text("y\n")
    assert tree.restore(name="x") == (name,)
    assert (tree.folder / name).read_text() == "x\n"


def test_names_that_are_no_text_work(project: Project) -> None:
    tree = project.worktree()
    raw = os.fsdecode(b"\xff\xfe")
    (tree.folder / raw).write_text("x\n")
    assert turn(project, tree) == (raw,)
    (tree.folder / raw).write_text("y\n")
    start = tree.tip()
    evidence, now = tree.evidence(start, start=start)
    assert "+y" in tree.diff(start, now, evidence.changed)
    assert tree.restore(name="x") == (raw,)


def test_names_that_differ_in_case_or_form_only_are_two_files(project: Project) -> None:
    tree = project.worktree()
    names = ("A.txt", "a.txt", "\u00e9.txt", "e\u0301.txt")
    for name in names:
        (tree.folder / name).write_text(name)
    if len(set(os.listdir(tree.folder)) & set(names)) < len(names):
        pytest.skip("this file system does not tell such names apart")
    assert sorted(turn(project, tree)) == sorted(names)


# --- what a repository is ---


def test_longer_ids_work(tmp_path: Path) -> None:
    project = Project(tmp_path / "sha256", object_format="sha256")
    tree = project.worktree()
    (tree.folder / "inner").mkdir()
    project.git("init", "--quiet", "--object-format=sha256", at=tree.folder / "inner")
    (tree.folder / "inner" / "a").write_text("a\n")
    (tree.folder / "file.txt").write_text("mine\n")
    start = tree.tip()
    evidence, state = tree.evidence(start, start=start)
    assert evidence.changed == ("file.txt", "inner/a")
    assert len(tree.keep(state, turn=1, token=1, start=start)) == 64
    assert tree.take_in(project.commit("file.txt", "yours\n")) == ("file.txt",)
    assert tree.restore(name="x")


def test_a_branch_in_the_way_of_all_names_is_named(project: Project) -> None:
    project.git("branch", "deespec")
    tree = Worktree(project.repository, project.root / "wt", Owner(item="SBI-1", uid="01JD1"))
    with pytest.raises(WorkspaceError, match="A branch named deespec keeps Git from making deespec/SBI-1") as refused:
        tree.prepare(project.git("rev-parse", "main"))
    assert refused.value.hint == "git branch -m deespec OTHER-NAME"


def test_a_repository_without_commits_is_refused_in_words(tmp_path: Path) -> None:
    project = Project.__new__(Project)
    project.root = tmp_path
    project.git("init", "--quiet")
    with pytest.raises(WorkspaceError, match="no commit"):
        Target(Repository(tmp_path, ENV), "deespec/integration", checkouts=tmp_path).start("main", backlog=BACKLOG)


def test_a_detached_head_of_the_person_is_left_alone(project: Project, work: Work) -> None:
    project.git("checkout", "--quiet", "--detach")
    work(project.worktree(), file_txt="1\n")
    assert project.git("branch", "--show-current") == ""
    assert project.git("status", "--short") == ""


# --- what a person has set ---


def test_a_persons_hooks_do_not_run(project: Project, work: Work, tmp_path: Path) -> None:
    hooks = project.root / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "reference-transaction", "post-index-change", "pre-commit", "commit-msg"):
        (hooks / name).write_text(f"#!/bin/sh\necho {name} >> '{tmp_path}/ran'\nexit 1\n")
        (hooks / name).chmod(0o755)
    tree = project.worktree()
    work(tree, file_txt="1\n")
    (tree.folder / "file.txt").write_text("2\n")
    tree.restore(name="x")
    tree.merge_clean(project.git("rev-parse", "main"))
    assert not (tmp_path / "ran").exists()


def test_settings_that_change_what_git_says_change_nothing(project: Project, work: Work) -> None:
    settings = {
        "commit.gpgSign": "true", "gpg.program": "/bin/false", "log.showSignature": "true", "color.ui": "always",
        "core.splitIndex": "true", "core.untrackedCache": "true", "diff.noprefix": "true", "diff.renames": "copies",
        "diff.external": "/bin/false", "core.quotePath": "true", "merge.conflictStyle": "diff3", "core.abbrev": "4",
        "log.follow": "true", "status.relativePaths": "false", "index.version": "4", "checkout.guess": "false",
    }  # fmt: skip
    for key, value in settings.items():
        project.git("config", key, value)
    tree = project.worktree()
    tip = work(tree, file_txt="mine\n")
    (tree.folder / "新しい.txt").write_text("new\n")
    evidence, now = tree.evidence(tip, start=tip)
    assert evidence.changed == ("新しい.txt",)
    assert "diff --git a/" in tree.diff(tip, now, evidence.changed)
    tree.restore(name="x")
    project.git("config", "commit.gpgSign", "false")
    target = project.commit("file.txt", "yours\n")
    assert tree.take_in(target) == ("file.txt",)
    assert tree.markers(("file.txt",)) == ("file.txt",)
