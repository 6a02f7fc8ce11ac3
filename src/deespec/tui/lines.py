"""What a terminal shows, as data: pieces of text with a style by name, cut and filled to columns; no markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.records import record, replace
from deespec.text import SIGNS, ago, clean, cut, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GAP = 2
"""Columns between two cells of a table."""
CELL_LEAST = 8
"""Of the column that gives way."""
SINCE_LEAST = len("59 min")
FAR = 4
"""So many characters a column are looked at: of a very long line the rest is not measured again and again."""
_PLAIN = str.maketrans(SIGNS)


@record
class Piece:
    text: str
    style: str = ""
    """A name of painting.STYLES."""
    width: int = 0
    """Cut and filled to so many columns; 0: as long as it is."""
    since_at: int | None = None
    """Then the text is how long ago that was, at the moment of drawing."""


Line = tuple[Piece, ...]


@record
class Row:
    """One entry of a list: one or more lines."""

    lines: tuple[Line, ...]
    key: str = ""
    """What it stands for, as SBI-12; empty: it cannot be selected."""

    @property
    def text(self) -> str:
        return " ".join(piece.text for line in self.lines for piece in line)

    @property
    def ticks(self) -> bool:
        return any(piece.since_at is not None for line in self.lines for piece in line)


@record
class Look:
    """What drawing goes by."""

    width: int
    ambiguous_width: int = 1
    now: int = 0


def text(words: str, style: str = "", *, key: str = "", indent: int = 0) -> Row:
    """A row of one line."""
    return Row(lines=((Piece(text=" " * indent + words, style=style),),), key=key)


def heading(words: str) -> Row:
    return text(words, "heading")


BLANK = Row(lines=((),))


def drawn(line: Line, look: Look) -> list[tuple[str, str]]:
    """The line as (text, style) of exactly the width, harmless whatever it says."""
    left = look.width
    parts: list[tuple[str, str]] = []
    for piece in line:
        if left <= 0:
            break
        words = ago(look.now - piece.since_at) if piece.since_at is not None else piece.text
        shown = fitted(words, min(piece.width or left, left), look.ambiguous_width, fill=bool(piece.width))
        left -= width_of(shown, look.ambiguous_width)
        parts.append((shown, piece.style))
    if left > 0:
        parts.append((" " * left, ""))
    return parts


def fitted(words: str, width: int, ambiguous_width: int, *, fill: bool = True) -> str:
    """In at most so many columns, filled to them; our own signs are plain where they would be wide."""
    plain = clean(words)
    if ambiguous_width > 1:
        plain = plain.translate(_PLAIN)
    shown = _cut(plain, width, ambiguous_width)
    return shown + " " * (width - width_of(shown, ambiguous_width)) if fill else shown


def _cut(words: str, width: int, ambiguous_width: int) -> str:
    if ambiguous_width == 1:
        return cut(words, width, 1)
    if width_of(words, ambiguous_width) <= width:
        return words
    short = cut(words, max(1, width - 1), ambiguous_width).removesuffix("…")
    return (short + "...")[: max(0, len(short) + width - width_of(short, ambiguous_width))]


def table(
    head: Sequence[str], body: Sequence[tuple[str, Sequence[Piece]]], look: Look, *, elastic: int = -1
) -> list[Row]:
    """Rows with a key each, in columns under a dim head; empty ones are left out, one of them takes what is left."""
    if not body:
        return []
    wide = [max(_wide(cells[column], look) for _, cells in body) for column in range(len(head))]
    kept = [column for column, most in enumerate(wide) if most]
    widths = [max(width_of(head[column], 1), wide[column]) for column in kept]
    others = sum(widths) - widths[elastic] + GAP * (len(widths) - 1)
    widths[elastic] = max(CELL_LEAST, min(widths[elastic], look.width - others))
    rows = [Row(lines=(_cells([Piece(text=head[column], style="dim") for column in kept], widths, look),))]
    shown = [(key, [cells[column] for column in kept]) for key, cells in body]
    return rows + [Row(lines=(_cells(cells, widths, look),), key=key) for key, cells in shown]


def _wide(piece: Piece, look: Look) -> int:
    if piece.since_at is not None:
        return max(SINCE_LEAST, len(ago(look.now - piece.since_at)))
    return width_of(clean(piece.text), look.ambiguous_width)


def _cells(cells: Sequence[Piece], widths: Sequence[int], look: Look) -> Line:
    """With the gap inside of each cell but the last: it stays free behind a text that is cut."""
    last = len(widths) - 1
    return tuple(
        replace(one, width=width + (GAP if at < last else 0), text=fitted(one.text, width, look.ambiguous_width))
        for at, (one, width) in enumerate(zip(cells, widths, strict=True))
    )


def wrapped(words: str, look: Look, style: str = "", *, indent: int = 0) -> Iterator[Row]:
    """A text as rows, its long lines broken; nothing of it is cut."""
    room = max(1, look.width - indent)
    for line in clean(words, lines=True).expandtabs(4).split("\n"):
        for part in _broken(line.rstrip(), room, look.ambiguous_width):
            yield text(part, style, indent=indent)


def _broken(line: str, room: int, ambiguous_width: int) -> Iterator[str]:
    rest = line
    while len(rest) > FAR * room or width_of(rest, ambiguous_width) > room:
        part = _beginning(rest[: FAR * room], room, ambiguous_width)
        space = part.rfind(" ")
        if space > room // 2 and rest[len(part) : len(part) + 1] != " ":
            part = part[:space]
        yield part
        rest = rest[len(part) :].removeprefix(" ")
    yield rest


def _beginning(words: str, room: int, ambiguous_width: int) -> str:
    """As much as has room, and at least one character."""
    if words.isascii():
        return words[:room]
    from wcwidth import iter_graphemes

    kept, used = "", 0
    for grapheme in iter_graphemes(words):
        used += width_of(grapheme, ambiguous_width)
        if kept and used > room:
            break
        kept += grapheme
    return kept
