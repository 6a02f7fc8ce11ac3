"""An item's worktree, made beside a plain `git worktree add` of the same repository, in turns."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.place import timed
from benchmarks.table import against_floor
from deespec.records import record
from deespec.workspace.repository import Repository
from deespec.workspace.worktree import Owner, Worktree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.place import Place
    from benchmarks.table import Row

MOST = 1.3
FOLDERS = 200


@record
class Sizes:
    files: int
    times: int
    """Worktrees of each kind, of which the median counts."""


SHORT = Sizes(files=2_000, times=3)
FULL = Sizes(files=20_000, times=15)


def measure(place: Place, sizes: Sizes) -> Iterator[Row]:
    root = place.folder / "repository"
    _fill(root, sizes.files)
    repository = Repository(root, dict(place.env))
    start = _git(root, "rev-parse", "HEAD")
    floors, taken = [], []
    for number in range(sizes.times):
        plain, own = place.folder / f"plain-{number}", place.folder / f"SBI-{number}"
        tree = Worktree(repository, own, Owner(item=own.name, uid=f"01JD{number:022d}"))
        floors.append(_settled(partial(_git, root, "worktree", "add", "--quiet", "-b", plain.name, str(plain))))
        taken.append(_settled(partial(tree.prepare, start)))
        for folder in (plain, own):
            shutil.rmtree(folder)
        _git(root, "worktree", "prune")
    yield against_floor(
        f"make a worktree of {sizes.files} files",
        statistics.median(taken),
        floor=statistics.median(floors),
        named="git worktree add",
        most=MOST,
    )


def _settled(call: Callable[[], object]) -> float:
    """Its time, with what others have written on the disk already."""
    os.sync()
    return timed(call)


def _fill(root: Path, files: int) -> None:
    root.mkdir()
    for number in range(files):
        path = root / f"part-{number % FOLDERS}" / f"file-{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"A line of file {number}.\n" * 40, encoding="utf-8")
    _git(root, "init", "--quiet")
    for key, value in (("user.name", "A person"), ("user.email", "person@example.org")):
        _git(root, "config", key, value)
    _git(root, "add", "--all")
    _git(root, "commit", "--quiet", "--message", "The base")


def _git(root: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()
