"""One PBI or EPIC: its spec, what is below it, its decomposition, drafts, and what people decide about all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from deespec.acts import ACTS as ITEM_ACTS
from deespec.acts import carry_out_group, decompose, group_acts, rehearse_group
from deespec.board.below import open_counts
from deespec.board.draw.graph import svg
from deespec.board.graph import graph
from deespec.board.group import look
from deespec.board.told import effects
from deespec.errors import InvalidInput, NotFound, NotPossible
from deespec.model.asking import UNDECIDED
from deespec.model.ids import number_in
from deespec.model.items import Kind
from deespec.model.lifecycle import ENDED, STOPPED
from deespec.web.links import again_with, page_of
from deespec.web.page import Done, page, whole
from deespec.web.pages.drafts import grouped

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.board.group import GroupView
    from deespec.web.page import Page, PageRequest
    from deespec.web.pages.drafts import Group

ON_A_PAGE = 100
DRAWN_MOST = 40
"""Items in the drawing on this page; the whole graph has a page of its own."""
ACTS = {"hold": "Hold", "unhold": "Unhold", "cancel": "Cancel"}
NAMES = {act.name: act.names for act in ITEM_ACTS if act.name in ACTS}
QUESTIONS = {
    "hold": "Hold it with all that is below it?",
    "unhold": "Let it and all that is below it be worked on?",
    "cancel": "Cancel all that is below it and not DONE?",
}
DONE = {"hold": "%(id)s held", "unhold": "%(id)s free", "cancel": "%(id)s cancelled"}


def show(request: PageRequest) -> Page:
    number = request.number("page")
    seen = look(request.app, _id(request), most=ON_A_PAGE, offset=(number - 1) * ON_A_PAGE)
    one = seen.one
    further = number * ON_A_PAGE < seen.sbis_total
    return page(
        "group.html",
        title=f"{one.id} {one.title}",
        seen=seen,
        one=one,
        acts=[(name, ACTS[name]) for name in group_acts(one.status, held=one.held)],
        below=open_counts(seen.progress.sbis),
        to_decide=_to_decide(request.app, seen),
        decided=[draft for draft in seen.drafts.drafts if draft.status not in UNDECIDED],
        drawing=_drawing(request, one.id),
        may_decompose=_may_decompose(seen),
        agents=_decomposers(request.app),
        earlier=again_with(request, page=number - 1) if number > 1 else None,
        further=again_with(request, page=number + 1) if further else None,
    )


def ask(request: PageRequest) -> Page:
    """What the act would concern, before it is done."""
    item, name = _id(request), request.part("act")
    if name not in ACTS:
        raise NotFound("There is no such act.")
    with request.app.store.read() as tx:
        one = tx.item(item)
    if name not in group_acts(one.status, held=one.held):
        raise NotPossible(f"{item} is {one.status}{' and held' if one.held else ''}: that is not possible now.")
    effect = [one.by(request.say) for one in effects(item, rehearse_group(request.app, name, item))]
    return page(
        "group_act.html",
        title=f"{item}: {request.say(ACTS[name])}",
        one=one,
        name=name,
        names=NAMES[name],
        question=QUESTIONS[name],
        effect=effect,
    )


def do(request: PageRequest) -> Done:
    item, name = _id(request), request.part("act")
    if name not in ACTS:
        raise NotFound("There is no such act.")
    effect = carry_out_group(request.app, name, item, words=request.field("words") or None)
    changed = effect.groups or effect.sbis or effect.decompositions or effect.stopped
    if not changed:
        words = request.say("%(id)s is like that already; nothing was changed.", id=item)
        return Done(message=words, then=page_of(item))
    told = [request.say(DONE[name], id=item), *(one.by(request.say) for one in effects(item, effect))]
    return Done(message="; ".join(told), then=page_of(item))


def cut(request: PageRequest) -> Done:
    """Asks for the decomposition of a PBI."""
    item = _id(request)
    agent = request.field("agent", most=200)
    least, most = (_whole(request, name) for name in ("least", "most"))
    decompose(request.app, number_in(item), agent=(agent,) if agent else (), least=least, most=most)
    message = request.say("%(id)s is to be decomposed: deespec run --workflows pbi,sbi takes it up.", id=item)
    return Done(message=message, then=page_of(item))


def _id(request: PageRequest) -> str:
    """The id in the path, of the kind that the path is for. Raises NotFound."""
    found = request.id()
    kind = Kind.EPIC if request.path.startswith("/epics/") else Kind.PBI
    if not found.startswith(f"{kind}-"):
        raise NotFound(f"There is no {kind} {found}.")
    return found


def _to_decide(app: App, seen: GroupView) -> tuple[Group, ...]:
    with app.store.read() as tx:
        return grouped(tx, [draft for draft in seen.drafts.drafts if draft.status in UNDECIDED])


def _drawing(request: PageRequest, item: str) -> Markup | None:
    """The needs below it; None where there are none."""
    found = graph(request.app, item=item, most=DRAWN_MOST)
    if not found.edges:
        return None
    return Markup(svg(found, link=page_of, words=request.say))  # everything in it was escaped


def _may_decompose(seen: GroupView) -> bool:
    """Whether asking for it would change anything."""
    if not seen.one.id.startswith(Kind.PBI) or seen.one.held:
        return False
    if seen.cutting is None:
        return True
    line = seen.cutting.line
    return not line.resume and line.status in (*ENDED, *STOPPED)


def _decomposers(app: App) -> tuple[str, ...]:
    settings = app.settings
    own = (agent.name for agent in settings.agents)
    return tuple(dict.fromkeys((*settings.decompose, *settings.implement, *own)))


def _whole(request: PageRequest, name: str) -> int | None:
    text = request.field(name, most=200).strip()
    if not text:
        return None
    if (found := whole(text)) is None:
        raise InvalidInput(f"{name} must be a whole number.")
    return found
