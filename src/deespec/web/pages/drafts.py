"""Drafts: what agents suggest as new items, to be approved, rejected and edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.acts import approve, reject
from deespec.backlog import drafts as deciding
from deespec.backlog.draft_needs import Board
from deespec.backlog.drafts import EDITABLE, Needs
from deespec.board.drafted import decision, difference
from deespec.board.told import decided
from deespec.errors import DeespecError, InvalidInput, NotFound, NotPossible
from deespec.model.asking import UNDECIDED
from deespec.model.draft_file import read_field, read_need, stamp
from deespec.model.fields import Wrong
from deespec.records import record, replace
from deespec.web import forms
from deespec.web.links import page_of
from deespec.web.meanings import DRAFTS
from deespec.web.page import Done, page, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deespec.backlog.drafts import Decided, DraftId
    from deespec.model.asking import Draft
    from deespec.store.base import Transaction
    from deespec.web.page import Page, PageRequest

SHOWN_MOST = 40
"""Drafts of one item in one form; a form has 64 fields at most."""


@record
class Group:
    """The drafts of one item, as one form."""

    parent: str
    title: str
    drafts: tuple[Draft, ...]
    """Those that nobody has decided."""
    total: int
    picked: tuple[str, ...] = ()
    """Of a form that was refused: what was ticked."""
    reason: str = ""
    problem: DeespecError | None = None

    @property
    def more(self) -> int:
        return self.total - len(self.drafts)


@record
class Need:
    """What a draft needs, with what became of it."""

    id: str
    to: str
    state: str


def grouped(tx: Transaction, drafts: Sequence[Draft]) -> tuple[Group, ...]:
    """By the item they come from, in their order."""
    parents = dict.fromkeys(one.parent for one in drafts)
    found = []
    for parent in parents:
        own = [one for one in drafts if one.parent == parent]
        title = tx.item(parent).title if tx.exists(parent) else ""
        found.append(Group(parent=parent, title=title, drafts=tuple(own[:SHOWN_MOST]), total=len(own)))
    return tuple(found)


# --- all of them, all of one item -------------------------------------------------------------------------------------


def show(request: PageRequest) -> Page:
    return _list(request)


def show_item(request: PageRequest) -> Page:
    """All drafts of an item, with what was decided."""
    parent = request.id()
    with request.app.store.read() as tx:
        tx.item(parent)  # raises NotFound
        known = tx.drafts(parent, decided=True)
        groups = grouped(tx, [one for one in known if one.status in UNDECIDED])
    decided = tuple((one, decision(one)) for one in known if one.status not in UNDECIDED)
    title = request.say("Drafts of %(id)s", id=parent)
    return page("drafts.html", title=title, groups=groups, decided=decided, parent=parent, rest=None)


def decide(request: PageRequest) -> Page | Done:
    """Approves or rejects what was ticked, or the one draft whose button was pressed."""
    brought = request.field("with")
    single = request.field("approve") or brought
    names = (single,) if single else request.fields("draft")
    try:
        ids = [draft_id(name) for name in names]
        if not ids:
            raise InvalidInput("No draft is chosen; nothing was changed.")
        if request.field("do") == "reject" and not single:
            done = reject(request.app, ids, reason=request.field("reason"))
        else:
            needs = Needs.WITH if brought else _needs(request, "needs")
            done = approve(request.app, ids, needs=needs, hold=bool(request.field("hold")))
    except DeespecError as error:
        if forms.stays_open(request):
            raise
        return _list(request, problem=error, picked=names, of=request.field("of"))
    return Done(message=said(request, done))


def _list(
    request: PageRequest, *, problem: DeespecError | None = None, picked: Sequence[str] = (), of: str = ""
) -> Page:
    with request.app.store.read() as tx:
        groups = grouped(tx, [one for one in tx.drafts() if one.status in UNDECIDED])
    rest = problem
    if problem is not None and any(group.parent == of for group in groups):
        changes = {"picked": tuple(picked), "reason": request.field("reason"), "problem": problem}
        groups = tuple(replace(one, **changes) if one.parent == of else one for one in groups)
        rest = None
    title = request.say("Drafts")
    status = 422 if problem else 200
    return page("drafts.html", title=title, status=status, groups=groups, decided=(), parent=None, rest=rest)


# --- one draft --------------------------------------------------------------------------------------------------------


def show_one(request: PageRequest) -> Page:
    return _one(request, *_named(request))


def decide_one(request: PageRequest) -> Page | Done:
    parent, number = _named(request)
    try:
        if request.field("do") == "reject":
            done = reject(request.app, [(parent, number)], reason=request.field("reason"))
        else:
            again = request.field("do") == "again"
            hold = bool(request.field("hold"))
            needs = _needs(request, "do")
            done = approve(request.app, [(parent, number)], needs=needs, hold=hold, again=again)
    except NotFound:
        raise
    except DeespecError as error:
        return _one(request, parent, number, problem=error)
    return Done(message=said(request, done), then=f"/drafts/{parent}/{number}")


def _one(request: PageRequest, parent: str, number: int, *, problem: DeespecError | None = None) -> Page:
    with request.app.store.read() as tx:
        draft = tx.draft(parent, number)
        earlier = tx.draft(parent, draft.replaces) if draft.replaces is not None else None
        needs = tuple(_need(request, tx, need) for need in draft.needs)
        waits_for, unmet = _lacking(tx, draft)
        title = tx.item(parent).title if tx.exists(parent) else ""
    return page(
        "draft.html",
        title=f"{draft.id} {draft.title}",
        status=422 if problem else 200,
        draft=draft,
        open=draft.status in UNDECIDED,
        decision=decision(draft),
        parent_title=title,
        needs=needs,
        waits_for=waits_for,
        unmet=unmet,
        earlier=earlier,
        changed=difference(earlier, draft)[2:] if earlier is not None else (),
        reason=request.field("reason"),
        problem=problem,
    )


def _lacking(tx: Transaction, draft: Draft) -> tuple[list[Draft], bool]:
    """The undecided drafts that it needs, and those need in turn; and whether any of its needs is no item yet."""
    if draft.status not in UNDECIDED:
        return [], False
    board = Board(tx)
    return board.needed_by([draft]), bool(board.unmet(draft))


def _need(request: PageRequest, tx: Transaction, need: str) -> Need:
    if "/" in need:
        parent, number = draft_id(need)
        found = next((one for one in tx.drafts(parent, decided=True) if one.number == number), None)
        state = request.say("not there" if found is None else DRAFTS[found.status])
        to = f"/drafts/{need}"
        if found is not None and found.registered:
            return Need(id=found.registered, to=page_of(found.registered), state=_state(request, tx, found.registered))
        return Need(id=need, to=to, state=state)
    return Need(id=need, to=page_of(need), state=_state(request, tx, need))


def _state(request: PageRequest, tx: Transaction, item_id: str) -> str:
    return str(tx.item(item_id).status) if tx.exists(item_id) else request.say("not there")


# --- editing one ------------------------------------------------------------------------------------------------------


def edit(request: PageRequest) -> Page:
    draft = _draft(request)
    deciding.refuse_decided(draft)
    return _form(request, draft, _texts(draft), seen=stamp(draft))


def rewrite(request: PageRequest) -> Page | Done:
    """Gives it other words and fields. What somebody else has changed meanwhile is shown, nothing is overwritten."""
    draft = _draft(request)
    texts = _texts(draft)
    typed = forms.typed_in(request, forms.DRAFT.values())
    seen = stamp(draft)
    found, problems = forms.read(typed, forms.DRAFT, read_field, required=("title",))
    if problems:
        return _form(request, draft, typed, seen=request.field("seen"), problems=problems)
    try:
        if request.field("seen") != seen:
            deciding.refuse_decided(draft)
            raise NotPossible(f"Somebody else has changed {draft.id} meanwhile.", hint=f"deespec drafts {draft.id}")
        changed = _changed(draft, texts, typed, found)
        if changed == draft:
            words = request.say("%(id)s is like that already; nothing was changed.", id=draft.id)
            return Done(message=words, then=f"/drafts/{draft.id}")
        app = request.app
        done = deciding.rewrite(app.store, draft, changed, app.decider(app.person))
    except DeespecError as error:
        now = _draft(request)
        fresh = _texts(now)
        both = {name: text for name, text in fresh.items() if text != typed[name]} if fresh != texts else {}
        if request.field("seen") != seen:
            both = {name: text for name, text in texts.items() if text != typed[name]}
        return _form(request, now, typed, seen=stamp(now), problem=error, now=both)
    return Done(message=_rewritten(request, draft, done), then=f"/drafts/{draft.id}")


def _changed(draft: Draft, texts: Mapping[str, str], typed: Mapping[str, str], found: Mapping[str, object]) -> Draft:
    """The draft with what was typed; what stands as it stood is as it was."""
    names = [name for name in EDITABLE if typed[name] != texts[name]]
    values = {name: found[name] if found[name] is not None else None for name in names}
    readable = {name: read_field(name, value) for name, value in values.items() if value is not None}
    changed = replace(draft, **{**values, **readable})
    return replace(changed, spec=changed.spec or changed.title)


def _rewritten(request: PageRequest, before: Draft, done: Sequence[Decided]) -> str:
    changed = [name for name in EDITABLE if getattr(done[0].draft, name) != getattr(before, name)]
    first = request.say("%(id)s changed: %(fields)s", id=before.id, fields=", ".join(changed))
    return " · ".join((first, *(decided(one, commands=False).by(request.say) for one in done if one.why)))


def _form(
    request: PageRequest,
    draft: Draft,
    texts: Mapping[str, str],
    *,
    seen: str,
    problems: Mapping[str, DeespecError] | None = None,
    problem: DeespecError | None = None,
    now: Mapping[str, str] | None = None,
) -> Page:
    fields = forms.inputs(forms.DRAFT.values(), texts, problems, now)
    chosen = next(one.names for one in fields if one.control is forms.LABELS)
    return page(
        "draft_edit.html",
        title=request.say("Edit %(id)s", id=draft.id),
        status=422 if problems or problem else 200,
        draft=draft,
        fields={one.control.name: one for one in fields},
        known=forms.labels_known(request.app.settings.home, chosen),
        seen=seen,
        problem=problem,
    )


def _texts(draft: Draft) -> dict[str, str]:
    return {name: forms.text_of(one, getattr(draft, name)) for name, one in forms.DRAFT.items()}


# --- below ------------------------------------------------------------------------------------------------------------


def draft_id(text: str) -> DraftId:
    """(`PBI-7`, 3). Raises NotFound for what names no draft."""
    try:
        parent, slash, number = read_need(text).partition("/")
    except Wrong:
        slash = ""
    if not slash:
        raise NotFound("There is no such draft.")
    return parent, int(number)


def said(request: PageRequest, done: Sequence[Decided]) -> str:
    """What became of drafts, in a line."""
    return " · ".join(decided(one, commands=False).by(request.say) for one in done)


def _named(request: PageRequest) -> DraftId:
    number = whole(request.part("number"))
    if number is None:
        raise NotFound("There is no such draft.")
    return request.id(), number


def _draft(request: PageRequest) -> Draft:
    parent, number = _named(request)
    with request.app.store.read() as tx:
        return tx.draft(parent, number)


def _needs(request: PageRequest, field: str) -> Needs:
    """What becomes of what it needs, if this field says so."""
    given = request.field(field)
    return Needs(given) if given in tuple(Needs) else Needs.WAIT
