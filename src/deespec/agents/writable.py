"""Which files the built-in agents may write: those inside the workspace, and nothing that is Git's or deespec's own."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from deespec.errors import WorkspaceError

OWN = frozenset({".git", ".deespec"})


def inside(name: str) -> PurePosixPath:
    """The relative path that `name` is. Raises WorkspaceError, naming it, for one that no agent may write."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise WorkspaceError(f"{name!r} is no path inside the workspace.")
    _refuse_own(path)
    return path


def writable(workspace: Path, name: str) -> Path:
    """The file `name` of the workspace, or where it would be. Raises WorkspaceError for links out of it and folders."""
    target = workspace / inside(name)
    folder = target.parent.resolve()
    if target.is_symlink() or not folder.is_relative_to(workspace.resolve()):
        raise WorkspaceError(f"{name!r} is a link, or leaves the workspace through one.")
    _refuse_own(PurePosixPath(folder.relative_to(workspace.resolve())))
    if target.is_dir():
        raise WorkspaceError(f"{name!r} is a folder.")
    return target


def place(made: Path, target: Path) -> None:
    """Moves a file to its place: by one rename, so that a test running meanwhile never finds it missing or half."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(made, target)


def _refuse_own(path: PurePosixPath) -> None:
    if any(part.casefold() in OWN for part in path.parts):
        raise WorkspaceError(f"'{path}' belongs to Git or to deespec.")
