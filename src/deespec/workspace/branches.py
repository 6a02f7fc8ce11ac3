"""The commit of a branch, read from Git's own files: starting Git would be most of a short command's time.

gitrepository-layout(5). Where a repository keeps its refs in another way, nothing is said.
"""

from __future__ import annotations

import os
import re

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def commit_of(root: str | os.PathLike[str], branch: str | None) -> str | None:
    """The commit that the branch is at; without a name, the branch that is checked out. None if that cannot be told."""
    try:
        folder = _folder(root)
        ref = f"refs/heads/{branch}" if branch else _text(folder, "HEAD").removeprefix("ref: ")
        found = _text(folder, ref) if os.path.exists(os.path.join(folder, ref)) else _packed(folder, ref)
    except (OSError, ValueError):
        return None
    return found if _ID.fullmatch(found) else None


def _folder(root: str | os.PathLike[str]) -> str:
    own = os.path.join(root, ".git")
    if os.path.isdir(own):
        return own
    with open(own, encoding="utf-8") as file:  # a submodule, or a linked worktree, whose refs are elsewhere
        return os.path.join(root, file.read().strip().removeprefix("gitdir: "))


def _text(folder: str, name: str) -> str:
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return file.read(4096).strip()


def _packed(folder: str, ref: str) -> str:
    with open(os.path.join(folder, "packed-refs"), encoding="utf-8") as file:
        return next((line.split(" ")[0] for line in file if line.rstrip().endswith(f" {ref}")), "")
