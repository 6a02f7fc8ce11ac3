"""What a worktree needs and Git does not bring: files of the person's checkout are copied, folders of it linked.

Neither may become part of an item's work, ignored or not, so their names are written down first, in Git's own folder
for the worktree; our Git calls, and an agent's through its environment, ignore them while they are as they were put
there: what an agent changes in them is its work, unless the project ignores them. (`info/exclude` is shared by all
worktrees, the person's included.) Settings may be wrong and a checkout may hold links to anywhere: nothing is read or
written outside of the two folders, and nothing that is there is overwritten.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.records import as_dict, record
from deespec.workspace import registration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deespec.workspace.git import Git

FURNISHED = "deespec-furnished"
"""In Git's folder for the worktree: what was copied, linked and adopted, and how it was then."""
EXCLUDES = "deespec-excludes"
"""Beside it: the same for Git, below what the person's own settings ignore."""
PARTIAL = ".deespec-furnishing"
"""At the worktree's top while a file is copied."""
FILES_MOST = 10_000
DEEPEST = 40
_NEVER = (".git", ".deespec")
_WILD = re.compile(r"[*?\[]")


def furnish(source: Path, folder: Path, *, copy: Sequence[str], link: Sequence[str]) -> None:
    """Copies what these globs match in `source`, and links these paths of it. Called again, it adds what is missing.

    Raises WorkspaceError for a setting that leads out, a link that leads out, and a path to link that is not there.
    """
    wanted = _copies(source, folder, copy)
    targets = {"/".join(_parts("link", path)): _target(source, path) for path in link}
    missing = [name for name in (*wanted, *targets) if not os.path.lexists(folder / name)]
    for name in missing:
        _room(folder, name)
    (folder / PARTIAL).unlink(missing_ok=True)
    _write_down(folder, dict.fromkeys(missing))
    for name in missing:
        _make_parents(folder, name)
        if name in targets:
            os.symlink(targets[name], folder / name)
        else:
            _copy(wanted[name], folder, name)
    private = registration.private_by_folder(folder)
    if private is not None:
        known = _known(private)
        new = [name for name in (*wanted, *targets) if name in known and known[name] is None]
        _write_down(folder, {name: _seen(folder / name) for name in new})


def adopt(git: Git, folder: Path) -> None:
    """What set-up has made there and Git does not ignore is no part of an item's work either, as long as it stays as
    it is now; nor what set-up has changed of what was furnished before."""
    made = [name for name in git.run("ls-files", "--others", "--exclude-standard", "-z").split("\0") if name]
    private = registration.private_by_folder(folder)
    names = {*made[:FILES_MOST], *(_known(private) if private else ())}
    _write_down(folder, {name: _seen(folder / name) for name in sorted(names)})


def unchanged(private: Path) -> tuple[str, ...]:
    """Of what was copied, linked or adopted in this worktree, by Git's folder for it: what nobody has changed since."""
    folder = _folder_of(private)
    return tuple(name for name, seen in _known(private).items() if _is_as(folder / name, seen))


def excludes(private: Path, git: Git) -> Path | None:
    """A file for `core.excludesFile` with the person's own and what was furnished; None if nothing was."""
    listed, made = private / FURNISHED, private / EXCLUDES
    if not listed.exists():
        return None
    ours = "".join(f"/{one}\n" for one in (PARTIAL, *map(_escaped, unchanged(private))))
    if _is_older(made, listed) or not _text(made).endswith(ours):
        _replace(made, "".join(f"{line}\n" for line in _own_excludes(git)) + ours)
    return made


# --- what is to be copied ---


