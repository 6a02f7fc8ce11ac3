"""Lines of `history.ndjson` become entries, turns, questions and costs again: each value by the type of its field."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from deespec.backlog.exports.history import TIMES
from deespec.backlog.exports.keys import LATEST_MS, time_ms
from deespec.errors import InvalidInput
from deespec.model.asking import Question, Remark
from deespec.model.fields import Wrong
from deespec.model.items import JournalEntry, Turn
from deespec.model.lifecycle import Step
from deespec.model.money import Spend
from deespec.records import fields, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LINE_BYTES_MOST = 64 << 20
WHOLE_MOST = 2**53
CALLS_MOST = 2**40
ITEM = r"(?:SBI|PBI|EPIC)-[1-9][0-9]{0,17}"
WHAT: dict[str, type[Any]] = {"journal": JournalEntry, "turn": Turn, "question": Question, "spend": Spend}


@record
class Past:
    """One line."""

    line: int
    one: Any
    """JournalEntry, Turn, Question or Spend; numbers of items and tokens are those of no database yet."""
    item: str | None
    call: int = 0
    """The how many-th claim it was."""


def read_history(lines: Iterable[bytes], *, file: str) -> Iterator[Past]:
    """Raises InvalidInput, naming file and line."""
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            yield _past(raw, number)
        except Wrong as wrong:
            raise InvalidInput(f"{file}:{number}: {wrong.what}.") from wrong


def _past(raw: bytes, line: int) -> Past:
    if len(raw) > LINE_BYTES_MOST:
        raise Wrong(f"this has {len(raw):,} bytes; the limit is {LINE_BYTES_MOST:,}")
    try:
        found = json.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise Wrong(f"this is no JSON: {error}") from error
    cls = WHAT.get(found.get("what", "")) if isinstance(found, dict) and isinstance(found.get("what"), str) else None
    if cls is None:
        raise Wrong(f'this is no object whose "what" is one of {", ".join(WHAT)}')
    item = found.pop("item", None)
    if item is not None and (not isinstance(item, str) or not re.fullmatch(ITEM, item)):
        raise Wrong("item must be an id, as SBI-12")
    if item is None and cls is not JournalEntry:
        raise Wrong("there is no item")
    call = _whole(found.pop("call", 0))
    found.pop("what")
    values = {name: _value(cls, name, value) for name, value in found.items()}
    own: dict[str, Any] = {"seq": 0, "item": item} if cls is JournalEntry else {"sbi": 0}
    if cls is Spend or cls is Turn:
        own["token"] = 0
        if not 0 < call < CALLS_MOST:
            raise Wrong("call must be a number from 1 on")
    try:
        one = cls(**{**own, **values})
    except TypeError as error:
        raise Wrong(f"something is missing: {error}") from error
    return Past(line=line, one=one, item=item, call=call)


def _value(cls: type[Any], name: str, value: Any) -> Any:
    if name not in fields(cls) or name in ("seq", "token", "sbi"):
        raise Wrong(f"there is no {name}")
    if name in TIMES:
        return time_ms(value)
    kind = cls.__annotations__[name].removesuffix(" | None")
    try:
        return _READERS[kind](value)
    except Wrong as wrong:
        raise Wrong(f"{name} {wrong.what}") from wrong


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("must be text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Wrong("is not valid UTF-8") from error
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= WHOLE_MOST:
        raise Wrong("must be a whole number")
    return value


def _amount(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LATEST_MS:
        raise Wrong("must be a number")
    return float(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong("must be true or false")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Wrong("must be a list")
    return tuple(_text(one) for one in value)


def _remarks(value: Any) -> tuple[Remark, ...]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Wrong("must be a list of objects")
    return tuple(_remark(one) for one in value)


def _remark(of: dict[str, Any]) -> Remark:
    if "text" not in of:
        raise Wrong("must have a text each")
    values: dict[str, Any] = {
        name: None if value is None and name in ("file", "line") else _value(Remark, name, value)
        for name, value in of.items()
    }
    return Remark(**values)


def _step(value: Any) -> Step:
    try:
        return Step(_text(value))
    except ValueError as error:
        raise Wrong(f"must be one of {', '.join(Step)}") from error


_READERS: dict[str, Callable[[Any], Any]] = {
    "str": _text,
    "int": _whole,
    "float": _amount,
    "bool": _truth,
    "tuple[str, ...]": _texts,
    "tuple[Remark, ...]": _remarks,
    "Step": _step,
}
