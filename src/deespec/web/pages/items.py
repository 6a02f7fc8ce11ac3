"""The list of items: filters, pages with true totals, and why each waits."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from deespec.board.waiting import Situation
from deespec.errors import DeespecError, InvalidInput
from deespec.model.items import Kind
from deespec.model.lifecycle import DECOMPOSES, ENDED, Status
from deespec.model.spec import normalise_id
from deespec.model.wanted import Scope
from deespec.records import record
from deespec.store.views import Page as Found
from deespec.text import clean
from deespec.web.page import page

if TYPE_CHECKING:
    from deespec.model.items import Line
    from deespec.store.base import Transaction
    from deespec.web.page import Page, PageRequest

ITEMS_A_PAGE = 50
STATUSES = tuple(status for status in Status if status not in DECOMPOSES)
OPEN = tuple(status for status in STATUSES if status not in ENDED)
STATES = ("open", "ready", "blocked", "held", "all")


@record
class Asked:
    """The filters of the form, as they were typed in."""

    statuses: tuple[str, ...]
    state: str
    label: str
    parent: str
    text: str
    owner: str
    number: int

    @property
    def is_filtered(self) -> bool:
        return bool(self.statuses or self.state != "open" or self.label or self.parent or self.text or self.owner)

    def to(self, number: int) -> str:
        """Another page of the same."""
        values: dict[str, object] = {"status": ",".join(self.statuses), "state": self.state, "label": self.label}
        values |= {"parent": self.parent, "text": self.text, "owner": self.owner, "page": number}
        given = {name: value for name, value in values.items() if value and (name, value) not in _DEFAULTS}
        return f"/items?{urlencode(given)}" if given else "/items"


_DEFAULTS = (("state", "open"), ("page", 1))


@record
class Shown:
    line: Line
    why: str | None
    runs: bool


def show(request: PageRequest) -> Page:
    asked = _asked(request)
    problem: DeespecError | None = None
    found = Found(lines=(), total=0)
    with request.app.store.read() as tx:
        try:
            found = _found(tx, asked)
        except DeespecError as error:
            problem = error
        situation = Situation(request.app, tx)
        situation.look_at([line.number for line in found.lines])
        shown = tuple(_shown(situation, line) for line in found.lines)
        total = sum(tx.counts().values())
        archived = tx.archived_count(Kind.SBI)
    first = (asked.number - 1) * ITEMS_A_PAGE
    return page(
        "items.html",
        title=request.say("Items"),
        status=problem.http_status if problem else 200,
        problem=problem,
        asked=asked,
        shown=shown,
        found=found.total,
        first=first + 1,
        pages=-(-found.total // ITEMS_A_PAGE),
        total=total,
        archived=archived,
        statuses=STATUSES,
        states=STATES,
    )


def _asked(request: PageRequest) -> Asked:
    words = (word for name, value in request.query if name == "status" for word in value.split(","))
    statuses = tuple(dict.fromkeys(word.strip().upper() for word in words if word.strip()))
    for status in statuses:
        if status not in STATUSES:
            raise InvalidInput(f"{clean(status)[:40]} is not a status.", hint=f"One of: {', '.join(STATUSES)}")
    return Asked(
        statuses=statuses,
        state=request.choice("state", STATES) or "open",
        label=request.text("label").strip(),
        parent=request.text("parent").strip(),
        text=request.text("text").strip(),
        owner=request.text("owner").strip(),
        number=request.number("page"),
    )


def _found(tx: Transaction, asked: Asked) -> Found:
    """Raises NotFound for a parent that is not there."""
    scope = Scope(
        numbers=tuple(tx.held()) if asked.state == "held" else None,
        label=asked.label or None,
        parent=_parent(tx, asked.parent) if asked.parent else None,
        text=asked.text or None,
        owner=asked.owner or None,
    )
    return tx.list_sbis(
        scope,
        statuses=asked.statuses or (OPEN if asked.state == "open" else None),
        ready={"ready": True, "blocked": False}.get(asked.state),
        limit=ITEMS_A_PAGE,
        offset=(asked.number - 1) * ITEMS_A_PAGE,
    )


def _parent(tx: Transaction, asked: str) -> str:
    found = normalise_id(asked, None)
    if not found.startswith((Kind.PBI, Kind.EPIC)):
        raise InvalidInput(f"{clean(asked)} is neither a PBI nor an EPIC.")
    return tx.item(found).id


def _shown(situation: Situation, line: Line) -> Shown:
    waits = situation.waiting(line)
    return Shown(line=line, why=waits[0].text if waits else None, runs=situation.runs(line))
