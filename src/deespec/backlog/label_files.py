"""Files of labels on the disk: made, replaced and removed as a whole, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import tempfile
from typing import TYPE_CHECKING

from deespec.errors import InvalidInput, NotPossible, WorkspaceError
from deespec.labels import COPIES, FOLDER, INTENT, SUFFIX, TEMPLATE_SUFFIXES, Intent, read_text, template_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODE = 0o644
COPIES_MOST = 1_000


def create(home: Path, path: Path, text: str) -> bool:
    """Writes a file that is not there yet; False if it is, which changes nothing."""
    try:
        _put(home, path, text, os.link)
    except FileExistsError:
        return False
    return True


def replace_file(home: Path, path: Path, text: str) -> None:
    _put(home, path, text, os.replace)


def remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
        _settle(path.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be removed: {error.strerror}.") from error


def copied_template(home: Path, root: Path, text: str, name: str) -> str:
    """The path, as labels have it, of a copy of this text: the one that is there already, or a new one."""
    stem, suffix = os.path.splitext(name)
    suffix = suffix if suffix.casefold() in TEMPLATE_SUFFIXES else SUFFIX
    for number in range(1, COPIES_MOST):
        template = f"{COPIES}/{stem}{'' if number == 1 else f'-{number}'}{suffix}"
        path = template_path(home, root, template)
        if create(home, path, text) or _says(path, text):
            return template
    raise NotPossible(f"{home / FOLDER} holds too many copies of {name}.")


def keep_intent(home: Path, intent: Intent) -> None:
    text = json.dumps({"old": intent.old, "new": intent.new}, ensure_ascii=False)
    replace_file(home, home / INTENT, text)


# --- below ----------------------------------------------------------------------------------------------------------


def _put(home: Path, path: Path, text: str, place: Callable[[str, Path], None]) -> None:
    """The new file is made in the home, whose other files Git leaves out, should it be left behind."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(dir=home, prefix=".label.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                os.fchmod(file.fileno(), MODE)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            place(made, path)
        finally:
            if os.path.lexists(made):
                os.unlink(made)
        _settle(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written: {error.strerror}.") from error


def _settle(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _says(path: Path, text: str) -> bool:
    try:
        return read_text(path) == text
    except InvalidInput:
        return False
