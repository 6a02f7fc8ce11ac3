"""What turns, workers and backups that are over left behind: found for `doctor`, removed by `doctor --fix`.

Everything here is old enough to belong to nothing that lives: a worker makes its file before it locks it, and a copy of
this backlog may give out the same claims. What is in doubt stays.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from typing import TYPE_CHECKING

from deespec.config_keys import HOUR_MS, MAX_TIMEOUT_MS
from deespec.engine.outbox import path_of
from deespec.records import record
from deespec.store.upkeep.partial import PREFIX, clear_dead

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deespec.app import App

OUTBOX_OLD_MS = MAX_TIMEOUT_MS
"""No turn may take longer."""
FILE_OLD_MS = HOUR_MS


@record
class Remains:
    """Paths that nobody uses any more."""

    outboxes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Lock files of workers and guards."""
    partial: tuple[str, ...] = ()
    """Folders of backups that were never finished."""

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.outboxes, *self.files, *self.partial)


def find(app: App) -> Remains:
    """Raises StoreUnusable: without the store nobody knows what is over."""
    home = app.settings.home
    with app.store.read() as tx:
        uid = tx.backlog_uid()
    outboxes = [one for one in _entries(path_of(app.temporary, uid)) if one.name.isdigit()]
    workers, guards = _entries(home / "workers"), _entries(home / "guards")
    # Read last: what stands here by now had its row before.
    with app.store.read() as tx:
        calls = {str(call.token) for call in tx.calls()} | {str(line.lease_token) for line in tx.running()}
        known = {worker.uid for worker in tx.workers()}
        last = tx.last_token()
    over = [one for one in outboxes if one.name not in calls and one.is_dir(follow_symlinks=False)]
    locks = [one for one in workers if one.name not in known]
    locks += [one for one in guards if one.name.removesuffix(".lock") not in calls]
    return Remains(
        outboxes=tuple(one.path for one in over if int(one.name) <= last and _is_old(app, one, OUTBOX_OLD_MS)),
        files=tuple(one.path for one in locks if _is_old(app, one, FILE_OLD_MS) and _is_free(one)),
        partial=tuple(_partial(app, (home, app.state / uid))),
    )


def remove(app: App, found: Remains) -> list[str]:
    """Removes what is still as it was found, and says what it removed."""
    again = find(app)
    removed = []
    for path in found.outboxes:
        if path in again.outboxes:
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path)
    for path in found.files:
        if path in again.files:
            os.unlink(path)
            removed.append(path)
    for folder in {os.path.dirname(path) for path in found.partial}:
        clear_dead(folder)
    return [*removed, *(path for path in found.partial if not os.path.lexists(path))]


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        return sorted(os.scandir(folder), key=lambda one: one.name)
    except OSError:
        return []


def _partial(app: App, folders: tuple[Path, ...]) -> Iterator[str]:
    for folder in folders:
        for one in _entries(folder):
            if one.name.startswith(PREFIX) and one.is_dir(follow_symlinks=False) and _is_old(app, one, FILE_OLD_MS):
                yield one.path


def _is_old(app: App, one: os.DirEntry[str], age_ms: int) -> bool:
    try:
        found = one.stat(follow_symlinks=False)
    except OSError:
        return False
    ours = found.st_uid == os.geteuid()
    return ours and app.clock.now_ms() - found.st_mtime_ns // 1_000_000 > age_ms


def _is_free(one: os.DirEntry[str]) -> bool:
    """Whether nobody holds this lock file."""
    if not stat.S_ISREG(one.stat(follow_symlinks=False).st_mode):
        return False
    file = os.open(one.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True
