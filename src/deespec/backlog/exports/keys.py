"""The front matter of an exported item: which keys it has, how each is written, and what each takes when it comes back.

What people give an item is read by the rules of fields.py; what the program keeps of it, by the rules here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deespec.clock import iso, ms_of
from deespec.model.asking import Draft, DraftStatus, Severity
from deespec.model.fields import FIELDS, MAX_NEEDS, MAX_SPEC_BYTES, Wrong, read_id
from deespec.model.front_matter import Plain
from deespec.model.items import Epic, Kind, Pbi, Sbi
from deespec.model.lifecycle import GroupStatus, Status
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import StrEnum

COUNT_MOST = 2**31 - 1
WORD_CHARACTERS_MOST = 1_000
FRONT_CHARACTERS_MOST = 4 * MAX_SPEC_BYTES
"""More than all that an item may have beside its text."""
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999."""
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
_UID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"
_HASH = r"[0-9a-f]{64}"
_DRAFT = r"((?:SBI|PBI)-[1-9][0-9]{0,17})/([1-9][0-9]{0,8})"


@record
class Key:
    """One key of a file."""

    name: str
    """Of the record's field."""
    read: Callable[[Any], Any]
    """Raises Wrong."""
    write: Callable[[Any], Any] = lambda value: value
    front: str = ""
    """What it is called in the file, where that is not the name."""

    @property
    def called(self) -> str:
        return self.front or self.name


# --- what values may be -----------------------------------------------------------------------------------------------


def text(raw: Any, *, most: int = MAX_SPEC_BYTES) -> str:
    """Any text that the database can hold."""
    if not isinstance(raw, str):
        raise Wrong("must be text")
    if "\0" in raw:
        raise Wrong("holds a NUL character")
    try:
        size = len(str(raw).encode())
    except UnicodeEncodeError as error:
        raise Wrong("is not valid UTF-8") from error
    if size > most:
        raise Wrong(f"has {size:,} bytes; the limit is {most:,}")
    return str(raw)


def word(raw: Any) -> str:
    """A short text on one line: a name, an actor, a path."""
    found = text(raw, most=4 * WORD_CHARACTERS_MOST)
    if len(found) > WORD_CHARACTERS_MOST or "\n" in found:
        raise Wrong(f"must be one line of at most {WORD_CHARACTERS_MOST:,} characters")
    return found


def time_ms(raw: Any) -> int:
    if not isinstance(raw, str) or re.fullmatch(_TIME, raw) is None:
        raise Wrong("must be a time as 2026-11-23T09:30:00.000Z")
    try:
        at = ms_of(raw)
    except ValueError as error:
        raise Wrong("is a time that there is not") from error
    if not 0 <= at <= LATEST_MS:
        raise Wrong("is a time before 1970")
    return at


def count(raw: Any) -> int:
    value = int(raw) if isinstance(raw, Plain) and re.fullmatch(r"[0-9]{1,10}", raw) else raw
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= COUNT_MOST:
        raise Wrong(f"must be a whole number from 0 to {COUNT_MOST:,}")
    return value


def number(raw: Any) -> int:
    value = count(raw)
    if value == 0:
        raise Wrong("must be a whole number from 1 on")
    return value


def uid(raw: Any) -> str:
    return _matching(raw, _UID, "must be a ULID of 26 characters")


def digest(raw: Any) -> str:
    return _matching(raw, _HASH, "must be a SHA-256")


def draft_id(raw: Any) -> str:
    return _matching(raw, _DRAFT, "must be the id of a draft, as PBI-7/2")


def item_id(raw: Any) -> str:
    found = read_id(raw, None)
    if "-" not in found:
        raise Wrong("must be an id, as SBI-12")
    return found


def _matching(raw: Any, pattern: str, otherwise: str) -> str:
    if not isinstance(raw, str) or re.fullmatch(pattern, raw) is None:
        raise Wrong(otherwise)
    return str(raw)


def one_of(kind: type[StrEnum]) -> Callable[[Any], StrEnum]:
    def read(raw: Any) -> StrEnum:
        try:
            return kind(raw)
        except ValueError as error:
            raise Wrong(f"must be one of {', '.join(kind)}") from error

    return read


