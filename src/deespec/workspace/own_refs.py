"""An item's own names in Git: its branch, and the refs that nothing moves again.

A name is the item's if the ref `begin` below it points to a commit with the item's uid in its trailer; no other name is
ever used. An agent can move and delete the branch; it comes back at the item's last turn.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.workspace.messages import owner_of
from deespec.workspace.repository import RefMove

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.workspace.git import Git
    from deespec.workspace.repository import Repository
    from deespec.workspace.worktree import Owner

SAME_NAME_MOST = 1_000

_TURN = re.compile(r"turn-(\d+)\.(\d+)")

Refs = dict[str, tuple[str, str | None]]
"""By full name: the commit, and for `begin` whose it is."""


class OwnRefs:
    """Of one item, or of one of its lives."""

    def __init__(self, repository: Repository, owner: Owner) -> None:
        self.repository = repository
        self.owner = owner
        self._name: str | None = None

    def names(self) -> tuple[str, str]:
        """Of the branch; the second is for where the first is somebody else's."""
        name = self.owner.name or self.owner.item
        return name, f"{name}-{self.owner.uid[-6:].lower()}"

    def branch(self) -> str:
        """Its full name. WorkspaceError if the item never had one."""
        return f"refs/heads/deespec/{self._own()}"

    def ref(self, name: str) -> str:
        return f"refs/deespec/{self._own()}/{name}"

    def tip(self) -> str | None:
        """The commit that the branch is at; None if it is not there."""
        refs = self._look(self.repository.git)
        return refs.get(f"refs/heads/deespec/{self._name}", (None, None))[0]

    def last(self) -> str:
        """The commit of the item's last turn, else the one it begins with."""
        refs = self._look(self.repository.git)
        return _last(refs, f"refs/deespec/{self._own()}/")

    def make(self, git: Git, start: str) -> str:
        """The branch's full name; made from this commit, or again from its last turn, if it is not there."""
        refs = self._look(git)
        if self._name is not None:
            branch = self.branch()
            if branch not in refs:
                self.repository.move(git, [RefMove(ref=branch, new=_last(refs, f"refs/deespec/{self._name}/"))])
            return branch
        commit = self.repository.commit(
            git, f"{start}^{{tree}}", [start], subject=f"{self.owner.item} begins", uid=self.owner.uid
        )
        for name in self.names():
            own = f"refs/deespec/{name}/begin", f"refs/heads/deespec/{name}"
            if not refs.keys() & {*own} and self.repository.move(git, [RefMove(ref=ref, new=commit) for ref in own]):
                self._name = name
                return own[1]
        raise WorkspaceError(
            f"{' and '.join(f'deespec/{name}' for name in self.names())} are branches of somebody else's.",
            hint=f"git branch -m deespec/{self.names()[0]} OTHER-NAME",
        )

    def save(self, git: Git, state: str, parents: Sequence[str | None], *, name: str) -> str:
        """Puts a state under a new ref, whose name is returned. Under the mutex."""
        commit = self.repository.commit(
            git, state, self.parents(parents), subject=f"{self.owner.item} {name}", uid=self.owner.uid
        )
        for number in range(1, SAME_NAME_MOST):
            ref = self.ref(name if number == 1 else f"{name}-{number}")
            if self.repository.move(git, [RefMove(ref=ref, new=commit)]):
                return ref
        raise WorkspaceError(f"There are {SAME_NAME_MOST} refs {self.ref(name)} already.", hint="deespec gc")

    def parents(self, wanted: Sequence[str | None]) -> list[str]:
        """Those that are not already below one before them."""
        found: list[str] = []
        for one in wanted:
            if one is not None and not any(self.is_below(other, one) for other in found):
                found.append(one)
        return found

    def is_below(self, commit: str, other: str) -> bool:
        """Is `other` this commit or one of its ancestors?"""
        return commit == other or self.repository.contains(commit, other=other)

    # --- below ---

    def _own(self) -> str:
        if self._name is None:
            self._look(self.repository.git)
        if self._name is None:
            raise WorkspaceError(f"{self.owner.item} has no branch.")
        return self._name

    def _look(self, git: Git) -> Refs:
        """All refs of these names, and which of the names is this item's: the first that begins with it."""
        patterns = [ref for name in self.names() for ref in (f"refs/deespec/{name}", f"refs/heads/deespec/{name}")]
        text = "%(if:equals=begin)%(refname:lstrip=3)%(then)%(contents)%(end)"
        found = git.run("for-each-ref", f"--format=%(refname) %(objectname) {text}%00", *patterns)
        entries = [entry.lstrip("\n").split(" ", 2) for entry in found.split("\0") if entry.strip()]
        refs = {ref: (commit, owner_of(words)) for ref, commit, words in entries}
        own = [one for one in self.names() if refs.get(f"refs/deespec/{one}/begin", ("", None))[1] == self.owner.uid]
        self._name = own[0] if own else None
        return refs


def _last(refs: Refs, prefix: str) -> str:
    """The commit of the last turn, else that of the beginning."""
    turns = [
        (int(found[2]), int(found[1]), commit)
        for ref, (commit, _) in refs.items()
        if (found := _TURN.fullmatch(ref.removeprefix(prefix)))
    ]
    return max(turns)[2] if turns else refs[f"{prefix}begin"][0]
