"""Where an item is worked on, told without starting Git."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.records import record
from deespec.workspace.branches import commit_of

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.app import App
    from deespec.model.work import Work


@record
class ItemPlace:
    name: str
    """Of its folder and branch."""
    folder: Path | None
    """None: it has none now."""
    branch: str | None
    """None: there is none of that name now."""


def place_of(app: App, work: Work, *, uid: str) -> ItemPlace:
    """Its worktree, or the folder that all items share."""
    settings = app.settings
    if settings.workspace_mode != "worktree" and work.start is None:
        return ItemPlace(name=work.name, folder=settings.root, branch=None)
    folder = settings.home / "worktrees" / work.name
    names = (f"{work.name}-{uid[-6:].lower()}", work.name)
    branches = (f"deespec/{name}" for name in names)
    branch = next((one for one in branches if commit_of(settings.root, one) is not None), None)
    is_there = folder.is_dir() and not folder.is_symlink()
    return ItemPlace(name=work.name, folder=folder if is_there else None, branch=branch)
