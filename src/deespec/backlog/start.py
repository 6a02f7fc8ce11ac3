"""Starting a backlog: the folder, its settings, its database. Doing it twice, or eight times at once, does no harm."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.config import AgentSettings, Gate
from deespec.config_home import CONFIG_NAME, DATABASE_NAME
from deespec.config_write import template
from deespec.errors import WorkspaceError
from deespec.records import record
from deespec.store.opener import create_store
from deespec.workspace.git import Git

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deespec.clock import Clock

IGNORED = """# Everything but the settings stays out of Git.
*
!.gitignore
!config.toml
!prompts/
!prompts/**
!labels/
!labels/**
"""
BUSY_MS = 30_000
DEFAULT_BRANCHES = ("main", "master", "trunk", "develop")
REMOTE_HEAD = "refs/remotes/origin/"


@record
class Started:
    home: Path
    fresh: bool
    """False: there was a backlog already; nothing of it was changed."""
    config_written: bool


@record
class Surroundings:
    """What Git says of the folder that a backlog is to be for."""

    base: str | None = None
    """The branch that is checked out at the repository's top."""
    remark: str = ""
    """Why items cannot have worktrees here, where it is no whole repository."""
    warning: str = ""
    """What a person should look at, with the way out."""


def start(
    home: Path,
    *,
    clock: Clock,
    agents: Sequence[str],
    review: Sequence[str] = (),
    gates: Sequence[Gate] = (),
    sections: Sequence[AgentSettings] = (),
    base: str | None = None,
) -> Started:
    """Makes the home with its database, and config.toml unless there is one. Raises what makes it impossible."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(f"{home} cannot be made: {error.strerror}.") from error
    fresh = create_store(os.path.join(home, DATABASE_NAME), clock=clock, busy_ms=BUSY_MS)
    text = template(implement=agents, review=review, agents=sections, gates=gates, base=base)
    written = write_new(home / CONFIG_NAME, text)
    write_new(home / ".gitignore", IGNORED)
    return Started(home=home, fresh=fresh, config_written=written)


def write_new(path: Path, text: str) -> bool:
    """Writes a file that is not there yet, in one step; False if it is there, which changes nothing."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        os.link(partial, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)
    return True


def look_around(root: Path, env: Mapping[str, str]) -> Surroundings:
    """Whether items can have worktrees here, and from which branch they begin; the folder need not be there yet."""
    at = next(folder for folder in (root, *root.parents) if folder.is_dir())
    git = Git(at, env)
    try:
        code, out, err = git.call("rev-parse", "--is-bare-repository", "--is-inside-work-tree", "--show-toplevel")
    except FileNotFoundError:
        return Surroundings(remark="Git is not installed", warning="worktrees need Git: install it")
    words = out.splitlines()
    if words[:1] == ["true"]:
        return Surroundings(
            remark="this is a bare repository", warning=f"there are no files to work on in {at}: clone it"
        )
    if code != 0 and os.path.lexists(root / ".git"):
        return Surroundings(warning=f"Git cannot read this repository: {(err.splitlines() or ['?'])[-1]}")
    if code != 0 or words[1] != "true":
        return Surroundings(remark="there is no Git repository")
    if os.path.realpath(words[2]) != os.path.realpath(root):
        return Surroundings(
            remark=f"it is part of the repository {words[2]}",
            warning=f"worktrees are made of whole repositories: deespec init {words[2]}",
        )
    return _branches(git)


def _branches(git: Git) -> Surroundings:
    found = git.call("symbolic-ref", "--short", "--quiet", "HEAD")[1].strip() or None
    if git.head() is None:
        return Surroundings(base=found, warning="there is no commit yet, and worktrees begin at one")
    usual = _default_branch(git)
    if found is None:
        named = usual or "BRANCH"
        return Surroundings(warning=f"no branch is checked out; name one: deespec config set workspace.base {named}")
    if usual in (None, found):
        return Surroundings(base=found)
    return Surroundings(
        base=found, warning=f"you are on {found}, and {usual} is there, too: deespec config set workspace.base {usual}"
    )


def _default_branch(git: Git) -> str | None:
    """The one that the remote names, if it is here, too; else the first of the usual names that is."""
    named = git.call("symbolic-ref", "--quiet", f"{REMOTE_HEAD}HEAD")[1].strip().removeprefix(REMOTE_HEAD)
    names = ((named,) if named else ()) + DEFAULT_BRANCHES
    return next((name for name in names if git.resolve(f"refs/heads/{name}") is not None), None)


def is_to_be_committed(home: Path, env: Mapping[str, str]) -> bool:
    """Whether Git would take the settings, and has them not as they are."""
    return bool(_git_says(home, env, "status", "--porcelain", "--untracked-files=all", "--", CONFIG_NAME))


def is_ignored(home: Path, env: Mapping[str, str]) -> bool:
    """Whether Git leaves the whole home out."""
    return _git_says(home.parent, env, "status", "--porcelain", "--ignored", "--", home.name) == f"!! {home.name}/"


def _git_says(folder: Path, env: Mapping[str, str], *args: str) -> str:
    try:
        return Git(folder, env).call(*args)[1].strip()
    except FileNotFoundError:
        return ""


def find_agents(env: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """Which of these programs are on the PATH."""
    return [name for name in names if shutil.which(name, path=env.get("PATH"))]


def find_gates(root: Path) -> list[Gate]:
    """Test commands that this project seems to have, the likeliest first."""
    found = []
    if (root / "Makefile").is_file() and re.search(r"(?m)^test\s*:", _text(root / "Makefile")):
        found.append(Gate(name="tests", run="make test"))
    if _text(root / "pyproject.toml").find("pytest") >= 0 or (root / "pytest.ini").is_file():
        found.append(Gate(name="tests", run="pytest -q"))
    elif any(root.glob("tests/test_*.py")):
        found.append(Gate(name="tests", run="python3 -m unittest discover -s tests"))
    if _has_npm_test(root / "package.json"):
        found.append(Gate(name="tests", run="npm test"))
    if (root / "Cargo.toml").is_file():
        found.append(Gate(name="tests", run="cargo test"))
    return found


def _has_npm_test(path: Path) -> bool:
    try:
        script = json.loads(_text(path) or "{}").get("scripts", {}).get("test", "")
    except (ValueError, AttributeError):
        return False
    return bool(script) and "no test specified" not in script


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
