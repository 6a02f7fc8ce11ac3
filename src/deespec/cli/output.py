"""How answers look: text for people, JSON for programs; the only place that prints."""

from __future__ import annotations

import json
import os
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from deespec.records import record
from deespec.text import SIGNS, clean, cut, width_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from deespec.errors import DeespecError

SCHEMA = 1
COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36, "dim": 2, "bold": 1}
GAP = "  "
NARROWEST = 10
ELASTIC_LEAST = 24


@record
class Style:
    """How this terminal wants to be written to."""

    colour: bool = False
    width: int | None = None
    """Columns; None in a pipe, where nothing is cut."""
    ambiguous_width: int = 1
    quiet: bool = False


def style(*, no_color: bool, env_no_color: bool, ambiguous_width: int = 1, quiet: bool = False) -> Style:
    terminal = sys.stdout.isatty()
    width = os.get_terminal_size(sys.stdout.fileno()).columns if terminal else None
    return Style(
        colour=terminal and not no_color and not env_no_color,
        width=width or None,
        ambiguous_width=ambiguous_width,
        quiet=quiet,
    )


# --- writing ----------------------------------------------------------------------------------------------------------


class Taken:
    """What a command answers with `--json`, and what it tells beside it."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.notes: list[str] = []


_TAKER: ContextVar[Taken | None] = ContextVar("taker", default=None)
"""Of this thread, if what is answered here is not for standard output."""


def taken(act: Callable[[], object]) -> Taken:
    """What `act` emits and tells, for a caller in this very process; other threads are not concerned."""
    one = Taken()
    before = _TAKER.set(one)
    try:
        act()
    finally:
        _TAKER.reset(before)
    return one


def say(text: str = "") -> None:
    """A line on standard output."""
    _write(sys.stdout, text)


def tell(text: str) -> None:
    """A line for people beside the answer: progress, notes. On standard error."""
    taker = _TAKER.get()
    if taker is not None:
        taker.notes.append(text)
        return
    _write(sys.stderr, text)


def meter(what: str) -> Callable[[int, int], None] | None:
    """Shows on a terminal how much of something long is done, on one line; None where nobody watches."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        end = "\r\x1b[K" if done >= total else ""
        sys.stderr.write(f"\r{what}: {100 * done // max(total, 1)} %{end}")
        sys.stderr.flush()

    return show


def emit(**values: Any) -> None:
    """One JSON object on standard output."""
    taker = _TAKER.get()
    if taker is not None:
        taker.values = {"schema": SCHEMA, **values}
        return
    print(json.dumps({"schema": SCHEMA, **values}, ensure_ascii=False, separators=(", ", ": ")))


def emit_line(values: dict[str, Any]) -> None:
    """One object of a stream of them."""
    print(json.dumps(values, ensure_ascii=False), flush=True)


def fail(error: DeespecError, *, as_json: bool) -> int:
    """Shows an error in one or two lines and returns its exit status."""
    if as_json:
        values = {"code": error.code, "message": error.message, "hint": error.hint, "exit": error.exit_status}
        print(json.dumps({"error": values}, ensure_ascii=False), file=sys.stderr)
        return error.exit_status
    tell(clean(error.message, lines=True))
    if error.hint:
        tell(f"→ {clean(error.hint, lines=True)}")
    return error.exit_status


def _write(stream: Any, text: str) -> None:
    try:
        stream.write(text + "\n")
    except UnicodeEncodeError:
        for character, plain in SIGNS.items():
            text = text.replace(character, plain)
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, errors="replace").decode(encoding) + "\n")
    stream.flush()


# --- text -------------------------------------------------------------------------------------------------------------


def paint(text: str, colour: str | None, how: Style) -> str:
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if colour and how.colour else text


def table(
    head: Sequence[str],
    body: Iterable[Sequence[str]],
    how: Style,
    *,
    colour: Callable[[int, str], str | None] = lambda _column, _text: None,
    elastic: int = -1,
) -> list[str]:
    """Lines of a table, spaces between its columns; on a narrow terminal column `elastic` gives way, then the last."""
    cells = [[clean(cell) for cell in row] for row in body]
    if not cells:
        return []
    widths = [max(width_of(row[column], how.ambiguous_width) for row in (head, *cells)) for column in range(len(head))]
    if how.width is not None:
        for column, least in ((elastic, ELASTIC_LEAST), (-1, NARROWEST)):
            over = sum(widths) + len(GAP) * (len(widths) - 1) - how.width
            if over > 0:
                widths[column] = max(min(least, widths[column]), widths[column] - over)
    lines = [_row(head, widths, how, lambda _column, _text: "dim")]
    lines += [_row(row, widths, how, colour) for row in cells]
    return lines


def _row(row: Sequence[str], widths: Sequence[int], how: Style, colour: Callable[[int, str], str | None]) -> str:
    parts = []
    for column, (text, width) in enumerate(zip(row, widths, strict=True)):
        shown = cut(text, width, how.ambiguous_width)
        padding = "" if column == len(widths) - 1 else " " * (width - width_of(shown, how.ambiguous_width))
        parts.append(paint(shown, colour(column, text), how) + padding)
    return GAP.join(parts).rstrip()


STATUS_COLOURS = {
    "DONE": "green",
    "FAILED": "red",
    "PARKED": "yellow",
    "CANCELLED": "dim",
    "IMPLEMENTING": "cyan",
    "REVIEWING": "cyan",
    "PICKED": "cyan",
    "RESOLVING": "cyan",
    "INTEGRATING": "cyan",
    "DECOMPOSING": "cyan",
    "PLANNING": "blue",
    "IN_PROGRESS": "cyan",
}


def status_colour(_: int, text: str) -> str | None:
    return STATUS_COLOURS.get(text)
