"""Working in the project's own folder: what changed in a turn, what is kept of it. No commits on branches, no moves.

In a Git checkout a state of the folder is a tree id, written through a private index; elsewhere it is a list of files
with size, time and hash, kept below the backlog's home.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.model.reports import Evidence
from deespec.workspace.git import Git
from deespec.workspace.nested import full_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DIFF_BYTES = 200_000
DIFF_FILES = 500
FILES_MOST = 200_000
SKIPPED = {".git", ".hg", ".svn", ".deespec", "node_modules", "__pycache__", ".venv", ".mypy_cache", ".ruff_cache"}
FILES_PREFIX = "files:"
LISTS_KEPT_MS = 7 * 24 * 3_600_000
"""Longer than any turn with all its attempts."""


class SharedWorkspace:
    """The project's folder as all items share it."""

    def __init__(self, root: Path, home: Path, env: Mapping[str, str]) -> None:
        self.root = root
        self.home = home
        git = Git(root, env)
        self.git = git if git.there() else None
        self._one_at_a_time = threading.Lock()
        self._private: Path | None = None

    def state(self) -> str:
        """Names the present state of the folder."""
        return self._state()[0]

    def _state(self) -> tuple[str, list[str]]:
        """The same, and where repositories lie inside of the project's own."""
        with self._one_at_a_time:
            if self.git is not None:
                return full_tree(self.git, self._index())
            return self._keep_files(self._files()), []

    def evidence(self, start: str, *, alone: bool) -> tuple[Evidence, str]:
        """What differs from the state at the turn's start, and the state now."""
        now, inside = self._state()
        if start == now:
            changed: list[str] = []
        elif self.git is not None and not start.startswith(FILES_PREFIX):
            changed = self.git.differing(start, now)
        else:
            before, after = self._load(start), self._load(now)
            changed = sorted(name for name in before.keys() | after.keys() if _differs(before, after, name))
        forbidden = tuple(name for name in changed if _is_ours(name))
        nested = tuple(root for root in inside if any(name.startswith(f"{root}/") for name in changed))
        return Evidence(changed=tuple(changed), alone=alone, forbidden=forbidden, nested=nested), now

    def files(self) -> tuple[str, ...]:
        """The names of the project's files, without what Git ignores."""
        if self.git is None:
            return tuple(os.path.relpath(path, self.root) for path in self._walk())
        listed = self.git.run("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        return tuple(dict.fromkeys(name for name in listed.split("\0") if name))

    def diff(self, start: str, now: str, files: tuple[str, ...]) -> str:
        """The change as a patch for a reviewer, cut where it grows too long; empty where there is no Git."""
        if self.git is None or start.startswith(FILES_PREFIX) or not files:
            return ""
        if len(files) > DIFF_FILES:
            return f"{len(files)} files changed; too many to show.\n"
        try:
            text = self.git.diff(start, now, list(files))
        except WorkspaceError as error:  # it is for reading only
            return f"The change cannot be shown: {error.message}\n"
        if len(text) > DIFF_BYTES:
            return text[:DIFF_BYTES] + f"\n… {len(text) - DIFF_BYTES} more characters\n"
        return text

    def keep(self, state: str, *, item: str, uid: str, turn: int, token: int) -> str:
        """Makes this state reachable for good, and returns its name for the turn's record."""
        if self.git is None or state.startswith(FILES_PREFIX):
            return state
        message = f"{item} turn {turn}\n\nDeespec-Item: {uid}\n"
        return self.git.keep(f"refs/deespec/{item}/turn-{turn}.{token}", state, message)

    def foreign_changes(self, last: str | None) -> list[str]:
        """Tracked files that differ from the commit checked out, unless an item of this backlog left them so."""
        if self.git is None:
            return []
        head = self.git.head()
        if head is None:
            return []
        now, inside = self._state()
        with_links = self.git.tree_of_folder(self._index())[0] if inside else now
        dirty = [name for name in self.git.tracked_changes(head, with_links) if not _is_ours(name)]
        if not dirty or not last or last.startswith(FILES_PREFIX):
            return dirty
        try:
            differing = set(self.git.differing(last, now))
        except WorkspaceError:
            return dirty
        differing |= {root for root in inside if any(name.startswith(f"{root}/") for name in differing)}
        return [name for name in dirty if name in differing]

    # --- with Git ---

    def _index(self) -> Path:
        """A folder for each object, not each pid: in containers pids come again, and a killed Git leaves its lock."""
        if self._private is None:
            cache = self.home / "cache"
            cache.mkdir(parents=True, exist_ok=True)
            self._private = Path(tempfile.mkdtemp(prefix="index-", dir=cache))
        return self._private / "index"

    def tidy(self, *, now_ms: int) -> None:
        """Removes this process's private index, and lists of files that no turn can still need."""
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)
            self._private = None
        cache = self.home / "cache"
        for path in (*cache.glob("*.files.json"), *cache.glob("index-*/index")):
            try:
                if path.stat().st_mtime * 1000 < now_ms - LISTS_KEPT_MS:
                    path.unlink(missing_ok=True)
                    if path.name == "index":
                        path.parent.rmdir()
            except OSError:
                continue  # another worker tidies, too

    # --- without Git ---

    def _files(self) -> dict[str, list[object]]:
        known = self._load(self._last) if getattr(self, "_last", None) else {}
        found: dict[str, list[object]] = {}
        for path in self._walk():
            name = os.path.relpath(path, self.root)
            try:
                stat = os.lstat(path)
                old = known.get(name)
                if old and old[:2] == [stat.st_size, stat.st_mtime_ns]:
                    found[name] = old
                else:
                    found[name] = [stat.st_size, stat.st_mtime_ns, _digest(path)]
            except OSError:
                continue
        return found

    def _walk(self) -> Iterator[str]:
        count = 0
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(name for name in folders if name not in SKIPPED)
            for file in sorted(files):
                count += 1
                if count > FILES_MOST:
                    raise WorkspaceError(
                        f"{self.root} holds more than {FILES_MOST} files outside Git; they cannot be watched.",
                        hint="git init there, with a .gitignore, or choose a smaller folder.",
                    )
                yield os.path.join(folder, file)

    def _keep_files(self, files: dict[str, list[object]]) -> str:
        content = {name: [entry[0], entry[2]] for name, entry in files.items()}
        name = FILES_PREFIX + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
        self._last = name
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        partial.write_text(json.dumps(files), encoding="utf-8")
        os.replace(partial, path)
        return name

    def _load(self, name: str) -> dict[str, list[object]]:
        try:
            found: dict[str, list[object]] = json.loads(self._path(name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise WorkspaceError(f"The list of files at the turn's start, {self._path(name)}, is gone.") from error
        return {key: [entry[0], entry[1], entry[2]] for key, entry in found.items()}

    def _path(self, name: str) -> Path:
        return self.home / "cache" / f"{name.removeprefix(FILES_PREFIX)}.files.json"


def _is_ours(name: str) -> bool:
    """Settings, prompts and labels of the backlog itself, which people may commit."""
    return name.startswith(".deespec/")


def _differs(before: dict[str, list[object]], after: dict[str, list[object]], name: str) -> bool:
    """By size and hash: touching a file is no change."""
    one, other = before.get(name), after.get(name)
    return one is None or other is None or (one[0], one[2]) != (other[0], other[2])


def _digest(path: str) -> str:
    if os.path.islink(path):
        return "link:" + os.readlink(path)
    if not stat.S_ISREG(os.stat(path).st_mode):
        return "special"  # opening a pipe would wait for ever
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
