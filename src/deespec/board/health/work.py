"""Who does the work, and where: the agents, Git, and the folder they work in."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from deespec.agents.process import capture
from deespec.board.health.findings import Finding, Level, broken, ok, warning
from deespec.errors import DeespecError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from deespec.app import App

GIT_MS = 5_000
AT_ONCE = 8
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
    """All are looked at at once: one that hangs is given up by its adapter after some seconds."""
    settings = app.settings
    named = [*dict.fromkeys((*settings.implement, *settings.review, *(agent.name for agent in settings.agents)))]
    if not named:
        what, why = "no agent is set up", "nothing can be worked on"
        return [warning("agents", what, why=why, fix="deespec config set run.implement claude")]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
        looked = dict(zip(named, threads.map(lambda name: _agent(app, name), named), strict=True))
    return [*looked.values(), *_nobody(settings.implement, looked)]


def _agent(app: App, name: str) -> Finding:
    why = "items that go to it cannot be worked on"
    try:
        looked = app.agent(name).look()
    except DeespecError as error:
        return warning(f"agent-{name}", f"{name}: {error.message}", why=why, fix=error.hint or "deespec agent check")
    if looked.ready:
        return ok(f"agent-{name}", f"agent {name} is ready{f': {looked.version}' if looked.version else ''}")
    what = f"agent {name}: {looked.problem or 'not ready'}"
    return warning(f"agent-{name}", what, why=why, fix=looked.remedy or f"deespec agent check {name}")


def _nobody(implement: Iterable[str], looked: dict[str, Finding]) -> list[Finding]:
    """Without one that implements, `run` refuses to begin."""
    if any(looked[name].level is Level.OK for name in implement):
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
