"""What `run` looks at before it takes the first item: are the agents there, is the folder as it was left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.registry import LOOKED_FOR
from deespec.engine.pulse import bury_the_dead
from deespec.engine.recovering import mark_merged
from deespec.engine.terms import differing
from deespec.errors import NoAgent, WorkspaceError
from deespec.model.selection import inside
from deespec.model.wanted import Scope
from deespec.workspace.landing import finish
from deespec.workspace.merging import LEAVE, TAKEN

if TYPE_CHECKING:
    from deespec.app import App

SHOWN_FILES = 10
SBIS = Scope()


def decomposers(app: App, implement: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The agents that decompose PBIs which name none, in order of preference."""
    return implement or app.settings.decompose or app.settings.implement


def look_at_agents(app: App, implement: tuple[str, ...], scope: Scope = SBIS) -> list[str]:
    """What was found of the agents that work in scope goes to by default. Raises NoAgent if none of a list is there."""
    settings = app.settings
    lists = [implement or settings.implement, settings.review or implement] if scope.sbis else []
    lists += [decomposers(app, implement)] if scope.pbis else []
    names = dict.fromkeys(name for one in lists for name in one)
    if not names:
        raise NoAgent(
            f"No agent set up. Looked for {', '.join(LOOKED_FOR)}.",
            hint="Install one or set [agents.x] command; to look around: deespec demo",
        )
    looked = {name: app.agent(name).look() for name in names}
    problems = {name: one.problem or f"{name} is not ready" for name, one in looked.items() if not one.ready}
    for wanted in lists:
        # An agent that is not ready is passed over only where a list names another one.
        if wanted and all(name in problems for name in wanted):
            raise NoAgent(f"{problems[wanted[0]].rstrip('.')}.", hint=looked[wanted[0]].remedy)
    ready = [f"agent {name}: {one.version or 'ready'}" for name, one in looked.items() if one.ready]
    return [*ready, *problems.values()]


def look_at_workspace(app: App, *, dirty: bool) -> None:
    """Refuses a user's home or `/` as workspace, and a checkout with changes of others.

    While other workers have items in work, changes are theirs and are not judged; where a turn was cut off, changes
    below its item's paths are what its agent left. Raises WorkspaceError.
    """
    root = app.settings.root.resolve()
    if root in (root.parent, _user_home(app)):
        raise WorkspaceError(f"Agents would work in {root} itself.", hint="Start a backlog in a project's own folder.")
    bury_the_dead(app)
    if dirty or app.settings.workspace_mode == "worktree":
        return
    with app.store.read() as tx:
        if tx.running():
            return
        last = tx.last_tree()
        cut_off = tx.cut_off_paths()
    if () in cut_off:
        return
    foreign = [
        name for name in app.workspace.foreign_changes(last) if not any(inside(name, paths) for paths in cut_off)
    ]
    if foreign:
        shown = ", ".join(foreign[:SHOWN_FILES]) + (" …" if len(foreign) > SHOWN_FILES else "")
        raise WorkspaceError(
            f"{len(foreign)} tracked file(s) differ from the last commit: {shown}",
            hint="Commit or stash them, or accept them: deespec run --dirty",
        )


def begin_apart(app: App) -> list[str]:
    """Where items get worktrees: makes the target if it is not there, completes a landing that was cut off, and says
    what a person should know. Raises WorkspaceError where worktrees cannot be made.
    """
    if app.settings.workspace_mode != "worktree":
        return []
    base, git = app.base, app.repository.git
    if git.resolve(f"refs/heads/{base}") is None:
        what = "has no commit yet" if git.head() is None else f"has no branch {base}"
        raise WorkspaceError(
            f"{app.settings.root} {what}: worktrees begin at one.",
            hint="git add -A && git commit" if git.head() is None else "deespec config set workspace.base BRANCH",
        )
    if base == app.target.name:
        raise WorkspaceError(
            f"{base} is the base, and cannot be what work is merged into before it lands.",
            hint="deespec config unset workspace.target",
        )
    with app.store.read() as tx:
        uid = tx.backlog_uid()
    app.target.start(f"refs/heads/{base}", backlog=uid)
    finish(app.repository)
    told = []
    if (folder := app.target.checked_out()) is not None:
        told.append(f"{TAKEN.format(target=app.target.name, folder=folder)} → {LEAVE.format(folder=folder)}")
    if merged := mark_merged(app, actor="deespec"):
        told.append(f"{app.target.name} tells more than this backlog knew, which follows it: {', '.join(merged)}")
    lines = git.run("status", "--porcelain").splitlines()
    own = f" {app.settings.home.name}/"
    if dirty := [line for line in lines if not line[2:].startswith(own)]:
        new = sum(line.startswith("??") for line in dirty)
        what = f"{len(dirty) - new} changed and {new} untracked in {app.settings.root}"
        told.append(f"not committed, so agents do not see it: {what}; they begin from {base}")
    if other := differing(app, app.settings):
        told.append(other)
    return told


def _user_home(app: App) -> object:
    from pathlib import Path

    home = dict(app.settings.child_env).get("HOME")
    return Path(home).resolve() if home else None
