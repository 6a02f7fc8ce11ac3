"""Taking worktrees away: only when everything in them is reachable or can be made again, whoever is killed meanwhile.

A worktree goes in this order: its folder gets another name, its registration goes, its branch, then the renamed folder.
Whatever is left of that, the next call finds and finishes. Refs below refs/deespec stay.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.workspace import registration
from deespec.workspace.furnish import furnished as names_furnished

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from deespec.workspace.git import Git
    from deespec.workspace.worktree import Worktree

CACHES = frozenset(
    {
        *("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox", ".eggs"),
        *("node_modules", ".venv", "venv", "target", "dist", "build", "coverage", "htmlcov", ".coverage"),
        *(".gradle", ".next", ".nuxt", ".turbo", ".parcel-cache", ".cache", ".ipynb_checkpoints", ".DS_Store"),
    }
)
CACHE_ENDS = (".pyc", ".pyo", ".egg-info", ".o", ".tsbuildinfo")
"""What tools make again, by its own name or that of a folder above it."""
SHOWN = 10
COMMITS_MOST = 1_000
"""Commits of a worktree's own log that are looked at."""


def leftover(worktree: Worktree, *, furnished: Sequence[str] = ()) -> tuple[str, ...]:
    """Why this worktree must be kept, in words; () if nothing would be lost with it.

    `furnished` names what was put there beside what the worktree itself remembers of that.
    """
    private = registration.private_folder(worktree.repository.common, worktree.folder)
    if not os.path.lexists(worktree.folder):
        return ()
    if private is None or not registration.is_whole(worktree.repository.common, worktree.folder):
        return (f"{worktree.folder} is no worktree that Git knows",)
    git, reasons = worktree.git, []
    state, inside = worktree.look()
    head = git.head()
    if head is None:
        reasons.append("it has no commit checked out")
    elif changed := git.differing(head, state):
        reasons.append(f"not committed: {_some(changed)}")
    if count := _unkept(worktree, git, [one for one in (head, worktree.refs.tip()) if one]):
        reasons.append(f"{count} commits that no ref below refs/deespec holds")
    if ignored := _ignored(git, {*names_furnished(private), *furnished}):
        reasons.append(f"ignored by Git, and perhaps wanted: {_some(ignored)}")
    if inside:
        reasons.append(f"repositories of their own: {_some(inside)}")
    if own := _own_commits(git, private / "modules"):
        reasons.append(f"commits in submodules: {_some(own)}")
    return tuple(reasons)


def remove(worktree: Worktree, *, furnished: Sequence[str] = (), keep_branch: bool = False) -> tuple[str, ...]:
    """Takes away worktree and branch, or says why not; also completes a call that was cut off."""
    repository, folder = worktree.repository, worktree.folder
    with repository.exclusive() as git:
        if reasons := leftover(worktree, furnished=furnished):
            return reasons
        going = folder.with_name(f"{folder.name}.removing")
        _delete(going)
        private = registration.private_folder(repository.common, folder)
        if private is not None:
            _keep_log(worktree, git, private)
        if os.path.lexists(folder):
            os.rename(folder, going)
        if private is not None:
            _delete(private)
        if not keep_branch:
            _drop_branch(worktree, git)
    _delete(going)
    return ()


# --- what it holds ---


def _unkept(worktree: Worktree, git: Git, commits: Sequence[str]) -> int:
    """How many commits below these no ref of the item holds."""
    if not commits:
        return 0
    kept = [f"--glob=refs/deespec/{name}" for name in worktree.refs.names()]
    return int(git.run("rev-list", "--count", *commits, "--not", *kept))


def _own_commits(git: Git, modules: Path) -> list[str]:
    """Submodules with commits that the checkout they were cloned from does not have."""
    found = []
    for folder, below, files in os.walk(modules):
        if "HEAD" in files and "objects" in below:
            below[:] = [name for name in below if name == "modules"]
            told = ("--git-dir", folder, "rev-list", "--count", "--all", "HEAD", "--not", "--remotes")
            if git.run(*told).strip() != "0":
                found.append(os.path.relpath(folder, modules))
    return found


def _ignored(git: Git, furnished: set[str]) -> list[str]:
    listed = git.run("ls-files", "--others", "--ignored", "--exclude-standard", "-z").split("\0")
    return [name for name in listed if name and name not in furnished and not _can_be_made_again(name)]


def _can_be_made_again(name: str) -> bool:
    return any(part in CACHES or part.endswith(CACHE_ENDS) for part in name.rstrip("/").split("/"))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


# --- taking it away; under the mutex ---


def _keep_log(worktree: Worktree, git: Git, private: Path) -> None:
    """Commits that an agent made and dropped again are in the worktree's own log only, which goes with it."""
    try:
        lines = (private / "logs" / "HEAD").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    ids = list(dict.fromkeys(line.split(" ", 2)[1] for line in reversed(lines) if line.count(" ") >= 2))
    there = [one for one in ids[:COMMITS_MOST] if set(one) != {"0"} and git.resolve(one) is not None]
    if there and _unkept(worktree, git, there):
        worktree.refs.save(git, f"{there[0]}^{{tree}}", there, name="dropped")


def _drop_branch(worktree: Worktree, git: Git) -> None:
    """WorkspaceError if no ref of the item's holds what the branch is at."""
    tip = worktree.refs.tip()
    if tip is None:
        return
    if _unkept(worktree, git, [tip]):
        raise WorkspaceError(f"The branch of {worktree.owner.item} holds commits that are not kept elsewhere.")
    git.run("update-ref", "--stdin", stdin=f"delete {worktree.refs.branch()} {tip}\n")


def _delete(folder: Path) -> None:
    if os.path.lexists(folder):
        shutil.rmtree(folder, onerror=_open_up)


def _open_up(act: Callable[[str], object], path: str, _: object) -> None:
    """An agent may have taken away the right to write; another worker may be taking it away, too."""
    with suppress(FileNotFoundError):
        for one in (os.path.dirname(path), path):
            if not os.path.islink(one):
                os.chmod(one, stat.S_IRWXU)
        if act in (os.open, os.scandir):
            shutil.rmtree(path, onerror=_open_up)
        else:
            act(path)
