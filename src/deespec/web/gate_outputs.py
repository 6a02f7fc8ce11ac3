"""What gates and checks have printed in a turn or at a merge: the end of each, and how it went as far as is known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deespec.agents.call import STDERR_FILE, STDOUT_FILE
from deespec.board.kept import files_of, size_of
from deespec.board.log import GATES, read_bytes
from deespec.records import record
from deespec.text import clean, without_ansi

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from deespec.app import App
    from deespec.board.kept import Try
    from deespec.model.items import Turn

GATES_MOST = 20
"""Of one turn."""
LINES_MOST = 100
BYTES_MOST = 32 * 1024
"""Of the end of a file."""
LINE_CHARACTERS = 1_000
ALL_PASSED = ("implemented", "succeeded")
"""Outcomes that no turn has of which a gate failed."""
_FAILED = re.compile(r"(gate .{1,200}|check `.{1,2000}`) failed:")


@record
class GateOutput:
    number: int
    """1.. in the order in which they ran."""
    name: str
    """Empty: not known."""
    passed: bool | None
    """None: not known."""
    text: str
    left_out: int
    """Bytes before it."""


def names_of(app: App, checks: Sequence[str], step: str) -> list[str]:
    """What is to run in this step, implement or integrate, in the order in which it runs (engine/gates.py)."""
    gates = [gate.name for gate in app.settings.gates if step in gate.when]
    return [*gates, *(f"check `{command}`" for command in checks)]


def gates_of(
    one: Try | None, turn: Turn | None, *, named: Sequence[str] = (), merged: bool = False
) -> list[GateOutput]:
    """Those of one try; `turn` is what came of it, `merged` that it went through. `named`: what would run now."""
    if one is None:
        return []
    files: dict[str, list[Path]] = {}
    for name in files_of(one.folder):
        if name.parts[0] == GATES:
            files.setdefault(name.parts[1], []).append(one.folder / name)
    numbers = sorted(int(name) for name in _folders(one) if name.isdigit())
    ends = [_end(files.get(str(number), [])) for number in numbers[:GATES_MOST]]
    known = _named(_how_they_went([text for text, _ in ends], turn, merged=merged), named)
    return [
        GateOutput(number=number + 1, name=name, passed=passed, text=text, left_out=left_out)
        for number, (text, left_out), (name, passed) in zip(numbers, ends, known, strict=False)
    ]


def _folders(one: Try) -> list[str]:
    folder = one.folder / GATES
    if folder.is_symlink() or not folder.is_dir():
        return []
    return [entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink()]


def _named(known: list[tuple[str, bool | None]], named: Sequence[str]) -> list[tuple[str, bool | None]]:
    """With their names, where what ran is what would run now."""
    failed = next((at for at, (_, passed) in enumerate(known) if passed is False), None)
    fits = len(known) == len(named) if failed is None else list(named[failed : failed + 1]) == [known[failed][0]]
    last = len(known) if failed is None else failed
    return [(named[at] if fits and at < last else name, passed) for at, (name, passed) in enumerate(known)]


def _how_they_went(texts: Sequence[str], turn: Turn | None, *, merged: bool) -> list[tuple[str, bool | None]]:
    """They run until one fails. The finding names that one and has its last words; what ran after it was to find out
    whether the base is broken."""
    passed = True if merged or (turn is not None and turn.outcome in ALL_PASSED) else None
    known: list[tuple[str, bool | None]] = [("", passed)] * len(texts)
    for finding in turn.findings if turn is not None else ():
        failed = _FAILED.match(finding)
        words = _last_line(clean(without_ansi(finding), lines=True))
        at = next((at for at, text in enumerate(texts) if _last_line(text) == words), None) if failed else None
        if failed is not None and at is not None:
            return [("", True)] * at + [(failed[1].removeprefix("gate "), False)] + known[at + 1 :]
    return known


def _last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2][:LINE_CHARACTERS]


def _end(paths: Sequence[Path]) -> tuple[str, int]:
    """The last lines of what was printed, and how much is before them."""
    parts: list[str] = []
    left_out = 0
    for path in sorted(paths, key=lambda path: (STDOUT_FILE, STDERR_FILE).index(path.name)):
        start = max(0, size_of(path) - BYTES_MOST)
        data = read_bytes(path, start, BYTES_MOST)
        lines = data.removesuffix(b"\n").split(b"\n")
        kept = lines[-LINES_MOST:]
        left_out += start + sum(len(line) + 1 for line in lines[: len(lines) - len(kept)])
        parts += map(_line, kept)
    return "\n".join(parts), left_out


def _line(data: bytes) -> str:
    """A line as a terminal would have left it; of a progress bar, the last state."""
    line = clean(without_ansi(data.decode(errors="replace")), lines=True)
    return line if len(line) <= LINE_CHARACTERS else f"{line[:LINE_CHARACTERS]}…"
