"""Where a project of the Go program is, and how a new backlog takes its place: built beside, then renamed.

Two renames cannot be one. A new home that is complete is called `.deespec.importing`; where it is found while
`.deespec` is missing, the last rename was cut off, and only it is left to do. Every command looks for that name.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.config_home import DATABASE_NAME, HOME_NAME, IMPORTING_NAME
from deespec.errors import NotFound, NotPossible, WorkspaceError
from deespec.records import record
from deespec.store.upkeep.foreign import is_ours
from deespec.store.upkeep.partial import sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEPT = ".deespec-go"
BUILDING = ".deespec.new-"


@record
class Source:
    folder: Path
    """The `.deespec` of the Go program."""
    taken: bool = False
    """It was brought over in place before: a backlog of ours is where it was."""


def find_source(path: Path) -> Source:
    """The project that a path means: the folder that holds `.deespec`, or that folder itself. Raises NotFound."""
    if not path.is_dir():
        raise NotFound(f"{path} is not a folder.", hint="Name the folder of the project.")
    inner = path / HOME_NAME
    folder = (inner if inner.is_dir() else path).resolve()
    if not inner.is_dir() and not (path.name.startswith(HOME_NAME) or (path / DATABASE_NAME).exists()):
        raise NotFound(f"There is no {HOME_NAME} in {path}.", hint="Name the folder of the project.")
    if not is_ours(str(folder / DATABASE_NAME)):
        return Source(folder=folder)
    kept = _kept(folder.parent)
    if kept is None:
        raise NotPossible(
            f"{folder} is a backlog of this deespec already.", hint="Name a project of the Go deespec to bring over."
        )
    return Source(folder=kept, taken=True)


def cut_off(project: Path) -> Path | None:
    """The complete new home of an import that died before it took its place; None if none did."""
    ready = project / IMPORTING_NAME
    if os.path.lexists(project / HOME_NAME) or ready.is_symlink() or not is_ours(str(ready / DATABASE_NAME)):
        return None
    return ready


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds the folder for this import. Raises NotPossible while another one runs there."""
    try:
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise WorkspaceError(f"{folder} cannot be opened: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotPossible(f"Another import is running in {folder}.", hint="Wait for it, then look again.") from None
        yield
    finally:
        os.close(file)


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """The folder, with those above it; those that were not there are gone again if what is done in it fails."""
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(f"{folder} cannot be made: {error.strerror}.") from error
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for one in new:
                one.rmdir()
        raise


@contextmanager
def building(folder: Path, unique: str) -> Iterator[Path]:
    """A folder for a new home, gone again unless it was renamed; first what dead imports have left is removed."""
    for left in (*folder.glob(f"{BUILDING}*"), folder / IMPORTING_NAME):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
    home = folder / f"{BUILDING}{unique}"
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def take_place(new: Path, home: Path, *, over: Path | None, unchanged: Callable[[Path], None]) -> Path | None:
    """Gives the new home its name, for good; with `over` what is there is renamed before. What that is called now.

    `unchanged` raises if the project, wherever it is by then, is no longer as it was read: nothing is changed then.
    """
    for folder, _, files in os.walk(new):
        for name in files:
            sync(os.path.join(folder, name))
        sync(folder)
    ready = new.with_name(IMPORTING_NAME)
    kept: Path | None = None
    try:
        os.rename(new, ready)
        sync(str(home.parent))
        if over is not None:
            kept = _free_name(home.parent)
            unchanged(over)
            os.rename(over, kept)
            # Nobody opens it any more: what is in it now stays.
            unchanged(kept)
            sync(str(home.parent))
        os.rename(ready, home)
        sync(str(home.parent))
    except NotPossible:
        _take_back(kept, home, ready)
        raise
    except OSError as error:
        _take_back(kept, home, ready)
        where = f" The old folder is {kept}." if kept is not None and os.path.lexists(kept) else ""
        raise WorkspaceError(
            f"{home} cannot be put in place: {error.strerror}.{where}",
            hint="Look what is in its place; it must be no mount point, and you must be allowed to rename it."
            if where
            else "Nothing was changed. It must be no mount point, and you must be allowed to rename it.",
        ) from error
    return kept


def complete(ready: Path, home: Path) -> None:
    """The rename that an import did not live to do."""
    os.rename(ready, home)
    sync(str(home.parent))


def _take_back(kept: Path | None, home: Path, ready: Path) -> None:
    """Everything as it was, unless somebody else has made another home meanwhile."""
    if kept is not None and os.path.lexists(kept) and not os.path.lexists(home):
        os.rename(kept, home)
    shutil.rmtree(ready, ignore_errors=True)


def _free_name(folder: Path) -> Path:
    number = 1
    while os.path.lexists(folder / (KEPT if number == 1 else f"{KEPT}-{number}")):
        number += 1
    return folder / (KEPT if number == 1 else f"{KEPT}-{number}")


def _kept(folder: Path) -> Path | None:
    """The project that was renamed last."""
    found = [one for one in folder.glob(f"{KEPT}*") if one.is_dir() and not one.is_symlink()]
    return max(found, key=lambda one: (len(one.name), one.name), default=None)
