"""`status`: what runs, what waits and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.cli import options, views

if TYPE_CHECKING:
    from deespec.cli.session import Session


@click.command()
@options.as_json
@options.session
def status(session: Session, as_json: bool) -> int:
    """Show what runs, since when and by whom, what waits and why, and what waits for a person."""
    return views.status(session, as_json=as_json)
