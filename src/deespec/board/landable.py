"""What is merged and not yet landed: the commits that the base, the branch that people work on, does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.records import record
from deespec.workspace.branches import commit_of
from deespec.workspace.landing import plan

if TYPE_CHECKING:
    from deespec.app import App


@record
class ToLand:
    """Work that waits for `deespec land`."""

    base: str
    target: str
    commits: int
    items: tuple[str, ...] = ()
    """The titles of the items it brings, oldest first."""
    obstacle: str | None = None
    """Why it cannot be landed now."""
    remedy: str | None = "deespec land"


def to_land_in_words(app: App) -> str | None:
    """One line: how many items are merged, and the command that helps; None: nothing waits, or Git cannot tell."""
    try:
        found = to_land(app)
    except WorkspaceError:
        return None
    if found is None:
        return None
    count, what = (len(found.items), "item") if found.items else (found.commits, "commit")
    words = f"1 {what} is merged" if count == 1 else f"{count} {what}s are merged"
    if found.obstacle:
        words += f": {found.obstacle}"
    return f"{words} → {found.remedy}" if found.remedy else words


def to_land(app: App) -> ToLand | None:
    """None: the base has it all, or nothing is ever merged here. Raises WorkspaceError if Git cannot tell."""
    settings = app.settings
    if settings.workspace_mode != "worktree" or commit_of(settings.root, settings.target) is None:
        return None
    base, target = app.base, settings.target
    if commit_of(settings.root, base) == commit_of(settings.root, target):
        return None
    found = app.repository.git.run(
        "rev-list", "--count", "--first-parent", f"refs/heads/{target}", f"^refs/heads/{base}"
    )
    if not (commits := int(found)):
        return None
    try:
        landing = plan(app.repository, base, app.target.ref)
    except WorkspaceError as error:
        return ToLand(base=base, target=target, commits=commits, obstacle=error.message, remedy=error.hint)
    return ToLand(base=base, target=target, commits=commits, items=landing.items)
