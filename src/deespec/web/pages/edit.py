"""Changing what is registered, as `update` and `edit` do; nobody's change is overwritten without being seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.backlog import edit
from deespec.backlog.to_know import of_agents, of_item
from deespec.errors import DeespecError, NotFound
from deespec.model.fields import FIELDS
from deespec.model.ids import number_in
from deespec.model.items import Kind, Pbi
from deespec.model.spec import NewItem, amended, differences, draft_of
from deespec.records import replace
from deespec.web import forms
from deespec.web.links import page_of
from deespec.web.page import Done, page

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from deespec.store.items import Item
    from deespec.web.page import Page, PageRequest

ADDED = "acceptance"
"""Only adds to the text, so it has no place in a form that shows what is there."""


def show(request: PageRequest) -> Page:
    item = _item(request)
    edit.refuse_final(item)
    texts = _texts(item)
    return _page(request, item, texts, marks=forms.marks_of(texts))


def change(request: PageRequest) -> Page | Done:
    """Changes the fields that the person has changed. Raises NotFound."""
    item = _item(request)
    controls = _controls(_kind(item))
    typed = forms.typed_in(request, controls.values())
    marks = request.field("seen")
    mine = forms.changed_since(typed, marks)
    found, problems = forms.read(
        {name: typed[name] for name in mine}, controls, forms.item_reader(_kind(item)), required=("title",)
    )
    if problems:
        return _page(request, item, typed, marks=marks, problems=problems)
    try:
        before, after = edit.change(
            request.app.store,
            item.id,
            lambda now: _changes(now, found, typed, marks),
            home=request.app.settings.home,
            actor=request.app.person,
        )
    except DeespecError as error:
        return _refused(request, error, typed=typed, mine=mine, marks=marks)
    return Done(message=_told(request, before, after), then=page_of(after.id))


# --- doing it ---------------------------------------------------------------------------------------------------------


def _changes(now: Item, found: Mapping[str, object], typed: Mapping[str, str], marks: str) -> dict[str, object]:
    """Of the item as it is in this very transaction."""
    texts = _texts(now)
    mine = [name for name in found if typed[name] != texts[name]]
    edit.refuse_overtaken(now.id, mine, forms.changed_since(texts, marks))
    before = draft_of(now)
    blank = NewItem(kind=before.kind, title="", spec="")
    emptied = {name: getattr(blank, name) for name in mine if found[name] is None}
    given = {name: found[name] for name in mine if found[name] is not None}
    after = amended(replace(before, **emptied), **given)
    if "depends_on" in given:
        after = replace(after, depends_on=tuple(sorted(after.depends_on, key=_number)))
    return differences(before, after)


def _number(need: str) -> int:
    return number_in(need) if "-" in need else 0


def _told(request: PageRequest, before: Item, after: Item) -> str:
    changed = differences(draft_of(before), draft_of(after))
    if not changed:
        return request.say("%(id)s is like that already; nothing was changed.", id=after.id)
    names = ", ".join(sorted(FIELDS[name].key for name in changed))
    said = request.say("%(id)s changed: %(fields)s", id=after.id, fields=names)
    by_itself = isinstance(after, Pbi) and not {"auto", "auto_approve"} & changed.keys()
    agents = [name for field in ("agent", "reviewer") if field in changed for name in getattr(after, field)]
    notes = (*(() if by_itself else of_item(after)), *of_agents(request.app.settings, agents))
    return " · ".join((said, *notes))


def _refused(
    request: PageRequest, error: DeespecError, *, typed: Mapping[str, str], mine: Collection[str], marks: str
) -> Page:
    """The form again. What somebody else has changed meanwhile is in it, beside what was typed; a second try counts."""
    now = _item(request)
    texts = _texts(now)
    others = forms.changed_since(texts, marks)
    both = {name: texts[name] for name in mine if name in others and texts[name] != typed[name]}
    kept = {name: typed[name] if name in mine else texts[name] for name in typed}
    return _page(request, now, kept, marks=forms.marks_of(texts), now=both, problem=error)


# --- the form ---------------------------------------------------------------------------------------------------------


def _item(request: PageRequest) -> Item:
    """The item that the path names; its kind must be that of the path."""
    item_id = request.id()
    if not request.path.startswith(f"{page_of(item_id)}/"):
        raise NotFound(f"There is no item {item_id} here.", hint=page_of(item_id))
    with request.app.store.read() as tx:
        return tx.item(item_id)


def _kind(item: Item) -> Kind:
    return Kind(item.id.partition("-")[0])


def _controls(kind: Kind) -> dict[str, forms.Control]:
    return {name: one for name, one in forms.ITEM.items() if kind in FIELDS[name].kinds and name != ADDED}


def _texts(item: Item) -> dict[str, str]:
    draft = draft_of(item)
    return {name: forms.text_of(one, getattr(draft, name)) for name, one in _controls(draft.kind).items()}


def _page(
    request: PageRequest,
    item: Item,
    texts: Mapping[str, str],
    *,
    marks: str,
    problems: Mapping[str, DeespecError] | None = None,
    problem: DeespecError | None = None,
    now: Mapping[str, str] | None = None,
) -> Page:
    fields = forms.inputs(_controls(_kind(item)).values(), texts, problems, now)
    chosen = next(one.names for one in fields if one.control is forms.LABELS)
    return page(
        "edit.html",
        title=request.say("Edit %(id)s", id=item.id),
        status=422 if problems or problem else 200,
        item=item,
        kind=_kind(item),
        fields={one.control.name: one for one in fields},
        known=forms.labels_known(request.app.settings.home, chosen),
        priorities=forms.PRIORITIES,
        lists=forms.suggested(request.app, _kind(item)),
        marks=marks,
        problem=problem,
    )
