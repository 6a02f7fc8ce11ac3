"""`approve`: a person has drafts registered as SBIs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.backlog import drafts as deciding
from deespec.backlog.drafts import Needs
from deespec.cli import options, output
from deespec.cli.commands.draft_ids import decider, draft_ids, items_named, refuse_single, tell_nothing_open
from deespec.cli.commands.draft_views import decided_json, say_decided
from deespec.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.cli.session import Session


@click.command(name="approve")
@options.ids
@click.option("--all", "everything", is_flag=True, help="All open ones of the items named: as approve PBI-7.")
@click.option("--hold", is_flag=True, help="Registered, but not taken until unheld.")
@click.option("--with-needs", is_flag=True, help="The drafts that they need, too.")
@click.option("--without-needs", is_flag=True, help="At once, without needs that are no items.")
@click.option("--again", is_flag=True, help="Even if they were rejected.")
@options.as_json
@options.session
def approve(
    session: Session,
    *,
    ids: Sequence[str],
    everything: bool,
    hold: bool,
    with_needs: bool,
    without_needs: bool,
    again: bool,
    as_json: bool,
) -> int:
    """Register drafts as SBIs, at once: PBI-7/3, or with PBI-7 all its open ones.

    A draft of a PBI becomes a child of it, a finding of a review another child of that SBI's parent, with its labels.
    One that needs a draft that nobody has decided waits for that.
    """
    if with_needs and without_needs:
        raise UsageError("--with-needs and --without-needs exclude each other.")
    if everything:
        refuse_single(ids)
    by = decider(session)
    wanted = draft_ids(session, ids)
    needs = Needs.WITH if with_needs else Needs.WITHOUT if without_needs else Needs.WAIT
    done = deciding.approve(session.app.store, wanted, by, needs=needs, hold=hold, again=again)
    if as_json:
        output.emit(items=[decided_json(one) for one in done])
        return 0
    if not done:
        output.say(tell_nothing_open(ids))
    say_decided(done, titles=bool(items_named(ids)))
    return 0
