"""What lies beside the database: logs that lost theirs, what a restore replaced, copies that were never finished."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from deespec.board.health.findings import Finding, broken
from deespec.config_home import DATABASE_NAME

if TYPE_CHECKING:
    from pathlib import Path

BESIDE = ("-wal", "-shm")


def of_files(home: Path) -> list[Finding]:
    """A log without its database holds what was acknowledged last."""
    if os.path.lexists(home / DATABASE_NAME):
        return []
    left = [f"{DATABASE_NAME}{suffix}" for suffix in BESIDE if os.path.lexists(home / f"{DATABASE_NAME}{suffix}")]
    if not left:
        return []
    what = f"{home} has no {DATABASE_NAME}, but still its {' and '.join(left)}"
    why = "its last changes are in these files, and neither a new database nor a backup fits them"
    return [broken("database-files", what, why=why, fix=f"Put {DATABASE_NAME} back there, or: deespec db restore FILE")]
