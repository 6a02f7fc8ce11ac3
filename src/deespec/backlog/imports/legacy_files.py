"""The folder of a project of the Go program: read below itself only, nothing followed, nothing changed."""

from __future__ import annotations

import errno
import os
import shutil
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING

from deespec.errors import NotPossible, StoreReadOnly
from deespec.records import record
from deespec.store.holders import describe
from deespec.store.upkeep.present import holders

if TYPE_CHECKING:
    from pathlib import Path

DATABASE = "deespec.db"
BESIDE = ("", "-wal", "-journal")
"""Of the database's files, those that hold data; the shared memory is made anew from the log."""
TEXT_BYTES = 4 << 20
"""Of one file of text."""
JOURNAL_BYTES = 1 << 30
NAMES_MOST = 100_000
"""Of one folder."""
States = tuple[tuple[int, ...] | None, ...]
SPAN_NAMES = 20
"""So many names a note tells."""


class Notes:
    """What was left out or changed, in words, each once and in order."""

    def __init__(self) -> None:
        self._told: dict[str, None] = {}

    def add(self, text: str) -> None:
        self._told[text] = None

    def told(self) -> tuple[str, ...]:
        return tuple(self._told)


def named(names: list[str]) -> str:
    """A few of many names, and how many more there are."""
    shown = ", ".join(names[:SPAN_NAMES])
    return shown if len(names) <= SPAN_NAMES else f"{shown} and {len(names) - SPAN_NAMES} more"


@record
class Folder:
    """A folder that is only read, and never left: no symbolic link in it is followed."""

    path: Path
    notes: Notes

    def text(self, name: str, *, most: int = TEXT_BYTES) -> str | None:
        """A file's text; None if there is no regular file of that name. What is not UTF-8 in it is replaced."""
        content = self.content(name, most=most)
        return None if content is None else content.decode("utf-8", errors="replace").removeprefix("\ufeff")

    def content(self, name: str, *, most: int = TEXT_BYTES) -> bytes | None:
        try:
            with os.fdopen(self._open(name, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
                if not S_ISREG(os.fstat(file.fileno()).st_mode):
                    return None
                found = file.read(most + 1)
        except OSError as error:
            self._tell(name, error)
            return None
        if len(found) > most:
            self.notes.add(f"{name} has more than {most:,} bytes; what follows was left out")
        return found[:most]

    def names(self, name: str = "") -> list[str]:
        """What is in a folder, sorted; nothing if there is none."""
        try:
            file = self._open(name, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            self._tell(name, error)
            return []
        try:
            found = sorted(one for one in os.listdir(file) if one.isprintable())
        finally:
            os.close(file)
        if len(found) > NAMES_MOST:
            self.notes.add(f"{name} holds {len(found):,} files; the first {NAMES_MOST:,} were looked at")
        return found[:NAMES_MOST]

    def changed_ms(self, name: str) -> int | None:
        """When a file was written last."""
        try:
            return os.lstat(self.path / name).st_mtime_ns // 1_000_000
        except (OSError, ValueError):
            return None

    def _open(self, name: str, flags: int) -> int:
        """Opens what lies below, one folder after another, so that no link on the way leads out."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts or "\0" in name:
            raise FileNotFoundError(errno.ENOENT, "leaves the folder")
        base = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for depth, part in enumerate(parts, 1):
            kind = flags if depth == len(parts) else os.O_RDONLY | os.O_DIRECTORY
            try:
                below = os.open(part, kind | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=base)
            finally:
                os.close(base)
            base = below
        return base

    def _tell(self, name: str, error: OSError) -> None:
        if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
            return
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and self._is_link(name):
            self.notes.add(f"{name} is or lies behind a symbolic link and was not followed")
        elif error.errno not in (errno.ENOTDIR, errno.ELOOP):
            self.notes.add(f"{name} cannot be read: {error.strerror}")

    def _is_link(self, name: str) -> bool:
        path = self.path
        for part in name.split("/"):
            path = path / part
            if os.path.islink(path):
                return True
        return False


# --- its database ---------------------------------------------------------------------------------------------------


def refuse_in_use(folder: Path, *, command: str) -> None:
    """Raises NotPossible, naming them, while programs have the database open."""
    database = str(folder / DATABASE)
    users = [describe(pid) for pid in holders([f"{database}{suffix}" for suffix in (*BESIDE, "-shm")])]
    if users:
        raise NotPossible(f"{folder} is in use by {', '.join(users)}.", hint=f"End it, then: {command}")


def copy_database(folder: Path, to: Path, *, command: str) -> Path | None:
    """Copies the database with its log into a private folder; None if there is none.

    No SQLite of ours has these files open, so they may be opened as plain files. Raises NotPossible if somebody has
    them open, or wrote to them meanwhile.
    """
    database = folder / DATABASE
    before = states(folder)
    if before[0] is None:
        return None
    refuse_in_use(folder, command=command)
    try:
        for suffix, state in zip(BESIDE, before, strict=True):
            if state is not None:
                _copy(f"{database}{suffix}", to / f"{DATABASE}{suffix}")
    except OSError as error:
        raise StoreReadOnly(f"{database} cannot be copied to {to}: {error.strerror}.") from error
    refuse_in_use(folder, command=command)
    refuse_changed(folder, before, command=command)
    return to / DATABASE


def refuse_changed(folder: Path, before: States, *, command: str) -> None:
    """Raises NotPossible if the database is not the one any more, or not as it was."""
    if states(folder) != before:
        raise NotPossible(
            f"{folder / DATABASE} was written to while it was read; nothing was changed.",
            hint=f"End who writes, then: {command}",
        )


def _copy(source: str, target: Path) -> None:
    with (
        os.fdopen(os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as old,
        open(target, "xb") as new,
    ):
        shutil.copyfileobj(old, new, 1 << 20)


def states(folder: Path) -> States:
    """Inode, size and time of each file of its database; None for one that is not there.

    Raises NotPossible for what is no file.
    """
    database = folder / DATABASE
    found: list[tuple[int, ...] | None] = []
    for suffix in BESIDE:
        try:
            state = os.lstat(f"{database}{suffix}")
        except FileNotFoundError:
            found.append(None)
            continue
        if not S_ISREG(state.st_mode):
            what = "a folder" if S_ISDIR(state.st_mode) else "no regular file"
            raise NotPossible(f"{database}{suffix} is {what}.", hint="Name the project that it belongs to.")
        found.append((state.st_ino, state.st_size, state.st_mtime_ns))
    return tuple(found)
