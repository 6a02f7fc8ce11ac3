"""Text as people are shown it, on a terminal or a page: harmless, as wide as it looks, durations in words."""

from __future__ import annotations

SIGNS = {"✓": "OK", "→": "->", "…": "...", "—": "-", "·": "-", "▸": ">", "✗": "x", "█": "#", "░": ".",
         "├": "|", "│": "|", "└": "`"}  # fmt: skip
"""Our own, each with what stands for it where it cannot be shown."""


HOURS_TOLD_D = 10
"""Of more days, the hours do not matter."""


def clean(text: str, *, lines: bool = False) -> str:
    """Text from specs and agents without control characters, which could drive the reader's terminal."""
    if text.isprintable():
        return text
    if not lines:
        text = text.replace("\n", " ").replace("\t", "�")
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    for sign in _BIDI:
        text = text.replace(sign, "")
    for sign in _CONTROLS:
        text = text.replace(sign, "�")
    return text


_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_CONTROLS = "".join(map(chr, (*range(9), *range(11, 32), *range(127, 160))))
"""But newline and tab."""


def without_ansi(text: str) -> str:
    """What is left on a terminal of a program's output, line by line, as plain text: no colours, no titles, no links.

    Of a line that was written over (a progress bar, a spinner) its last state is left. Sequences that do not end reach
    no further than their line. The only control characters in the result are newline and tab.
    """
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    import re

    plain = re.sub(_SEQUENCES, "", text)
    return "\n".join(_as_left(line) for line in plain.split("\n"))


_SEQUENCES = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, moves
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\n\x07\x18\x1a\x1b\x9c]*(?:\x07|\x18|\x1a|\x9c|\x1b\\)?"  # OSC, DCS ...
    r"|\x1b[ -/]*[0-~]?"
)
"""No part of it can give back what another one has taken: the time it takes grows with the text only."""


def _as_left(line: str) -> str:
    """A line without control characters: what follows the last return, each backspace one step back."""
    if line.isprintable():
        return line
    *before, last = line.rstrip("\r").split("\r")
    line = last or next((state for state in reversed(before) if state), "")
    shown: list[str] = []
    column = 0
    for character in line:
        if character == "\b":
            column = max(0, column - 1)
        elif character == "\t" or not (ord(character) < 32 or 127 <= ord(character) < 160):
            shown[column : column + 1] = [character]
            column += 1
    return "".join(shown)


def ago(ms: int) -> str:
    """A duration as people say it."""
    seconds = max(0, ms) // 1000
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    if seconds < HOURS_TOLD_D * 86_400:
        return f"{seconds // 86_400} d {seconds % 86_400 // 3600} h"
    return f"{seconds // 86_400} d"


def width_of(text: str, ambiguous_width: int) -> int:
    """Columns that the text takes in a terminal."""
    if _plainly_narrow(text, ambiguous_width):
        return len(text)
    from wcwidth import wcswidth

    return max(0, wcswidth(text, ambiguous_width=ambiguous_width))


def cut(text: str, most: int, ambiguous_width: int) -> str:
    """The text in at most `most` columns, with an ellipsis where it was cut, never inside a character."""
    if width_of(text, ambiguous_width) <= most:
        return text
    if _plainly_narrow(text, ambiguous_width):
        return text[: most - 1] + "…"
    from wcwidth import iter_graphemes

    kept, used = [], 0
    for grapheme in iter_graphemes(text):
        wide = width_of(grapheme, ambiguous_width)
        if used + wide > most - 1:
            break
        kept.append(grapheme)
        used += wide
    return "".join(kept) + "…"


_NARROW = frozenset(map(chr, (*range(0x20, 0x7F), *range(0xA0, 0x250)))) | SIGNS.keys()
"""Latin letters and our own signs: one column each, unless the terminal shows ambiguous ones wide."""


def _plainly_narrow(text: str, ambiguous_width: int) -> bool:
    """Whether every character takes one column for certain: then `wcwidth` and its 35 ms are not needed."""
    return text.isascii() or (ambiguous_width == 1 and _NARROW.issuperset(text))
