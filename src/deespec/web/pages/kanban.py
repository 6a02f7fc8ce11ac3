"""The board itself: every open item in the column of what it waits for, and what came out last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.acts import acts_for
from deespec.board.snapshot import agents_now
from deespec.board.told import cost
from deespec.board.waiting import Situation
from deespec.clock import midnight
from deespec.model.asking import NEEDS_WORDS
from deespec.model.lifecycle import Status
from deespec.model.wanted import Part
from deespec.records import record, replace
from deespec.web.page import page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.acts import Act
    from deespec.app import App
    from deespec.board.live import Live
    from deespec.board.snapshot import AgentNow
    from deespec.model.items import Line
    from deespec.store.base import Transaction
    from deespec.web.page import Page, PageRequest
    from deespec.web.watching import Watching

CARDS_MOST = 25
"""In a part of a column; the rest is on the list."""
LISTED = {
    Part.READY: "/items?state=ready",
    Part.BARRED: "/items?state=blocked",
    Part.HELD: "/items?state=held",
    Part.WORKING: "/items?status=PICKED,IMPLEMENTING,REVIEWING,RESOLVING",
    Part.MERGING: "/items?status=INTEGRATING",
    Part.ASKING: "/items?status=PARKED,FAILED",
}
"""Where all of them are."""


@record
class Card:
    line: Line
    why: str | None
    """Why nobody works on it."""
    runs: bool
    """Somebody works on it."""
    live: Live | None
    """What its agent says."""
    status: bool
    """Whether the column leaves open what its status is."""
    primary: Act | None
    """What a person is asked for."""
    acts: tuple[Act, ...]


@record
class Cards:
    """A part of a column."""

    title: str
    """In English; empty where the column has only one."""
    total: int
    cards: tuple[Card, ...]
    all: str
    folded: bool = False


@record
class Column:
    key: str
    title: str
    """In English."""
    parts: tuple[Cards, ...]

    @property
    def total(self) -> int:
        return sum(part.total for part in self.parts)


@record
class Strip:
    """What goes on around the items."""

    workers: int
    slots: int
    running: int
    finishing: bool
    """No worker takes anything new."""
    spent: str
    usd_per_day: float
    paused: tuple[AgentNow, ...]
    notices: int
    drafts: int


def show(request: PageRequest) -> Page:
    with request.app.store.read() as tx:
        situation = Situation(request.app, tx)
        read = _Reading(tx, situation)
        ready = read.part(Part.READY, "Next")
        barred = read.part(Part.BARRED, "Not yet")
        held = read.part(Part.HELD, "Held")
        columns = (
            Column(key="waiting", title="Waiting", parts=(ready, barred, held)),
            Column(key="working", title="In work", parts=(read.part(Part.WORKING, ""),)),
            Column(key="asking", title="For you", parts=(read.part(Part.ASKING, ""),)),
            Column(key="merging", title="Merging", parts=(read.part(Part.MERGING, ""),)),
            Column(key="done", title="Done", parts=(read.newest(Status.DONE),)),
            Column(key="cancelled", title="Cancelled", parts=(read.newest(Status.CANCELLED, folded=True),)),
        )
        strip = _strip(request, tx, situation)
    shown = [_listening(column, request.app, request.watching) for column in columns]
    return page("kanban.html", title=request.say("Board"), columns=shown, strip=strip)


def _listening(column: Column, app: App, watching: Watching) -> Column:
    """With what the agents say now: from files, so after the reading of the store has ended."""
    parts = []
    for part in column.parts:
        cards = tuple(replace(one, live=watching.of(app, one.line)) if one.runs else one for one in part.cards)
        parts.append(replace(part, cards=cards))
    return replace(column, parts=tuple(parts))


def _strip(request: PageRequest, tx: Transaction, situation: Situation) -> Strip:
    app, workers = request.app, situation.workers
    return Strip(
        workers=len(workers),
        slots=sum(worker.slots for worker in workers),
        running=sum(1 for line in tx.running() if situation.runs(line)),
        finishing=bool(workers) and all(worker.stop or worker.state == "finishing" for worker in workers),
        spent=cost(tx.used_since(midnight(tx.now))).by(request.say),
        usd_per_day=app.settings.usd_per_day,
        paused=tuple(agent for agent in agents_now(app, situation) if agent.pause is not None),
        notices=len(tx.notices()),
        drafts=tx.open_drafts(),
    )


class _Reading:
    """One consistent look."""

    def __init__(self, tx: Transaction, situation: Situation) -> None:
        self._tx = tx
        self._situation = situation
        self._open = tx.part_counts()
        self._counts = tx.counts()

    def part(self, part: Part, title: str) -> Cards:
        """Those that run first, then in the order in which they are taken."""
        total = self._open.get(part, 0)
        lines = self._tx.part_first(part, limit=CARDS_MOST) if total else []
        status = part in (Part.WORKING, Part.ASKING)
        return Cards(title=title, total=total, cards=self._cards(lines, status=status), all=LISTED[part])

    def newest(self, status: Status, *, folded: bool = False) -> Cards:
        """The last of them, the last one first."""
        total = self._counts.get(status, 0)
        lines = self._tx.ended_newest(status, limit=CARDS_MOST) if total else []
        cards = self._cards(lines, status=False)
        return Cards(title="", total=total, cards=cards, all=f"/items?status={status}", folded=folded)

    def _cards(self, lines: Sequence[Line], *, status: bool) -> tuple[Card, ...]:
        self._situation.look_at([line.number for line in lines])
        return tuple(self._card(line, status=status) for line in lines)

    def _card(self, line: Line, *, status: bool) -> Card:
        waits = self._situation.waiting(line)
        said_above = not self._situation.workers and line.lease_token is None  # that no worker is running
        acts = acts_for(line)
        return Card(
            line=line,
            why=waits[0].text if waits and not (said_above and waits[0].reason == "slot") else None,
            runs=self._situation.runs(line),
            live=None,
            status=status or (line.stopped and line.resume),
            primary=_primary(line, acts),
            acts=acts,
        )


def _primary(line: Line, acts: tuple[Act, ...]) -> Act | None:
    """What brings on an item that has stopped."""
    if not line.stopped:
        return None
    wanted = "answer" if line.reason in NEEDS_WORDS else "retry"
    return next((act for act in acts if act.name == wanted), None)
