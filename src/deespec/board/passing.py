"""What changes on the board although nobody writes: workers die, pauses and delays end, a day is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.snapshot import ALL
from deespec.clock import midnight
from deespec.records import record
from deespec.store.alive import is_alive

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.store.base import Transaction


@record
class Passing:
    """Two looks that differ show something else, whether anybody has written between them or not."""

    living: tuple[str, ...]
    """The uids of the workers that live."""
    pauses: tuple[tuple[str, str], ...]
    """(account, agent or "") of those in force."""
    next_due: int | None
    """When the first of the items that were put off is due."""
    day_began: int
    """Budgets are by the day."""


def passing(app: App, tx: Transaction) -> Passing:
    """One look. It is cheap: three short statements, and a lock tried for each worker."""
    home = str(app.settings.home)
    return Passing(
        living=tuple(one.uid for one in tx.workers() if is_alive(home, one.uid)),
        pauses=tuple((one.account, one.only_agent) for one in tx.pauses()),
        next_due=tx.next_due(ALL),
        day_began=midnight(tx.now),
    )
