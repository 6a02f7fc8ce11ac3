"""What a project of the Go program holds: its items from the database, or from files where there is none.

Columns and tables came with its versions, so each may be missing; every value may be NULL or of another type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from deespec.backlog.imports.legacy_files import named
from deespec.backlog.imports.legacy_values import made_uid, names, number, text, time_ms, truth, uid_of, whole, words
from deespec.errors import NotPossible
from deespec.model.items import Kind
from deespec.records import record, replace
from deespec.store.upkeep.foreign import read_tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from deespec.backlog.imports.legacy_files import Notes
    from deespec.store.upkeep.foreign import Row

_TIMES = ("created_at", "updated_at")
TABLES: dict[str, tuple[str, ...]] = {
    "schema_migrations": ("version", "applied_at"),
    "epics": (
        "id", "title", "description", "status", "priority", "labels", "estimated_story_points", "assigned_agent",
        *_TIMES,
    ),
    "pbis": (
        "id", "title", "description", "status", "priority", "labels", "story_points", "parent_epic_id",
        "assigned_agent", "acceptance_criteria", *_TIMES,
    ),
    "sbis": (
        "id", "title", "description", "status", "priority", "labels", "parent_pbi_id", "assigned_agent", "file_paths",
        "estimated_hours", "sequence", "registered_at", "max_turns", "last_error", "started_at", "completed_at",
        "only_implement", *_TIMES,
    ),
    "epic_pbis": ("epic_id", "pbi_id"),
    "sbi_dependencies": ("sbi_id", "depends_on_sbi_id"),
    "sbi_exec_logs": ("sbi_id", "turn", "step", "decision", "report_path", "executed_at"),
    "labels": ("id", "name", "description", "template_paths", "parent_label_id", "color", "priority", "is_active"),
}  # fmt: skip
NEEDED = ("sbis", "pbis")
"""Without either of them it is no project of that program."""


@record
class Found:
    """An item as it is there. Times are ms since 1970 UTC."""

    kind: Kind
    id: str
    """As the project has it; may be there twice."""
    uid: str
    """The same each time this project is read."""
    title: str = ""
    text: str = ""
    status: str = ""
    """As written there."""
    priority: int | None = None
    parent: str | None = None
    labels: tuple[str, ...] = ()
    agent: str = ""
    points: int | None = None
    hours: float | None = None
    paths: tuple[str, ...] = ()
    only_implement: bool = False
    max_turns: int | None = None
    error: str = ""
    criteria: tuple[str, ...] = ()
    sequence: int = 0
    registered_at: int | None = None
    updated_at: int | None = None
    started_at: int | None = None
    completed_at: int | None = None


@record
class Logged:
    """One report that an agent handed in, as the database lists it."""

    sbi: str
    turn: int
    step: str
    decision: str
    at: int | None


@record
class Label:
    name: str
    description: str = ""
    files: tuple[str, ...] = ()
    priority: int = 0
    parent: str | None = None
    color: str = ""
    active: bool = True


@record
class Project:
    """All of it but the files beside the database."""

    mark: str
    """Names this project among others, wherever its folder is."""
    schema: int | None = None
    """None: it has no database."""
    items: tuple[Found, ...] = ()
    """EPICs, PBIs, SBIs, each in the order of their registration."""
    needs: tuple[tuple[str, str], ...] = ()
    logs: tuple[Logged, ...] = ()
    labels: tuple[Label, ...] = ()


def read_database(copy: Path, *, called: str, notes: Notes) -> Project:
    """The project in a private copy of its database. Raises NotPossible if that is another program's, or empty."""
    found = read_tables(str(copy), TABLES, called=called)
    rows = found.rows
    if not any(name in rows for name in NEEDED):
        _refuse_other(called, (*found.others, *rows))
    if found.odd:
        notes.add(f"the database holds text that is not valid in {', '.join(found.odd)}; it was made readable with �")
    missing = [name for name in TABLES if name not in rows]
    if missing:
        notes.add(f"the database has no table {', '.join(missing)}: it is of an earlier version, or was changed")
    above = {text(row["pbi_id"]): text(row["epic_id"]) for row in rows.get("epic_pbis", [])}
    items = [_item(Kind.EPIC, row) for row in rows.get("epics", [])]
    items += [_pbi(row, above) for row in rows.get("pbis", [])]
    items += [_sbi(row) for row in rows.get("sbis", [])]
    applied = rows.get("schema_migrations", [])
    kept = unique(in_order(items), notes=notes)
    first = min((one.uid for one in kept), default="")
    return Project(
        mark=made_uid(f"{min((text(row['applied_at']) for row in applied), default='')} {first}"),
        schema=max((whole(row["version"]) or 0 for row in applied), default=0),
        items=kept,
        needs=tuple((text(row["sbi_id"]), text(row["depends_on_sbi_id"])) for row in rows.get("sbi_dependencies", [])),
        logs=tuple(_logged(row) for row in rows.get("sbi_exec_logs", [])),
        labels=tuple(_labels(rows.get("labels", []))),
    )


