"""A person's checkout follows its branch: the files first, through a private index, which then takes the place of his.

His own Git is kept out meanwhile by his index's lock file. Ours has a second name beside it, so that after a crash it
can be told from his, which is never removed.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.records import record
from deespec.workspace.checkouts import private_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deespec.workspace.git import Git

INDEX = "deespec-index"
LOCK = "deespec-index.mine"
LOCK_WAIT_S = 10
LOOK_S = 0.02
SHOWN = 10
LINK = "160000"
NOTHING = "000000"


@record
class Change:
    """One file on the way between two commits. Modes as Git has them; 000000 where it is not there."""

    name: str
    old_mode: str
    new_mode: str
    old: str
    new: str


class Following:
    """One checkout on its way from a commit to another."""

    def __init__(self, here: Git, old: str, new: str) -> None:
        self.here = here
        self.old = old
        self.new = new
        private = private_of(here)
        self.index = private / INDEX
        self.lock = private / "index.lock"
        self._own = private / "index"
        self._mine = private / LOCK
        self.changes = changes(here, old, new)

    # --- the lock ---

    @contextmanager
    def locked(self) -> Iterator[None]:
        """With our lock in its place, which may be there from one of us who was killed. Raises WorkspaceError."""
        self._take()
        try:
            with self.private():
                yield
        finally:
            self.clear()

    @contextmanager
    def private(self) -> Iterator[None]:
        """With a copy of the person's index, for looking only."""
        self._clear_index()
        try:
            if self._own.exists():
                shutil.copyfile(self._own, self.index)
            yield
        finally:
            self._clear_index()

    def clear(self) -> None:
        """Takes away what is ours, and nothing else."""
        if _same(self._mine, self.lock):
            self.lock.unlink(missing_ok=True)
        self._mine.unlink(missing_ok=True)
        self._clear_index()

    def _clear_index(self) -> None:
        for path in (self.index, self.index.with_name(f"{INDEX}.lock")):
            path.unlink(missing_ok=True)

    def _take(self) -> None:
        if _same(self._mine, self.lock):
            return
        self._mine.unlink(missing_ok=True)
        self._mine.touch(mode=0o600)
        until = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                os.link(self._mine, self.lock)
                return
            except FileExistsError:
                if time.monotonic() > until:
                    self._mine.unlink(missing_ok=True)
                    raise WorkspaceError(
                        f"Another Git holds {self.lock}.", hint="If no Git runs there, remove that file."
                    ) from None
                time.sleep(LOOK_S)
            except OSError as error:
                raise WorkspaceError(f"{self.lock} cannot be made: {error.strerror}.") from error

    # --- what is there ---

    def bar_changes(self) -> None:
        """Raises WorkspaceError if the person has changed, staged, or has in the way what would be overwritten."""
        self._refresh()
        dirty = self._names("diff-index", "--cached", self.old, "--") + self._names(
            "diff-files", "--ignore-submodules=all"
        )
        if not dirty:
            dirty = self._unseen()
        if dirty:
            raise WorkspaceError(
                f"{self.here.root} has changes: {some(dirty)}.", hint="Commit or stash them, then: deespec land"
            )
        there = self._in_the_way()
        if there:
            raise WorkspaceError(
                f"{self.here.root} has files that the work brings, too: {some(there)}.",
                hint="Move them away, then: deespec land",
            )

    def neither(self) -> list[str]:
        """Files that are neither as in the old commit nor as in the new: a person has changed them since.

        A file that is gone, or a beginning of the new one, is what a Git leaves that is killed while it writes.
        """
        self._refresh()
        files = [one for one in self.changes if self._is_file(one.name)]
        found = dict(zip([one.name for one in files], self._hashes([one.name for one in files]), strict=True))
        mine = [one.name for one in files if found[one.name] not in (one.old, one.new) and not self._is_beginning(one)]
        for one in self.changes:
            if os.path.islink(self.here.root / one.name):
                target = os.readlink(self.here.root / one.name)
                if self.here.run("hash-object", "--stdin", stdin=target).strip() not in (one.old, one.new):
                    mine.append(one.name)
        return sorted({*mine, *self._others()})

    def is_done(self) -> bool:
        """Was it cut off only after the new index was in its place?"""
        if _same(self._mine, self._own):
            return True
        staged = self.here.run("diff-index", "--cached", "-z", "--name-only", self.new, "--").split("\0")
        return not _same(self._mine, self.lock) and not {one.name for one in self.changes} <= {*staged}

    # --- going on ---

    def go(self) -> None:
        """Changes the files. Git looks once more, and overwrites none that was changed meanwhile."""
        self._run("read-tree", "-m", "-u", "--no-recurse-submodules", self.old, self.new)

    def go_on(self) -> None:
        """Changes what is left of the files, after `neither`."""
        self._run("read-tree", "--reset", "-u", "--no-recurse-submodules", self.new)

    def go_back(self) -> None:
        """Undoes `go`."""
        self._run("read-tree", "-m", "-u", "--no-recurse-submodules", self.new, self.old)

    def is_untouched(self) -> bool:
        """After a failure: is every file as in the old commit?"""
        try:
            self._run("read-tree", "--reset", "--no-recurse-submodules", self.old)
            self._refresh()
            return not self._names("diff-files", "--ignore-submodules=all") and not self._in_the_way()
        except WorkspaceError:
            return False

    def keep_index(self) -> None:
        """Writes the private index into the lock file, which is the new index as soon as it is renamed."""
        with self.index.open("rb") as source, self.lock.open("wb") as target:
            shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())

    def put_index(self) -> None:
        os.replace(self.lock, self._own)

    # --- below ---

    def _refresh(self) -> None:
        """Files that were only touched are as before. Git fails if others are not, which is looked at afterwards."""
        with suppress(WorkspaceError):
            self._run("update-index", "-q", "--refresh")

    def _others(self) -> list[str]:
        """Changed files that are not on the way."""
        names = {one.name for one in self.changes}
        staged = self._names("diff-index", "--cached", self.old, "--")
        changed = self._names("diff-files", "--ignore-submodules=all")
        return [name for name in (*staged, *changed) if name not in names]

    def _run(self, *args: str) -> str:
        return self.here.run(*args, index=self.index)

    def _names(self, command: str, *args: str) -> list[str]:
        return [name for name in self._run(command, "-z", "--name-only", *args).split("\0") if name]

    def _is_file(self, name: str) -> bool:
        path = self.here.root / name
        return path.is_file() and not path.is_symlink()

    def _unseen(self) -> list[str]:
        """Changed files on the way that Git was told not to look at (assume-unchanged, skip-worktree)."""
        listed = self._run("ls-files", "-v", "-z").split("\0")
        flagged = {entry[2:] for entry in listed if entry[:1].islower() or entry[:1] == "S"}
        ones = [one for one in self.changes if one.name in flagged and self._is_file(one.name)]
        found = self._hashes([one.name for one in ones]) if ones else []
        return [one.name for one, now in zip(ones, found, strict=True) if now != one.old]

    def _hashes(self, names: list[str]) -> list[str]:
        """What Git would call the files. A name with a line break has a call of its own."""
        plain = [name for name in names if "\n" not in name]
        said = self.here.run("hash-object", "--stdin-paths", stdin="".join(f"{name}\n" for name in plain)).split()
        found = dict(zip(plain, said, strict=True))
        return [found.get(name) or self.here.run("hash-object", "--", name).strip() for name in names]

    def _is_beginning(self, one: Change) -> bool:
        for commit, mode in ((self.new, one.new_mode), (self.old, one.old_mode)):
            if mode != NOTHING:
                whole = self.here.run("cat-file", "--filters", f"{commit}:{one.name}").encode(errors="surrogateescape")
                with (self.here.root / one.name).open("rb") as file:
                    if whole.startswith(file.read(len(whole) + 1)):
                        return True
        return False

    def _in_the_way(self) -> list[str]:
        """Files that Git does not know, ignored or not, where the work brings one."""
        gone = {one.name for one in self.changes if one.new_mode == NOTHING}
        found = []
        for one in self.changes:
            if one.old_mode == NOTHING:
                found += [name for name in _at(self.here, one.name) if name not in gone]
        return sorted(set(found))


def changes(git: Git, old: str, new: str) -> tuple[Change, ...]:
    """All files on the way."""
    words = git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", old, new).split("\0")
    found = []
    for facts, name in zip(words[::2], words[1::2], strict=False):
        old_mode, new_mode, before, after, _ = facts.removeprefix(":").split()
        found.append(Change(name=name, old_mode=old_mode, new_mode=new_mode, old=before, new=after))
    return tuple(found)


def some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _at(here: Git, name: str) -> list[str]:
    """What lies at this place: a file, all files of a folder, or a file where a folder above it should be."""
    parts = name.split("/")
    for length in range(1, len(parts) + 1):
        above = "/".join(parts[:length])
        path = here.root / above
        if not os.path.lexists(path):
            return []
        if path.is_symlink() or not path.is_dir():
            return [above]
    return [
        os.path.relpath(os.path.join(folder, file), here.root)
        for folder, folders, files in os.walk(here.root / name)
        for file in (*files, *(one for one in folders if os.path.islink(os.path.join(folder, one))))
    ]


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samestat(one.stat(), other.stat())
    except FileNotFoundError:
        return False
