"""Which folder has a branch checked out, and whether its person is in the middle of something with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError

if TYPE_CHECKING:
    from deespec.workspace.git import Git
    from deespec.workspace.repository import Repository

UNFINISHED = {
    "MERGE_HEAD": "A merge",
    "CHERRY_PICK_HEAD": "A cherry-pick",
    "REVERT_HEAD": "A revert",
    "rebase-merge": "A rebase",
    "rebase-apply": "A rebase",
}
"""What Git keeps in a checkout's own folder while it waits for a person."""


def checkout_of(repository: Repository, git: Git, branch: str) -> str | None:
    """The folder that has this branch checked out; None if nobody has.

    A worktree whose folder was deleted does not count. Raises WorkspaceError if the branch cannot be moved: a rebase
    or a bisect of it is going on, two folders have it, or the one that has it cannot be reached.
    """
    _bar_rebase(repository, branch)
    found = []
    for entry in git.run("worktree", "list", "--porcelain", "-z").split("\0\0"):
        facts = dict(line.partition(" ")[::2] for line in entry.split("\0"))
        if facts.get("branch") != f"refs/heads/{branch}":
            continue
        if os.path.isdir(facts["worktree"]):
            found.append(facts["worktree"])
        elif "locked" in facts:
            raise WorkspaceError(
                f"{branch} is checked out in {facts['worktree']}, which is locked and cannot be reached from here.",
                hint="Make it reachable, or: git worktree unlock, git worktree prune",
            )
    if len(found) > 1:
        raise WorkspaceError(
            f"{branch} is checked out in {len(found)} folders: {', '.join(found)}.",
            hint=f"Leave it checked out in one: git -C {found[-1]} switch --detach",
        )
    return found[0] if found else None


def private_of(here: Git) -> Path:
    """Git's own folder for this checkout, which holds its index."""
    return Path(here.run("rev-parse", "--path-format=absolute", "--git-dir").rstrip("\n"))


def bar_unfinished(here: Git) -> None:
    """Raises WorkspaceError if a merge or the like waits for its person in this checkout."""
    private = private_of(here)
    for name, what in UNFINISHED.items():
        if os.path.lexists(private / name):
            raise WorkspaceError(f"{what} is going on in {here.root}.", hint="Finish it, then: deespec land")


def _bar_rebase(repository: Repository, branch: str) -> None:
    """While a branch is rebased or bisected, its checkout is on no branch, and Git moves the branch at the end."""
    others = repository.common / "worktrees"
    for private in (repository.common, *(sorted(others.iterdir()) if others.is_dir() else ())):
        for name, what in (
            ("rebase-merge/head-name", "A rebase"),
            ("rebase-apply/head-name", "A rebase"),
            ("BISECT_START", "A bisect"),
        ):
            try:
                said = (private / name).read_text(encoding="utf-8", errors="replace").strip()
            except OSError:
                continue
            if said.removeprefix("refs/heads/") == branch:
                raise WorkspaceError(f"{what} of {branch} is going on ({private / name}).", hint="Finish it first.")
