"""Moving a backlog to another place: a verified copy, and then a seal on the source, so that only one of them goes on.

Both are sealed for a moment: first the copy is there, sealed as incomplete, then the source is sealed as moved, then
the copy is opened. So whatever dies in between leaves one that goes on, or two that say which command completes it.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import apsw

from deespec.config_home import HOME_NAME
from deespec.errors import InvalidInput, NotPossible, StoreReadOnly
from deespec.records import record
from deespec.store import migrate, sqlite
from deespec.store.place import refuse_network
from deespec.store.queue import WriteQueue
from deespec.store.seal import COPY_OF, MOVED_TO, note_moved, seal, sealed, sealed_with, unseal
from deespec.store.translate import Translated
from deespec.store.upkeep.backup import copy_of, verify
from deespec.store.upkeep.partial import PREFIX, Partial, publish, sync
from deespec.store.upkeep.raw import BESIDE, fetch, opened, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deespec.clock import Clock

SCHEME = "sqlite://"
FILE = "deespec.db"
TAKEN_ALONG = ("config.toml", ".gitignore", "prompts", "labels")
"""Of the home: what people wrote."""


@record
class Copied:
    path: str
    """The database of the new home."""
    items: int
    seq: int
    """The newest entry of the journal in it."""
    held_ms: int
    """So long nobody could write to the source before it was sealed."""
    completed: bool = False
    """An earlier copy had been cut off after the source was sealed; this one opened it."""


def database_of(url: str) -> str:
    """The database that a target means: a home folder, its deespec.db, or either as sqlite:///PATH.

    Raises InvalidInput for other stores.
    """
    if "://" in url and not url.startswith(f"{SCHEME}/"):
        raise InvalidInput(
            f"A backlog cannot be copied to {url.partition('://')[0]}:// yet.",
            hint="Name a folder, or sqlite:///PATH",
        )
    path = os.path.abspath(os.path.expanduser(url.removeprefix(SCHEME)))
    return sqlite.real_path(path if os.path.basename(path) == FILE else os.path.join(path, FILE))


def refuse(database: str, target: str, *, names: Mapping[str, str]) -> None:
    """Raises what makes the copy impossible, before anything is done. `names` of workers, by uid."""
    home, own = os.path.dirname(target), os.path.dirname(sqlite.real_path(database))
    if home == own:
        raise InvalidInput("That is this backlog itself.", hint="Name another folder.")
    if any(home.startswith(os.path.join(own, name, "")) for name in TAKEN_ALONG):
        raise InvalidInput(f"{home} is inside what goes along.", hint=f"Name a folder outside of {own}.")
    there = next((f"{target}{suffix}" for suffix in BESIDE if os.path.lexists(f"{target}{suffix}")), None)
    if there is not None and not _is_incomplete(target, database):
        raise NotPossible(f"There is a {there} already.", hint="Name a folder without a backlog.")
    if os.path.basename(home) != HOME_NAME and _is_used_otherwise(home):
        raise NotPossible(
            f"{home} holds other files; a backlog has a folder of its own.",
            hint=f"deespec db copy --to {os.path.join(home, HOME_NAME)}",
        )
    migrate.refuse_workers(database, names)


def copy(
    database: str,
    target: str,
    *,
    actor: str,
    clock: Clock,
    busy_ms: int,
    progress: Callable[[int, int], None] | None = None,
) -> Copied:
    """Copies the backlog into the new home of `target`, seals the source, and opens the copy.

    Nobody writes meanwhile: whoever wants to waits, and then hears where the backlog has gone.
    """
    source = sqlite.real_path(database)
    home, name = os.path.split(target)
    with (
        Translated(source, busy_ms=busy_ms),
        WriteQueue(sqlite.lock_path(source), busy_ms=busy_ms),
        opened(source, busy_ms=busy_ms) as raw,
    ):
        began = clock.waking_ms()
        fetch(raw, "PRAGMA synchronous = FULL")
        fetch(raw, "PRAGMA fullfsync = ON")
        refuse(source, target, names=dict(fetch(raw, "SELECT uid, name FROM worker")))
        if sqlite.schema_of(raw) < 0:
            if sealed_with(raw, MOVED_TO) == home and _is_incomplete(target, source):
                return _open(target, held_ms=0, completed=True)
            raise sealed(raw, source)
        _make_home(home, os.path.dirname(source))
        _remove_incomplete(target)
        with Partial(home) as partial:
            made = partial.file(name)
            copy_of(raw, made, room=home, progress=progress)
            verify(made, called=source)
            _begin_anew(made, source=os.path.dirname(source), actor=actor, clock=clock, busy_ms=busy_ms)
            publish(made, target, over=False)
        with _writing(raw):
            note_moved(raw, actor=actor, event="moved_away", detail=home, clock=clock)
            seal(raw, MOVED_TO, home)
        return _open(target, held_ms=clock.waking_ms() - began, completed=False)


# --- below ----------------------------------------------------------------------------------------------------------


def _make_home(home: str, old: str) -> None:
    try:
        os.makedirs(home, mode=0o700, exist_ok=True)
        refuse_network(home)
        for name in TAKEN_ALONG:
            source, target = os.path.join(old, name), os.path.join(home, name)
            if os.path.islink(source) or not os.path.exists(source) or os.path.lexists(target):
                continue
            if os.path.isdir(source):
                shutil.copytree(source, target, symlinks=True)
            else:
                shutil.copy2(source, target, follow_symlinks=False)
        sync(home)
    except OSError as error:
        raise StoreReadOnly(
            f"{home} cannot be written: {error.strerror}.", hint="Name a folder that you may write."
        ) from error


def _begin_anew(made: str, *, source: str, actor: str, clock: Clock, busy_ms: int) -> None:
    """The copy's own life, in WAL mode, sealed as incomplete."""
    raw = sqlite.open_existing(made)
    try:
        migrate.switch_to_wal(raw)
    finally:
        raw.close()
    found = os.stat(made)
    store = sqlite.SqliteStore(made, clock=clock, busy_ms=busy_ms)
    try:
        with store.transaction() as tx:
            tx.copied(f"{found.st_dev}:{found.st_ino}", source=source, actor=actor)
    finally:
        store.close()
    raw = sqlite.open_existing(made)
    try:
        fetch(raw, "PRAGMA synchronous = FULL")
        with _writing(raw):
            seal(raw, COPY_OF, source)
    finally:
        raw.close()  # as the last connection it moves the log into the copy, which is one file then


