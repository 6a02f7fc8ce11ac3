"""An item's own folder: a worktree on a branch of its own, and what the engine keeps of it.

What an agent left, committed or not, becomes one commit of the engine's after each turn, under a ref that
nothing moves again. Git is told where the worktree's own files are: what an agent does to the folder's `.git` must not
make it work on the person's checkout around it.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.model.reports import Evidence
from deespec.records import record
from deespec.workspace import registration
from deespec.workspace.furnish import excludes
from deespec.workspace.nested import full_tree
from deespec.workspace.own_refs import OwnRefs
from deespec.workspace.patch import bounded_patch
from deespec.workspace.repository import RefMove
from deespec.workspace.submodules import fill, links_of
from deespec.workspace.trees import merge_trees

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from deespec.workspace.git import Git
    from deespec.workspace.repository import Repository
    from deespec.workspace.trees import MergedTree

INDEX = "deespec-index"
MARKER_BYTES = 20_000_000
"""A larger file in conflict is not searched for markers."""

_MARKERS = re.compile(rb"^<{7}[ \r\n].*?^={7}\r?\n.*?^>{7}[ \r\n]", re.MULTILINE | re.DOTALL)


@record
class Owner:
    """The item a worktree belongs to."""

    item: str
    uid: str
    name: str = ""
    """Of folder and branch where it is not the item's id: SBI-12-2 after a reset."""


