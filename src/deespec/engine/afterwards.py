"""What follows a merge, when the item is DONE already: its folder goes, and the base is brought up to date if it is to.

None of it changes what was decided, so whatever fails here is tried again later, by any worker.
"""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING

from deespec.engine.detached import NAME, is_left
from deespec.engine.place import worktree
from deespec.engine.undoing import CHECKOUT, complete
from deespec.errors import WorkspaceError
from deespec.model.lifecycle import Status
from deespec.workspace import cleaning, landing

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.app import App
    from deespec.engine.bench import Outcome

FOLDER = re.compile(r"SBI-(\d+)(?:-\d+)?(?:\.removing)?")
"""Of an item; with its last part while it is taken away."""

log = logging.getLogger(__name__)


def after(app: App, outcome: Outcome) -> str | None:
    """What an outcome brings with it for the repository; what a person should know of that."""
    if outcome.after is None or outcome.after.status is not Status.DONE or app.settings.workspace_mode != "worktree":
        return None
    remove_folder(app, outcome.after.number)
    return land(app) if app.settings.land == "auto" else None


def remove_folder(app: App, number: int) -> tuple[str, ...]:
    """Removes the worktree and the branch of an item that has ended; why not, if something in it is nowhere else."""
    with app.store.read() as tx:
        sbi, work = tx.sbi(number), tx.work(number)
    try:
        keep_branch = app.settings.integrate == "none"  # it is all that shows where the work is
        return cleaning.remove(worktree(app, sbi.id, sbi.uid, work.name), keep_branch=keep_branch)
    except (OSError, WorkspaceError) as error:
        log.warning("worktree not removed", extra={"item": sbi.id, "error": str(error)})
        return (str(error),)


def land(app: App) -> str | None:
    """Brings the target to the base where that harms nobody; what came of it, in words, if anything."""
    target = app.target
    try:
        found = landing.plan(app.repository, app.base, target.ref)
        if found.old == found.new:
            return None
        landing.land(app.repository, found)
    except WorkspaceError as error:
        return f"not landed: {error.message}" + (f" → {error.hint}" if error.hint else "")
    with app.store.transaction() as tx:
        tx.note("deespec", "landed", detail=f"{found.base} {found.old}..{found.new}")
    return f"landed {found.commits} commit{'s' if found.commits > 1 else ''} on {found.base}"


def tidy(app: App) -> None:
    """Removes what workers that died have left: folders of items that are merged, and their own checkouts."""
    if app.settings.workspace_mode != "worktree":
        return
    complete(app, actor="deespec")
    home = app.settings.home
    checkouts = [name for name in _names(home / "checkouts") if name != CHECKOUT]  # before asking who is alive
    left = {int(found[1]) for name in _names(home / "worktrees") if (found := FOLDER.fullmatch(name))}
    with app.store.read() as tx:
        alive = {worker.uid for worker in tx.workers()}
        over = [name for name in checkouts if name not in alive and (is_left(tx, name) or not NAME.fullmatch(name))]
        ended = [number for number in left if tx.exists(f"SBI-{number}") and tx.sbi(number).status is Status.DONE]
    for number in sorted(ended):
        remove_folder(app, number)
    for name in over:
        app.target.drop_checkout(name)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