def _copies(source: Path, folder: Path, patterns: Sequence[str]) -> dict[str, Path]:
    """The files to copy by their name in the worktree."""
    found: dict[str, Path] = {}
    above = {os.path.realpath(folder), *map(str, Path(os.path.realpath(folder)).parents)}
    for pattern in patterns:
        for path in _matching(source, _parts("copy", pattern), above, DEEPEST):
            found[os.path.relpath(path, source)] = _inside(source, path)
            if len(found) > FILES_MOST:
                raise WorkspaceError(
                    f"workspace.copy: {pattern} matches more than {FILES_MOST} files.",
                    hint="Link large folders instead: deespec config set workspace.link PATH",
                )
    return found


def _parts(setting: str, pattern: str) -> list[str]:
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    bad = pattern.startswith(("/", "~")) or not parts or ".." in parts or re.search(r"[\x00-\x1f]", pattern)
    if bad or any(part.casefold() in _NEVER for part in parts):
        raise WorkspaceError(
            f"workspace.{setting}: {pattern!r} is no path inside of the project that may be used.",
            hint=f"deespec config set workspace.{setting} … (relative, without .., .git and .deespec)",
        )
    return parts


def _matching(base: Path, parts: Sequence[str], above: set[str], depth: int) -> Iterator[Path]:
    """Files below the folder that the rest of a pattern matches; links to folders only where they are named."""
    if depth == 0 or not os.path.isdir(base) or (depth < DEEPEST and os.path.realpath(base) in above):
        return
    part, rest = (parts[0], parts[1:]) if parts else ("**", [])
    if not _WILD.search(part):
        yield from _matched(base / part, rest, above, depth)
        return
    if part == "**" and rest:
        yield from _matching(base, rest, above, depth)
    for entry in sorted(os.scandir(base), key=lambda one: one.name):
        if entry.name.casefold() in _NEVER or re.search(r"[\x00-\x1f]", entry.name):
            continue
        if part == "**":
            if entry.is_dir(follow_symlinks=False):
                yield from _matching(base / entry.name, parts, above, depth - 1)
            elif not rest:
                yield from _matched(base / entry.name, [], above, depth)
        elif fnmatchcase(entry.name, part) and not (entry.is_symlink() and entry.is_dir()):
            yield from _matched(base / entry.name, rest, above, depth)


def _matched(path: Path, rest: Sequence[str], above: set[str], depth: int) -> Iterator[Path]:
    if os.path.isdir(path):
        yield from _matching(path, rest, above, depth - 1)
    elif not rest and os.path.isfile(path):
        yield path


def _inside(source: Path, path: Path) -> Path:
    """The file itself, behind all links. WorkspaceError if it is not of this checkout."""
    real, top = os.path.realpath(path), os.path.realpath(source)
    inside = os.path.relpath(real, top).split(os.sep)
    if ".." in inside or any(part.casefold() in _NEVER for part in inside):
        raise WorkspaceError(
            f"{os.path.relpath(path, source)} leads out of {source}, to {real}; it is neither copied nor linked.",
            hint="deespec config list workspace",
        )
    return Path(real)


def _target(source: Path, path: str) -> Path:
    found = source.absolute().joinpath(*_parts("link", path))
    if not os.path.exists(found):
        raise WorkspaceError(
            f"workspace.link: there is no {path} in {source}.",
            hint="Make it there (npm install and the like), or: deespec config set workspace.link []",
        )
    _inside(source, found)
    return found


# --- putting it there ---


def _room(folder: Path, name: str) -> None:
    """Raises WorkspaceError if a link in the worktree would lead this file out of it."""
    parent = os.path.realpath((folder / name).parent)
    top = os.path.realpath(folder)
    if parent != top and not parent.startswith(f"{top}{os.sep}"):
        raise WorkspaceError(
            f"{name} cannot be put into {folder}: a link there leads to {parent}.", hint="deespec config list workspace"
        )


def _make_parents(folder: Path, name: str) -> None:
    try:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise WorkspaceError(f"{name} cannot be put into {folder}: a file is where a folder has to be.") from error


