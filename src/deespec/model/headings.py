"""The title that a Markdown text has in itself, and its section of acceptance criteria."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from deespec.model.fields import MAX_TITLE_CHARACTERS, is_control, trimmed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CRITERIA = "Acceptance criteria"

_CODE_FENCE = r" {0,3}(```|~~~)"
_CRITERIA = r"(?i)(acceptance criteria|definition of done|done when|受け?入れ(条件|基準)|完了条件)\W*"
_BULLET = r" {0,3}(?:[-*+]|[0-9]{1,3}[.)])\s+(?:\[[ xX]\]\s+)?"


# --- the title ------------------------------------------------------------------------------------------------------


def title_of(spec: str) -> str:
    """The first heading of a text, else its first line that is not empty, cut to a title's length."""
    found = next(_headings(spec), None)
    return _cut(_plain(found[2] if found else next((line for line in spec.split("\n") if line.strip()), "")))


def without_title(spec: str, title: str) -> str:
    """The text without the heading that it begins with, if that says just this title: it stands in one place only."""
    first = next((at for at, line in enumerate(spec.split("\n")) if line.strip()), None)
    found = next(_headings(spec), None)
    if found is None or found[0] != first or _plain(found[2]) != title:
        return spec
    return trimmed("\n".join(spec.split("\n")[found[0] + 1 :]))


def _headings(spec: str) -> Iterator[tuple[int, int, str]]:
    """(line, level, text) of the headings outside of code."""
    in_code = False
    for at, line in enumerate(spec.split("\n")):
        fence = re.match(_CODE_FENCE, line) is not None
        in_code ^= fence
        text = "" if in_code or fence else _heading(line)
        if text:
            yield at, len(line) - len(line.lstrip("#")), text


def _heading(line: str) -> str:
    """The text of `# Heading` or `# Heading #`; empty for other lines."""
    text = line.lstrip("#")
    if not (1 <= len(line) - len(text) <= 6 and text.startswith((" ", "\t"))):
        return ""
    text = text.strip()
    open_ended = text.rstrip("#")
    return open_ended.rstrip() if not open_ended or open_ended[-1] in " \t" else text


def _plain(line: str) -> str:
    shown = "".join(" " if is_control(character) else character for character in line)
    return unicodedata.normalize("NFC", " ".join(shown.split()))


def _cut(text: str) -> str:
    """At most as long as a title, not ending between a character and the marks that belong to it."""
    end = MAX_TITLE_CHARACTERS
    while 0 < end < len(text) and (_joins(text[end]) or text[end - 1] == "\u200d"):
        end -= 1
    return text[: end or MAX_TITLE_CHARACTERS].rstrip()


def _joins(character: str) -> bool:
    """Combining marks, variation selectors, the zero-width joiner and the skin tones of emoji."""
    return (
        unicodedata.category(character)[0] == "M" or character == "\u200d" or "\U0001f3fb" <= character <= "\U0001f3ff"
    )


# --- acceptance criteria --------------------------------------------------------------------------------------------


def criteria_of(spec: str) -> tuple[str, ...]:
    """The points of the text's section of acceptance criteria, each as one line or several."""
    section = _section(spec)
    if section is None:
        return ()
    found: list[list[str]] = []
    for line in spec.split("\n")[section[0] : section[1]]:
        bullet = re.match(_BULLET, line)
        if bullet:
            found.append([line[bullet.end() :].rstrip()])
        elif line.strip() and found:
            found[-1].append(line.strip())
    return tuple("\n".join(lines) for lines in found)


def with_criteria(spec: str, criteria: Sequence[str]) -> str:
    """The text with these points at the end of its section of acceptance criteria; what is there is not repeated."""
    known = criteria_of(spec)
    new = ["- " + one.replace("\n", "\n  ") for one in dict.fromkeys(criteria) if one not in known]
    if not new:
        return spec
    section = _section(spec)
    if section is None:
        above = [spec.rstrip(), ""] if spec.strip() else []
        return "\n".join([*above, f"## {CRITERIA}", "", *new])
    lines = spec.split("\n")
    begin, end = section
    while end > begin and not lines[end - 1].strip():
        end -= 1
    gap = [""] if end == begin else []
    return "\n".join([*lines[:end], *gap, *new, *lines[end:]])


def _section(spec: str) -> tuple[int, int] | None:
    """The lines below the heading of the acceptance criteria, up to the next one that is not below it."""
    headings = list(_headings(spec))
    for at, (line, level, text) in enumerate(headings):
        if re.fullmatch(_CRITERIA, text):
            ends = (other for other, lower, _ in headings[at + 1 :] if lower <= level)
            return line + 1, next(ends, len(spec.split("\n")))
    return None
