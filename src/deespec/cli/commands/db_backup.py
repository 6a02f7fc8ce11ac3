"""`db backup`: a verified copy of the whole backlog in one file, while others work."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from deespec.cli import options, output
from deespec.clock import iso
from deespec.store.opener import FILE
from deespec.store.upkeep.backup import back_up, prune
from deespec.text import clean

if TYPE_CHECKING:
    from deespec.cli.session import Session


@click.command(name="backup")
@click.argument("file", required=False, metavar="[FILE]", type=click.Path())
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Remove the oldest backups there beyond N.")
@click.option("--force", is_flag=True, help="Even if FILE is there: replace it.")
@options.as_json
@options.session
def db_backup(session: Session, file: str | None, keep: int | None, force: bool, as_json: bool) -> int:
    """Copy the backlog to FILE (or into the folder FILE), verified, while others go on working.

    Without FILE it gets a name of its own in the folder of this backlog's backups, which lies outside the project.
    --keep removes only files that have such names, and never the one just made.
    """
    app = session.app_for_writing()
    target = str(app.backups_folder) if file is None else os.path.expanduser(file)
    database = os.path.join(app.settings.home, FILE)
    made = back_up(
        database,
        target,
        clock=app.clock,
        busy_ms=app.settings.busy_timeout_ms,
        over=force,
        progress=None if session.quiet or as_json else output.meter("copying"),
    )
    removed = [] if keep is None else prune(os.path.dirname(made.path), keep, but=made.path)
    if as_json:
        output.emit(path=made.path, bytes=made.bytes, seq=made.seq, made_at=iso(made.at), removed=removed)
        return 0
    output.say(f"✓ backup of {made.bytes / 1e6:,.1f} MB, verified, up to entry {made.seq} of the journal")
    output.say(f"  {clean(made.path)}")
    for one in removed:
        output.say(f"  removed {clean(os.path.basename(one))}")
    return 0
