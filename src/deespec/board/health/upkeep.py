"""Whether the database is looked after: how long its log has grown, and how old the newest backup is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.health.findings import Finding, ok, several, size, warning
from deespec.clock import local
from deespec.config_home import DATABASE_NAME
from deespec.config_keys import HOUR_MS
from deespec.store.upkeep.checkpoint import size_of, wal_health
from deespec.store.upkeep.shelf import backups_for

if TYPE_CHECKING:
    from deespec.app import App

WAL_LARGE_BYTES = 64 * 1024 * 1024
"""Checkpoints begin at 4 MB: a log of this size is held back by somebody."""


OLD_MS = 3 * 24 * HOUR_MS
"""Nobody works at the weekend."""


def of_upkeep(app: App) -> list[Finding]:
    """Raises StoreUnusable where the log is large and the database cannot be opened."""
    return [_wal(app), _backups(app)]


def _wal(app: App) -> Finding:
    database = str(app.settings.home / DATABASE_NAME)
    length = size_of(f"{database}-wal")
    if length <= WAL_LARGE_BYTES:
        return ok("wal-size", f"the log has {size(length)}")
    readers = wal_health(database, clock=app.clock, busy_ms=app.settings.busy_timeout_ms).readers
    what = f"the log has grown to {size(length)}"
    if readers:
        told = several(
            [f"{one.what}{f', since {local(one.since_at)} at the earliest' if one.since_at else ''}" for one in readers]
        )
        why = "while somebody reads an old state, the log cannot be emptied: it grows, and all reading gets slower"
        fix = "Let it finish or end it, then: deespec db checkpoint --mode truncate"
        return warning("wal-size", f"{what}, held back by {told}", why=why, fix=fix)
    why = "it grows with writers that never pause, takes space, and makes all reading slower"
    return warning("wal-size", what, why=why, fix="deespec db checkpoint --mode truncate", fixable=True)


def _backups(app: App) -> Finding:
    found = backups_for(str(app.state), str(app.settings.home))
    with app.store.read() as tx:
        begun, sealed = tx.begun_at(), tx.moved_to() is not None
    newest = max(begun, found[0].at if found else 0)
    if app.settings.backup == "daily" and not sealed and app.clock.now_ms() - newest > OLD_MS:
        what = f"the newest backup is of {local(found[0].at)}" if found else "no backup was ever made"
        why = 'store.backup is "daily": a worker that runs makes one, so none has run for long, or it could not'
        return warning("backup", what, why=why, fix="deespec db backup")
    if not found:
        return ok("backup", "no backup was made yet (deespec db backup makes one)")
    return ok("backup", f"the newest backup is of {local(found[0].at)}: {found[0].path}")
