"""Files that are not finished yet: made in a private folder beside their target, and published in one step.

The folder is held locked for as long as its maker lives, so that whoever comes next can tell what the dead have left.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from typing import TYPE_CHECKING

from deespec.errors import StoreReadOnly

if TYPE_CHECKING:
    from types import TracebackType

PREFIX = ".deespec-partial-"
NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class Partial:
    """A context manager: `path` is a private folder in `folder`, gone at the end whatever happened."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.path = ""
        self._lock = -1

    def __enter__(self) -> Partial:
        try:
            clear_dead(self.folder)
            while self._lock < 0:
                self._make()
        except OSError as error:
            raise StoreReadOnly(
                f"{self.folder} cannot be written: {error.strerror}.", hint="It must be a folder that you may write."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def file(self, name: str) -> str:
        """An empty file in it that only this user may read."""
        path = os.path.join(self.path, name)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return path

    def _make(self) -> None:
        self.path = tempfile.mkdtemp(prefix=PREFIX, dir=self.folder)
        try:
            self._lock = _locked(self.path)
        except FileNotFoundError:
            return  # another one has cleared it before it was locked
        if not os.path.isdir(self.path):
            os.close(self._lock)
            self._lock = -1


def clear_dead(folder: str) -> None:
    """Removes what makers that died have left in this folder."""
    for entry in list(os.scandir(folder)):
        if not entry.name.startswith(PREFIX) or not entry.is_dir(follow_symlinks=False):
            continue
        try:
            lock = _locked(entry.path)
        except (BlockingIOError, FileNotFoundError, PermissionError):
            continue
        try:
            shutil.rmtree(entry.path, ignore_errors=True)
        finally:
            os.close(lock)


def publish(made: str, target: str, *, over: bool) -> None:
    """Gives a finished file its name, in one step and for good. Raises FileExistsError unless it may go `over` one."""
    sync(made)
    if over:
        os.replace(made, target)
    else:
        _link(made, target)
    sync(os.path.dirname(target))


def sync(path: str) -> None:
    """Waits until a file or folder is on the disk."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if hasattr(fcntl, "F_FULLFSYNC") and stat.S_ISREG(os.fstat(file).st_mode):
            fcntl.fcntl(file, fcntl.F_FULLFSYNC)
        os.fsync(file)
    finally:
        os.close(file)


def _link(made: str, target: str) -> None:
    try:
        os.link(made, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        os.replace(made, target)
    else:
        os.unlink(made)


def _locked(folder: str) -> int:
    """Its descriptor, locked; raises BlockingIOError if its maker lives."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(file)
        raise
    return file
