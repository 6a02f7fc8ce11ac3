"""Asking a running `deespec run` to end, after a look at what it has in work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.acts import stop_workers
from deespec.board.told import stopping
from deespec.board.workers import workers_now
from deespec.errors import NotFound
from deespec.web.page import Done, page

if TYPE_CHECKING:
    from deespec.web.page import Page, PageRequest


def ask(request: PageRequest) -> Page:
    name = request.part("name")
    found = next((one for one in workers_now(request.app) if one.worker.name == name), None)
    if found is None:
        raise NotFound("That worker is not running any more.")
    return page("worker_stop.html", title=request.say("Stop %(name)s", name=name), one=found)


def stop(request: PageRequest) -> Done:
    name, now = request.part("name"), request.field("how") == "now"
    stop_workers(request.app, name, now=now)
    return Done(message=stopping(name, now=now).by(request.say), then="/agents")
