"""`reject`: a person wants drafts not to become items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.backlog import drafts as deciding
from deespec.cli import options, output
from deespec.cli.commands.draft_ids import draft_ids, items_named, tell_nothing_open
from deespec.cli.commands.draft_views import decided_json, say_decided
from deespec.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.cli.session import Session


@click.command(name="reject")
@options.ids
@click.option("--reason", "-m", required=True, help="Why; it is kept with the draft.")
@options.as_json
@options.session
def reject(session: Session, ids: Sequence[str], reason: str, as_json: bool) -> int:
    """Reject drafts: PBI-7/3, or with PBI-7 all its open ones. They are kept with the reason, and not suggested again.

    Approved ones that waited for them are open again.
    """
    if not reason.strip():
        raise UsageError("The reason is empty.")
    app = session.app_for_writing()
    done = deciding.reject(app.store, draft_ids(session, ids), reason=reason.strip(), owner=app.person)
    if as_json:
        output.emit(items=[decided_json(one) for one in done])
        return 0
    if not done:
        output.say(tell_nothing_open(ids))
    say_decided(done, titles=bool(items_named(ids)))
    return 0
