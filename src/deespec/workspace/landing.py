"""Bringing the target to the base, the branch that people work on: forward only, and never over a person's changes.

If somebody has the base checked out, his files have to follow. That can be cut off half-way, so old and new commit and
the checkout are written down first; whoever comes next finishes it if every file is as in one of the two.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.records import as_dict, record
from deespec.workspace.repository import RefMove

if TYPE_CHECKING:
    from deespec.workspace.git import Git
    from deespec.workspace.repository import Repository

RECORD = "deespec-landing.json"
SHOWN = 10


@record
class Landing:
    """The base's way from one commit to another."""

    base: str
    old: str
    new: str
    checkout: str | None
    """The folder that has the base checked out."""


def plan(repository: Repository, base: str, target: str) -> Landing:
    """What landing would do now. Raises WorkspaceError where it cannot be done."""
    git = repository.git
    ref = f"refs/heads/{base}"
    old, new = git.resolve(ref), git.resolve(target)
    if old is None or new is None:
        raise WorkspaceError(f"There is no branch {base if old is None else target}.")
    if not repository.contains(new, other=old):
        raise WorkspaceError(
            f"{base} has commits that {target} does not have yet.",
            hint="deespec run merges them into it before the next item; then land again.",
        )
    return Landing(base=base, old=old, new=new, checkout=_checkout_of(git, ref))


def land(repository: Repository, landing: Landing) -> None:
    """Moves the base, with the folder that has it checked out. Raises WorkspaceError, and changes nothing, if it is not
    clean or the base has moved."""
    with repository.exclusive() as git:
        _finish(repository, git)
        if landing.new == landing.old:
            return
        if landing.checkout is not None:
            _must_be_clean(git.at(Path(landing.checkout)), landing)
            _write(repository, landing)
        _carry_out(repository, git, landing)


def finish(repository: Repository) -> Landing | None:
    """Completes a landing that was cut off; None if there was none."""
    with repository.exclusive() as git:
        return _finish(repository, git)


# --- below ---


def _finish(repository: Repository, git: Git) -> Landing | None:
    path = repository.common / RECORD
    try:
        landing = Landing(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    assert landing.checkout is not None
    here = git.at(Path(landing.checkout))
    tip = git.resolve(f"refs/heads/{landing.base}")
    if tip not in (landing.old, landing.new) or _checkout_of(git, f"refs/heads/{landing.base}") != landing.checkout:
        path.unlink()  # a person has gone on since
        return None
    _clear_index_lock(here)
    mixed = _neither(here, landing)
    if mixed:
        raise WorkspaceError(
            f"A landing of {landing.base} was cut off, and {_some(mixed)} in {landing.checkout} are of neither side.",
            hint=f"Put them aside, then: git -C {landing.checkout} reset --hard {landing.new[:12]}; deespec land",
        )
    _carry_out(repository, git, landing)
    return landing


def _carry_out(repository: Repository, git: Git, landing: Landing) -> None:
    if landing.checkout is not None:
        here = git.at(Path(landing.checkout))
        here.run("read-tree", "--reset", "-u", landing.new)
    ref = f"refs/heads/{landing.base}"
    if git.resolve(ref) != landing.new and not repository.move(
        git, [RefMove(ref=ref, new=landing.new, old=landing.old)]
    ):
        raise WorkspaceError(f"{landing.base} was moved meanwhile.", hint="deespec land")
    (repository.common / RECORD).unlink(missing_ok=True)


def _must_be_clean(here: Git, landing: Landing) -> None:
    here.call("update-index", "-q", "--refresh")  # what was only touched; it exits 1 if more was
    dirty = _names(here, "diff-index", landing.old, "--")
    if dirty:
        raise WorkspaceError(
            f"{landing.checkout} has changes: {_some(dirty)}.", hint="Commit or stash them, then: deespec land"
        )
    added = _names(here, "diff-tree", "-r", "--diff-filter=A", landing.old, landing.new)
    there = [name for name in added if os.path.lexists(here.root / name)]
    if there:
        raise WorkspaceError(
            f"{landing.checkout} has files that the work brings, too: {_some(there)}.",
            hint="Move them away, then: deespec land",
        )


def _neither(here: Git, landing: Landing) -> list[str]:
    """Files on the way that are neither as before nor as after."""
    found = []
    names = _names(here, "diff-tree", "-r", landing.old, landing.new)
    sides = [_blobs(here, commit) for commit in (landing.old, landing.new)]
    for name in names:
        path = here.root / name
        blob = here.run("hash-object", "--", name).strip() if path.is_file() else None
        if blob not in [side.get(name) for side in sides]:
            found.append(name)
    return found + [name for name in _names(here, "diff-index", landing.old, "--") if name not in names]


def _names(git: Git, command: str, *args: str) -> list[str]:
    """The files that a diff command names."""
    return [name for name in git.run(command, "-z", "--name-only", *args).split("\0") if name]


def _blobs(git: Git, commit: str) -> dict[str, str]:
    lines = git.run("ls-tree", "-r", "-z", commit).split("\0")
    return {line.split("\t", 1)[1]: line.split()[2] for line in lines if line}


def _clear_index_lock(here: Git) -> None:
    """The Git that left it is dead: it had the repository's mutex, which we have now."""
    private = Path(here.run("rev-parse", "--path-format=absolute", "--git-dir").strip())
    (private / "index.lock").unlink(missing_ok=True)


def _write(repository: Repository, landing: Landing) -> None:
    path = repository.common / RECORD
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(as_dict(landing)), encoding="utf-8")
    partial.replace(path)


def _checkout_of(git: Git, ref: str) -> str | None:
    """The folder that has this branch checked out."""
    folder = None
    for line in git.run("worktree", "list", "--porcelain").splitlines():
        if line.startswith("worktree "):
            folder = line.removeprefix("worktree ")
        if line == f"branch {ref}":
            return folder
    return None


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
