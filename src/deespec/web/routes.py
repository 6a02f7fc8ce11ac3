"""Every page of the board: method, path, the function that answers. One line each, in the order they are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.records import record
from deespec.web.pages import (
    acts,
    agents,
    diff,
    drafts,
    edit,
    figures,
    graph,
    group,
    groups,
    inbox,
    item,
    items,
    journal,
    kanban,
    log,
    register,
    workers,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.web.page import Answer, PageRequest


@record
class PageRoute:
    method: str
    path: str
    """As Starlette writes it: `{id}` is one part of the path."""
    answer: Callable[[PageRequest], Answer]
    dear: bool = False
    """It may take seconds: one thread of its own makes what is dear, so that other pages need not wait."""


def _get(path: str, answer: Callable[[PageRequest], Answer], *, dear: bool = False) -> PageRoute:
    return PageRoute(method="GET", path=path, answer=answer, dear=dear)


def _post(path: str, answer: Callable[[PageRequest], Answer]) -> PageRoute:
    return PageRoute(method="POST", path=path, answer=answer)


PAGES: tuple[PageRoute, ...] = (
    _get("/", kanban.show),
    _get("/items", items.show),
    _get("/items/{id}", item.show),
    _get("/items/{id}/diff", diff.show, dear=True),
    _get("/items/{id}/log", log.show),
    _get("/items/{id}/log.txt", log.save, dear=True),
    _get("/items/{id}/acts/{act}", acts.ask),
    _post("/items/{id}/acts/{act}", acts.do),
    _get("/inbox", inbox.show),
    _post("/inbox", inbox.decide),
    _get("/drafts", drafts.show),
    _post("/drafts", drafts.decide),
    _get("/drafts/{id}", drafts.show_item),
    _get("/drafts/{id}/{number}", drafts.show_one),
    _post("/drafts/{id}/{number}", drafts.decide_one),
    _get("/drafts/{id}/{number}/edit", drafts.edit),
    _post("/drafts/{id}/{number}/edit", drafts.rewrite),
    _get("/register", register.show),
    _post("/register", register.register_it),
    _get("/items/{id}/edit", edit.show),
    _post("/items/{id}/edit", edit.change),
    _get("/pbis/{id}/edit", edit.show),
    _post("/pbis/{id}/edit", edit.change),
    _get("/epics/{id}/edit", edit.show),
    _post("/epics/{id}/edit", edit.change),
    _get("/pbis", groups.pbis),
    _get("/pbis/{id}", group.show),
    _get("/pbis/{id}/acts/{act}", group.ask),
    _post("/pbis/{id}/acts/{act}", group.do),
    _post("/pbis/{id}/decompose", group.cut),
    _get("/epics", groups.epics),
    _get("/epics/{id}", group.show),
    _get("/epics/{id}/acts/{act}", group.ask),
    _post("/epics/{id}/acts/{act}", group.do),
    _get("/agents", agents.show),
    _post("/agents/pause", agents.pause),
    _post("/agents/resume", agents.resume),
    _get("/workers/{name}/stop", workers.ask),
    _post("/workers/{name}/stop", workers.stop),
    _get("/journal", journal.show),
    _get("/journal.ndjson", journal.save, dear=True),
    _get("/figures", figures.show, dear=True),
    _get("/graph", graph.show, dear=True),
    _get("/graph.{form}", graph.save, dear=True),
    _get("/graph/{id}", graph.show_one, dear=True),
)
