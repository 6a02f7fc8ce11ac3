"""What waits beside a run: PBIs that it does not take, and drafts that nobody has decided."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from deespec.board.waiting import Situation
from deespec.cli import output
from deespec.cli.views import OPEN
from deespec.model.items import Kind
from deespec.records import replace

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.engine.worker import Crew, Orders


def tell_left_out(app: App, orders: Orders) -> None:
    """PBIs that are to be decomposed and that neither this run nor another worker takes."""
    if orders.scope.pbis or orders.scope.numbers is not None:
        return
    with app.store.read() as tx:
        others = [workflow for one in Situation(app, tx).workers for workflow in one.workflows.split(",")]
        lines = tx.list_sbis(replace(orders.scope, sbis=False, pbis=True), statuses=OPEN).lines
    left = [one for one in lines if not one.held and one.lease_token is None and (one.resume or not one.stopped)]
    if left and "pbi" not in others:
        waits = "1 PBI waits" if len(left) == 1 else f"{len(left)} PBIs wait"
        output.tell(f"{waits} to be decomposed → deespec run --workflows pbi,sbi")


def drafts_in_scope(crew: Crew) -> dict[str, int]:
    """How many drafts nobody has decided, by PBI; none where the run decomposes none."""
    scope = crew.orders.scope
    if not scope.pbis or scope.numbers is not None:
        return {}
    with crew.app.store.read() as tx:
        parents = {one.id for one in tx.list_sbis(replace(scope, sbis=False)).lines}
        parents |= {one.id for one in tx.list_groups(Kind.PBI, replace(scope, sbis=True))[0]}
        return dict(Counter(one.parent for one in tx.drafts() if one.parent in parents))
