"""The target of the merge queue: what work would become of it, its gates' checkout, and the one move of its ref.

Nothing here needs a checkout to merge: `git merge-tree` makes the result's tree. The target is a branch that nobody has
checked out, so moving its ref disturbs no folder. The move is one ref transaction that also verifies the fence, a ref
each new owner of the queue moves first: whoever was overtaken moves nothing any more.
"""

from __future__ import annotations

import re
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.records import record
from deespec.workspace import registration
from deespec.workspace.checkouts import checkout_of
from deespec.workspace.cleaning import delete, set_aside
from deespec.workspace.messages import message
from deespec.workspace.repository import RefMove
from deespec.workspace.submodules import fill
from deespec.workspace.trees import merge_trees

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.workspace.git import Git
    from deespec.workspace.repository import Repository
    from deespec.workspace.worktree import Owner

TAKEN = "{target} is checked out in {folder}; nothing is merged while somebody works on it."
LEAVE = "git -C {folder} switch main, or: git -C {folder} switch --detach"
OLDEST_GIT = (2, 38)
STARTS_MOST = 100
"""How many answers of `fresh_start` are remembered."""
MAIL = "deespec <deespec@localhost>"


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
        self._starts: dict[tuple[str, str], str] = {}

    def tip(self) -> str | None:
        return self.repository.git.resolve(self.ref)

    def mark(self, backlog: str) -> str:
        """The ref that says that this backlog has made this branch, and where it began."""
        return f"refs/deespec/backlog/{backlog}/{self.name}"

    def checked_out(self) -> str | None:
        """The folder in which somebody has it checked out: moved below him, his next commit would take work back."""
        return checkout_of(self.repository, self.repository.git, self.name)

    def start(self, base: str, *, backlog: str) -> str:
        """The target's tip; makes it from the base if it is not there. Raises WorkspaceError if it is another's."""
        mark = self.mark(backlog)
        with self.repository.exclusive() as git:
            tip = git.resolve(self.ref)
            if tip is not None and git.resolve(mark) is not None:
                return tip
            commit = _branch_or_commit(git, base)
            moves = [RefMove(ref=self.ref, new=commit), RefMove(ref=mark, new=commit)]
            if git.resolve(mark) is not None:
                moves = moves[:1]  # somebody has deleted the target
            if not self.repository.move(git, moves):
                raise WorkspaceError(
                    f"There is a branch {self.name} that this backlog has not made.",
                    hint="Rename it, or choose another: deespec config set workspace.target NAME",
                )
            return commit

    def fresh_start(self, base: str) -> str:
        """The commit that a new item's branch begins at: the target with the base's new commits.

        In conflict with each other, the target's tip. No ref is moved, and the same two tips always give the same
        commit, which is also what `with_base` makes of them.
        """
        git = self.repository.git
        tip, _ = self._tip(git)
        other = _branch_or_commit(git, base)
        key = (tip, other)
        if key not in self._starts:
            if len(self._starts) >= STARTS_MOST:
                self._starts.clear()
            found = self._joined(git, tip, other, name=base)
            self._starts[key] = tip if isinstance(found, Conflict) else found
        return self._starts[key]

    def contains(self, commit: str) -> bool:
        tip = self.tip()
        return tip is not None and self.repository.contains(tip, other=commit)

    # --- what it would become: objects only, no ref is moved ---

    def with_base(self, base: str) -> Merged | Conflict | None:
        """What the target becomes with the base's new commits; None if it has them all. `base` is a branch or a commit.

        A target without anything of its own is moved forward.
        """
        with self.repository.exclusive() as git:
            tip, _ = self._tip(git)
            found = self._joined(git, tip, _branch_or_commit(git, base), name=base)
        if isinstance(found, Conflict):
            return found
        return None if found == tip else Merged(old=tip, new=found)

    def together(self, one: str, other: str) -> str | Conflict:
        """A commit that has both: one of the two where it contains the other, else a merge of them."""
        with self.repository.exclusive() as git:
            return self._joined(git, one, other, name=other)

    def merged(self, work: str, owner: Owner, *, how: How, subject: str, body: str = "") -> Merged | Conflict:
        """What the target becomes with this commit in it."""
        with self.repository.exclusive() as git:
            old, tree = self._tip(git)
            parents = (old, work) if how is How.MERGE else (old,)
            return self._with(git, old, tree, work, parents=parents, owner=owner, subject=subject, body=body)

    def reverted(
        self, merged_old: str, merged_new: str, *, owner: Owner, subject: str, body: str = "", onto: str | None = None
    ) -> Merged | Conflict:
        """What the target, or `onto`, becomes without the change between these two commits, as one commit."""
        with self.repository.exclusive() as git:
            old, tree = self._tip(git)
            if onto is not None:
                old, tree = onto, git.run("rev-parse", f"{onto}^{{tree}}").strip()
            if not self.repository.contains(old, other=merged_new):
                raise WorkspaceError(f"{merged_new[:12]} is not in {self.name}: there is nothing to take back.")
            # A commit on top of the change that has the files of before: merging it takes the change back.
            back = git.run("commit-tree", f"{merged_old}^{{tree}}", "-p", merged_new, stdin="back\n").strip()
            return self._with(git, old, tree, back, parents=(old,), owner=owner, subject=subject, body=body)

    # --- gates, and the move ---

    def checkout(self, commit: str, *, name: str) -> Path:
        """A folder with exactly the files of this commit, for gates. It is used again: what Git ignores goes, too."""
        folder = self.checkouts / name
        with self.repository.exclusive() as git:
            here = self._used_again(git, folder, commit)
            if here is None:
                words = ("worktree", "add", "--quiet", "--force", "--force", "--detach", str(folder), commit)
                git.run(*words, timeout_s=registration.WRITE_TIMEOUT_S)
                here = git.at(folder)
            fill(here, self.repository.common / "modules", root=self.repository.git.root)
        return folder

    def drop_checkout(self, name: str) -> None:
        """Removes such a folder; nothing in it was anybody's work. What another user alone may remove stays."""
        folder = self.checkouts / name
        with suppress(OSError), self.repository.exclusive() as git:
            if git.call("worktree", "remove", "--force", "--force", str(folder))[0] != 0:
                delete(folder)
                git.run("worktree", "prune")

    def take_fence(self, token: str) -> str:
        """From now on only who holds this value may move the target."""
        with self.repository.exclusive() as git:
            value = git.run("hash-object", "-w", "--stdin", stdin=token).strip()
            if git.call("update-ref", self.fence_ref, value)[0] != 0:  # a lock file that somebody dead has left
                now = self.fenced()
                if not self.repository.move(git, [RefMove(ref=self.fence_ref, new=value, old=now)]):
                    raise WorkspaceError(f"{self.fence_ref} cannot be moved.", hint="deespec doctor")
            return value

    def fenced(self) -> str | None:
        """The value that the fence has now."""
        code, out, _ = self.repository.git.call("rev-parse", "--verify", "--quiet", self.fence_ref)
        return out.strip() if code == 0 else None

    def advance(self, merged: Merged, *, fence: str) -> bool:
        """Moves the target. False: it was moved meanwhile, or another owner has the fence."""
        if merged.new == merged.old:
            return True
        with self.repository.exclusive() as git:
            if (folder := self.checked_out()) is not None:
                raise WorkspaceError(TAKEN.format(target=self.name, folder=folder), hint=LEAVE.format(folder=folder))
            move = RefMove(ref=self.ref, new=merged.new, old=merged.old)
            return self.repository.move(git, [move], verify={self.fence_ref: fence})

    # --- below ---

    def _used_again(self, git: Git, folder: Path, commit: str) -> Git | None:
        """The folder with the files of this commit; None where it has to be made, and there is room for it."""
        common = self.repository.common
        private = registration.private_folder(common, folder)
        if private is None or not registration.is_whole(common, folder):
            registration.move_away(common, folder)
            return None
        here = git.pinned(folder, private)
        try:
            registration.clear_locks(private)
            here.run("checkout", "--quiet", "--force", "--detach", commit, timeout_s=registration.WRITE_TIMEOUT_S)
            here.run("clean", "-ffdxq")
        except (OSError, WorkspaceError):  # a gate may have left what nobody, or only another user, may write
            set_aside(folder)
            return None
        return here

    def _tip(self, git: Git) -> tuple[str, str]:
        """The target's commit and its tree."""
        found = git.run("for-each-ref", "--format=%(objectname) %(tree)", self.ref).split()
        if len(found) != 2:
            raise WorkspaceError(f"The branch {self.name} is gone.", hint="deespec doctor")
        return found[0], found[1]

    def _with(
        self,
        git: Git,
        old: str,
        tree: str,
        work: str,
        *,
        parents: tuple[str, ...],
        owner: Owner,
        subject: str,
        body: str,
    ) -> Merged | Conflict:
        found = merge_trees(git, old, work)
        if found.conflicts:
            return Conflict(files=found.conflicts)
        if found.tree == tree:
            return Merged(old=old, new=old)
        new = self.repository.commit(git, found.tree, parents, subject=subject, uid=owner.uid, body=body, is_merge=True)
        return Merged(old=old, new=new)

    def _joined(self, git: Git, tip: str, other: str, *, name: str) -> str | Conflict:
        """The target with another's commits: one of the two where it contains the other, else a merge of both."""
        base = git.call("merge-base", tip, other)[1].strip()
        if base in (tip, other):
            return tip if base == other else other
        found = merge_trees(git, tip, other)
        if found.conflicts:
            return Conflict(files=found.conflicts)
        # Written by hand: with the time of its parents it is the same commit, whoever makes it and when.
        when = max(git.run("show", "--no-patch", "--format=%ct", tip, other).split(), key=int)
        said = message(subject=f"Merge {_shown(name)}", body="", uid=None)
        head = [f"tree {found.tree}", f"parent {tip}", f"parent {other}"]
        head += [f"{role} {MAIL} {when} +0000" for role in ("author", "committer")]
        text = "\n".join((*head, "", said))
        return git.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=text).strip()


def check_git(git: Git) -> None:
    """Raises WorkspaceError for a Git without merge-tree --write-tree."""
    found = re.search(r"(\d+)\.(\d+)", git.run("version"))
    if found is None or (int(found[1]), int(found[2])) < OLDEST_GIT:
        needed, there = ".".join(map(str, OLDEST_GIT)), found[0] if found else "unknown"
        raise WorkspaceError(
            f"Worktrees need Git {needed} or newer, and this is {there}.",
            hint="Upgrade Git, or: deespec config set workspace.mode shared",
        )


def _branch_or_commit(git: Git, name: str) -> str:
    """The branch of that name before a tag or whatever else has it. Raises WorkspaceError if there is no commit."""
    found = git.run("for-each-ref", "--format=%(objectname)", f"refs/heads/{name.removeprefix('refs/heads/')}").split()
    commit = found[0] if len(found) == 1 else git.resolve(name)
    if commit is None:
        raise WorkspaceError(f"{name} has no commit to begin from.", hint="Commit something there first.")
    return commit


def _shown(name: str) -> str:
    return name.removeprefix("refs/heads/").removeprefix("refs/deespec/remote/")
