"""Finding the home: the folder with the backlog that a command belongs to."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from deespec.errors import NoHome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

HOME_NAME = ".deespec"
CONFIG_NAME = "config.toml"
DATABASE_NAME = "deespec.db"
IMPORTING_NAME = ".deespec.importing"
"""What an import calls the new home while it takes the place of an old one."""


def find_home(explicit: str | None, env: Mapping[str, str], cwd: Path) -> Path:
    """The folder with the backlog: --home, DEESPEC_HOME, the nearest .deespec upward, ~/.deespec, in this order.

    A linked worktree belongs to its main worktree's home, although the committed config.toml is checked out in it
    as well: otherwise each worktree would grow a backlog of its own. Raises NoHome.
    """
    for given, name in ((explicit, "--home"), (env.get("DEESPEC_HOME"), "DEESPEC_HOME")):
        if given:
            return _named_home(cwd / expanded(given, env), name)
    found = _nearest_home(cwd)
    if found is None and env.get("HOME"):
        found = next(_homes([Path(env["HOME"])]), None)
    if found is None:
        raise NoHome("No backlog here.", hint="Start one: deespec init")
    return found.resolve()


def is_home(folder: Path) -> bool:
    """Whether a backlog is in it. Raises NoHome for one that is there and closed to us."""
    try:
        return _is_file(folder / CONFIG_NAME) or _is_file(folder / DATABASE_NAME)
    except PermissionError as error:
        if not os.path.isdir(folder):
            return False
        raise NoHome(f"{folder} cannot be read.", hint="Look at its owner and permissions.") from error


def _named_home(folder: Path, name: str) -> Path:
    """What a person named may be the home or the folder that holds it."""
    found = next((home for home in (folder, folder / HOME_NAME) if is_home(home)), None)
    if found is None:
        refuse_cut_off(folder.parent if folder.name == HOME_NAME else folder)
        raise NoHome(f"No backlog in {folder} ({name}).", hint=f"Start one: deespec init {folder}")
    return found.resolve()


def _nearest_home(cwd: Path) -> Path | None:
    upward = (cwd, *cwd.parents)
    top = next((folder for folder in upward if os.path.lexists(folder / ".git")), None)
    if top is None:
        return next(_homes(upward), None)
    own = [folder for folder in upward if folder.is_relative_to(top)]
    main = _main_worktree(top)
    if main is None:
        return next(_homes(own), None)
    found = [*_homes(main / folder.relative_to(top) for folder in own)]
    filled = (home for home in (*found, *_homes(own)) if _is_file(home / DATABASE_NAME))
    return next(filled, found[0] if found else None)


def _homes(folders: Iterable[Path]) -> Iterator[Path]:
    return (folder / HOME_NAME for folder in folders if _holds_home(folder))


def _holds_home(folder: Path) -> bool:
    """Raises NoHome where an import was cut off: no backlog further up may take the place of the one that is due."""
    home = folder / HOME_NAME
    if is_home(home):
        return True
    refuse_cut_off(folder)
    # An import may have ended just between these two looks.
    return os.path.lexists(home) and is_home(home)


def refuse_cut_off(folder: Path) -> None:
    """Raises NoHome if an import has died, or is, between moving the old home of this folder away and its last step."""
    if os.path.lexists(folder / IMPORTING_NAME) and not os.path.lexists(folder / HOME_NAME):
        raise NoHome(f"An import in {folder} was cut off.", hint=f"deespec import legacy {folder} completes it.")


def _main_worktree(top: Path) -> Path | None:
    """The main worktree that the linked worktree at `top` belongs to; None if it is not a linked one.

    gitrepository-layout(5): its `.git` is a file that names a private folder, whose `commondir` names the repository.
    A submodule's private folder has no `commondir`.
    """
    try:
        kind, _, private = (top / ".git").read_text(encoding="utf-8").partition(":")
        folder = top / private.strip()
        common = folder / (folder / "commondir").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return common.resolve().parent if kind == "gitdir" else None


def _is_file(path: Path) -> bool:
    """As Path.is_file, except that a closed folder is an error: another backlog further up must not take its place."""
    try:
        return S_ISREG(path.stat().st_mode)
    except PermissionError:
        raise
    except (OSError, ValueError):
        return False


def expanded(path: str, env: Mapping[str, str]) -> Path:
    if path == "~" or path.startswith("~/"):
        return Path(env.get("HOME", "~"), path[2:])
    return Path(path)
