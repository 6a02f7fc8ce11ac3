"""A patch as Git prints it, read into files, hunks and rows: old lines beside new ones. Pure; no patch fails.

A row holds a line of the old file, of the new one, or both: in the order of the patch none is left out, none is told
twice on its side. Lines that were changed stand beside each other in pairs, with what differs marked.
"""

from __future__ import annotations

import re
from collections import deque
from itertools import islice
from string import ascii_letters, digits
from typing import TYPE_CHECKING

from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROWS_MOST = 100_000
PAIR_CHARACTERS = 1_000
"""Of longer lines it is not looked for what differs in them."""
ALIKE = 3
"""Two lines have at least one in so many characters in common; else all of them differs."""
NO_NEWLINE = "\\ "
WORD = f"{ascii_letters}{digits}_"
_HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@ ?(.*)", re.DOTALL)
_ESCAPED = re.compile(rb'\\([abtnvfr"\\]|[0-7]{3})')
_SIGNS = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13, b'"': 34, b"\\": 92}


@record
class Cell:
    """One line of one side."""

    number: int
    before: str
    """How it begins as the line beside it does; all of it, where nothing is marked."""
    marked: str = ""
    """What only this side has."""
    after: str = ""
    no_newline: bool = False
    """The file ends after it without a newline."""

    @property
    def text(self) -> str:
        return self.before + self.marked + self.after


@record
class Row:
    old: Cell | None
    new: Cell | None
    same: bool = False
    """Both sides have the same line."""


@record
class Run:
    """Lines that were changed together, and the equal ones that follow, for one column."""

    removed: tuple[Cell, ...]
    added: tuple[Cell, ...]
    same: tuple[Row, ...]


@record
class Hunk:
    section: str
    """The function or heading that it lies in, as far as Git knows."""
    old_from: int
    new_from: int
    rows: tuple[Row, ...]

    @property
    def runs(self) -> Iterator[Run]:
        changed: list[Row] = []
        same: list[Row] = []
        for row in self.rows:
            if same and not row.same:
                yield _run(changed, same)
                changed, same = [], []
            (same if row.same else changed).append(row)
        yield _run(changed, same)


@record
class FilePatch:
    """What a patch says of one file."""

    old: str | None = None
    """Its name; None: it is new."""
    new: str | None = None
    """None: it is gone."""
    old_mode: str = ""
    new_mode: str = ""
    copied: bool = False
    binary: bool = False
    hunks: tuple[Hunk, ...] = ()

    @property
    def name(self) -> str:
        return self.new or self.old or ""

    @property
    def renamed(self) -> bool:
        return None not in (self.old, self.new) and self.old != self.new

    @property
    def remoded(self) -> bool:
        """Only its mode was given another value, as that of a program."""
        return bool(self.old_mode and self.new_mode) and self.old_mode != self.new_mode

    @property
    def submodule(self) -> bool:
        return "160000" in (self.old_mode, self.new_mode)

    @property
    def link(self) -> bool:
        return "120000" in (self.old_mode, self.new_mode)


def parse(patch: str, *, rows_most: int = ROWS_MOST) -> list[FilePatch]:
    """The files of a patch, in its order; of each at most so many rows."""
    lines = patch.split("\n")
    if lines[-1] == "":
        lines.pop()
    found, at = [], 0
    while at < len(lines):
        if not lines[at].startswith("diff --git "):
            at += 1
            continue
        reading = _Reading(lines, at, rows_most)
        found.append(reading.file())
        at = reading.at
    return found


class _Reading:
    """Reads one file's part of a patch, from its first line on."""

    def __init__(self, lines: Sequence[str], at: int, rows_most: int) -> None:
        self._lines = lines
        self._room = rows_most
        self.at = at

    def file(self) -> FilePatch:
        facts: dict[str, str] = {}
        first = self._lines[self.at].removeprefix("diff --git ")
        self.at += 1
        while self.at < len(self._lines) and not self._lines[self.at].startswith(("diff --git ", "@@ ")):
            self._fact(self._lines[self.at], facts)
            self.at += 1
        hunks = tuple(self._hunks())
        old, new = _names(first, facts)
        shared = facts.get("index", "").partition(" ")[2]
        return FilePatch(
            old=None if "new file mode" in facts else old,
            new=None if "deleted file mode" in facts else new,
            old_mode=facts.get("old mode") or facts.get("deleted file mode") or shared,
            new_mode=facts.get("new mode") or facts.get("new file mode") or shared,
            copied="copy to" in facts,
            binary="binary" in facts,
            hunks=hunks,
        )

    def _fact(self, line: str, facts: dict[str, str]) -> None:
        if line.startswith(("Binary files ", "GIT binary patch")):
            facts["binary"] = line
        name = next((one for one in _FACTS if line.startswith(f"{one} ")), None)
        if name is not None:
            facts.setdefault(name, line.removeprefix(f"{name} "))

    def _hunks(self) -> Iterator[Hunk]:
        while self.at < len(self._lines) and not self._lines[self.at].startswith("diff --git "):
            head = _HUNK.fullmatch(self._lines[self.at])
            self.at += 1
            if head is None:
                continue
            old_from, new_from = int(head[1]), int(head[3])
            left = [int(head[2] or "1"), int(head[4] or "1")]
            signed = self._signed(left)
            rows = tuple(islice(_rows(signed, old_from, new_from), self._room))
            deque(signed, maxlen=0)
            self._room -= len(rows)
            yield Hunk(section=head[5], old_from=old_from, new_from=new_from, rows=rows)

    def _signed(self, left: list[int]) -> Iterator[tuple[str, str, bool]]:
        """Sign, text, and whether the file ends there without a newline, until the lines of both sides have come."""
        while (left[0] > 0 or left[1] > 0) and self.at < len(self._lines):
            line = self._lines[self.at]
            sign, text = line[:1] or " ", line[1:]
            if sign not in " +-":
                return
            self.at += 1
            left[0] -= sign != "+"
            left[1] -= sign != "-"
            ends = self.at < len(self._lines) and self._lines[self.at].startswith(NO_NEWLINE)
            self.at += ends
            yield sign, text, ends


