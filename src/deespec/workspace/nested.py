"""Repositories inside the project's own: Git keeps but a link to each; here their files belong to the folder's state.

The private index keeps the links, as `git add` insists on them; they are replaced in a copy of it, before a tree is
written from that. Each repository inside has a private index of its own, which remembers what it has read.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING

from deespec.workspace.git import Git

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

DEEPEST = 5
"""Repositories within repositories that are looked into."""
LINK = "160000 "


def full_tree(
    git: Git, index: Path, *, known: Callable[[], Collection[str]] = tuple, depth: int = 0
) -> tuple[str, list[str]]:
    """A tree of the folder in which the repositories inside are folders, and where these are, relative to it.

    `known` tells which of them are submodules: they stay links to commits while nothing in them is uncommitted.
    """
    tree, is_complete = git.tree_of_folder(index)
    found = [] if depth > DEEPEST else _inside(git, index, is_complete=is_complete)
    if found:
        submodules = known()
        found = [root for root in found if root not in submodules or not _is_clean(git, root)]
    if not found:
        return tree, []
    own = index.with_name(f"{index.name}.full")
    shutil.copyfile(index, own)
    prefix = git.run("rev-parse", "--show-prefix").rstrip("\n")
    roots = []
    for root in found:
        below, deeper = full_tree(_of(git, root), _index(git, index, root), depth=depth + 1)
        roots += [root, *(f"{root}/{one}" for one in deeper)]
        git.run("update-index", "--index-info", index=own, stdin=f"0 {'0' * len(below)}\t{prefix}{root}\n")
        git.run("read-tree", f"--prefix={prefix}{root}/", below, index=own)
    return git.run("write-tree", index=own).strip(), roots


def _inside(git: Git, index: Path, *, is_complete: bool) -> list[str]:
    """Links in the index, and, where Git could not add everything, repositories that have no commit to link to."""
    links = git.run("ls-files", "--stage", "-z", index=index)
    names = [entry.partition("\t")[2] for entry in links.split("\0") if entry.startswith(LINK)] if LINK in links else []
    if not is_complete:
        others = git.run("ls-files", "--others", "--exclude-standard", "-z", index=index).split("\0")
        names += [name[:-1] for name in others if name.endswith("/")]
    return [name for name in names if os.path.lexists(git.root / name / ".git")]


def _is_clean(git: Git, root: str) -> bool:
    """Its own Git decides, with its submodules; not with the outer repository's as `_of` has it."""
    inner = Git(git.root / root, git.env)
    return not inner.run("status", "--porcelain", "--ignore-submodules=none")


def _of(git: Git, root: str) -> Git:
    """The folder of a repository inside, as if it were one of the outer repository."""
    made = Git(git.root / root, git.env)
    folder = git.run("rev-parse", "--absolute-git-dir").rstrip("\n")
    made.env |= {"GIT_DIR": folder, "GIT_WORK_TREE": str(git.root / root)}
    return made


def _index(git: Git, index: Path, root: str) -> Path:
    path = index.with_name(f"{index.name}.{hashlib.sha256(root.encode(errors='surrogateescape')).hexdigest()[:16]}")
    if not path.exists():
        git.run("read-tree", "--empty", index=path)
    return path
