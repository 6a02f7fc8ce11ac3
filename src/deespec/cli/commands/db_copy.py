"""`db copy`: the backlog goes on in another place, and the old one says so."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deespec import config
from deespec.cli import options, output
from deespec.store.opener import FILE
from deespec.store.upkeep.copy import copy, database_of, refuse
from deespec.text import clean

if TYPE_CHECKING:
    from deespec.cli.session import Session

WORTH_SAYING_MS = 500


@click.command(name="copy")
@click.option("--to", "url", required=True, metavar="URL", help="A new home folder, or sqlite:///PATH.")
@options.yes
@options.dry_run
@options.as_json
@options.session
def db_copy(session: Session, *, url: str, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Copy the whole backlog to another place and seal this one: from then on it can only be read here.

    Settings, prompts and labels go along. Workers must have ended. Cut off, the same command completes it.
    """
    app = session.app_for_writing()
    database, target = os.path.join(app.settings.home, FILE), database_of(url)
    home = os.path.dirname(target)
    with app.store.read() as tx:
        items, seq, workers = sum(tx.counts().values()), tx.journal_end(), tx.workers()
    refuse(database, target, names={one.uid: one.name for one in workers})
    if dry_run:
        if as_json:
            output.emit(path=target, items=items, seq=seq, sealed=False)
        else:
            output.say(f"{items} SBIs and {seq} entries of the journal would go to {clean(home)}")
            output.say(f"{clean(str(app.settings.home))} could only be read from then on")
        return 0
    session.confirm(f"Move this backlog to {clean(home)}? It can only be read here from then on.", yes=yes)
    done = copy(
        database,
        target,
        actor=app.person,
        clock=app.clock,
        busy_ms=app.settings.busy_timeout_ms,
        progress=None if session.quiet or as_json else output.meter("copying"),
    )
    if as_json:
        output.emit(path=done.path, items=done.items, seq=done.seq, held_ms=done.held_ms, sealed=True)
        return 0
    what = "completed" if done.completed else "copied and verified"
    output.say(f"✓ {what}: {done.items} SBIs, {done.seq} entries of the journal in {clean(done.path)}")
    output.say(f"  {clean(str(app.settings.home))} is sealed: it can be read, not written")
    if done.held_ms >= WORTH_SAYING_MS:
        output.say(f"  writers waited up to {done.held_ms / 1000:.1f} s")
    root = config.load_settings(Path(home), session.env, {}).root
    if root != app.settings.root:
        output.say(f"  agents work in {clean(str(root))} from now on, no longer in {app.settings.root}")
    output.say(f"Next: deespec --home {clean(home)} status")
    return 0
