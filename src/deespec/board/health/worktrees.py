"""What lies below worktrees and checkouts of the home: how much it takes, and what of it `deespec gc` may free.

Git is not asked: a folder's name tells whose it is.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.board.health.findings import Finding, ok, several, size, warning
from deespec.errors import NotFound
from deespec.model.ids import number_in
from deespec.model.lifecycle import ENDED, Status
from deespec.store.alive import is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.app import App
    from deespec.store.base import Transaction

BLOCK_BYTES = 512
"""Of st_blocks (stat(2))."""
_READ = re.compile(r"PBI-(\d{1,15})")
"""Where a PBI is decomposed."""
_NAME = re.compile(r"SBI-(\d{1,15})(-\d{1,9})?")


def of_worktrees(app: App) -> list[Finding]:
    """Raises StoreUnusable: without the store nobody knows what is over."""
    home = app.settings.home
    folders = list(_folders(home / "worktrees"))
    with app.store.read() as tx:
        over = [path for path in folders if _is_over(tx, path.name)]
        read = [path for path in _folders(home / "checkouts") if _READ.fullmatch(path.name)]
        over += [path for path in read if _was_read(tx, path.name)]
    gated = [path for path in _folders(home / "checkouts") if path not in read]
    over += [path for path in gated if not is_alive(str(home), path.name)]
    if over:
        what = f"{size(sum(map(_size, over)))} in folders of what is over: {several([path.name for path in over])}"
        why = "items that have ended, or began again, and workers that have ended do not need them"
        return [warning("worktrees", what, why=why, fix="deespec gc")]
    if not folders:
        return []
    count = f"{len(folders)} worktree{'s' if len(folders) > 1 else ''}"
    return [ok("worktrees", f"{count} of items that are not finished: {size(sum(map(_size, folders)))}")]


def _was_read(tx: Transaction, name: str) -> bool:
    """Whether that decomposition is over."""
    found = tx.decomposition(number_in(name))
    return found is None or found.status in (*ENDED, Status.FAILED)


def _is_over(tx: Transaction, name: str) -> bool:
    """Whether nobody works there any more: also what was put aside, and what is of no item."""
    found = _NAME.fullmatch(name)
    if found is None:
        return True
    try:
        sbi = tx.sbi(int(found[1]))
    except NotFound:
        return True
    return sbi.status in ENDED or tx.work(sbi.number).name != name


def _folders(below: Path) -> Iterator[Path]:
    try:
        yield from (Path(one.path) for one in os.scandir(below) if one.is_dir(follow_symlinks=False))
    except OSError:
        return


def _size(folder: Path) -> int:
    total = 0
    for where, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(where, name)).st_blocks
            except OSError:
                continue  # it has just gone
    return total * BLOCK_BYTES