_FACTS = (
    *("old mode", "new mode", "deleted file mode", "new file mode", "index", "---", "+++"),
    *("rename from", "rename to", "copy from", "copy to"),
)


# --- rows -------------------------------------------------------------------------------------------------------------


def _rows(signed: Iterator[tuple[str, str, bool]], old_at: int, new_at: int) -> Iterator[Row]:
    """Removed lines beside the added ones that follow them; what is left over stands alone."""
    removed: list[Cell] = []
    added: list[Cell] = []
    for sign, text, ends in signed:
        if sign == "+":
            added.append(Cell(number=new_at, before=text, no_newline=ends))
            new_at += 1
            continue
        if added or sign == " ":
            yield from _paired(removed, added)
            removed, added = [], []
        if sign == "-":
            removed.append(Cell(number=old_at, before=text, no_newline=ends))
        else:
            old = Cell(number=old_at, before=text, no_newline=ends)
            yield Row(old=old, new=Cell(number=new_at, before=text, no_newline=ends), same=True)
            new_at += 1
        old_at += 1
    yield from _paired(removed, added)


def _paired(removed: list[Cell], added: list[Cell]) -> Iterator[Row]:
    for old, new in zip(removed, added, strict=False):
        yield _marked(old, new)
    yield from (Row(old=old, new=None) for old in removed[len(added) :])
    yield from (Row(old=None, new=new) for new in added[len(removed) :])


def _marked(old: Cell, new: Cell) -> Row:
    """With what differs marked, in whole words, where the rest is alike."""
    one, other = old.before, new.before
    longest = max(len(one), len(other))
    if longest > PAIR_CHARACTERS:
        return Row(old=old, new=new)
    head = _alike(one, other)
    backwards = one[::-1], other[::-1]
    tail = min(min(len(one), len(other)) - head, _alike(*backwards))
    head, tail = _before_word(one, other, head), _before_word(*backwards, tail)
    alike = len(one[:head].strip()) + tail
    if alike * ALIKE < longest or one == other:
        return Row(old=old, new=new)
    return Row(old=_split(old, head, tail), new=_split(new, head, tail))


def _alike(one: str, other: str) -> int:
    """With how many equal characters both begin."""
    known, most = 0, min(len(one), len(other))
    while known < most:
        middle = (known + most + 1) // 2
        if one[known:middle] == other[known:middle]:
            known = middle
        else:
            most = middle - 1
    return known


def _before_word(one: str, other: str, at: int) -> int:
    """The place, up to which both are equal; if it lies inside a word of either, the one where that word begins."""
    splits = at and one[at - 1] in WORD and any(text[at : at + 1] and text[at] in WORD for text in (one, other))
    return len(one[:at].rstrip(WORD)) if splits else at


def _split(cell: Cell, head: int, tail: int) -> Cell:
    text, end = cell.before, len(cell.before) - tail
    return Cell(
        number=cell.number,
        before=text[:head],
        marked=text[head:end],
        after=text[end:],
        no_newline=cell.no_newline,
    )


def _run(changed: list[Row], same: list[Row]) -> Run:
    removed = tuple(row.old for row in changed if row.old is not None)
    return Run(removed=removed, added=tuple(row.new for row in changed if row.new is not None), same=tuple(same))


# --- names ------------------------------------------------------------------------------------------------------------


def _names(first: str, facts: dict[str, str]) -> tuple[str | None, str | None]:
    """Old and new name, by the most certain of the lines that tell them."""
    for old, new in (("rename from", "rename to"), ("copy from", "copy to")):
        if old in facts and new in facts:
            return _unquoted(facts[old]), _unquoted(facts[new])
    old_line, new_line = facts.get("---"), facts.get("+++")
    told = [_unquoted(line.removesuffix("\t"))[2:] for line in (old_line, new_line) if line not in (None, "/dev/null")]
    if told:
        return told[0], told[-1]
    return (_of_first(first),) * 2


def _of_first(first: str) -> str:
    """The name in `a/NAME b/NAME`, which is the same twice wherever no other line tells it."""
    if first.startswith('"'):
        end = next((one.end() for one in re.finditer(r'(?<!\\)(?:\\\\)*"', first) if one.end() > 1), len(first))
        return _unquoted(first[:end])[2:]
    return first[2 : len(first) // 2]


def _unquoted(name: str) -> str:
    """Git quotes names with quotes, backslashes and control characters as C does, by bytes."""
    if not (len(name) >= 2 and name[0] == name[-1] == '"'):
        return name
    data = name[1:-1].encode(errors="replace")
    plain = _ESCAPED.sub(lambda one: bytes([_SIGNS[one[1]] if one[1] in _SIGNS else int(one[1], 8) & 255]), data)
    return plain.decode(errors="replace")
