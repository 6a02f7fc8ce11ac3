"""The files of an export are read again: every value by the rules of keys.py, every complaint with file and line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deespec.backlog.exports.keys import (
    DECOMPOSITION,
    DRAFT,
    EPIC,
    FRONT_CHARACTERS_MOST,
    PBI,
    SBI,
    draft_id,
    item_id,
    time_ms,
)
from deespec.errors import InvalidInput
from deespec.model.asking import Draft, DraftStatus
from deespec.model.fields import MAX_SPEC_BYTES, Wrong
from deespec.model.front_matter import FENCE, split
from deespec.model.ids import number_in, number_of
from deespec.model.items import Epic, Kind, Pbi, Priority, Sbi
from deespec.model.lifecycle import ENDED, IN_WORK, Status
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deespec.backlog.exports.keys import Key
    from deespec.model.front_matter import Entry
    from deespec.store.items import Item

FILE_BYTES_MOST = MAX_SPEC_BYTES + 4 * FRONT_CHARACTERS_MOST
GROUP_ONLY = (Status.DECOMPOSING, Status.DECOMPOSED)
SBI_ONLY = (Status.IMPLEMENTING, Status.REVIEWING, Status.RESOLVING, Status.INTEGRATING, Status.DONE)


@record
class Filed:
    """One item as its file has it; needs and parent are the ids that it had there."""

    file: str
    item: Item
    archived_at: int | None = None


@record
class FiledDraft:
    file: str
    draft: Draft


@record
class _Read:
    """What stands in a file, and where."""

    file: str
    values: Mapping[str, Any]
    lines: Mapping[str, int]
    body: str

    def wrong(self, key: str, what: str) -> InvalidInput:
        return InvalidInput(f"{self.file}:{self.lines.get(key, 1)}: {key} {what}.")


def read_item(kind: Kind, content: bytes, *, file: str) -> Filed:
    """Raises InvalidInput."""
    cls, keys = {Kind.SBI: (Sbi, SBI), Kind.PBI: (Pbi, PBI), Kind.EPIC: (Epic, EPIC)}[kind]
    read = _read(content, keys, ("id", "archived_at"), file)
    own, archived_at = _id(read, kind), read.values.get("archived_at")
    values = {name: value for name, value in read.values.items() if name not in ("id", "archived_at")}
    for name in ("uid", "title"):
        if name not in values:
            raise InvalidInput(f"{file}:1: there is no {name}.")
    item = cls(number=number_of(own) if kind is Kind.SBI else _number(own), spec=read.body, **values)
    if isinstance(item, Sbi):
        item = replace(item, rank=Priority(item.priority).rank)
        _refuse_contradiction(read, item)
    return Filed(file=file, item=item, archived_at=archived_at)


def read_decomposition(content: bytes, pbis: Mapping[str, Pbi], *, file: str) -> Filed:
    """The decomposition of one of these PBIs, by id. Raises InvalidInput."""
    read = _read(content, DECOMPOSITION, ("id",), file)
    own = _id(read, Kind.PBI)
    pbi = pbis.get(own)
    if pbi is None:
        raise read.wrong("id", f"names {own}, which is not in this export")
    values = {name: value for name, value in read.values.items() if name != "id"}
    shared = {name: getattr(pbi, name) for name in ("uid", "title", "spec", "priority", "labels", "held")}
    item = Sbi(number=number_of(own), parent=own, rank=pbi.priority.rank, **shared, **values)
    _refuse_contradiction(read, item)
    return Filed(file=file, item=item)


def read_draft(content: bytes, *, file: str) -> FiledDraft:
    """Raises InvalidInput."""
    read = _read(content, DRAFT, ("draft",), file)
    if "draft" not in read.values:
        raise InvalidInput(f"{file}:1: there is no draft.", hint="It says which draft this is, as PBI-7/2.")
    parent, _, number = read.values["draft"].partition("/")
    values = {name: value for name, value in read.values.items() if name != "draft"}
    draft = Draft(parent=parent, number=int(number), **{"title": "", "spec": read.body, **values})
    decided = draft.status not in (DraftStatus.OPEN, DraftStatus.REPLACED)
    if decided != (draft.decided_at is not None):
        raise read.wrong("status", "and decided_at contradict each other")
    if (draft.status is DraftStatus.APPROVED) != (draft.registered is not None):
        raise read.wrong("status", "and registered contradict each other")
    return FiledDraft(file=file, draft=draft)


# --- one file ---------------------------------------------------------------------------------------------------------


def _read(content: bytes, keys: Sequence[Key], more: tuple[str, ...], file: str) -> _Read:
    text = _decoded(content, file)
    entries, body, first = split(text, file, most=FRONT_CHARACTERS_MOST)
    if not entries:
        raise InvalidInput(f"{file}:1: there is no front matter.", hint=f"A file of an export begins with {FENCE}")
    readers = {key.called: (key.name, key.read) for key in keys}
    readers |= {name: (name, _MORE[name]) for name in more}
    values, lines = {}, {}
    for entry in entries:
        if entry.key not in readers:
            raise InvalidInput(f"{file}:{entry.line}: there is no key {entry.key}.", hint=_hint(entry, readers))
        name, read = readers[entry.key]
        lines[entry.key] = entry.line
        if entry.value is not None:
            values[name] = _value(entry, read, file)
    if len(body.encode()) > MAX_SPEC_BYTES + 1:
        raise InvalidInput(f"{file}:{first}: the text has more than {MAX_SPEC_BYTES:,} bytes.")
    return _Read(file=file, values=values, lines=lines, body=body.removesuffix("\n"))


_MORE: dict[str, Any] = {"id": item_id, "archived_at": time_ms, "draft": draft_id}


def _value(entry: Entry, read: Any, file: str) -> Any:
    try:
        return read(entry.value)
    except Wrong as wrong:
        line = entry.lines[wrong.index] if wrong.index is not None and entry.lines else entry.line
        raise InvalidInput(f"{file}:{line}: {entry.key} {wrong.what}.", hint=wrong.hint) from wrong


def _hint(entry: Entry, known: Mapping[str, Any]) -> str | None:
    from deespec.suggest import closest

    near = closest(entry.key, known)
    return f"Did you mean {near}?" if near else None


def _decoded(content: bytes, file: str) -> str:
    if len(content) > FILE_BYTES_MOST:
        raise InvalidInput(f"{file} is larger than a file of an export can be.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{file}:{line}: this is not UTF-8 text.") from error
    if "\0" in text:
        raise InvalidInput(f"{file}:{text.count(chr(10), 0, text.index(chr(0))) + 1}: there is a NUL character.")
    # Whoever turned the ends of the first line into CRLF has done so everywhere.
    return text.replace("\r\n", "\n") if text.startswith(f"{FENCE}\r\n") else text


def _id(read: _Read, kind: Kind) -> str:
    own = read.values.get("id")
    if own is None:
        raise InvalidInput(f"{read.file}:1: there is no id.")
    if not isinstance(own, str) or not re.fullmatch(rf"{kind}-[1-9][0-9]*", own) or _number(own) >= 2**39:
        raise read.wrong("id", f"must be that of one {kind}, as {kind}-12")
    return own


def _number(own: str) -> int:
    return number_in(own)


def _refuse_contradiction(read: _Read, item: Sbi) -> None:
    """What the database would refuse without saying where it stands."""
    if item.status in (SBI_ONLY if item.decomposes else GROUP_ONLY):
        raise read.wrong("status", f"cannot be {item.status}")
    stopped = item.status in (Status.PARKED, Status.FAILED)
    if item.stopped_in not in (None, *IN_WORK):
        raise read.wrong("stopped_in", f"cannot be {item.stopped_in}")
    if item.stopped_in in (SBI_ONLY if item.decomposes else GROUP_ONLY):
        raise read.wrong("stopped_in", f"cannot be {item.stopped_in}")
    if (item.stopped_in is not None) != stopped and item.status is not Status.CANCELLED:
        raise read.wrong("status", "and stopped_in contradict each other")
    if item.resume and not stopped:
        raise read.wrong("resume", f"is for what is PARKED or FAILED, not {item.status}")
    if item.status in ENDED and item.finished_at is None:
        raise read.wrong("status", f"is {item.status}, and there is no finished_at")
    for name in ("turns_before", "turns_reset"):
        if getattr(item, name) > item.turn:
            raise read.wrong(name, f"is {getattr(item, name)}, and only {item.turn} turns have ended")
