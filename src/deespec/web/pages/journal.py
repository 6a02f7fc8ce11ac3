"""The journal: everything that happened, the newest first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from deespec.board.entries import entry_json, moved, note_of
from deespec.clock import from_local
from deespec.errors import InvalidInput
from deespec.model.lifecycle import Event
from deespec.model.spec import normalise_id
from deespec.records import record
from deespec.store.journal import SEQ_MOST
from deespec.web.links import again_with
from deespec.web.page import Plain, page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.model.items import JournalEntry
    from deespec.store.base import Transaction
    from deespec.web.page import Page, PageRequest

ON_A_PAGE = 100
SAVED_MOST = 10_000
"""Entries in one file; all of them are had by `deespec journal export`."""


@record
class Filter:
    """Which entries are wanted."""

    item: str | None
    event: str | None
    actor: str | None
    since: int | None

    def read(
        self, tx: Transaction, *, limit: int, after: int = 0, before: int = SEQ_MOST, newest: bool = True
    ) -> list[JournalEntry]:
        """In the order in which they happened."""
        return tx.journal(
            item=self.item,
            event=self.event,
            actor=self.actor,
            since=self.since,
            after=after,
            before=before,
            limit=limit,
            newest=newest,
        )


@record
class Row:
    entry: JournalEntry
    moved: str
    note: str


def show(request: PageRequest) -> Page:
    wanted = _filter(request)
    after, before = (request.number(name, default=0, most=SEQ_MOST) for name in ("after", "before"))
    with request.app.store.read() as tx:
        found = wanted.read(tx, limit=ON_A_PAGE + 1, after=after, before=before or SEQ_MOST, newest=not after)
        shown = found[:ON_A_PAGE] if after else found[-ON_A_PAGE:]
        if after and len(shown) < ON_A_PAGE:
            shown = wanted.read(tx, limit=ON_A_PAGE)
        first, last = (shown[0].seq, shown[-1].seq) if shown else (0, 0)
        is_older = bool(shown) and bool(wanted.read(tx, limit=1, before=first))
        is_newer = bool(shown) and bool(wanted.read(tx, limit=1, after=last))
        events = sorted({*tx.journal_events(), *Event, *((wanted.event,) if wanted.event else ())})
    return page(
        "journal.html",
        title=request.say("Journal"),
        rows=rows_of(shown),
        events=events,
        asked={name: request.text(name) for name in ("item", "event", "actor", "since")},
        filtered=wanted != Filter(item=None, event=None, actor=None, since=None),
        newer=again_with(request, after=last, before=None) if is_newer else None,
        newest=again_with(request, after=None, before=None) if is_newer else None,
        older=again_with(request, before=first, after=None) if is_older else None,
        file=f"/journal.ndjson?{urlencode([one for one in request.query if one[0] in _FIELDS and one[1]])}",
        saved_most=SAVED_MOST,
    )


_FIELDS = ("item", "event", "actor", "since")


def rows_of(entries: Sequence[JournalEntry]) -> list[Row]:
    """As people read them, the newest first."""
    return [Row(entry=one, moved=moved(one), note=note_of(one)) for one in reversed(entries)]


def save(request: PageRequest) -> Plain:
    """The newest of them as a file, oldest first."""
    wanted = _filter(request)
    with request.app.store.read() as tx:
        found = wanted.read(tx, limit=SAVED_MOST)
    lines = "".join(json.dumps(entry_json(one), ensure_ascii=False) + "\n" for one in found)
    return Plain(content=lines, media_type="application/x-ndjson; charset=utf-8", save_as="journal.ndjson")


def _filter(request: PageRequest) -> Filter:
    item, since = request.text("item").strip(), request.text("since").strip()
    at = from_local(since) if since else None
    if since and at is None:
        raise InvalidInput("since must be a date, as 2026-01-31.")
    return Filter(
        item=normalise_id(item, None) if item else None,
        event=request.text("event").strip() or None,
        actor=request.text("actor").strip() or None,
        since=at,
    )
