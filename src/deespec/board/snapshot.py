"""What `status` shows: one consistent look at the whole backlog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.waiting import Situation, Waiting
from deespec.model.lifecycle import ENDED, IN_WORK, Status
from deespec.model.wanted import Scope
from deespec.records import record

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.model.items import AgentPause, Line, Worker

OPEN = tuple(status for status in Status if status not in ENDED)


@record
class AgentNow:
    name: str
    kind: str
    account: str
    running: int
    limit: int
    pause: AgentPause | None = None


@record
class Snapshot:
    counts: dict[str, int]
    running: tuple[Line, ...]
    waiting: tuple[tuple[Line, Waiting], ...]
    """Every open item that is not worked on, with the first condition that bars it."""
    workers: tuple[Worker, ...]
    agents: tuple[AgentNow, ...]


def snapshot(app: App) -> Snapshot:
    """One consistent look; never waits for a writer."""
    with app.store.read() as tx:
        situation = Situation(app, tx)
        page = tx.list_sbis(Scope(), statuses=OPEN)
        waiting = [(line, found[0]) for line in page.lines if (found := situation.waiting(line))]
        running = [line for line in tx.running() if situation.runs(line)]
        counts = tx.counts()
    return Snapshot(
        counts={status: counts.get(status, 0) for status in Status},
        running=tuple(running),
        waiting=tuple(waiting),
        workers=tuple(situation.workers),
        agents=agents_now(app, situation),
    )


def agents_now(app: App, situation: Situation) -> tuple[AgentNow, ...]:
    """The agents that the settings name, with what they do now."""
    settings = app.settings
    names = dict.fromkeys((*settings.implement, *settings.review, *(agent.name for agent in settings.agents)))
    found = []
    for name in names:
        section = settings.agent(name)
        if section is None:
            continue
        account = app.account(name)
        found.append(
            AgentNow(
                name=name,
                kind=section.kind,
                account=account,
                running=situation.used.get(account, 0),
                limit=section.limit,
                pause=situation.pauses.get(account),
            )
        )
    return tuple(found)


def in_work(counts: dict[str, int]) -> int:
    return sum(counts[status] for status in IN_WORK)
