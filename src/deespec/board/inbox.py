"""All that waits for a person: of items, drafts, agents and the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.snapshot import ALL, FOR_A_PERSON, OPEN, agents_now, judged
from deespec.board.waiting import Situation
from deespec.errors import WorkspaceError
from deespec.model.asking import DraftStatus
from deespec.model.items import Epic
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.app import App
    from deespec.board.landable import ToLand
    from deespec.board.snapshot import AgentNow, Group
    from deespec.board.waiting import Waiting
    from deespec.model.asking import Draft
    from deespec.model.items import Line
    from deespec.model.work import Notice
    from deespec.store.base import Transaction
    from deespec.store.items import Item

HELD = "held"
NO_AGENT = "agent_paused"
"""What bars items (Waiting.reason)."""


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
        return tuple(one for one in self.asked if one[1].reason in FOR_A_PERSON)

    @property
    def barred(self) -> tuple[tuple[Line, Waiting], ...]:
        """Those that have not stopped."""
        return tuple(one for one in self.asked if one[1].reason not in FOR_A_PERSON)

    @property
    def total(self) -> int:
        """How many entries there are; what waits to be landed is one."""
        lists = (self.notices, self.asked, self.held, self.drafts, self.agents)
        return sum(map(len, lists)) + (self.to_land is not None)

    @property
    def empty(self) -> bool:
        return not self.total


def inbox(app: App) -> Inbox:
    """One consistent look at the backlog, then one at the repository; never waits for a writer.

    Its cost depends on what waits for a person, not on the number of items; unless items name agents that nobody has.
    """
    landable, problem = _to_land(app)
    with app.store.read() as tx:
        situation = Situation(app, tx)
        waiting = _waiting(tx, situation)
        return Inbox(
            notices=tuple(tx.notices()),
            asked=tuple((line, why) for line, why in waiting if why.person),
            held=tuple(line for line, why in waiting if why.reason == HELD),
            drafts=tuple(one for one in tx.drafts() if one.status is DraftStatus.OPEN),
            agents=_paused(agents_now(app, situation)),
            to_land=landable,
            land_problem=problem,
        )


def entries(app: App) -> int:
    """How many entries the inbox has: `Inbox.total`, cheap also where thousands of items have no agent."""
    landable, _ = _to_land(app)
    with app.store.read() as tx:
        situation = Situation(app, tx)
        without_agent = sum(group.count for group in _without_agent(tx, situation))
        barred = [why for _, why in _judged(situation, tx.stopped_or_barred()) if why.reason != NO_AGENT]
        asked = sum(1 for why in barred if why.person or why.reason == HELD)
        paused = len(_paused(agents_now(app, situation)))
        others = len(tx.notices()) + tx.open_drafts() + paused + (landable is not None)
    return asked + without_agent + others


def _waiting(tx: Transaction, situation: Situation) -> list[tuple[Line, Waiting]]:
    """All items that may wait for a person, in order of registration, each with the first condition that bars it."""
    if _without_agent(tx, situation):
        return _judged(situation, tx.list_sbis(ALL, statuses=OPEN).lines)
    return _judged(situation, tx.stopped_or_barred())


def _without_agent(tx: Transaction, situation: Situation) -> list[Group]:
    """Items that only name agents which nobody has; others wait for an agent that rests."""
    groups = judged(tx, situation, tx.running())
    return [one for one in groups if one.reason == NO_AGENT and one.why.person]


def _judged(situation: Situation, lines: Sequence[Line]) -> list[tuple[Line, Waiting]]:
    situation.look_at([line.number for line in lines])
    return [(line, found[0]) for line in lines if (found := situation.waiting(line))]


def held_tops(tx: Transaction, lines: Sequence[Line]) -> list[Line | Item]:
    """What is to be unheld for these, each once: the highest above one that is held, or itself."""
    groups: dict[str, Item] = {}
    return list({top.id: top for top in (_held_top(tx, line, groups) for line in lines)}.values())


def _held_top(tx: Transaction, line: Line, groups: dict[str, Item]) -> Line | Item:
    """`groups`: those that were read, by id."""
    top: Line | Item = line
    above = line.id if line.decomposes else line.parent
    while above:
        if above not in groups:
            groups[above] = tx.item(above)
        group = groups[above]
        if group.held or group.id == line.id:
            top = group
        above = None if isinstance(group, Epic) else group.parent
    return top


def _to_land(app: App) -> tuple[ToLand | None, str | None]:
    try:
        return app.landable.look(), None
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
