"""PBIs and EPICs in order of registration: how far what is below them has come, and what waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.below import open_counts, stopped_below
from deespec.model.items import Kind
from deespec.model.lifecycle import GroupStatus
from deespec.model.spec import normalise_id
from deespec.model.wanted import Scope
from deespec.records import record
from deespec.web.links import again_with
from deespec.web.page import page

if TYPE_CHECKING:
    from deespec.store.groups import GroupLine
    from deespec.web.page import Page, PageRequest

ON_A_PAGE = 50


@record
class Row:
    line: GroupLine
    below: dict[str, int]
    """How many SBIs below it are not DONE, by what they are."""
    stopped: str | None
    """What its decomposition waits for."""


def pbis(request: PageRequest) -> Page:
    return _list(request, Kind.PBI, title=request.say("PBIs"))


def epics(request: PageRequest) -> Page:
    return _list(request, Kind.EPIC, title=request.say("EPICs"))


def _list(request: PageRequest, kind: Kind, *, title: str) -> Page:
    status = request.choice("status", [one.value for one in GroupStatus])
    label, text, above = request.text("label").strip(), request.text("text").strip(), request.text("parent").strip()
    parent = normalise_id(above, Kind.EPIC) if above and kind is Kind.PBI else None
    scope = Scope(label=label or None, parent=parent, text=text or None)
    number = request.number("page")
    with request.app.store.read() as tx:
        if parent:
            tx.item(parent)  # raises NotFound
        offset = (number - 1) * ON_A_PAGE
        statuses = (status,) if status else None
        found, total = tx.list_groups(kind, scope, statuses=statuses, limit=ON_A_PAGE, offset=offset)
        stopped = stopped_below(tx, found)
        archived = tx.archived_count(kind)
    return page(
        "groups.html",
        title=title,
        kind=kind,
        rows=[Row(line=one, below=open_counts(one.progress.sbis), stopped=stopped.get(one.id)) for one in found],
        total=total,
        archived=archived,
        filtered=scope != Scope() or status is not None,
        statuses=list(GroupStatus),
        asked={"status": status or "", "label": label, "text": text, "parent": parent or ""},
        first=(number - 1) * ON_A_PAGE + 1,
        earlier=again_with(request, page=number - 1) if number > 1 else None,
        further=again_with(request, page=number + 1) if number * ON_A_PAGE < total else None,
    )
