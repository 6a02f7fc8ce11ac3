"""What Git has written down about a worktree, read from the repository's side: an agent owns the other side.

A worktree is a folder with a file `.git` that names Git's private folder for it, which names the folder in turn.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from deespec.errors import WorkspaceError
from deespec.workspace.git import Git

WRITE_TIMEOUT_S = 900
"""For all files of a large repository."""
QUICK = ("core.fsync=none",)
"""Files that can be written anew: whatever a power cut leaves half made is made again. (Refs are on disk before.)"""
BESIDE_MOST = 10_000
READY = "deespec-ready"
"""In Git's folder for a worktree: it is whole, and its set-up has run."""
INITIALIZING = "initializing"
"""Why Git itself locks a worktree while it makes it (git-worktree(1))."""
LOCKS = ("index.lock", "HEAD.lock")
OPERATIONS = (
    *("MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "MERGE_RR", "AUTO_MERGE", "SQUASH_MSG"),
    *("CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "BISECT_START", "BISECT_LOG"),
    *("rebase-merge", "rebase-apply", "sequencer"),
)
"""What a merge, a rebase and the like leave while they are under way."""


def private_folder(common: Path, folder: Path) -> Path | None:
    """Git's own folder for the worktree that it has registered here; None if there is none."""
    wanted = _real(folder)
    for path in (common / "worktrees" / folder.name, *_all(common)):
        if _place(path) == wanted:
            return path
    return None


def add(git: Git, folder: Path, branch: str) -> None:
    """Makes the worktree of a branch, also where Git still knows one that is gone. Under the mutex."""
    quick = Git(git.root, git.env, inherits=git.inherits, settings=QUICK)
    name = branch.removeprefix("refs/heads/")
    quick.run(
        *("worktree", "add", "--quiet", "--force", "--force", str(folder.absolute()), name), timeout_s=WRITE_TIMEOUT_S
    )


def private_by_folder(folder: Path) -> Path | None:
    """Git's own folder for what is checked out here, by the folder's word, if that leads back; for a folder in which
    nobody has worked yet."""
    private = Path(os.path.realpath(os.path.join(folder, _text(folder / ".git").removeprefix("gitdir: "))))
    return private if _place(private) == _real(folder) else None


def is_whole(common: Path, folder: Path) -> bool:
    """Is it a worktree that Git has finished making, and which leads back to its registration?"""
    private = private_folder(common, folder)
    if private is None or is_half_made(private):
        return False
    there = _text(folder / ".git")
    if not there.startswith("gitdir: "):
        return False
    return os.path.realpath(os.path.join(folder, there.removeprefix("gitdir: "))) == os.path.realpath(private)


def is_half_made(private: Path) -> bool:
    """Was `git worktree add` cut off here? (A person's own lock has another reason.)"""
    return _text(private / "locked") == INITIALIZING or not (private / "index").is_file()


def is_on(private: Path, branch: str) -> bool:
    return _text(private / "HEAD") == f"ref: {branch}"


def move_away(common: Path, folder: Path) -> None:
    """Makes room for a worktree. What lies in the way is kept beside it, as an agent may have made it.

    Not so what Git was making when it was killed: nobody has worked there yet.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    private = private_folder(common, folder)
    if private is not None and _text(private / "locked") == INITIALIZING and not (private / READY).exists():
        shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        aside = put_beside(folder, folder)
        if private is not None and not aside.is_symlink() and _text(aside / ".git").startswith("gitdir: "):
            (aside / ".git").unlink()  # it leads to what the new worktree may get
    if private is not None and is_half_made(private):
        shutil.rmtree(private)


def put_beside(path: Path, folder: Path) -> Path:
    """Moves something out of a worktree's folder, or that itself, to where nobody works; the new place."""
    for number in range(1, BESIDE_MOST):
        aside = folder.with_name(f"{folder.name}.kept-{number}")
        if not os.path.lexists(aside):
            os.rename(path, aside)
            return aside
    raise WorkspaceError(f"{folder.parent} holds {BESIDE_MOST} folders {folder.name}.kept-N.", hint="deespec gc")


def clear_locks(private: Path) -> None:
    """Of a Git that is dead: whoever calls has the repository's mutex, and nobody else works in the folder."""
    for name in LOCKS:
        (private / name).unlink(missing_ok=True)


def end_operations(private: Path) -> None:
    for name in OPERATIONS:
        path = private / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


# --- below ---


def _all(common: Path) -> list[Path]:
    try:
        return sorted((common / "worktrees").iterdir())
    except FileNotFoundError:
        return []


def _place(private: Path) -> Path | None:
    """By Git's own words, absolute or (extensions.relativeWorktrees) from the private folder."""
    said = _text(private / "gitdir")
    if not said.endswith("/.git"):
        return None
    return _real((private / said).parent)


def _real(folder: Path) -> Path:
    """With links above it resolved, not itself: an agent may have replaced it."""
    return Path(os.path.realpath(folder.parent)) / folder.name


def _text(path: Path) -> str:
    """Of a small regular file; empty if it is none."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return ""
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            return file.read(100_000).rstrip("\n")
    except OSError:
        return ""
