"""What is loaded for the screen: one look at the backlog, as much of it as the view that is open shows."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.board.draw.spark import throughput
from deespec.board.inbox import inbox
from deespec.board.live import Lives
from deespec.board.snapshot import ALL, overview
from deespec.board.waiting import Situation
from deespec.clock import midnight
from deespec.model.items import Kind
from deespec.model.lifecycle import Status
from deespec.model.wanted import Scope
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.app import App
    from deespec.board.inbox import Inbox
    from deespec.board.live import Live
    from deespec.board.snapshot import Overview
    from deespec.board.waiting import Waiting
    from deespec.model.budget import Tally
    from deespec.model.items import Line
    from deespec.store.base import Transaction
    from deespec.store.views import Page

ASKED_MOST = 50
"""Items that wait for a person, of which the first view shows the first."""
CARDS_MOST = 200
"""Of one column; of more it says how many there are, and a filter finds them."""
SIFTED_MOST = 2_000
"""Done items that a filter finds and that are put in order; of more, those that were registered last."""
DAYS = 7
"""Of the throughput."""


class View(StrEnum):
    NOW = "now"
    BOARD = "board"
    INBOX = "inbox"
    AGENTS = "agents"


class Pile(StrEnum):
    """A column of the board."""

    WAITING = "Waiting"
    WORK = "In work"
    PERSON = "For you"
    MERGING = "Merging"
    DONE = "Done"


STATUSES: dict[Pile, tuple[Status, ...]] = {
    Pile.WAITING: (Status.PENDING,),
    Pile.WORK: (Status.PICKED, Status.IMPLEMENTING, Status.REVIEWING, Status.RESOLVING, Status.DECOMPOSING),
    Pile.PERSON: (Status.PARKED, Status.FAILED),
    Pile.MERGING: (Status.INTEGRATING,),
    Pile.DONE: (Status.DONE,),
}


@record
class Wish:
    """What is to be loaded."""

    view: View = View.NOW
    words: str = ""
    """The filter: words in the title; `#label`; a status."""


@record
class Card:
    line: Line
    why: Waiting | None = None
    """What bars it first."""


@record
class Column:
    cards: tuple[Card, ...]
    total: int
    among: int | None = None
    """Only of so many, the last that were registered, the newest are shown; None: of all."""


@record
class Seen:
    wish: Wish
    at: int
    """Wall time of the look."""
    root: str
    ambiguous_width: int
    overview: Overview
    lives: dict[int, Live]
    """Of what runs: the last words of the agent, and what it has used."""
    spent: Tally
    """Today, by metered calls."""
    usd_per_day: float
    done: tuple[int, ...]
    """Items that became DONE on each of the last days, today last."""
    columns: dict[Pile, Column]
    """Of the board, while that is shown."""
    inbox: Inbox | None = None
    """While it is shown."""

    @property
    def lines(self) -> dict[str, Line]:
        """Every item that is shown anywhere, by id."""
        shown = [*self.overview.running, *(line for line, _ in self.overview.asked)]
        shown += [group.first for group in self.overview.groups]
        shown += [card.line for column in self.columns.values() for card in column.cards]
        if self.inbox is not None:
            shown += [*self.inbox.held, *(line for line, _ in self.inbox.asked)]
        return {line.id: line for line in shown}


class Looker:
    """Looks again and again; what has not changed is not read twice."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._lives = Lives(app)
        self._done: tuple[object, tuple[int, ...]] | None = None

    def look(self, wish: Wish) -> Seen:
        """Never waits for a writer."""
        app = self.app
        seen = overview(app, asked=ASKED_MOST)
        now = app.clock.now_ms()
        with app.store.read() as tx:
            spent = tx.used_since(midnight(now))
            columns = _columns(app, tx, wish.words) if wish.view is View.BOARD else {}
        lives = {line.number: live for line in seen.running if (live := self._lives.of(line)) is not None}
        return Seen(
            wish=wish,
            at=now,
            root=str(app.settings.root),
            ambiguous_width=app.settings.ambiguous_width,
            overview=seen,
            lives=lives,
            spent=spent,
            usd_per_day=app.settings.usd_per_day,
            done=self._throughput(seen.counts[Status.DONE] + seen.archived),
            columns=columns,
            inbox=inbox(app) if wish.view is View.INBOX else None,
        )

    def _throughput(self, done: int) -> tuple[int, ...]:
        """Read again when another item is DONE, or another day has begun."""
        known = done, midnight(self.app.clock.now_ms())
        if self._done is None or self._done[0] != known:
            self._done = known, tuple(throughput(self.app, DAYS))
        return self._done[1]


def _columns(app: App, tx: Transaction, words: str) -> dict[Pile, Column]:
    scope, statuses = wanted(words)
    situation = Situation(app, tx)
    found = {}
    for pile, own in STATUSES.items():
        among = tuple(status for status in own if not statuses or status in statuses)
        page = tx.list_sbis(scope, statuses=among, limit=CARDS_MOST)
        lines = _newest(tx, scope, among, page) if pile is Pile.DONE else page.lines
        situation.look_at([line.number for line in lines])
        cards = [Card(line=line, why=next(iter(situation.waiting(line)), None)) for line in lines]
        cut = pile is Pile.DONE and scope != ALL and page.total > SIFTED_MOST
        found[pile] = Column(cards=tuple(cards), total=page.total, among=SIFTED_MOST if cut else None)
    return found


def _newest(tx: Transaction, scope: Scope, statuses: tuple[Status, ...], first: Page) -> Sequence[Line]:
    """Of what is done that which was done last, the newest first. `first`: by number."""
    if first.total > CARDS_MOST and scope == ALL:
        return tx.ended_newest(Status.DONE, limit=CARDS_MOST)
    if first.total > CARDS_MOST:
        left_out = max(0, first.total - SIFTED_MOST)
        first = tx.list_sbis(scope, statuses=statuses, limit=SIFTED_MOST, offset=left_out)
    return sorted(first.lines, key=_order)[:CARDS_MOST]


def _order(line: Line) -> tuple[int, int]:
    return -(line.finished_at or 0), -line.number


def wanted(words: str) -> tuple[Scope, set[Status]]:
    """What a filter means to the store. Only one label and one run of words; an id is a word like others."""
    labels: list[str] = []
    statuses: set[Status] = set()
    rest: list[str] = []
    for word in words.split():
        if word.startswith("#") and len(word) > 1:
            labels.append(word[1:])
        elif word.upper() in Status.__members__:
            statuses.add(Status(word.upper()))
        else:
            rest.append(word)
    kind, _, number = rest[0].upper().partition("-") if len(rest) == 1 else ("", "", "")
    if kind == Kind.SBI and number.isdecimal() and len(number) < 10:
        return Scope(numbers=(int(number),)), statuses
    return replace(ALL, label=labels[0] if labels else None, text=" ".join(rest) or None), statuses
