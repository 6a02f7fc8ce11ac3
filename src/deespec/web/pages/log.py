"""An item's log as people read it, which goes on while somebody works on it; and as it was printed, to be saved."""

from __future__ import annotations

from collections import deque
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from deespec.board.kept import begins_at, files_of, newest_try, size_of, tries_of
from deespec.board.live import Follower
from deespec.board.log import BATCH_BYTES, POSITION_CHARACTERS, Position, read_bytes
from deespec.errors import NotFound
from deespec.records import replace
from deespec.text import clean
from deespec.web.page import Plain, page
from deespec.web.pages.item import work_number

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.board.kept import Try
    from deespec.board.live import Lines
    from deespec.board.log import Entry
    from deespec.model.items import Line
    from deespec.web.page import Page, PageRequest

ENTRIES_MOST = 400
"""Shown at first, the newest."""
LOOKS_MOST = 20
"""Of what there is already; what is behind that follows as if it came now."""
SAVED_BYTES_MOST = 16 * 1024 * 1024
GATE = "gate "
"""How parts of a log are called that gates have printed; they are numbered from 1."""
TURNS_LINKED = 50
"""The newest ones."""


def show(request: PageRequest) -> Page:
    line, turn = _asked(request)
    log = _Log(request, line, turn)
    if request.choice("part", ("more",)):
        return page("_log.html", title="", log=log)
    return page("log.html", title=request.say("%(id)s: log", id=line.id), log=log)


def save(request: PageRequest) -> Plain:
    """What the try has kept at which the page begins, as it was printed, but for characters that drive a terminal."""
    line, turn = _asked(request)
    log = _Log(request, line, turn)
    one = log.first or newest_try(line.id, log.tries, turn)  # which raises NotFound
    parts: list[bytes] = []
    room = SAVED_BYTES_MOST
    for name in files_of(one.folder):
        data = read_bytes(one.folder / name, 0, room)
        room -= len(data)
        parts += [f"==> {name} <==\n".encode(), _harmless(data), b"\n"]
    return Plain(content=b"".join(parts), save_as=f"{line.id}-{f'turn-{one.turn}' if one.turn else 'merge'}.log")


def _asked(request: PageRequest) -> tuple[Line, int | None]:
    """The work whose log it is, of an SBI or of the decomposition of a PBI; and of which turn, if of one only."""
    number = work_number(request)
    turn = request.number("turn", most=10**9) if request.text("turn") else None
    with request.app.store.read() as tx:
        return tx.line(number), turn


class _Log:
    """What the template asks for, read when it does: of an open page only what came since."""

    def __init__(self, request: PageRequest, line: Line, turn: int | None) -> None:
        self._app = request.app
        self._after = request.text("after", most=POSITION_CHARACTERS)
        self.line, self.turn = line, turn
        self.follows = request.choice("follow", ("0", "1")) != "0"

    @property
    def key(self) -> str:
        return f"log-{self.turn or 'all'}"

    @cached_property
    def problem(self) -> NotFound | None:
        """Why there is nothing to be shown."""
        try:
            self.found  # noqa: B018 - read here, so that it is known before anything is shown
        except NotFound as error:
            return error
        return None

    @cached_property
    def found(self) -> Lines:
        """The newest entries; where a position is given what came after that."""
        follower = Follower(self._app, self.line.number, turn=self.turn)
        found = follower.after(self._after or self._begin)
        if self._after:
            return found
        kept = deque(found.entries, ENTRIES_MOST)
        for _ in range(LOOKS_MOST):
            if not found.entries:
                break
            found = follower.after(found.at)
            kept.extend(found.entries)
        return replace(found, entries=tuple(kept))

    @cached_property
    def is_cut(self) -> bool:
        """There is more before it than is shown."""
        skips = any(offset for _, offset in Position.of(self._begin).offsets)
        return not self._after and (skips or len(self.found.entries) == ENTRIES_MOST)

    @cached_property
    def _begin(self) -> str:
        """The position of the last lines of each file of the try it begins at; empty: there is none."""
        if self.first is None:
            return ""
        folder = self.first.folder
        offsets = tuple((name.as_posix(), _last_lines(folder / name)) for name in files_of(folder))
        return str(Position(token=self.first.token, offsets=offsets))

    @cached_property
    def first(self) -> Try | None:
        """The try it begins at; None: nothing is kept."""
        return begins_at([one for one in self.tries if self.turn in (None, one.turn)], self.line.lease_token)

    @cached_property
    def tries(self) -> list[Try]:
        return tries_of(self._app.settings.home, self.line.id)

    @property
    def pieces(self) -> list[tuple[Entry, bool, bool, int | None]]:
        """Each entry; whether it is the first of its try; whether it comes from where the one before came from; which
        gate has printed it, counted from 1."""
        token, source = Position.of(self._after).token, ("", "")
        pieces = []
        for entry in self.found.entries:
            first, again = entry.token != token, (entry.part, entry.source) == source
            number = entry.part.removeprefix(GATE)
            gate = int(number) if entry.part.startswith(GATE) and number.isdigit() else None
            pieces.append((entry, first, again and not first, gate))
            token, source = entry.token, (entry.part, entry.source)
        return pieces

    @cached_property
    def turns(self) -> list[int]:
        """Those of which something is kept."""
        kept = {one.turn for one in self.tries if one.turn is not None}
        return sorted(kept)[-TURNS_LINKED:]

    @property
    def file(self) -> str:
        """The same as it was printed."""
        return f"/items/{self.line.id}/log.txt" + (f"?turn={self.turn}" if self.turn else "")

    def to(self, **changes: object) -> str:
        """This page with something changed."""
        values = {"turn": self.turn, "follow": None if self.follows else "0", **changes}
        query = urlencode({name: value for name, value in values.items() if value is not None})
        here = f"/items/{self.line.id}/log"
        return f"{here}?{query}" if query else here


def _last_lines(path: Path) -> int:
    """Where the last lines of a file begin that there is room for."""
    start = max(0, size_of(path) - BATCH_BYTES)
    data = read_bytes(path, start, BATCH_BYTES)
    lines = data.rsplit(b"\n", ENTRIES_MOST + 1)
    if len(lines) <= ENTRIES_MOST + 1 and not start:
        return 0
    return start + len(lines[0]) + 1 if len(lines) > 1 else start


def _harmless(data: bytes) -> bytes:
    return clean(data.decode(errors="replace"), lines=True).encode()
