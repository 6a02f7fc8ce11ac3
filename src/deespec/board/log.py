"""A piece of a log: what the files of one try say from a position on, read in bounded steps.

A position is text that a client may keep and bring back: which try, how far each of its files was read, and what came
last. It is not trusted: files are found by looking, not by the names in it.
"""

from __future__ import annotations

import os
import re
import zlib
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from deespec.agents.call import STDOUT_FILE
from deespec.agents.output import HEAD_BYTES
from deespec.agents.spoken import JSON_KINDS, WORDS_CHARACTERS, Said, Source, plain, spoken
from deespec.board.kept import chunks, files_of, size_of
from deespec.records import record, replace
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deespec.app import App
    from deespec.board.kept import Try

BATCH_BYTES = 256 * 1024
"""Of each file at one time, but for a line that is longer."""
LINE_BYTES = 4 * 1024 * 1024
"""Of a longer line no more is read at once."""
TEXT_BYTES = 16 * 1024
"""Of text without a newline, so much is shown before it ends."""
RAW_CHARACTERS = 8_000
ENTRIES_MOST = 500
"""At one time."""
TOO_LONG = f"[It has printed more than {HEAD_BYTES // 1024**2} MiB: what follows is shown when it has ended.]"
POSITION_CHARACTERS = 20_000
GATES = "gates"


@record
class Entry:
    """One piece of a log."""

    source: Source
    text: str
    goes_on: bool
    """It belongs to the end of the entry before, without a break: some agents say a message in many pieces."""
    turn: int | None
    """None: a merge."""
    token: int
    part: str
    """Where it comes from: "" the agent, "again" its second call for the answer, "gate 1" and so on."""


@record
class Position:
    """How far each file of a try was read, and what the last entry was."""

    token: int | None = None
    last: int = 0
    offsets: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, text: str) -> Position:
        match = _POSITION.fullmatch(text) if len(text) <= POSITION_CHARACTERS else None
        if match is None:
            return cls()
        pairs = (pair.partition("=") for pair in match["offsets"].split(",") if pair)
        offsets = tuple((unquote(name), int(offset)) for name, _, offset in pairs)
        return cls(token=int(match["token"]), last=int(match["last"]), offsets=offsets)

    def __str__(self) -> str:
        offsets = ",".join(f"{quote(name, safe='/')}={offset}" for name, offset in self.offsets)
        return f"{self.token}:{self.last}:{offsets}"


_OFFSET = r"[\w%./~-]+=\d{1,15}"
_POSITION = re.compile(
    rf"(?P<token>\d{{1,18}}):(?P<last>\d{{1,10}}):(?P<offsets>(?:{_OFFSET}(?:,{_OFFSET})*)?)", re.ASCII
)


class Reading:
    """One look at the files of a try, from a position on."""

    def __init__(self, one: Try, before: Position, *, own_paths: re.Pattern[str]) -> None:
        self._try, self._own_paths = one, own_paths
        self._last = before.last
        self._offsets = dict(before.offsets)
        self.entries: list[Entry] = []
        self.skipped_bytes = 0
        self.is_at_end = True

    def read(self, kind: str | None, *, raw: bool, is_over: bool) -> None:
        for name in files_of(self._try.folder):
            is_agents = name.name == STDOUT_FILE and name.parts[0] != GATES and not raw
            part = _part_of(name)
            is_text = not is_agents or kind not in (None, *JSON_KINDS)
            for line in self._lines(name, part, is_text=is_text, is_over=is_over):
                for said in spoken(kind, line) if is_agents else plain(line, RAW_CHARACTERS):
                    self._add(said, part)

    def position(self) -> Position:
        return Position(token=self._try.token, last=self._last, offsets=tuple(self._offsets.items()))

    def _lines(self, name: Path, part: str, *, is_text: bool, is_over: bool) -> Iterator[bytes]:
        """The whole lines that have come; an unended one where no more will come, or where it is long already."""
        path, size = self._try.folder / name, size_of(self._try.folder / name)
        key = name.as_posix()
        start, is_cut = self._offsets.get(key, 0), False
        if start > size:
            start = 0  # the client was started anew
        elif key not in self._offsets and size > BATCH_BYTES:
            start, is_cut = size - BATCH_BYTES, True
            self.skipped_bytes += start
        self._offsets[key] = start
        data = read_bytes(path, start, BATCH_BYTES)
        if len(data) == BATCH_BYTES and b"\n" not in data:
            data = read_bytes(path, start, LINE_BYTES)
        is_end = start + len(data) >= size
        *lines, rest = data.split(b"\n")
        if rest and ((is_end and is_over) or len(rest) >= (TEXT_BYTES if is_text else LINE_BYTES)):
            lines.append(rest)
        is_cut = is_cut and len(lines) > 1
        for line in lines:
            if len(self.entries) >= ENTRIES_MOST:
                is_end = False
                break
            self._offsets[key] = min(self._offsets[key] + len(line) + 1, start + len(data))
            if not is_cut:
                yield line
            is_cut = False
        self.is_at_end = self.is_at_end and is_end
        if is_end and lines and size == HEAD_BYTES and not is_over:
            self._add(Said(source=Source.NOTE, text=TOO_LONG), part)

    def _add(self, said: Said, part: str) -> None:
        if said.source is Source.TOOL:
            said = replace(said, text=self._own_paths.sub("", said.text))
        words = said.piece or said.text
        key = zlib.crc32(f"{part}/{said.source}/{words}".encode(errors="replace"))
        is_same, self._last = key == self._last, key
        goes_on = bool(said.piece) and is_same
        if is_same and not said.piece and said.source in (Source.TOOL, Source.ERROR):
            return  # some clients say it when it begins, when it has leave, and when it ends
        if goes_on and self.entries:
            before = self.entries[-1]
            if len(before.text) < WORDS_CHARACTERS:
                self.entries[-1] = replace(before, text=before.text + said.text)
                return
        one = self._try
        self.entries.append(
            Entry(source=said.source, text=said.text, goes_on=goes_on, turn=one.turn, token=one.token, part=part)
        )


def _part_of(name: Path) -> str:
    """The folders of gates are numbered from 0, people count from 1."""
    if name.parts[0] != GATES:
        return name.parts[0] if len(name.parts) > 1 else ""
    number = name.parts[1]
    return f"gate {int(number) + 1 if number.isdecimal() and len(number) < 10 else clean(number)}"


def read_bytes(path: Path, start: int, most: int) -> bytes:
    found = bytearray()
    for data in chunks(path, start):
        found += data
        if len(found) >= most:
            break
    return bytes(found[:most])


def own_paths(app: App) -> re.Pattern[str]:
    """How paths of the project and of its worktrees begin: agents name files in full, people do not."""
    home, root = os.path.realpath(app.settings.home), os.path.realpath(app.settings.root)
    homes = "|".join(map(re.escape, dict.fromkeys((str(app.settings.home), home))))
    roots = "|".join(map(re.escape, dict.fromkeys((str(app.settings.root), root))))
    return re.compile(rf"(?:(?:{homes})/worktrees/[^/\s]+|(?:{roots}))/(?=[^\s])")
