"""What a running agent says and has used right now, and an item's log as people read it, from what is kept on disk.

Nothing here waits or remembers on behalf of others: a look reads what has come since the last one, so much at most, and
a position is text that a client may keep and bring back.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from deespec.agents.call import STDOUT_FILE
from deespec.agents.output import HEAD_BYTES, LAST_BYTES
from deespec.agents.spoken import JSON_KINDS, Source, meter, spoken
from deespec.board.kept import begins_at, files_of, newest_try, tries_of
from deespec.board.log import GATES, LINE_BYTES, Position, Reading, own_paths, read_bytes
from deespec.model.money import Usage, cost_of, together
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deespec.agents.spoken import Meter, Said
    from deespec.app import App
    from deespec.board.kept import Try
    from deespec.board.log import Entry
    from deespec.model.items import Line

LOOK_BYTES = 256 * 1024
"""What one look at a running item reads of each file at most."""
JUMP_BYTES = 16 * 1024 * 1024
"""A file that is further ahead than this is read from near its end, and then nobody knows what was used."""
TAIL_BYTES = 64 * 1024
ITEMS_MOST = 256
"""So many running items are remembered; those looked at last."""
LAST_CHARACTERS = 300
LINES_LOOKED_AT = 200
"""Of those that came at once, for the last one that says something."""
PIECES_CHARACTERS = 4_000
"""Of a message in pieces, for its last line."""


@record
class Live:
    """A running item's agent, or gate, as of now."""

    last: str = ""
    """The last line that it said or did; empty: nothing yet."""
    source: Source = Source.NOTE
    tokens_in: int | None = None
    """None: not known, or its client says it at the end only."""
    tokens_cached: int | None = None
    tokens_out: int | None = None
    usd: float | None = None
    at: int | None = None
    """When it last wrote something, in ms."""


@record
class Lines:
    entries: tuple[Entry, ...]
    at: str
    """After these: what Follower.after() takes."""
    ended: bool
    """Nobody works on it, or no longer at the turn that was asked for, and this was the last of it."""
    skipped_bytes: int
    """Of what was there before, so much was left out, as it is too much to show."""


# --- all that run -----------------------------------------------------------------------------------------------------


class Lives:
    """For a surface that shows all running items again and again. For one thread."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._watched: dict[int, _Watched] = {}

    def of(self, line: Line) -> Live | None:
        """None: nobody works on it. Reads what has come since the last look; a stat a file where that is nothing."""
        token = line.lease_token
        if token is None:
            return None
        watched = self._watched.pop(token, None) or _Watched(self._app, line, token)
        self._watched[token] = watched
        while len(self._watched) > ITEMS_MOST:
            del self._watched[next(iter(self._watched))]
        return watched.look()


class _Watched:
    """One claim: the files of its try, and what they have said."""

    def __init__(self, app: App, line: Line, token: int) -> None:
        self._app, self._item, self._number, self._token = app, line.id, line.number, token
        section = app.settings.agent(line.lease_agent) if line.lease_agent else None
        self._kind = section.kind if section else ""
        self._model = section.model if section else None
        self._own_paths = own_paths(app)
        self._folder: Path | None = None
        self._written: frozenset[str] = frozenset()
        self._files: dict[Path, _Tail] = {}
        self._newest_ns = 0
        self._live = Live()

    def look(self) -> Live:
        if self._folder is None:
            tries = tries_of(self._app.settings.home, self._item)
            self._folder = next((one.folder for one in tries if one.token == self._token), None)
        if self._folder is not None and (written := frozenset(_written(self._folder, depth=2))) != self._written:
            self._written = written
            for name in files_of(self._folder):
                if name not in self._files:
                    self._files[name] = self._tail(name)
        changed = False
        for name, tail in self._files.items():
            if tail.read():
                changed = True
                self._hear(name, tail)
        if changed:
            self._count()
        return self._live

    def _hear(self, name: Path, tail: _Tail) -> None:
        """A client's log on its stderr counts only while it has said nothing else."""
        stdout = self._files.get(name.with_name(STDOUT_FILE))
        is_aside = name.name != STDOUT_FILE and name.parts[0] != GATES and self._kind in JSON_KINDS
        if tail.last is None or tail.written_ns < self._newest_ns or (is_aside and stdout is not None and stdout.last):
            return
        self._newest_ns = tail.written_ns
        last = _last_line(tail.last.text)
        if tail.last.source is Source.TOOL:
            last = self._own_paths.sub("", last)
        self._live = replace(self._live, last=last[:LAST_CHARACTERS], source=tail.last.source)

    def _tail(self, name: Path) -> _Tail:
        assert self._folder is not None
        is_agents = name.name == STDOUT_FILE and name.parts[0] != GATES
        return _Tail(self._folder / name, self._kind if is_agents else "", make_meter=self._meter)

    def _meter(self, kind: str) -> Meter | None:
        return meter(kind, model=self._model, before=self._used_before)

    def _used_before(self, session: str) -> Usage:
        with self._app.store.read() as tx:
            return tx.session_used(self._number, session)

    def _count(self) -> None:
        used: Usage | None = Usage()
        for tail in self._files.values():
            told = tail.usage()
            used = None if used is None or told is None else together(used, told)
        used = used or Usage()
        used = replace(used, model=used.model or self._model)
        at = max(tail.written_ns for tail in self._files.values()) // 1_000_000
        self._live = replace(
            self._live,
            tokens_in=used.tokens_in,
            tokens_cached=used.tokens_cached,
            tokens_out=used.tokens_out,
            usd=cost_of(used, self._app.settings.prices),
            at=at,
        )


