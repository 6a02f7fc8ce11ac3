"""What the SQLite driver raises becomes an error of ours, by its type, with who or what is to blame."""

from __future__ import annotations

import apsw

from deespec.errors import DeespecError, StoreBusy, StoreCorrupt, StoreFull, StoreReadOnly, StoreUnusable
from deespec.store.queue import writer_of


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
                return StoreFull(
                    f"The disk that holds {path} is full; nothing was written.",
                    hint="Free some space and run it again.",
                )
            case apsw.ReadOnlyError() | apsw.PermissionsError() | apsw.AuthError() | apsw.CantOpenError():
                return StoreReadOnly(
                    f"{path} cannot be written: {error}", hint="Look at the permissions of the folder and its files."
                )
            case apsw.CorruptError() | apsw.NotADBError():
                return StoreCorrupt(
                    f"{path} is damaged: {error}", hint="deespec doctor tells what is left; restore a backup."
                )
            case apsw.IOError():
                return StoreUnusable(
                    f"Reading or writing {path} failed: {error}", hint="Look at the disk; nothing was acknowledged."
                )
        return None
