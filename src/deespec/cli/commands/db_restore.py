"""`db restore`: a backup takes the place of the database, which is kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from deespec.cli import options, output
from deespec.clock import iso, local
from deespec.engine.recovering import mark_merged
from deespec.errors import UsageError, WorkspaceError
from deespec.store.opener import FILE
from deespec.store.origins import Marks
from deespec.store.upkeep.present import Present, State, look
from deespec.store.upkeep.restore import Ready, Restored, made_ready, put, refuse
from deespec.store.upkeep.shelf import backups_for
from deespec.text import ago, clean
from deespec.workspace.kept import kept_turns, logged_turns

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.cli.session import Session

SHOWN_BACKUPS = 10


@click.command(name="restore")
@click.argument("file", required=False, metavar="FILE", type=click.Path())
@click.option(
    "--force", is_flag=True, help="Even if workers run, or it is another backlog's, or not all is right in it."
)
@options.yes
@options.dry_run
@options.as_json
@options.session
def db_restore(session: Session, *, file: str | None, force: bool, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Put the backup FILE into the place of the database. Without FILE: list the backups of this backlog.

    The backup is verified first and only read. The database that it replaces is kept, and the answer says where. Claims
    end, and numbers go on above those that have been given. The project's files stay as they are.
    """
    app = session.app_for_writing()
    database, busy_ms = os.path.join(app.settings.home, FILE), app.settings.busy_timeout_ms
    if file is None:
        return _list(app, as_json=as_json)
    with made_ready(os.path.expanduser(file), database, clock=app.clock, busy_ms=busy_ms) as ready:
        present = look(database, page_size=ready.page_size, busy_ms=busy_ms)
        if not force:
            refuse(ready, present, database)
        if dry_run:
            _show_plan(app, ready, present, as_json=as_json)
            return 0
        if not (yes or as_json):
            _show_plan(app, ready, present, as_json=False)
        session.confirm("Restore it?", yes=yes)
        done = put(
            ready,
            database,
            state=str(app.state),
            given=_given(app, session.env),
            force=force,
            actor=app.person,
            clock=app.clock,
            busy_ms=busy_ms,
            progress=None if session.quiet or as_json else output.meter("restoring"),
        )
    _show(done, ready, merged=_merged(app), as_json=as_json)
    return 0


def _merged(app: App) -> list[str]:
    """Items that the restored database did not know to be merged."""
    if app.settings.workspace_mode != "worktree":
        return []
    try:
        return mark_merged(app, actor=app.person)
    except WorkspaceError as error:  # run looks again before it takes an item
        output.tell(f"! {clean(error.message)}")
        return []


def _given(app: App, env: dict[str, str]) -> Marks:
    """Numbers and tokens that are still known beside the database."""
    turns = [*kept_turns(app.settings.root, env), *logged_turns(app.settings.home)]
    number, token = (max((getattr(one, name) for one in turns), default=0) for name in ("number", "token"))
    return Marks(counters=(("sbi", number), ("token", token)))


def _list(app: App, *, as_json: bool) -> int:
    found = backups_for(str(app.state), str(app.settings.home))
    if as_json:
        output.emit(backups=[{"path": one.path, "bytes": one.bytes, "made_at": iso(one.at)} for one in found])
        return 0
    if not found:
        raise UsageError("Which backup? None of this backlog is known here.", hint="deespec db restore FILE")
    for one in found[:SHOWN_BACKUPS]:
        output.say(f"{local(one.at)}  {one.bytes / 1e6:8,.1f} MB  {clean(one.path)}")
    if len(found) > SHOWN_BACKUPS:
        output.say(f"… and {len(found) - SHOWN_BACKUPS} older ones")
    output.tell("→ deespec db restore FILE; --dry-run says what it would do")
    return 0


def _lost(ready: Ready, present: Present) -> int | None:
    """Entries of the journal that are newer than the backup; None: that cannot be known."""
    if present.marks is None or present.uid != ready.uid:
        return None
    return max(0, present.marks.seq - ready.seq)


def _show_plan(app: App, ready: Ready, present: Present, *, as_json: bool) -> None:
    seq = present.marks.seq if present.marks else None
    if as_json:
        output.emit(
            backup={"path": ready.file, "schema": ready.schema, "items": ready.items, "seq": ready.seq},
            newest_at=iso(ready.newest_at),
            database={"state": present.state, "why": present.why, "items": present.items, "seq": seq},
            lost_entries=_lost(ready, present),
            violations=list(ready.violations),
        )
        return
    age = "" if ready.newest_at is None else f", the newest {ago(app.clock.now_ms() - ready.newest_at)} old"
    output.say(f"backup    {clean(ready.file)}")
    output.say(f"          {_count(ready.items, ready.seq)} in the journal{age}; verified")
    if present.state is State.ABSENT:
        output.say("database  there is none")
        return
    what = _count(present.items, seq) if seq is not None else "what it holds cannot be read"
    broken = f"; damaged: {present.why}" if present.why else ""
    output.say(f"database  {what}{clean(broken)}")
    lost = _lost(ready, present)
    if lost:
        what = "entry is" if lost == 1 else "entries are"
        output.say(f"          {lost} {what} newer than the backup: what happened since then will be gone")
    where = "moved into a folder beside it" if present.state is State.UNUSABLE else "kept as a backup of its own"
    output.say(f"          it will be {where}")


def _show(done: Restored, ready: Ready, *, merged: list[str], as_json: bool) -> None:
    if as_json:
        output.emit(
            restored=ready.file,
            items=done.items,
            seq=done.seq,
            kept=done.kept,
            kept_whole=done.kept_whole,
            numbers_left_out=done.gap,
            merged=merged,
        )
        return
    output.say(f"✓ restored {clean(os.path.basename(ready.file))}: {_items(done.items)}; entry {done.seq} tells of it")
    if done.kept and done.kept_whole:
        output.say(f"  replaced  {clean(done.kept)}")
        output.say("            deespec db restore with this file brings it back")
    elif done.kept:
        output.say(f"  replaced  {clean(done.kept)} (damaged; kept as it was)")
    if done.gap:
        output.say(f"  numbers   {done.gap:,} are left out: some of them may have been given by the lost database")
    if merged:
        output.say(f"  merged    {', '.join(merged)}: the target has them, so they are DONE")
    output.say("Next: deespec status")


def _items(count: int) -> str:
    return f"{count} SBI{'' if count == 1 else 's'}"


def _count(items: int, entries: int) -> str:
    return f"{_items(items)}, {entries} {'entry' if entries == 1 else 'entries'}"
