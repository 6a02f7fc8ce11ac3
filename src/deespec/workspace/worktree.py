"""An item's own folder: a worktree on a branch of its own, made from the target, and what the engine keeps of it.

A branch is the item's if its commits carry the item's uid in their trailer; no other is ever moved. What an agent left,
committed or not, becomes one commit of the engine's after each turn, under a ref that nothing moves again.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.model.reports import Evidence
from deespec.records import record
from deespec.workspace.nested import full_tree
from deespec.workspace.repository import RefMove

if TYPE_CHECKING:
    from deespec.workspace.git import Git
    from deespec.workspace.repository import Repository

DIFF_BYTES = 200_000
DIFF_FILES = 500
READY = "deespec-ready"
"""In Git's folder for the worktree: it is whole, and its set-up has run."""


@record
class Owner:
    """The item a worktree belongs to."""

    item: str
    uid: str


class Worktree:
    """One item's folder. Only the owner of the item's claim works with it."""

    def __init__(self, repository: Repository, folder: Path, owner: Owner, *, target: str) -> None:
        self.repository = repository
        self.folder = folder
        self.owner = owner
        self.target = target
        """The branch that work is merged into, as a full ref."""
        self.git: Git = repository.git.at(folder)

    # --- making it ---

    def prepare(self) -> bool:
        """Makes the worktree unless it is there. True: it is not ready yet, so its set-up has to run."""
        if self._is_ours():
            return not (self._private() / READY).exists()
        with self.repository.exclusive() as git:
            branch = self._branch(git)
            self._move_away()
            git.run("worktree", "prune")
            git.run(
                "worktree", "add", "--quiet", "--force", "--force", str(self.folder), branch.removeprefix("refs/heads/")
            )
        return True

    def ready(self) -> None:
        """Its set-up has succeeded."""
        (self._private() / READY).touch()

    def is_ready(self) -> bool:
        return self._is_ours() and (self._private() / READY).exists()

    # --- looking at it ---

    def state(self) -> str:
        """The tree of all files that Git does not ignore."""
        return self._state()[0]

    def _state(self) -> tuple[str, list[str]]:
        """The same, and where repositories lie inside of the worktree."""
        return full_tree(self.git, self._private() / "deespec-index")

    def evidence(self, start: str) -> tuple[Evidence, str]:
        """What differs from the state at the turn's start, committed or not, and the state now."""
        now, inside = self._state()
        changed = [] if start == now else self.git.differing(start, now)
        nested = tuple(root for root in inside if any(name.startswith(f"{root}/") for name in changed))
        forbidden = tuple(filter(is_ours, changed))
        return Evidence(changed=tuple(changed), alone=True, forbidden=forbidden, nested=nested), now

    def diff(self, start: str, now: str, files: tuple[str, ...]) -> str:
        """The change as a patch for a reviewer, cut where it grows too long."""
        if not files:
            return ""
        if len(files) > DIFF_FILES:
            return f"{len(files)} files changed; too many to show.\n"
        text = self.git.diff(start, now, list(files))
        if len(text) > DIFF_BYTES:
            return text[:DIFF_BYTES] + f"\n… {len(text) - DIFF_BYTES} more characters\n"
        return text

    def tip(self) -> str:
        """The commit that the item's branch is at."""
        found = self.git.resolve(self._own_branch())
        assert found is not None, f"{self.folder} has lost its branch"
        return found

    # --- keeping what it holds ---

    def keep(self, state: str, *, turn: int, token: int, start: str) -> str:
        """Commits this state to the item's branch and under the turn's ref; the commit's id.

        `start` is the commit the turn began at. Commits of the agent's own are kept below it if they go on from there;
        else, after a rebase or a change of branch, as a second parent.
        """
        branch = self._own_branch()
        with self.repository.exclusive() as git:
            here = git.at(self.folder)
            head = here.head() or start
            parents = [head] if self.repository.contains(head, other=start) else [start, head]
            now = here.resolve(branch)
            commit = self.repository.commit(
                here, state, parents, subject=f"{self.owner.item} turn {turn}", uid=self.owner.uid
            )
            moves = [RefMove(ref=f"refs/deespec/{self._own_name()}/turn-{turn}.{token}", new=commit)]
            if not self.repository.move(git, [*moves, RefMove(ref=branch, new=commit, old=now)]):
                raise WorkspaceError(f"{branch} was moved while {self.owner.item} was worked on.")
            here.run("symbolic-ref", "HEAD", branch)
            here.run("read-tree", state)
        return commit

    def restore(self, *, name: str) -> tuple[str, ...]:
        """Puts the folder back to the item's branch, as after a review; what differed is kept under a ref."""
        tip, state = self.tip(), self.state()
        changed = tuple(self.git.differing(tip, state))
        head = self.git.head()
        if not changed and head == tip:
            return ()
        with self.repository.exclusive() as git:
            here = git.at(self.folder)
            parents = [tip] if head in (tip, None) else [tip, head]
            commit = self.repository.commit(
                here, state, [one for one in parents if one], subject=f"{self.owner.item} {name}", uid=self.owner.uid
            )
            self.repository.move(git, [RefMove(ref=f"refs/deespec/{self._own_name()}/{name}", new=commit)])
            here.run("symbolic-ref", "HEAD", self._own_branch())
            here.run("reset", "--hard", "--quiet", tip)
            here.run("clean", "-ffdq")
        return changed

    # --- below ---

    def _is_ours(self) -> bool:
        """Is it registered with Git, on the item's branch, and not left half made?"""
        if not (self.folder / ".git").is_file():
            return False
        try:
            private = self._private()
            branch = self._own_branch()
        except WorkspaceError:
            return False
        if (private / "locked").exists():  # `worktree add` was cut off
            return False
        return self.git.resolve(branch) is not None

    def _private(self) -> Path:
        """Git's own folder for this worktree."""
        return Path(self.git.run("rev-parse", "--path-format=absolute", "--git-dir").strip())

    def _names(self) -> tuple[str, str]:
        return self.owner.item, f"{self.owner.item}-{self.owner.uid[-6:].lower()}"

    def _own_name(self) -> str | None:
        """The first of the possible names that begins with a commit of this item's."""
        for name in self._names():
            begin = self.repository.git.resolve(f"refs/deespec/{name}/begin")
            if begin is not None and self.repository.owner(begin) == self.owner.uid:
                return name
        return None

    def _own_branch(self) -> str:
        name = self._own_name()
        if name is None:
            raise WorkspaceError(f"{self.owner.item} has no branch.")
        return f"refs/heads/deespec/{name}"

    def _branch(self, git: Git) -> str:
        """The item's branch, made from the target if it is not there."""
        name = self._own_name()
        if name is not None:
            return f"refs/heads/deespec/{name}"
        start = git.resolve(self.target)
        if start is None:
            raise WorkspaceError(f"There is no {self.target} to begin from.")
        tree = git.run("rev-parse", f"{start}^{{tree}}").strip()
        commit = self.repository.commit(git, tree, [start], subject=f"{self.owner.item} begins", uid=self.owner.uid)
        for name in self._names():
            refs = f"refs/deespec/{name}/begin", f"refs/heads/deespec/{name}"
            if self.repository.move(git, [RefMove(ref=ref, new=commit) for ref in refs]):
                return refs[1]
        raise WorkspaceError(f"{' and '.join(self._names())} are names of somebody else's in this repository.")

    def _move_away(self) -> None:
        """What lies in the way is kept: an agent may have made it."""
        if not os.path.lexists(self.folder):
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            return
        for number in range(1, 1_000):
            aside = self.folder.with_name(f"{self.folder.name}.kept-{number}")
            if not os.path.lexists(aside):
                shutil.move(self.folder, aside)
                return


def is_ours(name: str) -> bool:
    """Settings, prompts and labels of the backlog itself, which people may commit."""
    return name.startswith(".deespec/")
