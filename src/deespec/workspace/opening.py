"""Whether items can have worktrees here: what has to be true of the project's repository, and the way out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.workspace.git import Git
from deespec.workspace.merging import check_git
from deespec.workspace.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SHARED = "Or work in the folder itself: deespec config set workspace.mode shared"
NAME_IT = "Name the branch that work lands on: deespec config set workspace.base main"


def open_repository(root: Path, env: Mapping[str, str]) -> Repository:
    """The repository whose top folder this is. Raises WorkspaceError, with the way out, if there is no such thing."""
    git = Git(root, env)
    try:
        code, out, _ = git.call("rev-parse", "--is-inside-work-tree", "--show-toplevel")
    except FileNotFoundError:
        raise WorkspaceError("Git is not installed; worktrees need it.", hint=SHARED) from None
    words = out.splitlines()
    if code != 0 or words[:1] != ["true"]:
        bare = git.call("rev-parse", "--is-bare-repository")[1].strip() == "true"
        what = "a bare repository: it has no folder to work from" if bare else "not a Git repository that can be read"
        raise WorkspaceError(f"{root} is {what}.", hint=SHARED)
    if not os.path.samefile(words[1], root):
        raise WorkspaceError(
            f"{root} is a folder inside of the repository {words[1]}; worktrees are made of whole repositories.",
            hint=f"deespec init {words[1]}. {SHARED}",
        )
    check_git(git)
    return Repository(root, env)


def checked_out(repository: Repository) -> str:
    """The branch that the project's own checkout is on. Raises WorkspaceError for a detached HEAD."""
    code, out, _ = repository.git.call("symbolic-ref", "--short", "--quiet", "HEAD")
    if code != 0:
        raise WorkspaceError("HEAD is detached: no branch is checked out.", hint=NAME_IT)
    return out.strip()
