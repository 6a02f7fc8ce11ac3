"""What `run` looks at before it takes the first item: are the agents there, is the folder as it was left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.registry import LOOKED_FOR
from deespec.engine.pulse import bury_the_dead
from deespec.errors import NoAgent, WorkspaceError

if TYPE_CHECKING:
    from deespec.app import App

SHOWN_FILES = 10


def look_at_agents(app: App, implement: tuple[str, ...]) -> list[str]:
    """What was found about each agent that items go to by default. Raises NoAgent if none of them is ready."""
    names = dict.fromkeys((*(implement or app.settings.implement), *app.settings.review))
    if not names:
        raise NoAgent(
            f"No agent set up. Looked for {', '.join(LOOKED_FOR)}.",
            hint="Install one or set [agents.x] command; to look around: deespec demo",
        )
    words, problems = [], []
    for name in names:
        looked = app.agent(name).look()
        if looked.ready:
            words.append(f"agent {name}: {looked.version or 'ready'}")
        else:
            problems.append((looked.problem or f"{name} is not ready", looked.remedy))
    # An agent that is not ready is passed over only where a list names another one.
    if problems and (not words or len(names) == len(problems)):
        problem, remedy = problems[0]
        raise NoAgent(problem if problem.endswith(".") else f"{problem}.", hint=remedy)
    return words + [problem for problem, _ in problems]


def look_at_workspace(app: App, *, dirty: bool) -> None:
    """Refuses a user's home or `/` as workspace, and a checkout with changes of others.

    While other workers have items in work, changes are theirs and are not judged. Raises WorkspaceError.
    """
    root = app.settings.root.resolve()
    if root in (root.parent, _user_home(app)):
        raise WorkspaceError(f"Agents would work in {root} itself.", hint="Start a backlog in a project's own folder.")
    bury_the_dead(app)
    if dirty:
        return
    with app.store.read() as tx:
        if tx.running():
            return
        last = tx.last_tree()
    foreign = app.workspace.foreign_changes(last)
    if foreign:
        shown = ", ".join(foreign[:SHOWN_FILES]) + (" …" if len(foreign) > SHOWN_FILES else "")
        raise WorkspaceError(
            f"{len(foreign)} tracked file(s) differ from the last commit: {shown}",
            hint="Commit or stash them, or accept them: deespec run --dirty",
        )


def _user_home(app: App) -> object:
    from pathlib import Path

    home = dict(app.settings.child_env).get("HOME")
    return Path(home).resolve() if home else None