def _refuse_other(called: str, tables: Sequence[str]) -> NoReturn:
    if not tables:
        raise NotPossible(
            f"{called} is empty: it holds no project.",
            hint="Put a copy of it back. To bring over what the other files hold, move it away first.",
        )
    raise NotPossible(
        f"{called} is no database of the Go deespec: its tables are {named([*tables])}.",
        hint="Name the folder of a project of the Go deespec.",
    )


def in_order(items: Iterable[Found]) -> list[Found]:
    """By kind, then as they were registered: `sequence` repeats, so it only decides where the time does not."""
    kinds = list(Kind)
    return sorted(
        items,
        key=lambda one: (
            kinds.index(one.kind),
            -1 if one.registered_at is None else one.registered_at,
            one.sequence,
        ),
    )


def unique(items: Sequence[Found], *, notes: Notes) -> tuple[Found, ...]:
    """The same with a uid each: of two with one id, the later gets another."""
    seen: dict[str, int] = {}
    kept = []
    for one in items:
        times = seen[one.uid] = seen.get(one.uid, 0) + 1
        if times > 1:
            notes.add(f"the id {one.id} is there {times} times; {one.kind} {one.title!r} got another uid")
            one = replace(one, uid=made_uid(f"{one.kind} {one.uid} {times}"))  # noqa: PLW2901
        kept.append(one)
    return tuple(kept)


# --- rows -----------------------------------------------------------------------------------------------------------


def _item(kind: Kind, row: Row) -> Found:
    created = time_ms(row["created_at"])
    old = text(row["id"]).strip()
    return Found(
        kind=kind,
        id=old,
        uid=uid_of(kind, old, salt=f"{text(row['created_at'])}"),
        title=text(row["title"]),
        text=text(row["description"]),
        status=text(row["status"]).strip(),
        priority=whole(row["priority"]),
        labels=names(row["labels"]),
        agent=text(row["assigned_agent"]).strip(),
        points=whole(row.get("estimated_story_points")),
        registered_at=created,
        updated_at=time_ms(row["updated_at"]),
    )


def _pbi(row: Row, above: dict[str, str]) -> Found:
    found = _item(Kind.PBI, row)
    return replace(
        found,
        points=whole(row["story_points"]),
        parent=text(row["parent_epic_id"]) or above.get(found.id) or None,
        criteria=words(row["acceptance_criteria"]),
    )


def _sbi(row: Row) -> Found:
    found = _item(Kind.SBI, row)
    registered = time_ms(row["registered_at"])
    return replace(
        found,
        parent=text(row["parent_pbi_id"]) or None,
        hours=number(row["estimated_hours"]),
        paths=words(row["file_paths"]),
        only_implement=truth(row["only_implement"]),
        max_turns=whole(row["max_turns"]),
        error=text(row["last_error"]),
        sequence=whole(row["sequence"]) or 0,
        registered_at=found.registered_at if registered is None else registered,
        started_at=time_ms(row["started_at"]),
        completed_at=time_ms(row["completed_at"]),
    )


def _logged(row: Row) -> Logged:
    return Logged(
        sbi=text(row["sbi_id"]),
        turn=whole(row["turn"]) or 0,
        step=text(row["step"]).strip().lower(),
        decision=text(row["decision"]).strip().upper(),
        at=time_ms(row["executed_at"]),
    )


def _labels(rows: Sequence[Row]) -> Iterable[Label]:
    called = {text(row["id"]): text(row["name"]) for row in rows}
    for row in rows:
        active = row["is_active"]
        yield Label(
            name=text(row["name"]).strip(),
            description=text(row["description"]).strip(),
            files=words(row["template_paths"]),
            priority=whole(row["priority"]) or 0,
            parent=called.get(text(row["parent_label_id"])) if row["parent_label_id"] is not None else None,
            color=text(row["color"]).strip(),
            active=active is None or truth(active),
        )