def _open(target: str, *, held_ms: int, completed: bool) -> Copied:
    raw = sqlite.open_existing(target)
    try:
        fetch(raw, "PRAGMA synchronous = FULL")
        fetch(raw, "PRAGMA fullfsync = ON")
        with _writing(raw):
            unseal(raw, COPY_OF)
        return Copied(
            path=target,
            items=value(raw, "SELECT count(*) FROM sbi WHERE number > 0"),
            seq=value(raw, "SELECT max(seq) FROM journal") or 0,
            held_ms=held_ms,
            completed=completed,
        )
    finally:
        raw.close()


def _is_incomplete(target: str, source: str) -> bool:
    """Whether it is a copy of this very source that was cut off."""
    if not os.path.isfile(target) or os.path.islink(target):
        return False
    raw = sqlite.open_existing(target)
    try:
        raw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        if value(raw, "PRAGMA application_id") != sqlite.APPLICATION_ID:
            return False
        return sealed_with(raw, COPY_OF) == os.path.dirname(sqlite.real_path(source))
    except (apsw.NotADBError, apsw.SQLError):
        return False
    finally:
        raw.close()


def _is_used_otherwise(home: str) -> bool:
    """Whether a folder holds what no home and no copy that was cut off would: its .gitignore would hide all of it."""
    if not os.path.isdir(home):
        return False
    ours = {*TAKEN_ALONG, sqlite.lock_path(""), *(f"{FILE}{suffix}" for suffix in BESIDE)}
    return any(name not in ours and not name.startswith(PREFIX) for name in os.listdir(home))


def _remove_incomplete(target: str) -> None:
    """Nobody has ever written there: it was sealed from the beginning."""
    for suffix in BESIDE:
        if os.path.lexists(f"{target}{suffix}"):
            os.unlink(f"{target}{suffix}")


@contextmanager
def _writing(raw: apsw.Connection) -> Iterator[None]:
    """A transaction on a raw connection."""
    raw.execute("BEGIN IMMEDIATE")
    try:
        yield
        raw.execute("COMMIT")
    finally:
        if raw.in_transaction:
            raw.execute("ROLLBACK")
