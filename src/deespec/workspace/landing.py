"""Bringing the target to the base, the branch that people work on: forward only, and never over a person's changes.

If somebody has the base checked out, his files have to follow, which can be cut off half-way. So what is to happen is
written down first, and whoever comes next finishes it if every file is as in the old commit or in the new. Meanwhile
the person's own Git is kept out by his index's lock file: ours is known by its inode, and no other is ever removed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.records import as_dict, record
from deespec.workspace.checkouts import bar_unfinished, checkout_of
from deespec.workspace.following import LINK, Following, changes, some
from deespec.workspace.messages import owner_of
from deespec.workspace.repository import RefMove

if TYPE_CHECKING:
    from deespec.workspace.git import Git
    from deespec.workspace.repository import Repository

RECORD = "deespec-landing.json"
ITEMS_MOST = 200
"""How many items a plan names."""


@record
class Landing:
    """The base's way from one commit to another."""

    base: str
    old: str
    new: str
    checkout: str | None = None
    """The folder that has the base checked out."""
    commits: int = 0
    """How many it brings, not counting those below merges."""
    items: tuple[str, ...] = ()
    """The titles of the items it brings, oldest first, ITEMS_MOST at most."""
    submodules: tuple[str, ...] = ()
    """Whose commit changes: `git submodule update` brings their files, which is the person's to do."""


@record
class Cut:
    """What is written down of a landing, for whoever has to finish it."""

    base: str
    old: str
    new: str
    checkout: str


def plan(repository: Repository, base: str, target: str) -> Landing:
    """What landing would do now. `target` is a full ref. Raises WorkspaceError where it cannot be done."""
    git = repository.git
    old, new = git.resolve(f"refs/heads/{base}"), git.resolve(target)
    if old is None or new is None:
        missing, key = (base, "base") if old is None else (target.removeprefix("refs/heads/"), "target")
        raise WorkspaceError(f"There is no branch {missing}.", hint=f"deespec config set workspace.{key} NAME")
    checkout = checkout_of(repository, git, base)
    if repository.contains(old, other=new):
        return Landing(base=base, old=old, new=old, checkout=checkout)
    if not repository.contains(new, other=old):
        shown = target.removeprefix("refs/heads/")
        raise WorkspaceError(
            f"{base} has commits that {shown} does not have yet.",
            hint=f"deespec run merges them into it before the next item; or, in {base}: git merge {shown}",
        )
    count, items = _brought(git, old, new)
    links = tuple(one.name for one in changes(git, old, new) if one.new_mode == LINK)
    return Landing(base=base, old=old, new=new, checkout=checkout, commits=count, items=items, submodules=links)


def land(repository: Repository, landing: Landing) -> None:
    """Moves the base, with the folder that has it checked out. Raises WorkspaceError, and changes nothing, if it is not
    clean or the base has moved."""
    with repository.exclusive() as git:
        _finish(repository, git)
        if landing.new == landing.old:
            return
        if checkout_of(repository, git, landing.base) != landing.checkout:
            raise WorkspaceError(f"{landing.base} was checked out elsewhere meanwhile.", hint="deespec land")
        if landing.checkout is not None:
            _with_files(repository, git, landing, folder=Path(landing.checkout))
        elif not _move(repository, git, landing):
            raise _moved(landing)


def check(repository: Repository, landing: Landing) -> None:
    """Raises WorkspaceError, as `land` would, for what a person has in the way. Changes nothing."""
    if landing.checkout is None or landing.new == landing.old:
        return
    with repository.exclusive() as git:
        here = git.at(Path(landing.checkout))
        bar_unfinished(here)
        going = Following(here, landing.old, landing.new)
        with going.private():
            going.bar_changes()


def finish(repository: Repository) -> Landing | None:
    """Completes a landing that was cut off; None if there was none. Raises WorkspaceError naming the files that a
    person has changed since, and leaves everything as it is."""
    with repository.exclusive() as git:
        return _finish(repository, git)


# --- below ---


