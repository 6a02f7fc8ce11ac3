"""`db migrate`: brings a backlog of an older deespec up to date, after a backup."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from deespec.cli import options, output
from deespec.store.migrate import migrate
from deespec.store.opener import FILE
from deespec.store.upkeep.backup import back_up
from deespec.text import clean

if TYPE_CHECKING:
    from deespec.cli.session import Session


@click.command(name="migrate")
@options.as_json
@options.session
def db_migrate(session: Session, as_json: bool) -> int:
    """Bring the backlog's database up to date with this deespec, after a backup of it as it is.

    Refused while workers run. What fails changes nothing.
    """
    app = session.app_for_writing()
    database, busy_ms = os.path.join(app.settings.home, FILE), app.settings.busy_timeout_ms

    def keep(schema: int) -> str:
        folder = str(app.backups_folder)
        return back_up(database, folder, clock=app.clock, busy_ms=busy_ms, special=f"schema{schema}").path

    done = migrate(database, back_up=keep, actor=app.person, clock=app.clock, busy_ms=busy_ms)
    if as_json:
        output.emit(before=done.before, after=done.after, backup=done.backup)
    elif done.backup is None:
        output.say(f"Nothing to do: the database has schema {done.after}, the newest.")
    else:
        output.say(f"✓ schema {done.before} is now {done.after}")
        output.say(f"  backup from before it: {clean(done.backup)}")
    return 0
