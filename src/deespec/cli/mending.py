"""What `doctor --fix` does: each deed is safe while others work, and touches nothing that holds data."""

from __future__ import annotations

import stat
from functools import partial
from typing import TYPE_CHECKING

from deespec.board.health.findings import several
from deespec.board.health.permissions import OTHERS_WRITE, open_to_others
from deespec.engine import remains
from deespec.engine.pulse import bury_the_dead
from deespec.errors import DeespecError
from deespec.records import record
from deespec.store.opener import FILE
from deespec.store.upkeep.checkpoint import Mode, checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from deespec.app import App
    from deespec.board.health.findings import Finding

READERS_MS = 1_000
"""So long it waits for those who read; writers wait meanwhile."""


@record
class Deed:
    """One thing to do for a finding."""

    id: str
    """Of the finding."""
    what: str
    """In words, before it is done."""
    do: Callable[[], str]
    """Does it, and says what it did; empty: nothing was left to do."""


@record
class Done:
    id: str
    what: str
    failed: bool = False


def plan(app: App, findings: Iterable[Finding]) -> list[Deed]:
    """What there is to do for those findings that can be mended, each thing once."""
    ids = {one.id for one in findings if one.fixable}
    deeds = []
    if "permissions" in ids:
        deeds += [_closing(path) for path in open_to_others(app.settings.home)]
    if "wal-size" in ids:
        deeds.append(Deed(id="wal-size", what="move the log into the database", do=partial(_empty_log, app)))
    if ids & {"workers", "locks"}:
        what = "free expired locks and the claims of dead workers"
        deeds.append(Deed(id="locks" if "locks" in ids else "workers", what=what, do=partial(_clean_up, app)))
    if "leftovers" in ids:
        found = remains.find(app)
        what = f"remove {several(list(found.all))}"
        deeds.append(Deed(id="leftovers", what=what, do=partial(_tidy, app, found)))
    return deeds


def carry_out(deeds: Iterable[Deed]) -> list[Done]:
    """Does one after the other; what cannot be done stands in no other's way."""
    done = []
    for deed in deeds:
        try:
            said = deed.do()
        except (DeespecError, OSError) as error:
            done.append(Done(id=deed.id, what=f"could not {deed.what}: {error}", failed=True))
            continue
        if said:
            done.append(Done(id=deed.id, what=said))
    return done


def would_do(deeds: Iterable[Deed]) -> list[Done]:
    return [Done(id=deed.id, what=deed.what) for deed in deeds]


def _closing(path: Path) -> Deed:
    return Deed(id="permissions", what=f"chmod go-w {path}", do=partial(_close, path))


def _close(path: Path) -> str:
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        return ""
    path.chmod(stat.S_IMODE(mode) & ~OTHERS_WRITE)
    return f"chmod go-w {path}"


def _empty_log(app: App) -> str:
    """First what can be moved while others write, so that they wait for the rest only."""
    database, busy_ms = str(app.settings.home / FILE), app.settings.busy_timeout_ms
    for mode in (Mode.PASSIVE, Mode.TRUNCATE):
        done = checkpoint(database, mode, clock=app.clock, busy_ms=busy_ms, wait_ms=READERS_MS)
    if done.complete:
        return "moved the log into the database, and emptied it"
    return f"moved a part of the log; held back by {several([one.what for one in done.holders]) or 'another process'}"


def _clean_up(app: App) -> str:
    with app.store.light_transaction() as tx:
        locks = tx.locks_cleanup(boot=app.clock.boot_id(), boot_ms=app.clock.boot_ms())
    claims = bury_the_dead(app)
    return f"freed {locks} expired locks and {claims} claims of the dead"


def _tidy(app: App, found: remains.Remains) -> str:
    removed = remains.remove(app, found)
    return f"removed {several(removed)}" if removed else ""
