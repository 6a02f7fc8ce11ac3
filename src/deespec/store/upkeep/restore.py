"""Restoring: a backup is verified and made ready beside the database, and then takes its place in one commit.

It is written through SQLite's backup interface, never renamed over the database: an old `-wal` would be mixed in, and
whoever has the old file open would go on with it. Only what SQLite cannot write is moved away, whole.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import apsw

from deespec.errors import InvalidInput, NotFound, NotPossible, SchemaTooNew, StoreCorrupt, StoreFull, StoreUnusable
from deespec.records import record, replace
from deespec.store import migrate, sqlite
from deespec.store.alive import living
from deespec.store.origins import Marks
from deespec.store.queue import WriteQueue
from deespec.store.translate import Translated
from deespec.store.upkeep.backup import STEP_PAGES, back_up, backups_in, copy_of, verify
from deespec.store.upkeep.partial import Partial, publish
from deespec.store.upkeep.present import Present, State, look, marks_of_file, merged, set_aside
from deespec.store.upkeep.raw import BESIDE, fetch, looking_at, uid_in, value
from deespec.store.upkeep.shelf import given_by, made_here, note_given, shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deespec.clock import Clock

GAP = 1_000
"""So many numbers are left out where nobody can know which the lost database has given."""
SHOWN_VIOLATIONS = 3


@record
class Ready:
    """A backup that is verified, up to date, and waits beside the database to take its place."""

    file: str
    """The backup."""
    copy: str
    uid: str
    schema: int
    """As it was in the backup."""
    items: int
    """SBIs in it."""
    seq: int
    newest_at: int | None
    """When the newest entry of its journal was written."""
    violations: tuple[str, ...]
    page_size: int


@record
class Restored:
    items: int
    seq: int
    """The entry of the journal that tells of it."""
    kept: str | None
    """Where the replaced database is: a backup, or a folder with its files; None: there was none."""
    kept_whole: bool
    """The replaced database was sound, so that what is kept is a backup like any other."""
    gap: int
    """Numbers that were left out."""


@contextmanager
def made_ready(file: str, database: str, *, clock: Clock, busy_ms: int) -> Iterator[Ready]:
    """Verifies a backup in a private copy beside the database, which is gone at the end; the backup is only read.

    Raises what makes it no good.
    """
    path, database = os.path.realpath(file), sqlite.real_path(database)
    _refuse_file(file, path, database)
    home = os.path.dirname(database)
    with Partial(home) as partial:
        copy = partial.file("deespec.db")
        with Translated(path, busy_ms=busy_ms), _source(path) as raw:
            schema = _check_backup(raw, path)
            copy_of(raw, copy, verified=False, room=home)
        verify(copy, called=path)
        with Translated(copy, busy_ms=busy_ms):
            _bring_up_to_date(copy, clock=clock)
            uid, page_size = _identity(copy, path)
        store = sqlite.SqliteStore(copy, clock=clock, busy_ms=busy_ms)
        try:
            with store.read() as tx:
                newest = tx.journal(limit=1, newest=True)
                ready = Ready(
                    file=path,
                    copy=copy,
                    uid=uid,
                    schema=schema,
                    items=sum(tx.counts().values()),
                    seq=tx.journal_end(),
                    newest_at=newest[0].at if newest else None,
                    violations=tuple(tx.orphans()),
                    page_size=page_size,
                )
        finally:
            store.close()
        yield ready


def put(
    ready: Ready,
    database: str,
    *,
    state: str,
    given: Marks,
    force: bool,
    actor: str,
    clock: Clock,
    busy_ms: int,
    progress: Callable[[int, int], None] | None = None,
) -> Restored:
    """Puts what was made ready into the database's place, and keeps what was there.

    `state`: the folder of all backups. `given`: what is known elsewhere to have been given out. `force`: although
    workers live, it is another backlog's, or not all in it is as it should be. Everybody else waits meanwhile.
    """
    database = sqlite.real_path(database)
    home = os.path.dirname(database)
    with Translated(database, busy_ms=busy_ms), WriteQueue(sqlite.lock_path(database), busy_ms=busy_ms):
        present = look(database, page_size=ready.page_size, busy_ms=busy_ms)
        if not force:
            refuse(ready, present, database)
        kept, present = _keep(database, present, ready, state=state, clock=clock, busy_ms=busy_ms)
        given, gap = _given_in_all(ready, present, given, shelf(state, ready.uid, home=home), home)
        told = _told(ready, present, kept)
        in_place = present.state in (State.SOUND, State.DAMAGED)
        identity = _identity_of(database if in_place else ready.copy)
        seq = _begin_anew(ready, identity, given, actor=actor, told=told, clock=clock, busy_ms=busy_ms)
        if in_place:
            _write_into(database, ready.copy, busy_ms=busy_ms, progress=progress)
        else:
            _publish(ready.copy, database)
    return Restored(items=ready.items, seq=seq, kept=kept, kept_whole=present.state is State.SOUND, gap=gap)


def refuse(ready: Ready, present: Present, database: str) -> None:
    """Raises NotPossible for what only `--force` does."""
    override = "--force restores it all the same."
    workers = present.marks.workers if present.marks else ()
    migrate.refuse_workers(database, {worker.uid: worker.name for worker in workers})
    if present.uid not in (None, ready.uid) and present.items:
        raise NotPossible(f"{ready.file} is a backup of another backlog than {database}.", hint=override)
    if present.sealed:
        raise NotPossible(f"{database} was copied to another store, where its work goes on.", hint=override)
    if ready.violations:
        told = "; ".join(ready.violations[:SHOWN_VIOLATIONS])
        more = len(ready.violations) - SHOWN_VIOLATIONS
        raise NotPossible(
            f"In {ready.file} not all is as it should be: {told}{f' and {more} more' if more > 0 else ''}.",
            hint=override,
        )


# --- the backup -----------------------------------------------------------------------------------------------------


def _refuse_file(file: str, path: str, database: str) -> None:
    if not os.path.exists(path):
        raise NotFound(f"There is no file {file}.", hint="deespec db restore lists the backups of this backlog.")
    if not os.path.isfile(path):
        raise InvalidInput(f"{file} is not a file.", hint="Name one backup; deespec db restore lists them.")
    if any(path == f"{database}{suffix}" for suffix in BESIDE) or _same(path, database):
        raise InvalidInput(f"{file} is the backlog itself.", hint="deespec db restore lists the backups of it.")


def _same(one: str, other: str) -> bool:
    return os.path.exists(other) and os.path.samefile(one, other)


@contextmanager
def _source(path: str) -> Iterator[apsw.Connection]:
    try:
        with looking_at(path) as raw:
            yield raw
    except apsw.NotADBError as error:
        raise InvalidInput(
            f"{path} is not a database.", hint="deespec db restore lists the backups of this backlog."
        ) from error
    except apsw.CorruptError as error:
        raise StoreCorrupt(
            f"{path} is damaged: {error}.", hint="Take another: deespec db restore lists the backups of this backlog."
        ) from error


def _check_backup(raw: apsw.Connection, path: str) -> int:
    """Its schema, if it is one that can be restored."""
    if value(raw, "PRAGMA application_id") != sqlite.APPLICATION_ID:
        raise InvalidInput(
            f"{path} is not a backup of a backlog.", hint="deespec db restore lists the backups of this backlog."
        )
    schema: int = value(raw, "PRAGMA user_version")
    if schema > sqlite.SCHEMA:
        raise SchemaTooNew(
            f"{path} has schema {schema}; this deespec knows up to {sqlite.SCHEMA}. Nothing was touched.",
            hint="Upgrade deespec: pip install --upgrade deespec",
        )
    if schema < 1:
        why = "was never completed" if schema == 0 else "was copied to another store, where its work goes on"
        raise InvalidInput(f"{path} {why}: it is not restored.", hint="deespec db restore lists other backups.")
    return schema


def _bring_up_to_date(copy: str, *, clock: Clock) -> None:
    raw = sqlite.open_existing(copy)
    try:
        migrate.switch_to_wal(raw)
        migrate.upgrade(raw, copy, back_up=None, actor=None, clock=clock)
    finally:
        raw.close()


def _identity(copy: str, path: str) -> tuple[str, int]:
    with looking_at(copy) as raw:
        uid = uid_in(raw)
        if uid is None:
            raise StoreCorrupt(f"{path} does not say which backlog it is.", hint="Take another backup.")
        return uid, value(raw, "PRAGMA page_size")


# --- taking its place -----------------------------------------------------------------------------------------------


def _keep(
    database: str, present: Present, ready: Ready, *, state: str, clock: Clock, busy_ms: int
) -> tuple[str | None, Present]:
    """Keeps what is there: as a backup, a damaged one as it is, and what SQLite cannot write as the files it is."""
    folder = shelf(state, present.uid or ready.uid, home=os.path.dirname(database))
    if present.state is State.SOUND:
        try:
            return back_up(database, folder, clock=clock, busy_ms=busy_ms, special="replaced").path, present
        except StoreCorrupt as error:
            present = replace(present, state=State.DAMAGED, why=error.message)
    if present.state is State.DAMAGED:
        try:
            kept = back_up(database, folder, clock=clock, busy_ms=busy_ms, special="damaged", verified=False)
            return kept.path, present
        except StoreFull:
            raise
        except StoreUnusable as error:
            present = replace(present, state=State.UNUSABLE, why=error.message)
    return set_aside(database, now_ms=clock.now_ms()), present


def _given_in_all(ready: Ready, present: Present, elsewhere: Marks, folder: str, home: str) -> tuple[Marks, int]:
    """All that is known to have been given out, noted for a restore to come; and how many numbers are left out.

    Of a database that is lost, or that has lost what a backup of it holds, nobody knows what it has given since.
    """
    backups = [marks_of_file(one.path) for one in backups_in(folder) if made_here(one.path, home)]
    marks = [present.marks or Marks(), marks_of_file(ready.copy), elsewhere, given_by(folder), *backups]
    known = present.state is State.SOUND and present.uid == ready.uid and all(marks[0].seq >= one.seq for one in marks)
    gap = 0 if known or not ready.items else GAP
    given = merged(marks, gap=gap)
    note_given(folder, given)
    alive = living(home)
    return replace(given, workers=tuple(one for one in given.workers if one.uid in alive)), gap


def _begin_anew(ready: Ready, identity: str, marks: Marks, *, actor: str, told: str, clock: Clock, busy_ms: int) -> int:
    store = sqlite.SqliteStore(ready.copy, clock=clock, busy_ms=busy_ms)
    try:
        with store.transaction() as tx:
            tx.restored(identity, marks, actor=actor, detail=told)
            return tx.journal_end()
    finally:
        store.close()  # as the last connection it moves the log into the copy, which is one file then


def _write_into(database: str, copy: str, *, busy_ms: int, progress: Callable[[int, int], None] | None) -> None:
    """All pages in one transaction of the database's own log: others see the old state until it ends, then the new."""
    source = sqlite.open_existing(copy)
    target = sqlite.open_existing(database)
    try:
        target.set_busy_timeout(busy_ms)
        target.execute("PRAGMA synchronous = FULL")
        target.execute("PRAGMA fullfsync = ON")
        with target.backup("main", source, "main") as writing:
            while not writing.done:
                writing.step(STEP_PAGES)
                if progress is not None:
                    progress(writing.page_count - writing.remaining, writing.page_count)
        fetch(target, "PRAGMA wal_checkpoint(PASSIVE)")
    finally:
        target.close()
        source.close()


def _publish(copy: str, database: str) -> None:
    try:
        publish(copy, database, over=False)
    except OSError as error:
        raise StoreUnusable(
            f"{database} cannot be made: {error.strerror}.", hint="Mend that, then run the same command again."
        ) from error


def _identity_of(path: str) -> str:
    found = os.stat(path)
    return f"{found.st_dev}:{found.st_ino}"


def _told(ready: Ready, present: Present, kept: str | None) -> str:
    replaced = f"; replaced entry {present.marks.seq}" if present.marks else ""
    where = f", kept as {os.path.basename(kept)}" if kept else ""
    return f"{os.path.basename(ready.file)}, entry {ready.seq}{replaced}{where}"
