"""What `status` shows: one consistent look at the whole backlog, item by item or by what they wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.waiting import Situation, Waiting
from deespec.model.items import Kind
from deespec.model.lifecycle import DECOMPOSES, ENDED, IN_WORK, STOPPED, Status
from deespec.model.wanted import Scope
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.app import App
    from deespec.model.items import AgentPause, Line, Worker
    from deespec.model.work import Notice
    from deespec.store.base import Transaction

ALL = Scope(pbis=True)
"""Decompositions of PBIs wait and run as SBIs do."""
OPEN = tuple(status for status in Status if status not in ENDED)
FOR_A_PERSON = ("parked", "failed")
"""Why items wait that have stopped; others that wait for a person are barred by something else."""


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
    archived: int = 0
    """SBIs that the counts leave out."""
    moved_to: str | None = None
    """The home that the backlog has moved to."""
    notices: tuple[Notice, ...] = ()


@record
class Group:
    """All open items that wait for the same reason first."""

    reason: str
    count: int
    first: Line
    why: Waiting
    """Of the first one."""


@record
class Overview:
    """The same in short: its cost depends on how items differ, not on their number."""

    counts: dict[str, int]
    running: tuple[Line, ...]
    groups: tuple[Group, ...]
    asked: tuple[tuple[Line, Waiting], ...]
    """The first of those that wait for a person."""
    workers: tuple[Worker, ...]
    agents: tuple[AgentNow, ...]
    archived: int = 0
    drafts: int = 0
    """Those that nobody has decided."""
    moved_to: str | None = None
    """The home that the backlog has moved to."""
    notices: tuple[Notice, ...] = ()


def overview(app: App, *, asked: int) -> Overview:
    """One consistent look; never waits for a writer. At most `asked` of the items that wait for a person are named."""
    with app.store.read() as tx:
        situation = Situation(app, tx)
        claimed = tx.running()
        groups = groups_of(tx, situation, claimed)
        counts = tx.counts()
        archived = tx.archived_count(Kind.SBI)
        drafts = tx.open_drafts()
        moved_to = tx.moved_to()
        notices = tuple(tx.notices())
        shown = _asked(tx, situation, asked) if any(group.reason in FOR_A_PERSON for group in groups) else ()
    return Overview(
        counts=_all(counts),
        running=tuple(line for line in claimed if situation.runs(line)),
        groups=groups,
        asked=shown,
        workers=tuple(situation.workers),
        agents=agents_now(app, situation),
        archived=archived,
        drafts=drafts,
        moved_to=moved_to,
        notices=notices,
    )


def groups_of(tx: Transaction, situation: Situation, claimed: Sequence[Line]) -> tuple[Group, ...]:
    """Why open items wait, one group a reason, in order of their first items; decompositions of PBIs for themselves."""
    groups: dict[tuple[str, bool], Group] = {}
    for one in judged(tx, situation, claimed):
        kind = one.reason, one.first.decomposes
        known = groups.get(kind)
        groups[kind] = one if known is None else replace(known, count=known.count + one.count)
    return tuple(groups.values())


def judged(tx: Transaction, situation: Situation, claimed: Sequence[Line]) -> list[Group]:
    """The same in smaller groups: items in which nothing differs that matters, which are judged once.

    `claimed` are those with a claim, perhaps of the dead.
    """
    found: dict[tuple[int, str, bool], tuple[int, int]] = {}
    for alike in tx.waiting_alike(by_paths=situation.paths_matter, next_in_turn=situation.next):
        key = (*alike.key, alike.paths is not None and bool(situation.bars(alike.first, alike.paths)))
        first, count = found.get(key, (alike.first, 0))
        found[key] = first, count + alike.count
    lines = [(tx.line(first), count) for first, count in found.values()]
    lines += [(line, 1) for line in claimed if not situation.runs(line)]
    return [
        Group(reason=why.reason, count=count, first=line, why=why)
        for line, count in sorted(lines, key=lambda one: one[0].number)
        for why in situation.waiting(line)[:1]
    ]


def _asked(tx: Transaction, situation: Situation, most: int) -> tuple[tuple[Line, Waiting], ...]:
    """What waits for a person, in order of registration; retried items among them wait for something else."""
    found: list[tuple[Line, Waiting]] = []
    offset = 0
    while len(found) < most:
        lines = tx.list_sbis(ALL, statuses=STOPPED, limit=most, offset=offset).lines
        why = [(line, situation.waiting(line)[0]) for line in lines]
        found += [one for one in why if one[1].reason in FOR_A_PERSON]
        offset += most
        if len(lines) < most:
            break
    return tuple(found[:most])


def snapshot(app: App) -> Snapshot:
    """One consistent look at every item; never waits for a writer."""
    with app.store.read() as tx:
        situation = Situation(app, tx)
        page = tx.list_sbis(ALL, statuses=OPEN)
        situation.look_at([line.number for line in page.lines])
        waiting = [(line, found[0]) for line in page.lines if (found := situation.waiting(line))]
        running = [line for line in tx.running() if situation.runs(line)]
        counts = tx.counts()
        archived = tx.archived_count(Kind.SBI)
        moved_to = tx.moved_to()
        notices = tuple(tx.notices())
    return Snapshot(
        counts=_all(counts),
        running=tuple(running),
        waiting=tuple(waiting),
        workers=tuple(situation.workers),
        agents=agents_now(app, situation),
        archived=archived,
        moved_to=moved_to,
        notices=notices,
    )


def agents_now(app: App, situation: Situation) -> tuple[AgentNow, ...]:
    """The agents that the settings name, with what they do now; and others that work, or wait for something."""
    settings = app.settings
    named = (*settings.implement, *settings.review, *settings.decompose, *(agent.name for agent in settings.agents))
    others = (name for name in situation.agents.slots if situation.running(name) or situation.pause_of(name))
    names = dict.fromkeys((*named, *others))
    found = []
    for name in names:
        section = settings.agent(name)
        if section is None:
            continue
        found.append(
            AgentNow(
                name=name,
                kind=section.kind,
                account=app.account(name),
                running=situation.running(name),
                limit=section.limit,
                pause=situation.pause_of(name),
            )
        )
    return tuple(found)


def in_work(counts: dict[str, int]) -> int:
    return sum(counts.get(status, 0) for status in IN_WORK)


def _all(counts: dict[str, int]) -> dict[str, int]:
    """Those that no SBI has now, too."""
    return {status: counts.get(status, 0) for status in Status if status not in DECOMPOSES}
