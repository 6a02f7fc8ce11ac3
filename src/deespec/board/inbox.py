"""All that waits for a person: of items, drafts, agents and the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.landable import to_land
from deespec.board.snapshot import snapshot
from deespec.errors import WorkspaceError
from deespec.model.asking import DraftStatus
from deespec.model.items import Epic
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.app import App
    from deespec.board.landable import ToLand
    from deespec.board.snapshot import AgentNow
    from deespec.board.waiting import Waiting
    from deespec.model.asking import Draft
    from deespec.model.items import Line
    from deespec.model.work import Notice
    from deespec.store.base import Transaction
    from deespec.store.items import Item

STOPPED = ("parked", "failed")
"""Why items wait that have stopped; others that wait for a person are barred by something else."""


@record
class Inbox:
    notices: tuple[Notice, ...]
    asked: tuple[tuple[Line, Waiting], ...]
    """Items that only a person brings on, in order of registration."""
    held: tuple[Line, ...]
    drafts: tuple[Draft, ...]
    """Those that nobody has decided."""
    agents: tuple[AgentNow, ...]
    """Those that rest until a person says otherwise."""
    to_land: ToLand | None
    land_problem: str | None = None
    """Why it cannot be told whether there is work to land."""

    @property
    def stopped(self) -> tuple[tuple[Line, Waiting], ...]:
        return tuple(one for one in self.asked if one[1].reason in STOPPED)

    @property
    def barred(self) -> tuple[tuple[Line, Waiting], ...]:
        """Those that have not stopped."""
        return tuple(one for one in self.asked if one[1].reason not in STOPPED)

    @property
    def empty(self) -> bool:
        return not (self.notices or self.asked or self.held or self.drafts or self.agents or self.to_land)


def inbox(app: App) -> Inbox:
    """A look at every open item and at the repository; never waits for a writer."""
    seen = snapshot(app)
    landable, problem = _to_land(app)
    with app.store.read() as tx:
        drafts = tuple(one for one in tx.drafts() if one.status is DraftStatus.OPEN)
    return Inbox(
        notices=seen.notices,
        asked=tuple((line, why) for line, why in seen.waiting if why.person),
        held=tuple(line for line, why in seen.waiting if why.reason == "held"),
        drafts=drafts,
        agents=_paused(seen.agents),
        to_land=landable,
        land_problem=problem,
    )


def held_tops(tx: Transaction, lines: Sequence[Line]) -> list[Item]:
    """What is to be unheld for these, each once: the highest above one that is held, or itself."""
    return list({top.id: top for top in (_held_top(tx, line) for line in lines)}.values())


def _held_top(tx: Transaction, line: Line) -> Item:
    top = above = tx.item(line.id)
    while not isinstance(above, Epic) and above.parent:
        above = tx.item(above.parent)
        top = above if above.held else top
    return top


def _to_land(app: App) -> tuple[ToLand | None, str | None]:
    try:
        return to_land(app), None
    except WorkspaceError as error:
        return None, error.message


def _paused(agents: Sequence[AgentNow]) -> tuple[AgentNow, ...]:
    """Agents that wait for a person; of an account that is paused only one, the one that it came of if it is there."""
    found: dict[tuple[str, str], AgentNow] = {}
    for agent in agents:
        if (pause := agent.pause) is not None and pause.until_at is None:
            key = pause.account, pause.only_agent
            if key not in found or pause.agent == agent.name:
                found[key] = agent
    return tuple(found.values())