class Worktree:
    """One item's folder. Only the owner of the item's claim works with it.

    An owner may be frozen, lose the claim to another, and go on. So each step that writes asks `may_write` under the
    mutex, which raises for whoever has lost it, and a new owner takes the mutex once before all else: what the old one
    was allowed to write is written by then.
    """

    def __init__(
        self, repository: Repository, folder: Path, owner: Owner, *, may_write: Callable[[], None] = lambda: None
    ) -> None:
        self.repository = repository
        self._may_write = may_write
        self.folder = folder
        self.owner = owner
        self.refs = OwnRefs(repository, owner)

    @property
    def git(self) -> Git:
        return self._pinned(self.repository.git)

    # --- making it ---

    def prepare(self, start: str) -> bool:
        """Makes branch and worktree from this commit unless they are there. True: its set-up has to run."""
        common = self.repository.common
        with self.repository.exclusive() as git:
            self._may_write()
            if self.is_ready() and self.refs.tip() is not None:
                return False
            branch = self.refs.make(git, start)
            if not registration.is_whole(common, self.folder):
                registration.move_away(common, self.folder)
                registration.add(git, self.folder, branch)
            if not self.is_ready():
                self._settle(self._pinned(git))
        return not self.is_ready()

    def ready(self) -> None:
        """Its set-up has succeeded."""
        self._may_write()
        (self._private() / registration.READY).touch()

    def is_ready(self) -> bool:
        """Is it there, with its set-up done?"""
        private = registration.private_folder(self.repository.common, self.folder)
        whole = registration.is_whole(self.repository.common, self.folder)
        return whole and private is not None and (private / registration.READY).exists()

    def environment(self) -> dict[str, str]:
        """For an agent's own Git: what was copied or linked here is not to be added."""
        ignored = excludes(self._private(), self.repository.git)
        if ignored is None:
            return {}
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "core.excludesFile",
            "GIT_CONFIG_VALUE_0": str(ignored),
        }

    # --- looking at it ---

    def state(self) -> str:
        """The tree of all files that Git does not ignore."""
        return self.look()[0]

    def evidence(self, begun: str, *, start: str) -> tuple[Evidence, str]:
        """What differs from the turn's start and from the start of all work, committed or not, and the state now."""
        self._may_write()  # looking writes the private index
        now, inside = self.look()
        changed = self.git.differing(begun, now)
        whole = changed if begun == start else self.git.differing(start, now)
        nested = tuple(root for root in inside if any(_is_in(name, root) for name in (*changed, *whole)))
        forbidden = tuple(filter(is_ours, whole))
        return (
            Evidence(changed=tuple(changed), whole=tuple(whole), alone=True, forbidden=forbidden, nested=nested),
            now,
        )

    def diff(self, start: str, now: str, files: Sequence[str]) -> str:
        """The change for a reviewer: how much in which file, then as many whole files as fit."""
        return bounded_patch(self.git, start, now, files)

    def look(self) -> tuple[str, list[str]]:
        """The state, and where repositories lie inside of the worktree."""
        return full_tree(self.git, self._private() / INDEX, known=self._submodules)

    def tip(self) -> str:
        """The commit that the item's branch is at. WorkspaceError if it is gone."""
        found = self.refs.tip()
        if found is None:
            raise WorkspaceError(f"{self.owner.item} has no branch.")
        return found

    # --- keeping what it holds ---

    def keep(self, state: str, *, turn: int, token: int, start: str, onto: str | None = None) -> str:
        """Commits this state to the item's branch and under the turn's ref; the commit's id.

        `start` is the commit the turn began at. Commits of the agent's own are kept below it if they go on from there;
        else, after a rebase or a change of branch, as a further parent. `onto` becomes a parent, too: the commit whose
        merge was resolved.
        """
        branch = self.refs.branch()
        with self._alone() as (git, here):
            now = git.resolve(branch)
            head = here.head() or start
            first = head if self.refs.is_below(head, start) else start
            parents = self.refs.parents([first, head, now, onto])
            commit = self.repository.commit(
                here, state, parents, subject=f"{self.owner.item} turn {turn}", uid=self.owner.uid
            )
            moves = [
                RefMove(ref=self.refs.ref(f"turn-{turn}.{token}"), new=commit),
                RefMove(ref=branch, new=commit, old=now),
            ]
            if not self.repository.move(git, moves):
                raise WorkspaceError(f"{branch} was moved while {self.owner.item} was worked on.")
            self._put_head(here, branch)
            here.run("read-tree", "--reset", state)
        return commit

    def rescue(self, *, name: str) -> str | None:
        """Puts what the folder holds under a new ref, whose name is returned; None if it is as the branch's tip.

        Folder, index and branch stay as they are, and the index used is its own: another may be at work here.
        """
        tip, head = self.tip(), self.git.head()
        private = self._private()
        with tempfile.TemporaryDirectory(prefix="deespec-rescue-", dir=private) as folder:
            index = Path(folder) / "index"
            if (private / INDEX).exists():
                shutil.copyfile(private / INDEX, index)
            state, _ = full_tree(self.git, index)
        if head in (tip, None) and not self.git.differing(tip, state):
            return None
        with self.repository.exclusive() as git:
            return self.refs.save(self._pinned(git), state, [tip, head], name=name)

    def restore(self, *, name: str, to: str | None = None) -> tuple[str, ...]:
        """Puts folder and branch back to a commit, else to the branch's tip; what differed is kept under a ref.

        An agent that commits moves the branch's tip: to take back what a reviewer did, say where its turn began.
        """
        branch, tip = self.refs.branch(), self.tip()
        goal = to or tip
        state, inside = self.look()
        changed = tuple(self.git.differing(goal, state))
        head = self.git.head()
        if changed or head != goal or tip != goal or not registration.is_on(self._private(), branch):
            with self._alone() as (git, here):
                if changed or self.refs.parents([goal, head, tip]) != [goal]:
                    self.refs.save(here, state, [goal, head, tip], name=name)
                if tip != goal and not self.repository.move(git, [RefMove(ref=branch, new=goal, old=tip)]):
                    raise WorkspaceError(f"{branch} was moved while {self.owner.item} was put back.")
                self._put_head(here, branch)
                self._set_aside(here, [root for root in inside if any(_is_in(one, root) for one in changed)])
                self._write(here, state, goal)
                here.run("clean", "-ffdq")
        return changed

    def put_back_tracked(self) -> tuple[str, ...]:
        """After its set-up: the files of the branch's tip that it has changed or removed are as before; their names."""
        self._may_write()  # looking writes the private index
        tip = self.tip()
        changed = self.git.tracked_changes(tip, self.state())
        if changed:
            with self._alone() as (_, here):
                words = ("restore", f"--source={tip}", "--staged", "--worktree")
                names = "".join(f"{name}\0" for name in changed)
                here.run(*words, "--pathspec-from-file=-", "--pathspec-file-nul", stdin=names)
                self._settle(here)
        return tuple(changed)

    # --- bringing other work in ---

    def take_in(self, target: str) -> tuple[str, ...]:
        """For a turn that resolves a conflict: the merge with this commit, not committed, and the files in conflict.

        The agent meets it as after `git merge`: markers in the files, their versions in the index. Only before the
        turn has begun. Called again, as after a crash half-way, it begins anew; should the folder hold anything else
        by then, that is put under a ref first.
        """
        tip = self.tip()
        made = merge_trees(self.repository.git, tip, target)
        if (self._private() / "MERGE_HEAD").exists() and self.state() == made.tree:
            return made.conflicts
        self.restore(name=f"before-merge-{target[:12]}")
        with self._alone() as (_, here):
            self._write(here, tip, made.tree)
            if made.unmerged:
                here.run("update-index", "-z", "--index-info", stdin=_versions(made))
            private = self._private()
            (private / "MERGE_MSG").write_text(f"{self.owner.item}: merge {target[:12]}\n", encoding="utf-8")
            (private / "MERGE_HEAD").write_text(f"{target}\n", encoding="utf-8")
        return made.conflicts

    def markers(self, files: Sequence[str]) -> tuple[str, ...]:
        """Which of these files still hold conflict markers."""
        return tuple(name for name in files if _has_markers(self.folder / name, self.folder))

    def merge_clean(self, commit: str) -> bool:
        """Merges this commit into branch and folder. False, and nothing is changed: conflict, or changes in the folder.

        What a call left that was cut off half-way is no change.
        """
        branch, tip, state = self.refs.branch(), self.tip(), self.state()
        changed = set(self.git.differing(tip, state))
        if self.refs.is_below(tip, commit):
            return not changed
        made = merge_trees(self.repository.git, tip, commit)
        if made.conflicts or not registration.is_on(self._private(), branch):
            return False
        if changed & set(self.git.differing(made.tree, state)) or self._hidden(state, made.tree):
            return False
        with self._alone() as (git, here):
            parents = [tip, commit]
            new = self.repository.commit(
                here, made.tree, parents, subject=f"{self.owner.item} goes on from {commit[:12]}", uid=self.owner.uid
            )
            self._write(here, state, made.tree)
            if not self.repository.move(git, [RefMove(ref=branch, new=new, old=tip)]):
                raise WorkspaceError(f"{branch} was moved while {self.owner.item} was brought up to date.")
        return True

    # --- below ---

    def _private(self) -> Path:
        """Git's own folder for this worktree."""
        found = registration.private_folder(self.repository.common, self.folder)
        if found is None:
            raise WorkspaceError(f"{self.folder} is no worktree of {self.repository.git.root}.", hint="deespec doctor")
        return found

    def _pinned(self, git: Git) -> Git:
        private = self._private()
        ignored = excludes(private, git)
        settings = () if ignored is None else (f"core.excludesFile={ignored}",)
        return git.pinned(self.folder, private, settings=settings)

    @contextmanager
    def _alone(self) -> Iterator[tuple[Git, Git]]:
        """Git for refs and for the folder, under the mutex; locks that a killed Git left in the folder's are gone."""
        with self.repository.exclusive() as git:
            self._may_write()
            registration.clear_locks(self._private())
            yield git, self._pinned(git)

    def _submodules(self) -> frozenset[str]:
        """By the last commit that the engine made: an agent's own may link to anything."""
        return links_of(self.git, self.refs.last())

    def _hidden(self, state: str, tree: str) -> list[str]:
        """Files that Git ignores, where this tree has files of its own."""
        return [name for name in self.git.added(state, tree) if os.path.lexists(self.folder / name)]

    def _put_head(self, here: Git, branch: str) -> None:
        private = self._private()
        if not registration.is_on(private, branch):
            here.run("symbolic-ref", "HEAD", branch)
        registration.end_operations(private)

    def _write(self, here: Git, state: str, tree: str) -> None:
        """Has folder and index hold this tree; what is not in it stays, and what Git ignores is put beside."""
        for name in self._hidden(state, tree):
            registration.put_beside(self.folder / name, self.folder)
        here.run("read-tree", "--reset", "-u", tree, timeout_s=registration.WRITE_TIMEOUT_S)
        self._settle(here)

    def _settle(self, here: Git) -> None:
        """Submodules follow; and the private index begins as Git's own does now, before an agent can tell that one
        what not to look at."""
        fill(here, self.repository.common / "modules", root=self.repository.git.root)
        private = Path(here.env["GIT_DIR"])
        shutil.copyfile(private / "index", private / INDEX)

    def _set_aside(self, here: Git, roots: Sequence[str]) -> None:
        """Repositories that were changed have a history of their own, which no ref of ours holds."""
        links = here.run("ls-files", "--stage", "-z").split("\0")
        tracked = {entry.partition("\t")[2] for entry in links if entry.startswith("160000 ")}
        for root in roots:
            if root not in tracked and (self.folder / root).exists():
                registration.put_beside(self.folder / root, self.folder)


def is_ours(name: str) -> bool:
    """Settings, prompts and labels of a backlog, which people may commit."""
    return ".deespec" in name.casefold().split("/")


def _is_in(name: str, root: str) -> bool:
    return name == root or name.startswith(f"{root}/")


def _versions(made: MergedTree) -> str:
    """For the index: without what the merge has put there, and with the versions in conflict."""
    names = {version.partition("\t")[2] for version in made.unmerged.split("\0") if version}
    gone = "".join(f"0 {'0' * len(made.tree)}\t{name}\0" for name in sorted(names))
    return gone + made.unmerged


def _has_markers(path: Path, top: Path) -> bool:
    """Only of a file below the worktree: a link could lead to a pipe, or out of it."""
    try:
        if path.is_symlink() or not path.is_file() or not path.resolve().is_relative_to(top.resolve()):
            return False
        with path.open("rb") as file:
            return _MARKERS.search(file.read(MARKER_BYTES)) is not None
    except OSError:
        return False
