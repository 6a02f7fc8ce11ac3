"""The target of the merge queue: what work would become of it, its gates' checkout, and the one move of its ref.

Nothing here needs a checkout to merge: `git merge-tree` (Git 2.38) makes the result's tree. The target is a branch that
nobody has checked out, so moving its ref disturbs no folder. The move is one ref transaction that also verifies the
fence, a ref each new owner of the queue moves first: whoever was overtaken moves nothing any more.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.records import record
from deespec.workspace.repository import RefMove

if TYPE_CHECKING:
    from deespec.workspace.git import Git
    from deespec.workspace.repository import Repository
    from deespec.workspace.worktree import Owner

OLDEST_GIT = (2, 38)
NEVER = "0" * 40


class How(StrEnum):
    """How work gets into the target."""

    REBASE = "rebase"
    """One commit on top, so that the target's history is a line."""
    SQUASH = "squash"
    MERGE = "merge"
    """A merge commit, below which all turns stay."""


@record
class Merged:
    """What the target would become."""

    old: str
    new: str
    """The same as `old`: the target has it all already."""


@record
class Conflict:
    files: tuple[str, ...]


class Target:
    """A branch that work is merged into."""

    def __init__(self, repository: Repository, name: str, *, checkouts: Path) -> None:
        self.repository = repository
        self.name = name
        self.ref = f"refs/heads/{name}"
        self.fence_ref = f"refs/deespec/fence/{name}"
        self.checkouts = checkouts
        """Where the folders for gates are."""

    def tip(self) -> str | None:
        return self.repository.git.resolve(self.ref)

    def start(self, base: str, *, backlog: str) -> str:
        """The target's tip; makes it from the base if it is not there. Raises WorkspaceError if it is another's."""
        mark = f"refs/deespec/backlog/{backlog}"
        with self.repository.exclusive() as git:
            tip = git.resolve(self.ref)
            if tip is not None and git.resolve(mark) is not None:
                return tip
            commit = git.resolve(base)
            if commit is None:
                raise WorkspaceError(f"{base} has no commit to begin from.", hint="Commit something there first.")
            moves = [RefMove(ref=self.ref, new=commit), RefMove(ref=mark, new=commit)]
            if git.resolve(mark) is not None:
                moves = moves[:1]  # somebody has deleted the target
            if not self.repository.move(git, moves):
                raise WorkspaceError(
                    f"There is a branch {self.name} that this backlog has not made.",
                    hint="Rename it, or choose another: deespec config set workspace.target NAME",
                )
            return commit

    def contains(self, commit: str) -> bool:
        tip = self.tip()
        return tip is not None and self.repository.contains(tip, other=commit)

    def merged(self, work: str, owner: Owner, *, how: How, subject: str, body: str = "") -> Merged | Conflict:
        """What the target becomes with this commit in it. Makes objects only; no ref is moved."""
        with self.repository.exclusive() as git:
            old = git.resolve(self.ref)
            if old is None:
                raise WorkspaceError(f"The branch {self.name} is gone.", hint="deespec doctor")
            if self.repository.contains(old, other=work):
                return Merged(old=old, new=old)
            found = _merge_trees(git, old, work)
            if isinstance(found, Conflict):
                return found
            if found == git.run("rev-parse", f"{old}^{{tree}}").strip():
                return Merged(old=old, new=old)
            parents = (old, work) if how is How.MERGE else (old,)
            new = self.repository.commit(git, found, parents, subject=subject, uid=owner.uid, body=body)
            return Merged(old=old, new=new)

    def checkout(self, commit: str, *, name: str) -> Path:
        """A folder with exactly the files of this commit, for gates. It is used again: what Git ignores goes, too."""
        folder = self.checkouts / name
        with self.repository.exclusive() as git:
            if not (folder / ".git").is_file():
                git.run("worktree", "prune")
                git.run("worktree", "add", "--quiet", "--force", "--detach", str(folder), commit)
                return folder
            here = git.at(folder)
            here.run("checkout", "--quiet", "--force", "--detach", commit)
            here.run("clean", "-ffdxq")
        return folder

    def take_fence(self, token: str) -> str:
        """From now on only who holds this value may move the target."""
        with self.repository.exclusive() as git:
            value = git.run("hash-object", "-w", "--stdin", stdin=token).strip()
            git.run("update-ref", self.fence_ref, value)
            return value

    def advance(self, merged: Merged, *, fence: str) -> bool:
        """Moves the target. False: it was moved meanwhile, or another owner has the fence."""
        if merged.new == merged.old:
            return True
        with self.repository.exclusive() as git:
            move = RefMove(ref=self.ref, new=merged.new, old=merged.old)
            return self.repository.move(git, [move], verify={self.fence_ref: fence})


def check_git(git: Git) -> None:
    """Raises WorkspaceError for a Git without merge-tree --write-tree."""
    found = re.search(r"(\d+)\.(\d+)", git.run("version"))
    if found is None or (int(found[1]), int(found[2])) < OLDEST_GIT:
        needed, there = ".".join(map(str, OLDEST_GIT)), found[0] if found else "unknown"
        raise WorkspaceError(
            f"Worktrees need Git {needed} or newer, and this is {there}.",
            hint="Upgrade Git, or: deespec config set workspace.mode shared",
        )


def _merge_trees(git: Git, ours: str, theirs: str) -> str | Conflict:
    """The tree of both together (git-merge-tree(1): exit 0 clean, 1 conflicts; tree, then files, then messages)."""
    code, out, err = git.call("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs)
    if code not in (0, 1):
        raise WorkspaceError(f"git merge-tree failed: {err.strip() or out.strip()}")
    tree, *files = [part for part in out.split("\0") if part]
    return tree if code == 0 else Conflict(files=tuple(files))
