"""What `deespec gc` frees: folders, branches and refs of items and workers that are over. What is in doubt stays.

Free is what can be had again: of an item that is merged everything, as the target has its work; of a cancelled one the
folder and the branch, as the refs of its turns have their commits. Whatever was not committed is put under a ref first.
Refs that alone hold somebody's work go only for an item that a person has named.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.agents.leftovers import clear_leftovers
from deespec.config_keys import HOUR_MS
from deespec.engine.detached import NAME, is_left
from deespec.engine.lives import Life, Verdict, lives_of
from deespec.engine.undoing import CHECKOUT
from deespec.errors import WorkspaceError
from deespec.model.ids import number_in
from deespec.model.items import claim_text
from deespec.records import record
from deespec.store.alive import is_alive
from deespec.workspace import cleaning, registration
from deespec.workspace.survey import Holding, Sort, survey
from deespec.workspace.worktree import Owner, Worktree

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from deespec.app import App
    from deespec.workspace.git import Git

RESCUED = "gc"
"""What the ref is called that holds what was not committed."""
LEFTOVERS_MS = 10_000
REMOVING = re.compile(r"\.removing(-\d+)?$")
UNDO_LOCK = "undo.lock"
"""Held by whoever undoes something."""
REMOVING_OLD_MS = HOUR_MS
"""Before that, whoever removes it may still be at it."""


class Kind(StrEnum):
    WORKTREE = "worktree"
    BRANCH = "branch"
    REFS = "refs"
    ASIDE = "aside"
    """What lay in the way of a worktree."""
    CHECKOUT = "checkout"
    """A worker's, for gates."""
    FOLDER = "folder"
    """Nobody's."""


@record
class Piece:
    """One thing to free or to keep."""

    kind: Kind
    places: tuple[str, ...]
    """A folder, or the full names of refs."""
    name: str
    """Of the item's side, of the worker, or of the folder."""
    item: str | None = None
    status: str = ""
    size_bytes: int = 0
    frees: bool = False
    why: str = ""
    remedy: str | None = None


def plan(app: App, *, cancelled: Collection[int]) -> list[Piece]:
    """Everything that was found, by name. Raises WorkspaceError where there is no repository."""
    found = survey(app.repository, app.settings.home)
    lives = lives_of(app, found, given_up=cancelled)
    pieces = [piece for life in lives.values() for piece in _of_life(app, life)]
    for one in found:
        if one.sort is Sort.CHECKOUT:
            pieces.append(_checkout(app, one))
        elif one.sort is Sort.ASIDE:
            pieces += _aside(app, one, lives.get(one.name))
        elif one.sort is Sort.WORKTREE and one.name not in lives:
            pieces.append(_nobodys(one))
    return sorted(pieces, key=lambda one: (_by_number(one.name), one.kind is Kind.REFS))


def carry_out(app: App, pieces: Sequence[Piece], *, cancelled: Collection[int]) -> Iterator[tuple[Piece, str]]:
    """Frees what is still as it was found; each with the reason why it was kept all the same, or nothing."""
    again = {(one.kind, one.places) for one in plan(app, cancelled=cancelled) if one.frees}
    left: set[str] = set()
    for piece in pieces:
        if not piece.frees:
            continue
        if (piece.kind, piece.places) not in again:
            why = "it has changed meanwhile"
        elif piece.kind is Kind.REFS and piece.name in left:
            why = "its worktree stays"
        else:
            why = _free(app, piece)
        if why:
            left.add(piece.name)
        yield piece, why


