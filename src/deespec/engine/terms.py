"""The terms that work is accepted by: gates, merging, paths policy and review, as the base has them committed.

A machine's own settings say which agents there are and what they may cost. What DONE means they cannot change: else one
worker with other gates would merge what nobody has proven.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.config import TERMS, with_terms
from deespec.config_home import CONFIG_NAME
from deespec.workspace.branches import commit_of

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.config import Settings


class Terms:
    """The settings that count: `settings` as of the last `refresh`."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.settings = app.settings
        self.committed = False
        """Whether the base has settings of this backlog at all."""
        self._commit: str | None = None
        self.refresh()

    def refresh(self) -> Settings:
        """Reads them anew if the base has another commit. Raises BadConfig for a committed file that is not valid."""
        app = self.app
        if app.settings.workspace_mode == "worktree":
            commit = commit_of(app.settings.root, app.base) or app.repository.git.resolve(f"refs/heads/{app.base}")
            if commit is not None and commit != self._commit:
                text = committed(app, commit)
                self.committed = text is not None
                place = f"{app.base}:{CONFIG_NAME}"
                self.settings = app.settings if text is None else with_terms(app.settings, text, place)
                self._commit = commit
                self._try_again()
        return self.settings

    def _try_again(self) -> None:
        """What waited for a broken base to be mended need not wait for its time."""
        with self.app.store.read() as tx:
            waits = tx.waits_for_base()
        if waits:
            with self.app.store.transaction() as tx:
                tx.base_has_moved()


def committed(app: App, commit: str) -> str | None:
    """The text of the backlog's settings in a commit; None if they are not in it. Raises WorkspaceError."""
    home, root = app.settings.home, app.settings.root.resolve()
    if not home.is_relative_to(root):
        return None
    path, git = f"{home.relative_to(root)}/{CONFIG_NAME}", app.repository.git
    # Asked first, so that a Git that fails is not taken for settings that are not there.
    is_there = git.run("ls-tree", "--name-only", "-z", commit, "--", path)
    return git.run("cat-file", "blob", f"{commit}:{path}") if is_there else None


def differing(app: App, settings: Settings) -> str | None:
    """What a person should know if terms are set otherwise in these settings than on the base, whose count."""
    terms = Terms(app)
    agreed = terms.settings
    if not terms.committed:
        return None
    names = [name.removesuffix("_ms") for name in TERMS if getattr(agreed, name) != getattr(settings, name)]
    if not names:
        return None
    file = settings.home / CONFIG_NAME
    return f"{', '.join(names)}: what {app.base} has committed counts, not what is set here → git commit {file}"