class _Tail:
    """The end of one file, and what all of it says was used."""

    def __init__(self, path: Path, kind: str, *, make_meter: Callable[[str], Meter | None]) -> None:
        self._path, self._kind, self._make_meter = path, kind, make_meter
        self._file = 0
        self._begin(0)

    def _begin(self, file: int) -> None:
        """The client was started anew: its file is another one now."""
        self._file = file
        self._at = 0
        self._rest = b""
        self._meter = self._make_meter(self._kind)
        self._is_whole = True
        """Nothing was jumped over."""
        self._is_behind = False
        self.last: Said | None = None
        self.written_ns = 0

    def read(self) -> bool:
        """Takes what has come; False: nothing."""
        try:
            found = os.lstat(self._path)
        except OSError:
            return False
        if found.st_ino != self._file or found.st_size < self._at:
            self._begin(found.st_ino)
        if found.st_size == self._at:
            return False
        self.written_ns = found.st_mtime_ns
        if found.st_size - self._at > JUMP_BYTES:
            self._at, self._rest, self._meter = found.st_size - TAIL_BYTES, b"", None
            self._is_whole = False
        data = read_bytes(self._path, self._at, LOOK_BYTES)
        self._at += len(data)
        self._is_behind = self._at < found.st_size or _is_partly_kept(found.st_size)
        *lines, rest = (self._rest + data).split(b"\n")
        try:
            for line in lines:
                if self._meter is not None and line.startswith(b"{"):
                    self._meter.feed(line)
        except BaseException:
            self._begin(0)  # some of it was counted already: all of it is read anew
            raise
        self._rest = rest[:LINE_BYTES]
        # What a program prints as text is seen before its line ends: a question, how far it is.
        seen = (*lines, rest) if self._kind not in JSON_KINDS else lines
        for line in [line for line in seen if line.strip()][-LINES_LOOKED_AT:]:
            self._hear(line)
        return bool(data)

    def usage(self) -> Usage | None:
        """None: some of it was not read."""
        if self._meter is None:
            return Usage() if self._is_whole else None
        return None if self._is_behind else self._meter.usage()

    def _hear(self, line: bytes) -> None:
        for said in spoken(self._kind, line):
            if said.source is Source.RESULT:
                continue
            before = self.last
            if before is not None and said.piece and (said.source, said.piece) == (before.source, before.piece):
                self.last = replace(said, text=(before.text + said.text)[-PIECES_CHARACTERS:])
            elif said.text.strip():
                self.last = said


def _written(folder: Path | str, *, depth: int) -> Iterator[str]:
    """The files in a folder that hold something: whether one has come is asked often, so each costs one stat only."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if depth and entry.is_dir(follow_symlinks=False):
                    yield from _written(entry.path, depth=depth - 1)
                elif entry.stat(follow_symlinks=False).st_size:
                    yield entry.path
    except OSError:
        return


def _is_partly_kept(size: int) -> bool:
    """Of a longer output what came first is kept while it runs, and some of the end when it has ended."""
    return size == HEAD_BYTES or size > HEAD_BYTES + LAST_BYTES


def _last_line(text: str) -> str:
    """The last line that holds words, not just the end of a block."""
    lines = [line for line in text.replace("\t", " ").splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if any(map(str.isalnum, line))), lines[-1] if lines else "")
    return said.strip()


# --- one item's log ---------------------------------------------------------------------------------------------------


class Follower:
    """An item's log: that of its newest try that has kept something, and then of those that follow; or of the tries at
    one turn."""

    def __init__(self, app: App, number: int, *, turn: int | None = None, raw: bool = False) -> None:
        """`raw`: the lines as they were printed, also of clients that print JSON. Raises NotFound."""
        self._app, self._number, self._turn, self._raw = app, number, turn, raw
        with app.store.read() as tx:
            self._item = tx.sbi(number).id
        self._own_paths = own_paths(app)
        self._at = ""

    def more(self) -> Lines:
        """What has come since the last time; at first what there is, or the end of it."""
        found = self.after(self._at)
        self._at = found.at
        return found

    def after(self, position: str) -> Lines:
        """What comes after this position, so much at most; a text that is none is the beginning. Raises NotFound if
        nothing is kept of the turn that was asked for."""
        with self._app.store.read() as tx:  # looked at before reading, so that the last words are not missed
            claim = tx.line(self._number)
        tries = tries_of(self._app.settings.home, self._item)
        if self._turn is not None:
            newest_try(self._item, tries, self._turn)
            tries = [one for one in tries if one.turn == self._turn]
        before = Position.of(position)
        one = next((one for one in tries if one.token == before.token), None) or begins_at(tries, claim.lease_token)
        if one is None:
            return Lines(entries=(), at="", ended=claim.lease_token is None, skipped_bytes=0)
        start = before if before.token == one.token else Position(token=one.token)
        while True:
            later = next((other for other in tries if other.token > one.token), None)
            is_over = claim.lease_token != one.token
            reading = Reading(one, start, own_paths=self._own_paths)
            reading.read(self._kind(one, claim), raw=self._raw, is_over=is_over)
            if later is None or not is_over or reading.entries or not reading.is_at_end:
                break
            one, start = later, Position(token=later.token)
        ended = is_over and reading.is_at_end and later is None
        if self._turn is None:
            ended = ended and claim.lease_token is None
        return Lines(
            entries=tuple(reading.entries), at=str(reading.position()), ended=ended, skipped_bytes=reading.skipped_bytes
        )

    def _kind(self, one: Try, claim: Line) -> str | None:
        """Of the agent whose output it is: its settings may have gone since then, and a try may have no outcome."""
        name = claim.lease_agent
        if claim.lease_token != one.token:
            with self._app.store.read() as tx:
                name = next((turn.agent for turn in tx.turns(self._number) if turn.token == one.token), None)
        section = self._app.settings.agent(name) if name else None
        return section.kind if section else None
