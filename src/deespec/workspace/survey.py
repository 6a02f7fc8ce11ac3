"""All that a backlog has in a repository and beside it: folders, branches, refs, each with its item (`deespec gc`)."""

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
    form = f"--format=%(refname) %(objectname) %(objecttype) {text}%00"
    listed = git.run("for-each-ref", form, "refs/deespec", "refs/heads/deespec")
    refs = [entry.lstrip("\n").split(" ", 3) for entry in listed.split("\0") if entry.strip()]
    uids = {_name_of(ref): uid for ref, _, _, words in refs if (uid := owner_of(words)) is not None}
    folders = [
        _folder(repository, path, sort, uids)
        for below, sort in (("worktrees", Sort.WORKTREE), ("checkouts", Sort.CHECKOUT))
        for path in _children(home / below)
    ]
    parents = _parents(git, [commit for _, commit, kind, _ in refs if kind == "commit"])
    return folders + [_ref(ref, commit, uids, parents) for ref, commit, _, _ in refs]


def _folder(repository: Repository, path: Path, sort: Sort, uids: dict[str, str]) -> Holding:
    name, dot, kind = path.name.rpartition(".")
    is_aside = bool(dot) and kind.startswith(("removing", "kept-"))
    own = name if is_aside else path.name
    return Holding(
        sort=Sort.ASIDE if is_aside else sort,
        place=str(path),
        name=own,
        uid=uids.get(own),
        size_bytes=_size(path),
        is_registered=registration.private_folder(repository.common, path) is not None,
    )


def _ref(ref: str, commit: str, uids: dict[str, str], parents: dict[str, list[str]]) -> Holding:
    name = _name_of(ref)
    return Holding(
        sort=Sort.BRANCH if ref.startswith("refs/heads/") else Sort.REF,
        place=ref,
        name=name,
        uid=uids.get(name),
        commits=_count(commit, parents),
        is_registered=True,
    )


def _parents(git: Git, commits: list[str]) -> dict[str, list[str]]:
    """Of all commits below these that no branch, tag or remote of the person's has; one call, however many refs."""
    if not commits:
        return {}
    persons = ("--not", "--exclude=deespec/*", "--branches", "--tags", "--remotes", "--not")
    listed = git.run("rev-list", "--parents", *persons, "--stdin", stdin="".join(f"{one}\n" for one in commits))
    return {line.split(" ")[0]: line.split(" ")[1:] for line in listed.splitlines()}


def _count(commit: str, parents: dict[str, list[str]]) -> int:
    """The commit and all below it, of these."""
    seen: set[str] = set()
    todo = [commit]
    while todo:
        one = todo.pop()
        if one in parents and one not in seen:
            seen.add(one)
            todo += parents[one]
    return len(seen)


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
