"""What is merged and not yet landed: the commits that the base, the branch that people work on, does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.records import record
from deespec.workspace.branches import commit_of
from deespec.workspace.landing import plan

if TYPE_CHECKING:
    from deespec.app import App

KEPT_MS = 5_000
"""So long what the checkout forbids is taken to be as it was."""


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


class Landable:
    """What waits to be landed here. It is looked at again when a branch has moved, else after some seconds."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._known: tuple[object, int, ToLand | None] | None = None
        """Of which commits, when, and what was found."""

    def look(self) -> ToLand | None:
        """None: the base has it all, or nothing is ever merged here. Raises WorkspaceError if Git cannot tell."""
        settings = self._app.settings
        if settings.workspace_mode != "worktree" or (merged := commit_of(settings.root, settings.target)) is None:
            return None
        commits = commit_of(settings.root, self._app.base), merged
        if commits[0] == merged:
            return None
        now = self._app.clock.now_ms()
        known = self._known
        if known is None or known[0] != commits or not 0 <= now - known[1] < KEPT_MS:
            self._known = known = commits, now, _looked(self._app)
        return known[2]


def to_land_in_words(app: App) -> str | None:
    """One line: how many items are merged, and the command that helps; None: nothing waits, or Git cannot tell."""
    try:
        found = app.landable.look()
    except WorkspaceError:
        return None
    return None if found is None else in_words(found)


def in_words(found: ToLand) -> str:
    """One line: how many items are merged, and the command that helps."""
    count, what = (len(found.items), "item") if found.items else (found.commits, "commit")
    words = f"1 {what} is merged" if count == 1 else f"{count} {what}s are merged"
    if found.obstacle:
        words += f": {found.obstacle}"
    return f"{words} → {found.remedy}" if found.remedy else words


def _looked(app: App) -> ToLand | None:
    base, target = app.base, app.settings.target
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