def _with_files(repository: Repository, git: Git, landing: Landing, *, folder: Path) -> None:
    here = git.at(folder)
    bar_unfinished(here)
    going = Following(here, landing.old, landing.new)
    _write(repository, Cut(base=landing.base, old=landing.old, new=landing.new, checkout=str(folder)))
    is_whole = True
    try:
        with going.locked():
            if git.resolve(f"refs/heads/{landing.base}") != landing.old:
                raise _moved(landing)
            going.bar_changes()
            is_whole = False
            try:
                going.go()
                going.keep_index()
            except (OSError, WorkspaceError) as error:
                is_whole = going.is_untouched()
                raise _stopped(landing, error, is_whole=is_whole) from error
            if not _move(repository, git, landing):
                going.go_back()
                is_whole = True
                raise _moved(landing)
            going.put_index()
            going.clear()
            _forget(repository)
            is_whole = True
    finally:
        if is_whole:
            _forget(repository)


def _finish(repository: Repository, git: Git) -> Landing | None:
    cut = _read(repository)
    if cut is None:
        return None
    landing = Landing(base=cut.base, old=cut.old, new=cut.new, checkout=cut.checkout)
    tip = git.resolve(f"refs/heads/{cut.base}")
    if tip not in (cut.old, cut.new) or checkout_of(repository, git, cut.base) != cut.checkout:
        if os.path.isdir(cut.checkout):
            Following(git.at(Path(cut.checkout)), cut.old, cut.new).clear()
        _forget(repository)  # a person has gone on since
        return None
    going = Following(git.at(Path(cut.checkout)), cut.old, cut.new)
    if tip == cut.new and going.is_done():
        going.clear()
        _forget(repository)
        return landing
    with going.locked():
        mixed = going.neither()
        if mixed:
            raise WorkspaceError(
                f"A landing of {cut.base} was cut off, and {some(mixed)} in {cut.checkout} are of neither side.",
                hint=f"Put them aside, then: git -C {cut.checkout} reset --hard {cut.new[:12]}; deespec land",
            )
        going.go_on()
        going.keep_index()
        if tip != cut.new and not _move(repository, git, landing):
            raise _moved(landing)
        going.put_index()
        going.clear()
        _forget(repository)
    return landing


def _move(repository: Repository, git: Git, landing: Landing) -> bool:
    return repository.move(git, [RefMove(ref=f"refs/heads/{landing.base}", new=landing.new, old=landing.old)])


def _moved(landing: Landing) -> WorkspaceError:
    return WorkspaceError(f"{landing.base} was moved meanwhile.", hint="deespec land")


def _stopped(landing: Landing, error: Exception, *, is_whole: bool) -> WorkspaceError:
    reason = error.message if isinstance(error, WorkspaceError) else str(error)
    how = "Nothing was changed" if is_whole else f"{landing.checkout} is half-way"
    return WorkspaceError(f"{landing.base} could not be landed: {reason} {how}.", hint="Mend that, then: deespec land")


def _brought(git: Git, old: str, new: str) -> tuple[int, tuple[str, ...]]:
    """How many commits lie between, and the titles of items among them, oldest first."""
    count = int(git.run("rev-list", "--count", "--first-parent", f"{old}..{new}"))
    said = git.run("log", "--first-parent", "-z", "--format=%B", f"--max-count={ITEMS_MOST}", f"{old}..{new}")
    texts = [text for text in said.split("\0") if owner_of(text)]
    return count, tuple(text.partition("\n")[0] for text in reversed(texts))


# --- what is written down ---


def _write(repository: Repository, cut: Cut) -> None:
    path = repository.common / RECORD
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(as_dict(cut), file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _read(repository: Repository) -> Cut | None:
    path = repository.common / RECORD
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Cut(**found)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise WorkspaceError(
            f"{path} tells of a landing that was cut off, and cannot be read.",
            hint="Look at git status in the checkout, then remove that file.",
        ) from error


def _forget(repository: Repository) -> None:
    (repository.common / RECORD).unlink(missing_ok=True)
