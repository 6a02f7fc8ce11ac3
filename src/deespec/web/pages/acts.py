"""What a person does with an item: asks first where that is wanted, does it, and tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.acts import ACTS, acts_for, carry_out
from deespec.errors import NotFound, NotPossible
from deespec.web.page import Done, page

if TYPE_CHECKING:
    from deespec.web.page import Page, PageRequest


def ask(request: PageRequest) -> Page:
    """The form of one act: for words, or for a second thought."""
    name, number = request.part("act"), request.work()
    act = next((one for one in ACTS if one.name == name), None)
    if act is None:
        raise NotFound("There is no such act.")
    with request.app.store.read() as tx:
        line = tx.line(number)
    if act not in acts_for(line):
        raise NotPossible(f"{line.id} is {line.status}: that is not possible now.")
    title = f"{line.id}: {request.say(act.title)}"
    question = act.asks(line)
    return page("act.html", title=title, line=line, act=act, question=question and question.by(request.say))


def do(request: PageRequest) -> Done:
    """Does it; `back` in the form names the page it came from."""
    name, number = request.part("act"), request.work()
    said = carry_out(request.app, name, number, words=request.field("words") or None, turn=request.whole("turn"))
    gone = "/" if name == "delete" else f"/items/{request.id()}"
    return Done(message=said.by(request.say), then=request.field("back") or gone)
