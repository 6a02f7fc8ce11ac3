"""Taking worktrees away: only when everything in them is reachable or can be made again, whoever is killed meanwhile.

A worktree goes in this order: its folder and its registration get other names, its branch goes, then what was renamed.
Whatever is left of that, the next call finds and finishes. Refs below refs/deespec stay.
"""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.workspace import registration
from deespec.workspace.furnish import unchanged

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
REMOVING = "removing"
"""How the name of a folder ends that is being taken away; with a number where several are."""
GONE = "deespec-removing"
"""In Git's common folder: registrations that are being taken away."""


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
    if ignored := _ignored(git, {*unchanged(private), *furnished}):
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
        going, gone = folder.with_name(f"{folder.name}.{REMOVING}"), repository.common / GONE / folder.name
        _delete(going)
        _delete(gone)
        private = registration.private_folder(repository.common, folder)
        if private is not None:
            _keep_log(worktree, git, private)
        if os.path.lexists(folder):
            _rename(folder, going)
        if private is not None:
            _rename(private, gone)
        if not keep_branch:
            _drop_branch(worktree, git)
    _delete(gone)
    _delete(going)
    return ()


def set_aside(folder: Path) -> None:
    """Makes room where a folder was that nobody needs, and deletes of it what can be deleted."""
    for number in range(1, registration.BESIDE_MOST):
        aside = folder.with_name(f"{folder.name}.{REMOVING}-{number}")
        if not os.path.lexists(aside):
            _rename(folder, aside)
            with suppress(OSError):
                (aside / ".git").unlink()  # it leads to what the new folder may get
            delete(aside)
            return
    raise WorkspaceError(f"{folder.parent} holds {registration.BESIDE_MOST} folders {folder.name}.{REMOVING}-N.")


def delete(folder: Path) -> OSError | None:
    """Removes a folder, or all of it that can be removed; what kept the rest, as files of another user."""
    kept: list[OSError] = []
    tried: set[str] = set()

    def open_up(act: Callable[[str], object], path: str, _: object) -> None:
        """An agent may have taken away the right to write; another worker may be taking it away, too."""
        try:
            for one in (os.path.dirname(path), path):
                if os.path.lexists(one) and not os.path.islink(one):
                    os.chmod(one, stat.S_IRWXU)
            if act not in (os.open, os.scandir):
                act(path)
            elif path not in tried:
                tried.add(path)
                shutil.rmtree(path, onerror=open_up)
        except FileNotFoundError:
            return
        except OSError as error:
            kept.append(error)

    if os.path.lexists(folder):
        shutil.rmtree(folder, onerror=open_up)
    if not os.path.lexists(folder):
        return None
    return kept[0] if kept else OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(folder))


def how_to_remove(folder: Path) -> str:
    return f"sudo rm -rf {shlex.quote(str(folder))}"


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
    """Raises WorkspaceError for what only another user may remove."""
    if error := delete(folder):
        raise WorkspaceError(f"{_words(error, folder)}.", hint=how_to_remove(folder))


def _rename(path: Path, new: Path) -> None:
    try:
        new.parent.mkdir(exist_ok=True)
        os.rename(path, new)
    except OSError as error:
        raise WorkspaceError(f"{_words(error, path)}.", hint=how_to_remove(path)) from error


def _words(error: OSError, folder: Path) -> str:
    return f"{error.filename or folder} cannot be removed: {error.strerror or error}"
