"""`db vacuum`: gives unused space back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from deespec.cli import options, output
from deespec.store.opener import FILE
from deespec.store.upkeep.vacuum import vacuum

if TYPE_CHECKING:
    from deespec.cli.session import Session


@click.command(name="vacuum")
@click.option("--force", is_flag=True, help="Even if it may take longer than workers can wait.")
@options.as_json
@options.session
def db_vacuum(session: Session, force: bool, as_json: bool) -> int:
    """Write the database anew without unused pages, and shorten its log.

    Others go on reading; what they write waits until it is done. It needs twice the database's size of free space.
    """
    app = session.app_for_writing()
    done = vacuum(
        os.path.join(app.settings.home, FILE),
        clock=app.clock,
        busy_ms=app.settings.busy_timeout_ms,
        most_ms=None if force else app.settings.lease_ms // 3,
    )
    if as_json:
        output.emit(
            before_bytes=done.bytes_before,
            after_bytes=done.bytes_after,
            log_bytes=done.log_bytes,
            held_ms=done.held_ms,
        )
        return 0
    sizes = f"{done.bytes_before / 1e6:,.1f} MB → {done.bytes_after / 1e6:,.1f} MB"
    output.say(f"✓ vacuumed: {sizes}; writers waited at most {done.held_ms / 1000:.1f} s")
    if done.log_bytes:
        output.say(f"  the log keeps {done.log_bytes / 1e6:,.1f} MB as long as somebody reads an old state")
    return 0
