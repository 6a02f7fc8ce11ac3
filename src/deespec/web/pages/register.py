"""Registering an item from a form, by the rules of `deespec register` and in its words."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from deespec.backlog.register import Order, register
from deespec.backlog.to_know import of_agents, of_item
from deespec.errors import DeespecError
from deespec.labels import refuse_unknown
from deespec.model.fields import FIELDS
from deespec.model.items import Kind
from deespec.model.spec import advice, new_item, parse_spec
from deespec.records import record, replace
from deespec.web import forms
from deespec.web.links import page_of
from deespec.web.page import Done, page
from deespec.workspace.branches import commit_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deespec.app import App
    from deespec.backlog.register import Registered
    from deespec.model.spec import NewItem
    from deespec.web.page import Page, PageRequest

WRITTEN = "the text"
"""How messages call a spec that was put in whole."""
KINDS = {"sbi": Kind.SBI, "pbi": Kind.PBI, "epic": Kind.EPIC}


@record
class Seen:
    """What a form would register, before it does."""

    new: NewItem | None
    advice: tuple[str, ...] = ()


def show(request: PageRequest) -> Page:
    kind, whole = _asked(request)
    typed = dict.fromkeys(_controls(kind), "") | {"parent": request.text("parent")}
    given = {name: text for name, text in typed.items() if name in _controls(kind)}
    return _page(request, kind, given, whole=whole)


def register_it(request: PageRequest) -> Page | Done:
    """Registers what the form says; shown again with what is wrong, or as a preview."""
    kind, whole = _asked(request)
    controls = _controls(kind)
    typed = forms.typed_in(request, controls.values())
    if whole:
        typed = {"whole": request.field("whole")}
    problems: dict[str, DeespecError] = {}
    try:
        new, problems = _written(request.app, kind, typed, whole=whole)
        if request.field("do") == "preview":
            seen = Seen(new=new, advice=tuple(advice(new)) if new else ())
            return _page(request, kind, typed, whole=whole, problems=problems, seen=seen)
        if new is not None:
            return _registered(request, kind, new, typed)
        return _page(request, kind, typed, whole=whole, problems=problems, status=422)
    except DeespecError as error:
        return _page(request, kind, typed, whole=whole, problems=problems, problem=error, status=422)


# --- doing it ---------------------------------------------------------------------------------------------------------


def _written(
    app: App, kind: Kind, typed: Mapping[str, str], *, whole: bool
) -> tuple[NewItem | None, dict[str, DeespecError]]:
    """The item that was written, or what is wrong with which field. Raises InvalidInput for the form as a whole."""
    if whole:
        return parse_spec(typed["whole"], kind=kind, file=WRITTEN), {}
    found, problems = forms.read(typed, _controls(kind), forms.item_reader(kind))
    problems |= forms.disagreeing(found, kind) | forms.missing(app, found, kind)
    if problems:
        return None, problems
    return new_item(kind, **{name: value for name, value in found.items() if value not in (None, "", (), False)}), {}


def _registered(request: PageRequest, kind: Kind, new: NewItem, typed: Mapping[str, str]) -> Done:
    app = request.app
    refuse_unknown(app.settings.home, new.labels)
    hold = bool(request.field("hold"))
    key = forms.once(request, (kind, str(hold), *typed.values()))
    order = Order(kind=kind, new=new, hold=hold, key=key)
    base = commit_of(app.settings.root, app.settings.base) if app.settings.workspace_mode == "worktree" else None
    [done] = register(app.store, [order], uids=[app.clock.uid()], owner=app.person, base=base)
    return Done(message=_told(request, app, done), then=page_of(done.item.id))


def _told(request: PageRequest, app: App, done: Registered) -> str:
    if not done.fresh:
        return request.say("%(id)s was registered before with this form", id=done.item.id)
    agents = (*getattr(done.item, "agent", ()), *getattr(done.item, "reviewer", ()))
    notes = (*of_item(done.item), *of_agents(app.settings, agents))
    return " · ".join((request.say("%(id)s registered successfully", id=done.item.id), *notes))


# --- the form ---------------------------------------------------------------------------------------------------------


def _asked(request: PageRequest) -> tuple[Kind, bool]:
    kind = KINDS[request.choice("kind", KINDS) or "sbi"]
    return kind, request.choice("as", ("fields", "spec")) == "spec"


def _controls(kind: Kind) -> dict[str, forms.Control]:
    controls = {name: one for name, one in forms.ITEM.items() if kind in FIELDS[name].kinds}
    return controls | {"title": replace(forms.TITLE, help="Without one, the first heading or line of the text is it.")}


def _page(
    request: PageRequest,
    kind: Kind,
    typed: Mapping[str, str],
    *,
    whole: bool,
    problems: Mapping[str, DeespecError] | None = None,
    problem: DeespecError | None = None,
    seen: Seen | None = None,
    status: int = 200,
) -> Page:
    app = request.app
    fields = [] if whole else forms.inputs(_controls(kind).values(), typed, problems)
    return page(
        "register.html",
        title=request.say("Register an item"),
        status=status,
        kind=kind,
        kinds=KINDS,
        whole=typed.get("whole", "") if whole else None,
        fields={one.control.name: one for one in fields},
        known=forms.labels_known(app.settings.home, _names(fields)),
        priorities=forms.PRIORITIES,
        lists=forms.suggested(app, kind),
        hold=bool(request.field("hold")),
        key=request.field("key") or secrets.token_hex(8),
        problem=problem,
        seen=seen,
    )


def _names(fields: list[forms.Input]) -> tuple[str, ...]:
    """The labels that are chosen."""
    return next((one.names for one in fields if one.control is forms.LABELS), ())
