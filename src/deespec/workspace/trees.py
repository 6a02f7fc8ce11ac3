"""Two commits become one tree, conflicts included, without a checkout: `git merge-tree` (Git 2.38)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.records import record

if TYPE_CHECKING:
    from deespec.workspace.git import Git


@record
class MergedTree:
    """What both together are."""

    tree: str
    """With markers in the files that Git could not merge."""
    conflicts: tuple[str, ...]
    """Every file that somebody has to look at, also where nothing could be marked; () if it merged."""
    unmerged: str
    """The versions of these files, as `git update-index --index-info -z` takes them."""


def merge_trees(git: Git, ours: str, theirs: str) -> MergedTree:
    """Exit 0 clean, 1 conflicts; then the tree, the versions of files in conflict, and messages (git-merge-tree(1))."""
    code, out, err = git.call("merge-tree", "--write-tree", "-z", "--messages", ours, theirs)
    if code not in (0, 1):
        raise WorkspaceError(f"git merge-tree failed in {git.root}: {err.strip() or out.strip()}")
    head, _, said = out.partition("\0\0")
    tree, *versions = head.rstrip("\0").split("\0")
    if code == 0:
        return MergedTree(tree=tree, conflicts=(), unmerged="")
    names = [version.partition("\t")[2] for version in versions] + _spoken_of(said.split("\0"))
    unmerged = "".join(f"{version}\0" for version in versions)
    return MergedTree(tree=tree, conflicts=tuple(sorted(set(names))), unmerged=unmerged)


def _spoken_of(words: list[str]) -> list[str]:
    """The files of all messages about conflicts: a count, as many paths, the kind and the words of each."""
    names = []
    while words and words[0].strip().isdigit():
        count = int(words[0])
        paths, kind, words = words[1 : count + 1], words[count + 1], words[count + 3 :]
        if kind.startswith("CONFLICT"):
            names += paths
    return names
