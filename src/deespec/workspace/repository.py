"""One repository as all its worktrees share it: whose commits are whose, and Git calls that must not meet.

Parallel `worktree add`, `index.lock` and ref updates collide, so whatever writes takes the repository's mutex: flock on
a file in Git's common folder. Every Git process inherits the locked descriptor. So when a worker is killed, the mutex
is free only after the Git it left behind has ended, too, and whoever holds it knows that no Git of ours is at work:
lock files below our own names are then left from the dead.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.records import record
from deespec.workspace.git import Git
from deespec.workspace.messages import message, owner_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MUTEX = "deespec.lock"
MUTEX_WAIT_S = 600
FOREIGN_WAIT_S = 10
OWN_WAIT_S = 1
LOOK_S = 0.02
OURS = ("refs/heads/deespec/", "refs/deespec/")


@record
class RefMove:
    """One line of a ref transaction."""

    ref: str
    new: str
    old: str | None = None
    """What it must be now; None: it must not be there."""


class Repository:
    """Shared by the threads of one worker."""

    def __init__(self, root: Path, env: Mapping[str, str]) -> None:
        self.git = Git(root, env)
        self.common = Path(self.git.run("rev-parse", "--path-format=absolute", "--git-common-dir").strip())
        self._threads = threading.Lock()

    @contextmanager
    def exclusive(self) -> Iterator[Git]:
        """The Git to use while nobody else, in any process, writes to this repository for a backlog."""
        with self._threads:
            file = os.open(self.common / MUTEX, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                _take(file, self.common / MUTEX)
                yield Git(self.git.root, self.git.env, inherits=file)
            finally:
                os.close(file)

    def owner(self, commit: str) -> str | None:
        """The uid of the item this commit was made for; None if it is somebody else's."""
        return owner_of(self.git.run("log", "-1", "--format=%B", commit))

    def contains(self, commit: str, *, other: str) -> bool:
        """Is `other` this commit or one of its ancestors?"""
        return self.git.asks("merge-base", "--is-ancestor", other, commit)

    def commit(
        self,
        git: Git,
        tree: str,
        parents: Sequence[str],
        *,
        subject: str,
        uid: str,
        body: str = "",
        is_merge: bool = False,
    ) -> str:
        """Makes a commit for an item and returns its id; no ref is moved."""
        said = [word for parent in parents for word in ("-p", parent)]
        text = message(subject=subject, body=body, uid=uid, is_merge=is_merge)
        return git.run("commit-tree", tree, *said, stdin=text).strip()

    def move(self, git: Git, moves: Sequence[RefMove], *, verify: Mapping[str, str] | None = None) -> bool:
        """Moves all refs or none. False: one of them is not what it was said to be."""
        lines = [f"verify {ref} {wanted}" for ref, wanted in (verify or {}).items()]
        lines += [f"update {one.ref} {one.new} {one.old or '0' * len(one.new)}" for one in moves]
        began = time.monotonic()
        while True:
            try:
                git.run("update-ref", "--stdin", stdin="\n".join(("start", *lines, "prepare", "commit", "")))
                return True
            except WorkspaceError as error:
                locks = [path for one in moves if (path := self.common / f"{one.ref}.lock").exists()]
                if not locks:
                    if all(_value(git, one.ref) == one.new for one in moves):
                        return True  # Git was killed after it had done it
                    if self._as_said(git, moves, verify or {}):
                        _name_obstacle(git, moves)
                        raise
                    return False
                self._clear(locks, waited_s=time.monotonic() - began, error=error)

    # --- below ---

    def _as_said(self, git: Git, moves: Sequence[RefMove], verify: Mapping[str, str]) -> bool:
        """Are all refs what they were said to be, so that something else has failed?"""
        wanted = {one.ref: one.old for one in moves} | dict(verify)
        return all(_value(git, ref) == value for ref, value in wanted.items())

    def _clear(self, locks: Sequence[Path], *, waited_s: float, error: WorkspaceError) -> None:
        """Waits for lock files to go. Ours are nobody's, as we have the mutex, unless an agent's own Git is at it just
        now; a foreign one is waited for, then WorkspaceError names it."""
        foreign = [path for path in locks if not str(path.relative_to(self.common)).startswith(OURS)]
        if waited_s < (FOREIGN_WAIT_S if foreign else OWN_WAIT_S):
            time.sleep(LOOK_S)
            return
        for path in locks:
            if path in foreign:
                raise WorkspaceError(
                    f"Another Git holds {path}.", hint="If no Git runs there, remove that file."
                ) from error
            path.unlink(missing_ok=True)


def _value(git: Git, ref: str) -> str | None:
    found = git.run("for-each-ref", "--format=%(objectname)", ref).split()
    return found[0] if found else None


def _name_obstacle(git: Git, moves: Sequence[RefMove]) -> None:
    """Raises WorkspaceError for a branch `deespec`: Git keeps no branch `deespec/SBI-1` beside it."""
    for one in moves:
        parts = one.ref.split("/")
        for length in range(3, len(parts)):
            above = "/".join(parts[:length])
            if git.call("show-ref", "--verify", "--quiet", above)[0] == 0:
                name = above.removeprefix("refs/heads/")
                raise WorkspaceError(
                    f"A branch named {name} keeps Git from making {one.ref.removeprefix('refs/heads/')}.",
                    hint=f"git branch -m {name} OTHER-NAME",
                )


def _take(file: int, path: Path) -> None:
    until = time.monotonic() + MUTEX_WAIT_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise WorkspaceError(
                    f"Another process has held {path} for more than {MUTEX_WAIT_S} s.", hint="deespec worker list"
                ) from None
            time.sleep(LOOK_S)
