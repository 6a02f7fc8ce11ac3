"""`sbi list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.cli import options, views
from deespec.errors import UsageError
from deespec.model.lifecycle import DECOMPOSES, Status

if TYPE_CHECKING:
    from deespec.cli.session import Session


@click.command(name="list")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([status.value for status in Status if status not in DECOMPOSES], case_sensitive=False),
    help="Only items with this status; may be given several times.",
)
@click.option("--ready", is_flag=True, help="Only what waits for nothing but a slot.")
@click.option("--blocked", is_flag=True, help="Only what another item bars.")
@click.option("--all", "everything", is_flag=True, help="Finished ones, too.")
@click.option("--limit", type=click.IntRange(0, options.MANY), help="At most this many.")
@click.option("--offset", type=click.IntRange(0, options.MANY), default=0, help="Leave out this many first.")
@options.scope
@options.as_json
@options.session
def sbi_list(
    session: Session,
    *,
    statuses: tuple[str, ...],
    ready: bool,
    blocked: bool,
    everything: bool,
    limit: int | None,
    offset: int,
    as_json: bool,
    label: str | None,
    parent: str | None,
    text: str | None,
    owner: str | None,
) -> int:
    """List SBIs in order of registration, with what they wait for; finished ones with --all."""
    if ready and blocked:
        raise UsageError("--ready and --blocked exclude each other.")
    listing = views.Listing(
        scope=options.scope_of(session, label=label, parent=parent, text=text, owner=owner),
        statuses=tuple(status.upper() for status in statuses) or None,
        ready=True if ready else False if blocked else None,
        everything=everything,
        limit=limit,
        offset=offset,
    )
    return views.sbi_list(session, listing, as_json=as_json)
