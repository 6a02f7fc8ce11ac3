"""All that waits for a person, in the order of `deespec inbox`, each with what can be done about it right there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.acts import acts_for, carry_out, carry_out_group, resume_agent
from deespec.backlog import edit
from deespec.board.inbox import held_tops
from deespec.board.inbox import inbox as look
from deespec.board.told import Said, named
from deespec.errors import DeespecError, NotFound, NotPossible
from deespec.model.asking import NEEDS_WORDS
from deespec.model.ids import number_of
from deespec.model.items import Kind
from deespec.records import record
from deespec.web import forms
from deespec.web.page import Done, page, whole
from deespec.web.pages.drafts import grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.acts import Act
    from deespec.board.inbox import Inbox
    from deespec.board.waiting import Waiting
    from deespec.model.items import Line
    from deespec.store.items import Item
    from deespec.web.page import Page, PageRequest

SHOWN_MOST = 40
"""Entries of one kind; of more, how many they are."""
SPOKEN = ("answer", "retry")
FURTHER = ("reset", "cancel")
"""Acts that have a page of their own, where they are confirmed."""


@record
class Refused:
    """A form that could not be done as things are now."""

    entry: str
    """The id of the entry on the page."""
    item: str
    status: str
    words: str
    """What was typed."""
    problem: DeespecError
    kept: bool
    """That entry is not there any more, so it is shown on its own."""


@record
class Stopped:
    """An item that has stopped, with the form that brings it on."""

    line: Line
    why: Waiting
    act: Act | None
    further: tuple[Act, ...]

    @property
    def entry(self) -> str:
        return _entry(self.line.id, self.line.turn)


def show(request: PageRequest) -> Page:
    return _page(request, look(request.app))


def decide(request: PageRequest) -> Page | Done:
    """One form of the page. Where words belong to it, a refusal is shown in its place, with them and how things are."""
    try:
        message = _done(request)
    except DeespecError as error:
        if request.field("do") not in SPOKEN or forms.stays_open(request):
            raise
        return _refusal(request, error)
    return Done(message=message)


# --- doing it ---------------------------------------------------------------------------------------------------------


def _done(request: PageRequest) -> str:
    name = request.field("do")
    match name:
        case "answer" | "retry":
            return _answered(request, name)
        case "unhold":
            return _unheld(request)
        case "unhold_all":
            return _all_unheld(request)
        case "resume":
            agent = request.field("agent", most=200)
            if resume_agent(request.app, agent):
                return request.say("Agent %(name)s goes on", name=agent)
            raise NotPossible(f"Agent {agent} goes on by now.")
    raise NotFound("There is no such act.")


def _answered(request: PageRequest, name: str) -> str:
    """An answer counts only for what was asked: nobody answers what somebody else has answered already."""
    number, turn = _number(request.field("item")), request.whole("turn")
    return carry_out(request.app, name, number, words=request.field("words"), turn=turn).by(request.say)


def _unheld(request: PageRequest) -> str:
    item = request.field("item")
    if item.startswith(Kind.SBI):
        return carry_out(request.app, "unhold", _number(item)).by(request.say)
    carry_out_group(request.app, "unhold", _id(item))
    return request.say("%(id)s free", id=item)


def _all_unheld(request: PageRequest) -> str:
    """What is held by itself, as the page had it; what is held with a PBI or EPIC is let go with that."""
    app = request.app
    ids = [_id(one) for one in request.field("items").split()]
    with app.store.read() as tx:
        numbers = [_number(one) for one in ids if tx.exists(one)]
    freed = edit.unhold(app.store, numbers, actor=app.person)
    return Said(text="Free: %(ids)s", values={"ids": named([one.id for one in freed])}).by(request.say)


def _number(item: str) -> int:
    return number_of(_id(item))


def _id(item: str) -> str:
    if not _is_id(item):
        raise NotFound("There is no such item.")
    return item


def _is_id(item: str) -> bool:
    kind, _, number = item.partition("-")
    return kind in tuple(Kind) and whole(number) is not None


# --- showing it -------------------------------------------------------------------------------------------------------


def _refusal(request: PageRequest, error: DeespecError) -> Page:
    found = look(request.app)
    item = request.field("item")
    entry = _entry(item, request.whole("turn"))
    there = entry in {_entry(line.id, line.turn) for line, _ in found.stopped}
    status = ""
    if _is_id(item):
        with request.app.store.read() as tx:
            status = str(tx.item(item).status) if tx.exists(item) else ""
    refused = Refused(
        entry=entry,
        item=item,
        status=status,
        words=request.field("words"),
        problem=error,
        kept=not there,
    )
    return _page(request, found, refused=refused)


def _page(request: PageRequest, found: Inbox, *, refused: Refused | None = None) -> Page:
    with request.app.store.read() as tx:
        groups = grouped(tx, found.drafts)
        tops = held_tops(tx, found.held)
    return page(
        "inbox.html",
        title=request.say("Inbox"),
        status=422 if refused else 200,
        found=found,
        stopped=tuple(_stopped(line, why) for line, why in found.stopped[:SHOWN_MOST]),
        barred=found.barred[:SHOWN_MOST],
        held=tops[:SHOWN_MOST],
        held_total=len(tops),
        alone=_alone(tops),
        groups=groups,
        most=SHOWN_MOST,
        refused=refused,
    )


def _stopped(line: Line, why: Waiting) -> Stopped:
    possible = {act.name: act for act in acts_for(line)}
    first = "answer" if line.reason in NEEDS_WORDS and "answer" in possible else "retry"
    further = tuple(possible[name] for name in FURTHER if name in possible)
    return Stopped(line=line, why=why, act=possible.get(first), further=further)


def _alone(tops: Sequence[Line | Item]) -> tuple[str, ...]:
    return tuple(one.id for one in tops if one.id.startswith(Kind.SBI))


def _entry(item: str, turn: int | None) -> str:
    """Another turn asks another question: what was typed for one is no answer to the other."""
    return f"entry-{item}" + ("" if turn is None else f"-{turn}")
