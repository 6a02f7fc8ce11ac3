"""Records to rows and back, derived from the records themselves, and the named .sql files: a field is declared once."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, TypeVar

from deespec.model.asking import Draft, DraftStatus, Question, Remark
from deespec.model.ids import DECOMPOSITIONS_FROM
from deespec.model.items import (
    AgentPause,
    Epic,
    JournalEntry,
    Line,
    Pbi,
    Priority,
    Sbi,
    Turn,
    Worker,
)
from deespec.model.lifecycle import ENDED, IN_WORK, GroupStatus, Status, Step
from deespec.model.locks import Lock
from deespec.model.money import Spend
from deespec.model.probes import AgentCheck
from deespec.model.work import Integration, Merge, Notice, Work
from deespec.records import as_dict, fields

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
Value = str | int | float | None

TABLES: dict[type[Any], str] = {
    Sbi: "sbi",
    Line: "sbi",
    Pbi: "pbi",
    Epic: "epic",
    Turn: "turn",
    Worker: "worker",
    Lock: "lock",
    AgentPause: "agent_pause",
    AgentCheck: "agent_check",
    JournalEntry: "journal",
    Work: "work",
    Integration: "integration",
    Merge: "merge",
    Notice: "notice",
    Spend: "spend",
    Question: "question",
    Draft: "draft",
}
ELSEWHERE = {"depends_on"}
"""Fields that have a table of their own."""


def remarks_from(text: str) -> tuple[Remark, ...]:
    return tuple(Remark(**one) for one in json.loads(text)) if text != "[]" else ()


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "tuple[str, ...]": lambda value: tuple(json.loads(value)) if value != "[]" else (),
    "tuple[Remark, ...]": remarks_from,
    "bool": bool,
    "DraftStatus": DraftStatus,
    "Status": Status,
    "Status | None": lambda value: None if value is None else Status(value),
    "GroupStatus": GroupStatus,
    "Priority": Priority,
    "Step": Step,
}
_FOLDER = os.path.join(os.path.dirname(__file__), "queries")


def columns(cls: type[Any]) -> str:
    """The column list of a record, as a select names it."""
    return ", ".join(fields(cls))


def decode(cls: type[T], row: Sequence[Any]) -> T:
    """The record of a row whose columns are `columns(cls)`."""
    values: dict[str, Any] = dict(zip(fields(cls), row, strict=True))
    for name, convert in _converters(cls):
        values[name] = convert(values[name])
    return cls(**values)


def encode(record: object) -> dict[str, Value]:
    """The column values of a record, derived columns included."""
    values = {name: _plain(getattr(record, name)) for name in fields(type(record)) if name not in ELSEWHERE}
    if isinstance(record, Sbi):
        values["stage"] = stage(record.status, resume=record.resume, decomposes=record.decomposes)
    return values


def stage(status: Status, *, resume: bool, decomposes: bool = False) -> str:
    """What the store's indexes go by; the same rule stands as a CHECK in the schema, and a test compares them."""
    if status is Status.PENDING:
        return "asked" if decomposes else "pending"
    if status in IN_WORK:
        return "working"
    if status in ENDED:
        return "ended"
    return "resumable" if resume else "stopped"


def insert_sql(cls: type[Any]) -> str:
    found = _INSERTS.get(cls)
    if found is None:
        names = _stored(cls)
        values = ", ".join(f":{name}" for name in names)
        found = _INSERTS[cls] = f"INSERT INTO {TABLES[cls]} ({', '.join(names)}) VALUES ({values})"
    return found


def update_sql(cls: type[Any]) -> str:
    found = _UPDATES.get(cls)
    if found is None:
        changes = ", ".join(f"{name} = :{name}" for name in _stored(cls) if name not in ("number", "uid"))
        found = _UPDATES[cls] = f"UPDATE {TABLES[cls]} SET {changes} WHERE number = :number"
    return found


def query(name: str) -> str:
    """The text of queries/NAME.sql.

    `{Record}` stands for that record's columns, `{scope}` for queries/_scope.sql, `{part}` for
    queries/_part.sql, `{with_needs}` for queries/_with_needs.sql, which is sbi with the needs of each, `{id:sbi}` for
    what people call the work whose number is in the column `sbi`, and `{number:item}` for the number of that which the
    column `item` names.
    """
    text = _LOADED.get(name)
    if text is None:
        with open(os.path.join(_FOLDER, name + ".sql"), encoding="utf-8") as file:
            text = file.read()
        for cls in TABLES:
            text = text.replace("{" + cls.__name__ + "}", columns(cls))
        for part in ("_scope", "_with_needs", "_part"):
            if (mark := f"{{{part[1:]}}}") in text:
                text = text.replace(mark, query(part))
        if "{id:" in text or "{number:" in text:
            text = _with_ids(text)
        text = text.replace("{decompositions}", f"({DECOMPOSITIONS_FROM})")
        _LOADED[name] = text
    return text


def _with_ids(text: str) -> str:
    """The same as model.ids.id_of and number_of, as SQL says it."""
    for mark, sql in _IDS.items():
        before, *after = text.split("{" + mark + ":")
        parts = (rest.partition("}") for rest in after)
        text = before + "".join(sql.replace("?", column) + rest for column, _, rest in parts)
    return text


_IDS = {
    "id": f"iif(? < 0, 'PBI-' || (? - {DECOMPOSITIONS_FROM}), 'SBI-' || ?)".replace("- -", "+ "),
    "number": f"(CAST(substr(?, 5) AS INTEGER) + iif(substr(?, 1, 1) = 'P', {DECOMPOSITIONS_FROM}, 0))",
}

_LOADED: dict[str, str] = {}
_INSERTS: dict[type[Any], str] = {}
_UPDATES: dict[type[Any], str] = {}
_CONVERTERS: dict[type[Any], tuple[tuple[str, Callable[[Any], Any]], ...]] = {}


def _converters(cls: type[Any]) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    found = _CONVERTERS.get(cls)
    if found is None:
        kinds = cls.__annotations__
        found = tuple((name, _DECODERS[kinds[name]]) for name in fields(cls) if kinds[name] in _DECODERS)
        _CONVERTERS[cls] = found
    return found


def _stored(cls: type[Any]) -> list[str]:
    return [name for name in fields(cls) if name not in ELSEWHERE] + (["stage"] if cls is Sbi else [])


def _plain(value: Any) -> Value:
    if isinstance(value, tuple):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=as_dict)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        return str(value)
    return value  # type: ignore[no-any-return]
