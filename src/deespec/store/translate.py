"""What the SQLite driver raises becomes an error of ours, by its type, with who or what is to blame."""

from __future__ import annotations

import os
import shlex

import apsw

from deespec.errors import DeespecError, StoreBusy, StoreCorrupt, StoreUnusable
from deespec.store.barred import cannot_write, no_room
from deespec.store.holders import writer_of


class Translated:
    """A context manager. What is ours already passes, and so does what only a bug can cause (a constraint, bad SQL)."""

    __slots__ = ("busy_ms", "path")

    def __init__(self, path: str, *, busy_ms: int) -> None:
        self.path = path
        self.busy_ms = busy_ms

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, apsw.Error):
            ours = self._ours(error)
            if ours is not None:
                raise ours from error

    def _ours(self, error: apsw.Error) -> DeespecError | None:
        path = self.path
        match error:
            case apsw.BusyError() | apsw.LockedError():
                return StoreBusy(
                    f"{writer_of(path) or 'Another program'} has held {path} for more than {self.busy_ms / 1000:g} s; "
                    "nothing was written.",
                    hint="Let it finish, or end it; then run this command again.",
                )
            case apsw.FullError():
                return no_room(path)
            case apsw.ReadOnlyError() | apsw.PermissionsError() | apsw.AuthError() | apsw.CantOpenError():
                return cannot_write(path, str(error))
            case apsw.CorruptError() | apsw.NotADBError():
                return StoreCorrupt(
                    f"{path} is damaged: {error}.",
                    hint="deespec db check tells what is left; deespec db restore lists the backups to go back to.",
                )
            case apsw.IOError() if getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHMSIZE:
                return no_room(path)  # for the 32 KiB that even reading takes
            case apsw.IOError():
                folder = shlex.quote(os.path.dirname(path))
                return StoreUnusable(
                    f"Reading or writing {path} failed: {error}; nothing was acknowledged.",
                    hint=f"Look at the disk and its limits (df -h {folder}, quota, ulimit -f), then: deespec db check",
                )
        return None
