"""A worktree gets what work needs and Git does not bring; none of it becomes work, and nothing leads out."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from project import ENV, Project

from deespec.errors import WorkspaceError
from deespec.workspace.cleaning import leftover
from deespec.workspace.furnish import FURNISHED, adopt, furnish
from deespec.workspace.worktree import Worktree

Work = Callable[..., str]


@pytest.fixture
def tree(project: Project) -> Worktree:
    (project.root / ".env").write_text("SECRET=1\n")
    (project.root / "node_modules").mkdir()
    (project.root / "node_modules" / "a.js").write_text("a\n")
    return project.worktree()


def test_files_that_match_are_copied_with_their_modes(project: Project, tree: Worktree) -> None:
    (project.root / "conf" / "local").mkdir(parents=True)
    (project.root / "conf" / "local" / "run.sh").write_text("#!/bin/sh\n")
    (project.root / "conf" / "local" / "run.sh").chmod(0o750)
    (project.root / "conf" / "a b 日本.ini").write_text("x\n")
    furnish(project.root, tree.folder, copy=[".env*", "conf/*.ini", "**/*.sh"], link=[])
    assert (tree.folder / ".env").read_text() == "SECRET=1\n"
    assert (tree.folder / "conf" / "a b 日本.ini").exists()
    assert stat.S_IMODE((tree.folder / "conf" / "local" / "run.sh").stat().st_mode) == 0o750


def test_a_folder_that_matches_is_copied_whole(project: Project, tree: Worktree) -> None:
    furnish(project.root, tree.folder, copy=["node_modules/"], link=[])
    assert (tree.folder / "node_modules" / "a.js").read_text() == "a\n"


def test_links_lead_to_the_persons_checkout(project: Project, tree: Worktree) -> None:
    for _ in range(2):
        furnish(project.root, tree.folder, copy=[], link=["node_modules/"])
    assert (tree.folder / "node_modules").readlink() == project.root / "node_modules"


def test_neither_is_the_items_work_though_git_does_not_ignore_them(project: Project, tree: Worktree) -> None:
    (project.root / "odd [x] *").write_text("odd\n")
    start = tree.tip()
    furnish(project.root, tree.folder, copy=[".env", "odd*"], link=["node_modules"])
    (tree.folder / "work.txt").write_text("work\n")
    (tree.folder / "odd [x] y").write_text("work, too\n")
    evidence, state = tree.evidence(start, start=start)
    assert evidence.changed == ("odd [x] y", "work.txt")
    tree.keep(state, turn=1, token=1, start=start)
    tree.restore(name="x")
    assert (tree.folder / ".env").read_text() == "SECRET=1\n"
    assert (tree.folder / "node_modules").is_symlink()


def test_an_agents_own_git_leaves_them_out_too(project: Project, tree: Worktree) -> None:
    furnish(project.root, tree.folder, copy=[".env"], link=["node_modules"])
    (tree.folder / "work.txt").write_text("work\n")
    subprocess.run(["git", "add", "--all"], cwd=tree.folder, env=ENV | tree.environment(), check=True)
    assert project.git("diff", "--cached", "--name-only", at=tree.folder) == "work.txt"


def test_what_the_person_has_git_ignore_stays_ignored(project: Project, tree: Worktree, tmp_path: Path) -> None:
    (tmp_path / "ignore").write_text("*.swp\n")
    project.git("config", "core.excludesFile", str(tmp_path / "ignore"))
    start = tree.tip()
    furnish(project.root, tree.folder, copy=[".env"], link=[])
    (tree.folder / "file.txt.swp").write_text("x")
    assert tree.evidence(start, start=start)[0].changed == ()


def test_what_the_checkout_has_is_never_overwritten(project: Project, tree: Worktree) -> None:
    (project.root / "file.txt").write_text("a person's change\n")
    furnish(project.root, tree.folder, copy=["*.txt"], link=["文書"])
    assert (tree.folder / "file.txt").read_text() == "one\ntwo\nthree\n"
    assert not (tree.folder / "文書").is_symlink()


def test_cut_off_half_way_it_is_completed(project: Project, tree: Worktree) -> None:
    (tree.folder / ".deespec-furnishing").write_text("SEC")
    furnish(project.root, tree.folder, copy=[".env"], link=[])
    assert (tree.folder / ".env").read_text() == "SECRET=1\n"
    assert tree.state() == project.git("rev-parse", f"{tree.tip()}^{{tree}}")


def test_the_backlog_and_git_are_never_copied(project: Project, tree: Worktree) -> None:
    (project.root / ".deespec" / "deespec.db").write_text("x")
    furnish(project.root, tree.folder, copy=["**/*", "*"], link=[])
    assert not (tree.folder / ".deespec").exists()
    assert (tree.folder / ".git").is_file()
    assert (tree.folder / "node_modules" / "a.js").exists()


@pytest.mark.parametrize(
    "bad", ["../x", "/etc/passwd", "a/../../x", "~/x", "", ".", ".deespec/config.toml", "a/.GIT/x"]
)
@pytest.mark.parametrize("setting", ["copy", "link"])
def test_a_setting_that_leads_out_is_refused(project: Project, tree: Worktree, bad: str, setting: str) -> None:
    asked: dict[str, list[str]] = {"copy": [], "link": []} | {setting: [bad]}
    with pytest.raises(WorkspaceError, match=f"workspace.{setting}") as refused:
        furnish(project.root, tree.folder, **asked)
    assert refused.value.hint


@pytest.mark.parametrize(("copy", "link"), [(["secret"], []), (["out/*"], []), ([], ["out"]), ([], ["out/x"])])
def test_a_link_in_the_checkout_is_not_followed_out(
    project: Project, tree: Worktree, tmp_path: Path, copy: list[str], link: list[str]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("not of this project\n")
    (project.root / "secret").symlink_to(outside / "x")
    (project.root / "out").symlink_to(outside)
    with pytest.raises(WorkspaceError, match="leads out"):
        furnish(project.root, tree.folder, copy=copy, link=link)
    assert not os.path.lexists(tree.folder / "secret")
    assert not os.path.lexists(tree.folder / "out")


def test_a_link_in_the_worktree_is_not_written_through(project: Project, tree: Worktree, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tree.folder / "conf").symlink_to(tmp_path / "outside")
    (project.root / "conf").mkdir()
    (project.root / "conf" / "x").write_text("x")
    with pytest.raises(WorkspaceError, match="leads to"):
        furnish(project.root, tree.folder, copy=["conf/x"], link=[])
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_pipe_is_not_waited_for(project: Project, tree: Worktree) -> None:
    os.mkfifo(project.root / "pipe")
    furnish(project.root, tree.folder, copy=["pipe", "p*"], link=[])
    assert not (tree.folder / "pipe").exists()


def test_a_path_to_link_that_is_not_there_is_named(project: Project, tree: Worktree) -> None:
    with pytest.raises(WorkspaceError, match="there is no vendor"):
        furnish(project.root, tree.folder, copy=[], link=["vendor"])


# --- what is changed afterwards ---------------------------------------------------------------------------------------


def set_up(tree: Worktree, **files: str) -> None:
    """What a set-up command makes."""
    for name, text in files.items():
        (tree.folder / name.replace("_", ".")).write_text(text)
    adopt(tree.git, tree.folder)


def test_what_an_agent_changes_of_what_set_up_made_is_its_work(tree: Worktree) -> None:
    set_up(tree, lock_txt="1\n", other_txt="1\n")
    start = tree.tip()
    assert tree.evidence(start, start=start)[0].changed == ()
    (tree.folder / "lock.txt").write_text("1\n2\n")
    evidence, state = tree.evidence(start, start=start)
    assert evidence.changed == ("lock.txt",)
    kept = tree.keep(state, turn=1, token=1, start=start)
    assert tree.repository.git.run("show", f"{kept}:lock.txt") == "1\n2\n"


def test_a_change_that_keeps_size_and_time_is_a_change(tree: Worktree) -> None:
    set_up(tree, lock_txt="1\n")
    path, start = tree.folder / "lock.txt", tree.tip()
    before = path.stat()
    path.write_text("2\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert tree.evidence(start, start=start)[0].changed == ("lock.txt",)


def test_what_was_only_touched_or_written_anew_is_not_changed(project: Project, tree: Worktree) -> None:
    furnish(project.root, tree.folder, copy=[".env"], link=["node_modules"])
    set_up(tree, lock_txt="1\n")
    start = tree.tip()
    (tree.folder / "lock.txt").unlink()
    (tree.folder / "lock.txt").write_text("1\n")
    os.utime(tree.folder / ".env")
    assert tree.evidence(start, start=start)[0].changed == ()
    assert leftover(tree) == ()


def test_a_copied_file_that_git_does_not_ignore_is_work_when_it_was_changed(project: Project, tree: Worktree) -> None:
    furnish(project.root, tree.folder, copy=[".env"], link=[])
    start = tree.tip()
    (tree.folder / ".env").write_text("SECRET=2\n")
    assert tree.evidence(start, start=start)[0].changed == (".env",)
    assert leftover(tree) == ("not committed: .env",)


def test_a_changed_copy_that_git_ignores_is_no_work_and_keeps_the_worktree(project: Project, tree: Worktree) -> None:
    (project.root / "own.log").write_text("1\n")
    furnish(project.root, tree.folder, copy=["*.log"], link=[])
    assert leftover(tree) == ()
    start = tree.tip()
    (tree.folder / "own.log").write_text("1\n2\n")
    assert tree.evidence(start, start=start)[0].changed == ()
    assert leftover(tree) == ("ignored by Git, and perhaps wanted: own.log",)


def test_what_set_up_changes_of_what_was_copied_is_nobodys_work(project: Project, tree: Worktree) -> None:
    furnish(project.root, tree.folder, copy=[".env"], link=[])
    set_up(tree, _env="SECRET=1\nMADE=1\n")
    start = tree.tip()
    assert tree.evidence(start, start=start)[0].changed == ()
    assert leftover(tree) == ()


def test_a_list_that_an_older_release_wrote_still_counts(tree: Worktree) -> None:
    (tree.folder / "old.txt").write_text("x\n")
    private = Path(tree.git.run("rev-parse", "--absolute-git-dir").strip())
    (private / FURNISHED).write_text('["old.txt"]')
    start = tree.tip()
    assert tree.evidence(start, start=start)[0].changed == ()


def test_tracked_files_that_set_up_changed_are_put_back(project: Project, tree: Worktree) -> None:
    (tree.folder / "file.txt").write_text("set-up's\n")
    (tree.folder / "文書" / "読む.txt").unlink()
    set_up(tree, made_txt="1\n")
    start = tree.tip()
    assert sorted(tree.put_back_tracked()) == ["file.txt", "文書/読む.txt"]
    assert (tree.folder / "file.txt").read_text() == "one\ntwo\nthree\n"
    assert (tree.folder / "made.txt").exists()
    assert tree.evidence(start, start=start)[0].changed == ()
    assert tree.put_back_tracked() == ()


def test_who_has_lost_the_item_puts_nothing_back(project: Project, tree: Worktree) -> None:
    def refuse() -> None:
        raise WorkspaceError("lost")

    (tree.folder / "file.txt").write_text("the new owner's\n")
    late = Worktree(tree.repository, tree.folder, tree.owner, may_write=refuse)
    with pytest.raises(WorkspaceError, match="lost"):
        late.put_back_tracked()
    assert (tree.folder / "file.txt").read_text() == "the new owner's\n"
