"""All that a backlog has in a repository and beside it, for `deespec gc`: folders, branches, refs, and whose each is."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.records import record
from deespec.workspace import registration
from deespec.workspace.messages import owner_of

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.workspace.git import Git
    from deespec.workspace.repository import Repository

BLOCK_BYTES = 512


class Sort(StrEnum):
    """What a holding is."""

    WORKTREE = "worktree"
    CHECKOUT = "checkout"
    ASIDE = "aside"
    """What lay in the way of a worktree, or is half removed."""
    BRANCH = "branch"
    REF = "ref"


@record
class Holding:
    """One folder, branch or ref."""

    sort: Sort
    place: str
    """The folder, or the full name of the ref."""
    name: str
    """Of the item's side: SBI-12, SBI-12-2; of what is nobody's, the last part of its place."""
    uid: str | None
    """Of the item; None: nobody's, or another's."""
    size_bytes: int = 0
    """On the disk; 0 for refs."""
    commits: int = 0
    """That no branch, tag or remote of the person's has; 0 for folders."""
    is_registered: bool = False
    """Does Git know this folder as a worktree? Refs always are."""


def survey(repository: Repository, home: Path) -> list[Holding]:
    """Folders first, then refs, each by name. It only looks."""
    git = repository.git
    text = "%(if:equals=begin)%(refname:lstrip=3)%(then)%(contents)%(end)"
    listed = git.run("for-each-ref", f"--format=%(refname) {text}%00", "refs/deespec", "refs/heads/deespec")
    refs = [entry.lstrip("\n").split(" ", 1) for entry in listed.split("\0") if entry.strip()]
    uids = {_name_of(ref): uid for ref, words in refs if (uid := owner_of(words)) is not None}
    folders = [
        _folder(repository, path, sort, uids)
        for below, sort in (("worktrees", Sort.WORKTREE), ("checkouts", Sort.CHECKOUT))
        for path in _children(home / below)
    ]
    return folders + [_ref(git, ref, uids) for ref, _ in refs]


def _folder(repository: Repository, path: Path, sort: Sort, uids: dict[str, str]) -> Holding:
    name, dot, kind = path.name.rpartition(".")
    is_aside = bool(dot) and (kind == "removing" or kind.startswith("kept-"))
    own = name if is_aside else path.name
    return Holding(
        sort=Sort.ASIDE if is_aside else sort,
        place=str(path),
        name=own,
        uid=uids.get(own),
        size_bytes=_size(path),
        is_registered=registration.private_folder(repository.common, path) is not None,
    )


def _ref(git: Git, ref: str, uids: dict[str, str]) -> Holding:
    name = _name_of(ref)
    persons = ("--exclude=deespec/*", "--branches", "--tags", "--remotes")
    is_commit = git.resolve(ref) is not None
    return Holding(
        sort=Sort.BRANCH if ref.startswith("refs/heads/") else Sort.REF,
        place=ref,
        name=name,
        uid=uids.get(name),
        commits=int(git.run("rev-list", "--count", ref, "--not", *persons)) if is_commit else 0,
        is_registered=True,
    )


def _name_of(ref: str) -> str:
    """refs/deespec/NAME/…, refs/heads/deespec/NAME."""
    parts = ref.split("/")
    return parts[3] if ref.startswith("refs/heads/") else parts[2]


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir())
    except FileNotFoundError:
        return []


def _size(path: Path) -> int:
    total = path.lstat().st_blocks
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks
            except OSError:
                continue  # it has just gone
    return total * BLOCK_BYTES
