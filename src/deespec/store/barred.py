"""What keeps this user from writing the database, seen from outside, in words, and the one command that helps."""

from __future__ import annotations

import os
import pwd
import shlex
from typing import TYPE_CHECKING

from deespec.errors import StoreFull, StoreReadOnly, StoreUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator

BESIDE = "even reading writes beside the database"


def cannot_write(path: str, said: str) -> StoreUnusable:
    """The error for a database or lock file that the system did not let us open or write; `said`: its own words."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        return StoreReadOnly(f"{path} cannot be written: {said}.", hint="deespec init makes a backlog.")
    seen = next(_barriers(path, folder), None)
    if seen is None and _is_full(folder):
        return no_room(path)
    why, remedy = seen or (said, f"Look at the permissions of {folder} and its files.")
    return StoreReadOnly(f"{path} cannot be written: {why}.", hint=remedy)


def no_room(path: str) -> StoreFull:
    return StoreFull(
        f"The disk that holds {path} is full; nothing was written.",
        hint=f"Free some space there (df -h {shlex.quote(os.path.dirname(path))}), then run it again.",
    )


def _barriers(path: str, folder: str) -> Iterator[tuple[str, str]]:
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        mount = folder
        while not os.path.ismount(mount):
            mount = os.path.dirname(mount)
        yield f"{folder} is mounted read-only", f"mount -o remount,rw {shlex.quote(mount)} ({BESIDE})"
    lock = os.path.join(folder, "write.lock")
    for one in (folder, path, f"{path}-wal", f"{path}-shm", lock):
        needed = os.R_OK | os.W_OK | (os.X_OK if one == folder else 0)
        if not os.path.lexists(one) or os.access(one, needed):
            continue
        found = os.lstat(one)
        if found.st_uid != os.geteuid():
            me, owner = _name(os.geteuid()), _name(found.st_uid)
            yield f"{one} belongs to {owner}, and you are {me}", f"sudo chown -R {me} {shlex.quote(folder)}"
        yield f"you may not write {one}", f"chmod -R u+rwX {shlex.quote(folder)} ({BESIDE})"


def _is_full(folder: str) -> bool:
    found = os.statvfs(folder)
    return found.f_bavail == 0 or (found.f_files > 0 and found.f_favail == 0)


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
