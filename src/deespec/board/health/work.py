"""Who does the work, and where: the agents, Git, and the folder they work in."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from typing import TYPE_CHECKING

from deespec.agents.base import Login
from deespec.agents.process import capture
from deespec.board.agents import Standing, checked, checks_of, configured, look_at, paused
from deespec.board.health.findings import Finding, broken, ok, several, warning
from deespec.board.waiting import Situation
from deespec.clock import local
from deespec.errors import StoreUnusable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from deespec.agents.base import Looked
    from deespec.app import App
    from deespec.board.agents import Checked
    from deespec.model.items import AgentPause
    from deespec.model.probes import AgentCheck

GIT_MS = 5_000
WITHOUT = "changes are found by comparing files, and none can be taken back"
IN_THE_MIDDLE = {
    "rebase-merge": ("rebase", "git rebase --abort"),
    "rebase-apply": ("rebase", "git rebase --abort"),
    "MERGE_HEAD": ("merge", "git merge --abort"),
    "CHERRY_PICK_HEAD": ("cherry-pick", "git cherry-pick --abort"),
    "REVERT_HEAD": ("revert", "git revert --abort"),
    "BISECT_LOG": ("bisect", "git bisect reset"),
}
"""What lies in a repository while somebody is in the middle of something (gitrepository-layout)."""


def of_agents(app: App) -> list[Finding]:
    """Are they installed and ready, and do these versions of them behave?"""
    named = configured(app.settings)
    if not named:
        what, why = "no agent is set up", "nothing can be worked on"
        return [warning("agents", what, why=why, fix="deespec config set run.implement claude")]
    checks, pauses = _remembered(app, named)
    looked = look_at(app, named)
    found = {name: _agent(name, looked[name], pauses.get(name)) for name in named}
    known = {name: checked(app.settings.agent(name), looked[name].version, checks) for name in named}
    behaviour = [_behaviour(name, looked[name], known[name]) for name in named if looked[name].version]
    return [*found.values(), *filter(None, behaviour), *_nobody(app.settings.implement, looked)]


def _remembered(app: App, names: Iterable[str]) -> tuple[list[AgentCheck], dict[str, AgentPause]]:
    """What `agent check` found here, and the pauses in force; nothing where the store fails, as is told elsewhere."""
    try:
        with app.store.read() as tx:
            situation = Situation(app, tx)
            found = {name: situation.pause_of(name) for name in names}
        return checks_of(app), {name: pause for name, pause in found.items() if pause is not None}
    except StoreUnusable:
        return [], {}


def _agent(name: str, looked: Looked, pause: AgentPause | None) -> Finding:
    if pause is not None and looked.ready:
        fix = f"deespec agent resume {name}"
        return warning(f"agent-{name}", f"agent {paused(pause, name)}", why="items that go to it wait", fix=fix)
    if looked.ready:
        version = f": {looked.version}" if looked.version else ""
        unknown = "; whether it is logged in, only a call tells" if looked.login is Login.UNKNOWN else ""
        return ok(f"agent-{name}", f"agent {name} is {'there' if unknown else 'ready'}{version}{unknown}")
    what = f"agent {name}: {looked.problem or 'not ready'}"
    if pause is not None:
        what = f"{what.rstrip('.')}; {paused(pause, name).removeprefix(f'{name} is ')} (deespec agent resume {name})"
    why = "items that go to it cannot be worked on"
    return warning(f"agent-{name}", what, why=why, fix=looked.remedy or f"deespec agent check {name}")


def _behaviour(name: str, looked: Looked, known: Checked) -> Finding | None:
    """A version that nobody has tried is no fault: clients are renewed every few days."""
    id, what, fix = f"agent-{name}-checked", f"{name} {looked.version}", f"deespec agent check {name}"
    match known.standing:
        case Standing.NOTHING:
            return None
        case Standing.NEVER:
            return ok(id, f"{what} was never tried; to do so: {fix}")
        case Standing.NEW:
            return ok(id, f"{what} is new since {known.version} was tried; to try it: {fix}")
        case Standing.BEHAVES:
            return ok(id, f"{what} behaves as expected (tried {local(known.at or 0)})")
        case Standing.DIFFERS:
            since = "" if known.since == looked.version else f", as no version has since {known.since}"
            why = f"{several([*known.differs], most=3)}; turns may fail or end wrongly there"
            return warning(id, f"{what} does not behave as expected{since}", why=why, fix=fix)


def _nobody(implement: Iterable[str], looked: dict[str, Looked]) -> list[Finding]:
    """Without one that implements, `run` refuses to begin."""
    if any(looked[name].ready for name in implement):
        return []
    what = "no agent that implements is ready"
    return [broken("agents", what, why="deespec run would refuse to begin", fix="deespec agent check")]


# --- Git ------------------------------------------------------------------------------------------------------------


def of_git(app: App) -> list[Finding]:
    root = app.settings.root
    if not root.is_dir():
        why = "that is where agents work (workspace.root)"
        return [broken("workspace", f"{root} is not there", why=why, fix="deespec config set workspace.root FOLDER")]
    git = shutil.which("git", path=dict(app.settings.child_env).get("PATH", os.defpath))
    if git is None:
        return [warning("git", "Git is not installed", why=WITHOUT, fix="Install Git.")]
    code, version = _call(app, git, "--version")
    if code != 0:
        return [warning("git", f"{git} does not work: {version}", why=WITHOUT, fix="Install Git anew.")]
    number = re.search(r"\d+(\.\d+)+", version)
    return [_checkout(app, git, f"Git {number.group() if number else version}")]


def _checkout(app: App, git: str, version: str) -> Finding:
    root = app.settings.root
    folder = shlex.quote(str(root))
    code, said = _call(app, git, "rev-parse", "--is-inside-work-tree", "--absolute-git-dir")
    if code != 0 or not said.startswith("true"):
        if "dubious ownership" in said:
            what = f"{version} refuses {root}: it belongs to another user"
            return warning("git", what, why=WITHOUT, fix=f"git config --global --add safe.directory {folder}")
        return warning("git", f"{version}, but {root} is no checkout", why=WITHOUT, fix=f"git init {folder}")
    private = said.splitlines()[-1]
    middle = next((one for name, one in IN_THE_MIDDLE.items() if os.path.lexists(os.path.join(private, name))), None)
    if middle is not None:
        what, abort = middle
        why = (
            f"agents would work on a half-done state, and what they change mixes with it; finish the {what}, or end it"
        )
        fix = f"git -C {folder} {abort.removeprefix('git ')}"
        return warning("git", f"{root} is in the middle of a {what}", why=why, fix=fix)
    if _call(app, git, "rev-parse", "--verify", "--quiet", "HEAD")[0] != 0:
        why = "without a commit there is nothing to go back to"
        return warning(
            "git", f"{root} has no commit yet", why=why, fix=f"git -C {folder} add -A && git -C {folder} commit"
        )
    if _call(app, git, "symbolic-ref", "--quiet", "HEAD")[0] != 0:
        why = "what is committed here belongs to no branch and is lost when another one is checked out"
        return warning("git", f"{root} is on no branch (detached HEAD)", why=why, fix=f"git -C {folder} switch -")
    return ok("git", f"{version}, checkout in {root}")


def _call(app: App, git: str, *args: str) -> tuple[int, str]:
    env = {key: value for key, value in app.settings.child_env if not key.startswith("GIT_")}
    env |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    root: Path = app.settings.root
    code, said = capture([git, *args], env=env, timeout_ms=GIT_MS, cwd=root)
    return code, said.strip()