def _draft_needs(raw: Any) -> tuple[str, ...]:
    if not isinstance(raw, tuple) or len(raw) > MAX_NEEDS:
        raise Wrong(f"must be a list of at most {MAX_NEEDS} ids")
    return tuple(str(one) if re.fullmatch(_DRAFT, one) else read_id(one, Kind.SBI) for one in raw)


# --- the tables -------------------------------------------------------------------------------------------------------


def _given(kind: Kind) -> tuple[Key, ...]:
    """What people give an item of this kind."""
    names = (name for name, field in FIELDS.items() if kind in field.kinds and name not in ("spec", "acceptance"))

    def key(name: str) -> Key:
        field = FIELDS[name]
        return Key(name=name, read=lambda raw: field.read(raw, kind), front=field.front or "")

    return tuple(key(name) for name in names)


def _time(name: str) -> Key:
    return Key(name=name, read=time_ms, write=iso)


_truth = FIELDS["only_implement"].read
_HELD = Key(name="held", read=lambda raw: _truth(raw, Kind.SBI))
_ORIGIN = (
    Key(name="owner", read=word),
    Key(name="key", read=word),
    Key(name="source", read=lambda raw: text(raw, most=4 * WORD_CHARACTERS_MOST)),
    Key(name="source_hash", read=digest),
    _time("registered_at"),
    _time("updated_at"),
)
_UID_KEY = Key(name="uid", read=uid)
_WORK = (
    Key(name="turn", read=count),
    Key(name="turns_before", read=count),
    Key(name="turns_reset", read=count),
    Key(name="attempts", read=count),
    Key(name="setbacks", read=count),
    Key(name="reviews", read=count),
    Key(name="reason", read=text),
    Key(name="question", read=text),
    Key(name="stopped_in", read=one_of(Status)),
    Key(name="resume", read=lambda raw: _truth(raw, Kind.SBI)),
    Key(name="hint", read=text),
    _time("started_at"),
    _time("finished_at"),
)
_STATUS = Key(name="status", read=one_of(Status))
_GROUP_STATUS = Key(name="status", read=one_of(GroupStatus))

SBI = (_UID_KEY, _STATUS, _HELD, *_given(Kind.SBI), *_ORIGIN, *_WORK)
PBI = (_UID_KEY, _GROUP_STATUS, _HELD, *_given(Kind.PBI), *_ORIGIN)
EPIC = (_UID_KEY, _GROUP_STATUS, _HELD, *_given(Kind.EPIC), *_ORIGIN)
DECOMPOSITION = (
    _STATUS,
    *(key for key in _given(Kind.SBI) if key.name in ("agent", "max_turns")),
    Key(name="owner", read=word),
    _time("registered_at"),
    _time("updated_at"),
    *_WORK,
)
"""Its title, text, priority, labels and hold are those of the PBI."""
DRAFT = (
    *(key for key in _given(Kind.SBI) if key.name == "title"),
    Key(name="status", read=one_of(DraftStatus)),
    *(key for key in _given(Kind.SBI) if key.name in ("labels", "paths", "only_implement", "estimate_hours")),
    Key(name="needs", read=_draft_needs),
    Key(name="file", read=word),
    Key(name="line", read=count),
    Key(name="severity", read=one_of(Severity)),
    Key(name="turn", read=count),
    Key(name="agent", read=word),
    Key(name="replaces", read=number),
    Key(name="edited", read=lambda raw: _truth(raw, Kind.SBI)),
    Key(name="hold", read=lambda raw: _truth(raw, Kind.SBI)),
    Key(name="reason", read=text),
    Key(name="registered", read=item_id),
    Key(name="decided_by", read=word),
    _time("decided_at"),
    _time("created_at"),
    _time("updated_at"),
)
BLANKS = {
    Sbi: Sbi(number=0, uid="", title="", spec=""),
    Pbi: Pbi(number=0, uid="", title="", spec=""),
    Epic: Epic(number=0, uid="", title="", spec=""),
    Draft: Draft(parent="", number=0, title="", spec=""),
}
"""What a key that is left out stands for."""