def _by_number(name: str) -> tuple[object, ...]:
    """SBI-2 before SBI-10."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name))


# --- what there is ----------------------------------------------------------------------------------------------------


def _of_life(app: App, life: Life) -> Iterator[Piece]:
    """Worktree, branch and refs of one name of an item."""
    item, status = life.sbi.id, str(life.sbi.status)

    def piece(kind: Kind, *places: str, frees: bool, why: str, remedy: str | None = None, size: int = 0) -> Piece:
        return Piece(
            kind=kind,
            places=places,
            name=life.name,
            item=item,
            status=status,
            frees=frees,
            why=why,
            remedy=remedy,
            size_bytes=size,
        )

    verdict, why = life.verdict, life.why
    frees = verdict is not Verdict.STAYS
    if life.folder is not None:
        bars = _bars(app, life) if frees else ()
        frees = frees and not bars
        remedy = f"look there, then remove what you do not need: {life.folder.place}" if bars else life.remedy
        words = "; ".join(bars) or why
        size = life.folder.size_bytes
        yield piece(Kind.WORKTREE, life.folder.place, frees=frees, why=words, remedy=remedy, size=size)
        why = "its worktree stays" if bars else why
    if life.branch is not None:
        yield piece(Kind.BRANCH, life.branch, frees=frees, why=why, remedy=life.remedy)
    if life.refs:
        gone = frees and verdict is Verdict.ALL
        only = f"nothing else holds its work ({why})" if frees and not gone else why
        remedy = f"deespec gc --cancelled {item}" if frees and not gone else life.remedy
        yield piece(Kind.REFS, *life.refs, frees=gone, why=why if gone else only, remedy=None if gone else remedy)


def _bars(app: App, life: Life) -> tuple[str, ...]:
    """What keeps a worktree that is over, beside what can be put under a ref first."""
    assert life.folder is not None
    common, folder = app.repository.common, Path(life.folder.place)
    private = registration.private_folder(common, folder)
    if not registration.is_whole(common, folder):
        half_made = private is not None and registration.is_half_made(private)
        return () if half_made else ("it is no worktree that Git knows",)
    tree = _worktree(app, life.sbi.id, life.sbi.uid, folder)
    git, tip = tree.git, tree.refs.tip()
    head = git.head()
    is_changed = head is None or bool(git.differing(head, tree.state()))
    is_ahead = _unkept(git, [one for one in (head, tip) if one], life.ref_names)
    return cleaning.leftover(tree)[is_changed + is_ahead :]


def _unkept(git: Git, commits: Sequence[str], names: Sequence[str]) -> bool:
    kept = [f"--glob=refs/deespec/{name}" for name in names]
    return bool(commits) and git.run("rev-list", "--count", *commits, "--not", *kept).strip() != "0"


def _aside(app: App, one: Holding, life: Life | None) -> Iterator[Piece]:
    item, status = (life.sbi.id, str(life.sbi.status)) if life else (None, "")
    frees, why = False, "it lay in the way of a worktree, and nothing else holds it"
    if REMOVING.search(one.place):
        if app.clock.now_ms() - Path(one.place).lstat().st_mtime_ns // 1_000_000 < REMOVING_OLD_MS:
            return
        frees, why = True, "a removal that was cut off"
    elif life is not None and life.verdict is Verdict.ALL:
        frees, why = True, life.why
    yield Piece(
        kind=Kind.ASIDE,
        places=(one.place,),
        name=one.name,
        item=item,
        status=status,
        size_bytes=one.size_bytes,
        frees=frees,
        why=why,
        remedy=None if frees else f"look there, then: rm -r {one.place}",
    )


def _checkout(app: App, one: Holding) -> Piece:
    used = _is_used(app, one.name)
    if NAME.fullmatch(one.name):
        why = f"{one.name} is decomposed there" if used else "its decomposition is over"
    else:
        who = "undo" if one.name == CHECKOUT else "worker"
        why = f"its {who} runs gates there" if used else f"its {who} has ended"
    places = (one.place,)
    return Piece(kind=Kind.CHECKOUT, places=places, name=one.name, size_bytes=one.size_bytes, frees=not used, why=why)


def _is_used(app: App, checkout: str) -> bool:
    """Does the worker live, or the undo, or the decomposition, that has this checkout?"""
    home = app.settings.home
    if NAME.fullmatch(checkout):
        with app.store.read() as tx:
            return not is_left(tx, checkout)
    if checkout != CHECKOUT:
        return is_alive(str(home), checkout)
    try:
        file = os.open(home / UNDO_LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _nobodys(one: Holding) -> Piece:
    path = Path(one.place)
    is_empty = not path.is_symlink() and path.is_dir() and not any(path.iterdir())
    return Piece(
        kind=Kind.FOLDER,
        places=(one.place,),
        name=path.name,
        size_bytes=one.size_bytes,
        frees=is_empty,
        why="empty, and of no item" if is_empty else "no item of this backlog has it",
        remedy=None if is_empty else f"look there, then: rm -r {one.place}",
    )


# --- freeing it -------------------------------------------------------------------------------------------------------


def _free(app: App, piece: Piece) -> str:
    """The reason why it was kept, or nothing."""
    try:
        if piece.kind in (Kind.WORKTREE, Kind.BRANCH):
            return _free_side(app, piece)
        if piece.kind is Kind.REFS:
            return _free_refs(app, piece)
        return _free_folder(app, piece)
    except WorkspaceError as error:
        return error.message
    except OSError as error:
        return str(error)


def _free_side(app: App, piece: Piece) -> str:
    """Worktree and branch go together; what was not committed, or moved to where no ref is, gets one first."""
    assert piece.item is not None
    number = number_in(piece.item)
    if not _calls_are_over(app, number):
        return "an agent of it may still run"
    folder = app.settings.home / "worktrees" / piece.name
    repository = app.repository
    private = registration.private_folder(repository.common, folder)
    if private is not None and registration.is_half_made(private):
        with repository.exclusive():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(private)
    with app.store.read() as tx:
        uid = tx.sbi(number).uid
    tree = _worktree(app, piece.item, uid, folder)
    if tip := tree.refs.tip():
        if registration.is_whole(repository.common, folder):
            tree.restore(name=RESCUED)  # whatever differs is put under a ref first
        names = (tree.refs.branch().rpartition("/")[2],)
        if _unkept(repository.git, [tip], names):
            with repository.exclusive() as git:
                tree.refs.save(git, f"{tip}^{{tree}}", [tip], name=RESCUED)
    return "; ".join(cleaning.remove(tree))


def _calls_are_over(app: App, number: int) -> bool:
    """Ends what the agents of an item left that nobody works on any more. False: that cannot be proven."""
    with app.store.read() as tx:
        if tx.line(number).lease_token is not None:
            return False
        calls, epoch = tx.calls_of(number), tx.epoch()
    for call in calls:
        text = claim_text(epoch, call.token)
        if not clear_leftovers(call.guard, text, timeout_ms=LEFTOVERS_MS, clock=app.clock):
            return False
        if call.guard is not None:
            Path(call.guard.lock).unlink(missing_ok=True)
    if calls:
        with app.store.transaction() as tx:
            for call in calls:
                tx.call_over(call.token)
    return True


def _free_refs(app: App, piece: Piece) -> str:
    with app.repository.exclusive() as git:
        found = git.run("for-each-ref", "--format=%(refname) %(objectname)", *piece.places)
        lines = [f"delete {line}" for line in found.splitlines()]
        git.run("update-ref", "--stdin", stdin="\n".join(("start", *lines, "prepare", "commit", "")))
    return ""


def _free_folder(app: App, piece: Piece) -> str:
    folder = Path(piece.places[0])
    with app.repository.exclusive():
        if piece.kind is Kind.CHECKOUT and _is_used(app, piece.name):
            return "it is used again"
        private = registration.private_folder(app.repository.common, folder)
        error = cleaning.delete(folder)
        if error is None and private is not None:
            error = cleaning.delete(private)
    return f"{error}; to remove it: {cleaning.how_to_remove(folder)}" if error else ""


def _worktree(app: App, item: str, uid: str, folder: Path) -> Worktree:
    return Worktree(app.repository, folder, Owner(item=item, uid=uid, name=folder.name))
