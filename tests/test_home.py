"""Which folder is the backlog of a command called here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from deespec.config_home import find_home
from deespec.errors import NoHome


def make_home(folder: Path, *names: str) -> Path:
    home = folder / ".deespec"
    home.mkdir(parents=True)
    for name in names or ("config.toml",):
        (home / name).touch()
    return home


def test_the_nearest_home_upward_is_taken(tmp_path):
    make_home(tmp_path)
    near = make_home(tmp_path / "a", "deespec.db")
    below = tmp_path / "a" / "b" / "c"
    below.mkdir(parents=True)
    assert find_home(None, {}, below) == near


def test_an_option_goes_before_the_variable_and_this_before_the_folder(tmp_path):
    here, named, optioned = (make_home(tmp_path / name) for name in "abc")
    env = {"DEESPEC_HOME": str(named)}
    assert find_home(str(optioned), env, here.parent) == optioned
    assert find_home(None, env, here.parent) == named
    assert find_home(None, {"DEESPEC_HOME": ""}, here.parent) == here


def test_a_named_home_may_be_the_folder_that_holds_it_and_relative(tmp_path):
    home = make_home(tmp_path / "a")
    assert find_home("a", {}, tmp_path) == home
    assert find_home("a/.deespec", {}, tmp_path) == home
    assert find_home("~/a", {"HOME": str(tmp_path)}, Path("/")) == home


def test_a_named_home_that_is_none_is_refused_although_there_is_another(tmp_path):
    make_home(tmp_path)
    with pytest.raises(NoHome, match=r"No backlog in .*nowhere \(--home\)"):
        find_home("nowhere", {}, tmp_path)
    with pytest.raises(NoHome, match="DEESPEC_HOME"):
        find_home(None, {"DEESPEC_HOME": "no\0where"}, tmp_path)


def test_an_empty_folder_of_that_name_is_no_home(tmp_path):
    home = make_home(tmp_path)
    (tmp_path / "a" / ".deespec").mkdir(parents=True)
    assert find_home(None, {}, tmp_path / "a") == home


def test_the_search_ends_at_the_top_of_the_repository(tmp_path):
    make_home(tmp_path)
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    with pytest.raises(NoHome) as caught:
        find_home(None, {}, tmp_path / "repo")
    assert (caught.value.message, caught.value.hint) == ("No backlog here.", "Start one: deespec init")
    assert caught.value.exit_status == 5


def test_the_home_of_the_user_comes_last(tmp_path):
    users = make_home(tmp_path / "user")
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    assert find_home(None, {"HOME": str(tmp_path / "user")}, tmp_path / "repo") == users


def test_a_home_that_cannot_be_searched_is_not_passed_over(tmp_path):
    make_home(tmp_path)
    closed = make_home(tmp_path / "a")
    closed.chmod(0)
    try:
        if os.access(closed, os.X_OK):
            pytest.skip("this user may read everything")
        with pytest.raises(NoHome, match="cannot be read"):
            find_home(None, {}, tmp_path / "a")
    finally:
        closed.chmod(0o700)


@pytest.fixture
def linked(tmp_path: Path) -> tuple[Path, Path]:
    """A repository with a committed config.toml, and a linked worktree of it."""
    main, other = tmp_path / "main", tmp_path / "elsewhere" / "other"
    make_home(main)
    (main / "sub").mkdir()
    (main / "sub" / "file").touch()
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=T", "-c", "user.email=t@t", "commit", "-qm", "Start"],
        ["worktree", "add", "-q", "-b", "other", str(other)],
    ):
        subprocess.run(["git", "-C", str(main), *command], check=True, capture_output=True)
    return main, other


@pytest.mark.parametrize("below", ["", "sub"])
def test_a_linked_worktree_belongs_to_its_main_worktree(linked, below):
    main, other = linked
    assert (other / ".deespec" / "config.toml").exists()
    assert find_home(None, {}, other / below) == main / ".deespec"


def test_a_home_below_the_top_is_found_from_a_linked_worktree(linked):
    main, other = linked
    home = make_home(main / "sub")
    assert find_home(None, {}, other / "sub") == home


def test_a_database_of_its_own_makes_a_linked_worktree_a_home(linked):
    main, other = linked
    (other / ".deespec" / "deespec.db").touch()
    assert find_home(None, {}, other) == other / ".deespec"
    (main / ".deespec" / "deespec.db").touch()
    assert find_home(None, {}, other) == main / ".deespec"


def test_a_linked_worktree_with_only_a_committed_config_is_no_home(linked):
    main, other = linked
    (main / ".deespec" / "config.toml").unlink()
    with pytest.raises(NoHome):
        find_home(None, {}, other)


def test_a_worktree_may_name_its_repository_by_a_relative_path(linked):
    main, other = linked
    (other / ".git").write_text("gitdir: ../../main/.git/worktrees/other\n")
    assert find_home(None, {}, other) == main / ".deespec"


def test_a_submodule_is_a_repository_of_its_own(tmp_path):
    make_home(tmp_path)
    module = tmp_path / "module"
    (tmp_path / ".git" / "modules" / "module").mkdir(parents=True)
    home = make_home(module)
    (module / ".git").write_text("gitdir: ../.git/modules/module\n")
    assert find_home(None, {}, module) == home


def test_a_broken_git_file_ends_the_search(tmp_path):
    make_home(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".git").write_bytes(b"\xff\0")
    with pytest.raises(NoHome):
        find_home(None, {}, tmp_path / "a")
