"""What an item's work changes, as a patch that Git makes: for whoever shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.changes import change_of, change_of_turn
from deespec.engine.prompt_values import load_change
from deespec.errors import NotPossible
from deespec.records import record
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.app import App
    from deespec.board.changes import Change
    from deespec.model.items import Turn
    from deespec.workspace.git import Git

FORM = ("--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "--find-renames")
FILES_MOST = 1_000
"""Of more files, the whole change is shown."""
NAMED_MOST = 20
"""Files that are named where there is no more to show of them."""
TIMEOUT_S = 600


@record
class File:
    """One that is changed, with the lines added and removed; None: it is binary."""

    name: str
    added: int | None
    removed: int | None


@record
class Patch:
    item: str
    change: Change
    git: Git
    only: tuple[str, ...] = ()
    """The files it is about, in a folder where others work, too; none: all."""

    def text(self, *form: str) -> str:
        """As `git diff` prints it in this form (-p if none is named)."""
        only = ("--", *self.only) if self.only else ()
        change, wanted = self.change, form or ("-p",)
        return self.git.run("diff", *FORM, "--relative", *wanted, change.old, change.new, *only, timeout_s=TIMEOUT_S)

    def files(self) -> list[File]:
        listed = self.text("--numstat", "--no-renames", "-z").split("\0")
        entries = [entry.split("\t", 2) for entry in listed if entry]
        return [File(name=name, added=_count(plus), removed=_count(minus)) for plus, minus, name in entries]


def patch_of(app: App, number: int, *, turn: int | None = None) -> Patch:
    """All of an item's work, or one turn's. Raises NotFound, NotPossible, WorkspaceError."""
    with app.store.read() as tx:
        sbi, work, turns, merges = tx.sbi(number), tx.work(number), tx.turns(number), tx.merges(number)
    git = _git(app, sbi.id, turns)
    apart = app.settings.workspace_mode == "worktree" or work.start is not None
    start = (work.start or app.target.ref) if apart else None
    if turn is None:
        change = change_of(git, sbi, start=start, turns=turns, merges=merges)
    else:
        change = change_of_turn(git, sbi, turn, start=start, turns=turns)
    only = () if apart else _files(app, sbi.id, change)
    return Patch(item=sbi.id, change=change, git=git, only=tuple(only))


def _git(app: App, item: str, turns: Sequence[Turn]) -> Git:
    if app.settings.workspace_mode == "worktree":
        return app.repository.git
    git = app.workspace.git
    if git is None:
        found = sorted({name for one in turns for name in load_change(app.settings.home, item, [one])[0]})
        more = f" and {len(found) - NAMED_MOST} more" if len(found) > NAMED_MOST else ""
        names = f": {clean(', '.join(found[:NAMED_MOST]))}{more}" if found else ""
        raise NotPossible(
            f"{app.settings.root} is not in a Git repository; what turns changed is known by name only{names}.",
            hint=f"deespec sbi log {item} shows what the agents wrote.",
        )
    return git


def _files(app: App, item: str, change: Change) -> Sequence[str]:
    found = {name for turn in change.turns for name in load_change(app.settings.home, item, [turn])[0]}
    return sorted(found) if len(found) <= FILES_MOST else ()


def _count(text: str) -> int | None:
    return int(text) if text.isdigit() else None