def _copy(path: Path, folder: Path, name: str) -> None:
    """Whole or not at all: it is written under another name first."""
    partial = folder / PARTIAL
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as read:
        kind = os.fstat(read.fileno())
        if not stat.S_ISREG(kind.st_mode):
            return
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as written:
            shutil.copyfileobj(read, written)
            os.fchmod(written.fileno(), stat.S_IMODE(kind.st_mode) & 0o777)
    os.utime(partial, ns=(kind.st_atime_ns, kind.st_mtime_ns))
    os.rename(partial, folder / name)


# --- so that it does not become work ---


@record
class Seen:
    """A file as it was furnished."""

    size: int
    modified_ns: int
    changed_ns: int
    """Which no program can set."""
    digest: str
    """SHA-256 of its content; of a link, of what it leads to."""


def _known(private: Path) -> dict[str, Seen | None]:
    """By name; None where it is not known how the file was: it was being copied, or an older release has noted it."""
    try:
        found = json.loads((private / FURNISHED).read_text(encoding="utf-8", errors="surrogateescape"))
    except FileNotFoundError:
        return {}
    if isinstance(found, list):
        return dict.fromkeys(found)
    return {name: None if seen is None else Seen(**seen) for name, seen in found.items()}


def _write_down(folder: Path, names: Mapping[str, Seen | None]) -> None:
    private = registration.private_by_folder(folder)
    if private is not None and names:
        known = {**_known(private), **names}
        told = {name: None if (seen := known[name]) is None else as_dict(seen) for name in sorted(known)}
        _replace(private / FURNISHED, json.dumps(told))


def _seen(path: Path) -> Seen | None:
    """None for what is no file and no link, as a repository, and for what is not there."""
    try:
        now = path.lstat()
        digest = _digest(str(path), now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
    except OSError:
        return None
    if digest is None:
        return None
    return Seen(size=now.st_size, modified_ns=now.st_mtime_ns, changed_ns=now.st_ctime_ns, digest=digest)


def _is_as(path: Path, seen: Seen | None) -> bool:
    """Is the file as it was furnished, or not there? Its content is only read where its times tell of a change."""
    if seen is None:
        return True
    try:
        now = path.lstat()
        if (now.st_size, now.st_mtime_ns, now.st_ctime_ns) == (seen.size, seen.modified_ns, seen.changed_ns):
            return True
        return _digest(str(path), now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns) == seen.digest
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


@lru_cache(maxsize=FILES_MOST)
def _digest(path: str, *_facts: int) -> str | None:
    """Remembered for as long as the file's facts (inode, size, times) are the same."""
    if os.path.islink(path):
        return hashlib.sha256(os.readlink(path).encode(errors="surrogateescape")).hexdigest()
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return None
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder_of(private: Path) -> Path:
    """The worktree that this folder of Git's is for; its own word is absolute, or relative to it."""
    return (private / _text(private / "gitdir").rstrip("\n")).parent


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ""


def _is_older(made: Path, listed: Path) -> bool:
    return not made.exists() or made.stat().st_mtime_ns < listed.stat().st_mtime_ns


def _own_excludes(git: Git) -> list[str]:
    """Lines of the person's own file: core.excludesFile, else $XDG_CONFIG_HOME/git/ignore (gitignore(5))."""
    code, said, _ = git.call("config", "--type=path", "--get", "core.excludesFile")
    config = git.env.get("XDG_CONFIG_HOME") or os.path.join(git.env.get("HOME", ""), ".config")
    path = said.rstrip("\n") if code == 0 else os.path.join(config, "git", "ignore")
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _escaped(name: str) -> str:
    return re.sub(r"([\\*?\[ ])", r"\\\1", name)


def _replace(path: Path, text: str) -> None:
    """By a file of our own: others may be looking at the same time."""
    file, partial = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".partial", dir=path.parent)
    with open(file, "w", encoding="utf-8", errors="surrogateescape") as written:
        written.write(text)
    os.replace(partial, path)
