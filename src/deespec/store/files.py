"""The database's three files from outside: whether they are still those that were opened. They are only looked at."""

from __future__ import annotations

import os

from deespec.errors import StoreReplaced

Identity = tuple[int, int]


def identities(path: str) -> list[Identity]:
    """What tells the three files from any others. Raises StoreReplaced if one of them is not there."""
    try:
        return [_identity(path + suffix) for suffix in ("", "-wal", "-shm")]
    except OSError as error:
        raise replaced(path) from error


def may_move_log(path: str, opened: list[Identity]) -> bool:
    """Whether who has opened these may move the log into the database when he closes it as the last one.

    Not by an index (`-shm`) that others do not see: what they wrote since would be overwritten or deleted. A log that
    is gone is saved so, unless somebody has begun another.
    """
    try:
        if [_identity(path), _identity(path + "-shm")] != [opened[0], opened[2]]:
            return False
        return _identity(path + "-wal") == opened[1] or os.stat(path + "-wal").st_size == 0
    except FileNotFoundError as error:
        return str(error.filename) == f"{path}-wal"
    except OSError:
        return False


def replaced(path: str) -> StoreReplaced:
    return StoreReplaced(
        f"{path} or a file beside it was replaced or removed while it was in use; nothing was written.",
        hint="Run the command again. Never move or delete deespec.db, -wal or -shm while deespec runs.",
    )


def _identity(path: str) -> Identity:
    found = os.stat(path)
    return found.st_ino, found.st_dev
