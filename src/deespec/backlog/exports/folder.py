"""The folder of an export: written so that a link in it leads nowhere, and that whoever is killed is noticed.

While an export writes, `export-in-progress.json` names every file that it may leave behind. It goes last, so a folder
that has it is incomplete, and the next export knows what it may replace and take away. Each file is replaced at once.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from deespec.errors import DeespecError, InvalidInput, NotPossible, StoreFull

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MANIFEST = "backlog.json"
PROGRESS = "export-in-progress.json"
FORMAT = "deespec backlog"
VERSION = 1
TEMPORARY = ".deespec-export.tmp"
IGNORED = (".git",)
"""What may stand in a folder that counts as empty."""
MANIFEST_BYTES_MOST = 1 << 28
COPY_BYTES = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Folder:
    """An export's folder that this process alone writes to. Paths are relative, at most one folder deep."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.changed = 0
        self._folders = {"": descriptor}

    def read(self, name: str, *, most: int) -> bytes | None:
        """The content of a file; None: there is no such file, or something else is there."""
        folder, _, base = name.rpartition("/")
        try:
            descriptor = os.open(base, _FILE, dir_fd=self._folder(folder))
        except OSError:
            return None
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            return file.read(most + 1)

    def put(self, name: str, content: bytes) -> bool:
        """Writes a file unless it has this content already; whether it was written."""
        if self.read(name, most=len(content)) == content:
            return False
        folder, _, base = name.rpartition("/")
        inside = self._folder(folder)
        with suppress(FileNotFoundError):
            os.unlink(TEMPORARY, dir_fd=inside)
        try:
            with open(os.open(TEMPORARY, _NEW, 0o644, dir_fd=inside), "wb") as file:
                file.write(content)
            os.rename(TEMPORARY, base, src_dir_fd=inside, dst_dir_fd=inside)
        except OSError as error:
            raise _cannot(self.path / name, error) from error
        self.changed += 1
        return True

    def put_stream(self, name: str, lines: Iterable[bytes]) -> bool:
        """The same for a file at the top that may be larger than the memory."""
        top = self._folders[""]
        with suppress(FileNotFoundError):
            os.unlink(TEMPORARY, dir_fd=top)
        try:
            with open(os.open(TEMPORARY, _NEW, 0o644, dir_fd=top), "wb") as file:
                file.writelines(lines)
            if self._same(TEMPORARY, name):
                os.unlink(TEMPORARY, dir_fd=top)
                return False
            os.rename(TEMPORARY, name, src_dir_fd=top, dst_dir_fd=top)
        except OSError as error:
            raise _cannot(self.path / name, error) from error
        self.changed += 1
        return True

    def remove(self, name: str) -> bool:
        """Takes a file away; False: it was not there. What is no file, or a link, stays."""
        folder, _, base = name.rpartition("/")
        try:
            inside = self._folder(folder)
            if not stat.S_ISREG(os.stat(base, dir_fd=inside, follow_symlinks=False).st_mode):
                return False
            os.unlink(base, dir_fd=inside)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _cannot(self.path / name, error) from error
        self.changed += 1
        return True

    def tidy(self) -> None:
        """Takes away what a killed export left half written, and folders that are empty."""
        for folder in [*self._folders]:
            with suppress(OSError):
                os.unlink(TEMPORARY, dir_fd=self._folders[folder])
            if folder:
                with suppress(OSError):
                    os.rmdir(folder, dir_fd=self._folders[""])

    def close(self) -> None:
        for descriptor in self._folders.values():
            os.close(descriptor)
        self._folders.clear()

    def _same(self, one: str, other: str) -> bool:
        with ExitStack() as both:
            try:
                files = [
                    both.enter_context(open(os.open(name, _FILE, dir_fd=self._folders[""]), "rb"))
                    for name in (one, other)
                ]
            except OSError:
                return False
            if len({os.fstat(file.fileno()).st_size for file in files}) > 1:
                return False
            while True:
                parts = [file.read(COPY_BYTES) for file in files]
                if parts[0] != parts[1]:
                    return False
                if not parts[0]:
                    return True

    def _folder(self, name: str) -> int:
        found = self._folders.get(name)
        if found is not None:
            return found
        top = self._folders[""]
        try:
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=top)
            self._folders[name] = os.open(name, _FOLDER, dir_fd=top)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                hint = "Move it away: an export writes to no place but its own folder."
                raise InvalidInput(f"{self.path / name} is a link, or no folder.", hint=hint) from error
            raise _cannot(self.path / name, error) from error
        return self._folders[name]


@contextmanager
def opened(path: Path) -> Iterator[Folder]:
    """Makes the folder if need be; nobody else writes to it meanwhile. Raises NotPossible if somebody does."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _cannot(path, error) from error
    folder = Folder(path, descriptor)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            hint = "Wait until it has ended."
            raise NotPossible(f"Another export is writing to {path}.", hint=hint) from error
        yield folder
    finally:
        folder.close()


def read_json(content: bytes | None, *, file: str) -> dict[str, Any] | None:
    """The object that a manifest is; None: it is not there. Raises InvalidInput."""
    if content is None:
        return None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{file} is not valid JSON: {error}.") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{file} is no JSON object.")
    return found


def as_json(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, ensure_ascii=False, indent=0) + "\n").encode()


def files_of(manifest: dict[str, Any] | None, *, file: str) -> list[str]:
    """The files that a manifest names. Raises InvalidInput for one that could lead out of the folder."""
    names = (manifest or {}).get("files", [])
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise InvalidInput(f"{file}: files must be a list of names.")
    for name in names:
        parts = name.split("/")
        if len(parts) > 2 or any(part in ("", ".", "..") for part in parts) or "\0" in name or "\\" in name:
            raise InvalidInput(f"{file} names {name!r}, which no export writes.")
    return names


def _cannot(path: Path, error: OSError) -> DeespecError:
    if error.errno == errno.ENOSPC:
        hint = "Free some space, then export once more: it completes what is there."
        return StoreFull(f"The disk that holds {path} is full.", hint=hint)
    return InvalidInput(f"{path} cannot be written: {error.strerror}.")
