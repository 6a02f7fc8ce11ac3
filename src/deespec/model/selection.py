"""What may run side by side: whether globs can name a common path, and whether a path lies within globs.

Theory. A glob is a row of segments, a segment a row of signs; in both rows one of them stands for any number of others:
`**` for segments, `*` for characters. Whether two such rows can name the same thing is one question, asked at both
levels by `_meet`. If both rows have a star, only what stands before the first and after the last star can contradict:
a common name is the longer head, then the middle parts of both one after the other, then the longer tail. If only one
has a star, this is ordinary matching, where the earliest fit is always right. So no answer costs more than the product
of the two lengths, and a concrete path is just a row without a star.

This is exact as long as every part can stand for something by itself, and every row for nothing but names, which `.`
and `..` are not: `_names` sees to both when a segment is compiled. A yes too many is left to one case: a wildcard whose
only fit is a combining mark, or a letter next to one, that NFC would have written as one character with its neighbour.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

CACHED_GLOBS = 4_096
CACHED_LISTS = 256
FEW = 8
"""So many globs are looked through faster than looked up."""

STAR = None
"""`**` in a row of segments, `*` in a row of signs."""


@record
class Row:
    """Segments or signs in order."""

    parts: Sequence[Any]
    first: int = -1
    """Where the first star is; -1: there is none."""
    after: int = 0
    """How many parts follow the last star."""


@record
class Class:
    """A sign like `[a-z_]` or `[!a-z]`: the characters that may stand here. `?` is one too."""

    bounds: str
    """Where its characters begin, where they end, where the next ones begin …: in order, each end one too far."""


@record
class Segment:
    """What stands between two slashes."""

    text: str
    rows: tuple[Row, ...] = ()
    """It means what any of them means. None: no wildcards, it means its text."""


@record
class Glob:
    row: Row
    prefix: str
    """What all its paths begin with."""
    suffix: str
    """What all its paths end with."""


@record
class Index:
    """Globs by prefix: of two that meet, one's prefix begins with the other's, so most pairs are never looked at."""

    globs: tuple[Glob, ...]
    prefixes: tuple[str, ...]
    """Theirs, in order."""
    lengths: tuple[int, ...]

    def near(self, prefix: str) -> Iterator[Glob]:
        """Those whose prefix goes on from this one or begins it."""
        for at in range(bisect_left(self.prefixes, prefix), len(self.prefixes)):
            if not self.prefixes[at].startswith(prefix):
                break
            yield self.globs[at]
        for length in self.lengths:
            if length < len(prefix):
                low = bisect_left(self.prefixes, prefix[:length])
                yield from self.globs[low : bisect_right(self.prefixes, prefix[:length])]


ANY = Class(bounds="\x01/0")
DOT = {".", "/"}
"""The bounds of the class of the dot alone."""
LAST_CHARACTER = 0x10FFFF
IN_NO_NAME = ((0, 1), (ord("/"), ord("/") + 1))
_SIGN = r"(?s)\*+|\?|\[(?P<not>[!^]?+)(?P<set>\][^\]]*|[^\]]+)\]|."
_RANGE = r"(?s)(.)-(.)|(.)"
_EXTENSION = r"\.[^*?\[\]]+\Z"


def paths_overlap(a: Sequence[str], b: Sequence[str]) -> bool:
    """Can a glob of `a` name a path that one of `b` names as well? Yes if and only if there is one."""
    sought = _by_prefix(tuple(b))
    few = len(sought.globs) <= FEW
    for glob in map(_glob, a):
        for other in sought.globs if few else sought.near(glob.prefix):
            if not (glob.prefix.startswith(other.prefix) or other.prefix.startswith(glob.prefix)):
                continue
            if not (glob.suffix.endswith(other.suffix) or other.suffix.endswith(glob.suffix)):
                continue
            if _meet(glob.row, other.row, _segments_meet):
                return True
    return False


def paths_conflict(own: Sequence[str], others: Sequence[str], touched: Sequence[str], *, exclusive: bool) -> bool:
    """Whether an item with these paths may not begin beside one in work: by what that declares, or has really changed.

    Items without paths are worked on alone where `exclusive`, else they hold but what they have touched.
    """
    if exclusive and not (own and others):
        return True
    return bool(own) and ((bool(others) and paths_overlap(own, others)) or paths_overlap(own, touched))


def inside(path: str, globs: Iterable[str]) -> bool:
    """Does this file lie within the globs? Compared in NFC; upper and lower case are different."""
    row = Row(parts=tuple(Segment(text=part) for part in _split(path)))
    return any(_meet(_glob(glob).row, row, _segments_meet) for glob in globs)


def names_everything(glob: str) -> bool:
    """Does it bar all others, like `**`?"""
    return _glob(glob).row.parts == (STAR,)


# --- meeting --------------------------------------------------------------------------------------------------------


def _meet(a: Row, b: Row, meets: Callable[[Any, Any], bool]) -> bool:
    if a.first < 0 and b.first < 0:
        return len(a.parts) == len(b.parts) and all(map(meets, a.parts, b.parts))
    if b.first < 0:
        return _fits(a.parts, b.parts, meets)
    if a.first < 0:
        return _fits(b.parts, a.parts, meets)
    head, tail = min(a.first, b.first), min(a.after, b.after)
    if not all(map(meets, a.parts[:head], b.parts[:head])):
        return False
    return not tail or all(map(meets, a.parts[-tail:], b.parts[-tail:]))


def _fits(pattern: Sequence[Any], row: Sequence[Any], meets: Callable[[Any, Any], bool]) -> bool:
    """Ordinary matching of a pattern with stars; after a miss the last star takes one part more."""
    at = here = 0
    star, taken = -1, 0
    while here < len(row):
        if at < len(pattern) and pattern[at] is STAR:
            star, taken = at, here
            at += 1
        elif at < len(pattern) and meets(pattern[at], row[here]):
            at += 1
            here += 1
        elif star >= 0:
            taken += 1
            at, here = star + 1, taken
        else:
            return False
    return all(part is STAR for part in pattern[at:])


def _segments_meet(a: Segment, b: Segment) -> bool:
    if a.text == b.text:
        return True
    if not (a.rows or b.rows):
        return False
    for mine in a.rows or (Row(parts=a.text),):
        for yours in b.rows or (Row(parts=b.text),):
            if _meet(mine, yours, _signs_meet):
                return True
    return False


def _signs_meet(a: str | Class, b: str | Class) -> bool:
    if isinstance(a, str):
        return a == b if isinstance(b, str) else _holds(b, a)
    if isinstance(b, str):
        return _holds(a, b)
    # What two classes share begins where one of them begins.
    return any(_holds(a, low) for low in b.bounds[::2]) or any(_holds(b, low) for low in a.bounds[::2])


def _holds(sign: Class, character: str) -> bool:
    return bool(bisect_right(sign.bounds, character) % 2)


# --- compiling ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=CACHED_LISTS)
def _by_prefix(globs: tuple[str, ...]) -> Index:
    ordered = tuple(sorted(map(_glob, globs), key=lambda glob: glob.prefix))
    prefixes = tuple(glob.prefix for glob in ordered)
    return Index(globs=ordered, prefixes=prefixes, lengths=tuple({len(prefix) for prefix in prefixes}))


@lru_cache(maxsize=CACHED_GLOBS)
def _glob(text: str) -> Glob:
    parts: list[Segment | None] = []
    for part in _split(text):
        if part != "**":
            parts.append(_segment(part))
        elif not parts or parts[-1] is not STAR:
            parts.append(STAR)
    if not parts or _may_be_folder(parts[-1]):
        parts.append(STAR)
    return Glob(row=_row(parts), prefix=_prefix(parts), suffix=_suffix(parts[-1]))


def _prefix(parts: Sequence[Segment | None]) -> str:
    """`src/auth` for `src/auth/**`, `src/a` for `src/a*.py`."""
    known: list[str] = []
    for part in parts:
        if part is STAR:
            break
        if part.rows:
            known.append(re.split(r"[*?\[]", part.text, maxsplit=1)[0])
            break
        known.append(part.text)
    return "/".join(known)


def _suffix(last: Segment | None) -> str:
    found = re.search(_EXTENSION, last.text) if last else None
    return found[0] if found else ""


def _may_be_folder(last: Segment | None) -> bool:
    """What names a folder stands for everything below it. Only `*.py` and its like are taken to name files alone."""
    return last is not None and not (last.rows and re.search(_EXTENSION, last.text))


def _segment(text: str) -> Segment:
    signs: list[str | Class | None] = []
    itself: tuple[Row, ...] = ()
    for match in re.finditer(_SIGN, text):
        sign = match[0]
        if sign.startswith("*"):
            signs.append(STAR)
        elif sign == "?":
            signs.append(ANY)
        elif match["set"]:
            signs.append(_class(match["set"], negated=bool(match["not"])))
            # Folders may be called `[id]` (web frameworks do that), so such a segment stands for itself, too.
            itself = (Row(parts=text),)
        else:
            signs.append(sign)
    if all(isinstance(sign, str) for sign in signs):
        return Segment(text=text)
    return Segment(text=text, rows=(*_names(signs), *itself))


def _names(signs: list[str | Class | None]) -> Iterator[Row]:
    """The signs without what is no name: where they could be `.` or `..`, one of them is not a dot."""
    if any(isinstance(sign, Class) and not sign.bounds for sign in signs):
        return
    if len(signs) > len("..") or not all(sign and _signs_meet(sign, ".") for sign in signs):
        yield _row(signs)
        return
    for at, sign in enumerate(signs):
        if isinstance(sign, Class) and (bounds := DOT ^ {*sign.bounds}):
            yield _row([*signs[:at], Class(bounds="".join(sorted(bounds))), *signs[at + 1 :]])


@lru_cache(maxsize=CACHED_GLOBS)
def _class(text: str, *, negated: bool) -> Class:
    """Of what stands between the brackets; a range whose end comes before its beginning holds nothing."""
    ranges = [(ord(low or single), ord(high or single) + 1) for low, high, single in re.findall(_RANGE, text)]
    held = _rest([*(ranges if negated else _rest(ranges)), *IN_NO_NAME])
    return Class(bounds="".join(chr(bound) for pair in held for bound in pair if bound <= LAST_CHARACTER))


def _rest(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """All characters that are in none of these; each range begins with its first number and ends before the second."""
    found = []
    free = 0
    for low, end in sorted(pair for pair in ranges if pair[0] < pair[1]):
        if free < low:
            found.append((free, low))
        free = max(free, end)
    return [*found, (free, LAST_CHARACTER + 1)] if free <= LAST_CHARACTER else found


def _row(parts: Sequence[Any]) -> Row:
    stars = [at for at, part in enumerate(parts) if part is STAR]
    if not stars:
        return Row(parts=tuple(parts))
    return Row(parts=tuple(parts), first=stars[0], after=len(parts) - 1 - stars[-1])


def _split(path: str) -> list[str]:
    return [part for part in unicodedata.normalize("NFC", path).split("/") if part not in ("", ".")]
