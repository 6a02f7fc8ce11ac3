"""What is over and still lies about: outboxes, lock files, unfinished backups, databases that a restore put aside."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from deespec.board.health.findings import Finding, ok, several, warning

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def of_leftovers(outboxes: Sequence[str], files: Sequence[str], partial: Sequence[str]) -> Finding:
    """What nobody uses any more."""
    parts = {
        "outboxes of turns that are over": outboxes,
        "lock files of the dead": files,
        "unfinished backups": partial,
    }
    told = [f"{len(paths)} {what} in {os.path.dirname(paths[0])}" for what, paths in parts.items() if paths]
    if not told:
        return ok("leftovers", "nothing lies about that is over")
    why = "they take space, and outboxes hold what agents said"
    return warning("leftovers", several(told), why=why, fix="deespec doctor --fix", fixable=True)


def of_replaced(home: Path) -> list[Finding]:
    """What `db restore` moved away because SQLite could not write it."""
    folders = sorted(str(path) for path in home.glob("replaced-*") if path.is_dir() and not path.is_symlink())
    if not folders:
        return []
    what = f"{several(folders)}: a damaged database that a restore put aside"
    why = "it takes space; once you are sure that nothing in it is missed, it can go"
    return [warning("replaced", what, why=why, fix=f"rm -r {shlex.join(folders)}")]
