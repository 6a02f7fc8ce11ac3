"""JSONL of beads (`.beads/issues.jsonl`): an issue a line, with its dependencies and comments.

Facts (github.com/steveyegge/beads: internal/types/types.go): id, title, description, design, acceptance_criteria,
notes, status (open, in_progress, blocked, closed, tombstone, and custom ones), priority 0 to 4 (0 the most urgent),
issue_type (bug, feature, task, epic, chore), assignee, estimated_minutes, created_at, updated_at, closed_at,
close_reason, external_ref, labels, dependencies [{issue_id, depends_on_id, type}], comments [{author, text}]. Types of
dependencies: blocks, related, parent-child (the issue is the child), discovered-from; newer versions have more.

An epic becomes an EPIC; an issue with children becomes a PBI, whatever its type; all others become SBIs. What is
deeper than that comes below the nearest PBI or EPIC above it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deespec.backlog.imports.foreign import (
    Foreign,
    ForeignPlan,
    State,
    decoded,
    hours_of,
    made,
    plan_of,
    read_bytes,
    rest_of,
)
from deespec.backlog.imports.legacy_files import Notes
from deespec.errors import InvalidInput
from deespec.model.items import Kind, Priority
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TOOL = "beads"
FILES = (".beads/issues.jsonl", ".beads/beads.jsonl", "issues.jsonl", "beads.jsonl")
STATES = {"closed": State.DONE}
DELETED = "tombstone"
PRIORITIES = (Priority.URGENT, Priority.HIGH, Priority.NORMAL, Priority.LOW, Priority.LOW)
TYPES_AS_LABELS = ("bug", "feature", "chore")
ID_CHARACTERS_MOST = 200
DEPTH_MOST = 100
TEXTS = (
    ("", "description"),
    ("Design", "design"),
    ("Acceptance criteria", "acceptance_criteria"),
    ("Notes", "notes"),
)
USED = (
    *("id", "title", "description", "design", "acceptance_criteria", "notes", "status", "priority", "issue_type"),
    *("labels", "dependencies", "estimated_minutes", "comments"),
)
UNIMPORTANT = ("created_at", "updated_at", "compaction_level", "content_hash", "dependency_count", "dependent_count")
"""What says nothing about the work. It is left out, and the report says so once."""


@record
class Issue:
    id: str
    line: int
    values: Mapping[str, Any]
    ties: tuple[tuple[str, str], ...]
    """Type and the other issue."""

    @property
    def parent(self) -> str | None:
        return next((other for kind, other in self.ties if kind == "parent-child"), None)

    @property
    def is_epic(self) -> bool:
        return self.values.get("issue_type") == "epic"


def read_beads(path: Path) -> ForeignPlan:
    """Raises InvalidInput, naming file and line."""
    file = path
    if path.is_dir():
        file = next((path / name for name in FILES if (path / name).is_file()), path / FILES[0])
    notes = Notes()
    issues: dict[str, Issue] = {}
    for number, line in enumerate(decoded(read_bytes(file), file).split("\n"), 1):
        if not line.strip():
            continue
        issue = _issue(line, number, f"{file}:{number}", notes)
        if issue is None:
            continue
        if issue.id in issues:
            raise InvalidInput(f"{file}:{number}: {issue.id} is there already, in line {issues[issue.id].line}.")
        issues[issue.id] = issue
    kinds, parents = _placed(issues, notes)
    order = (Kind.EPIC, Kind.PBI, Kind.SBI)
    return plan_of(
        TOOL,
        [
            _made(issue, kind, parents[issue.id], issues, notes)
            for kind in order
            for issue in issues.values()
            if kinds[issue.id] is kind
        ],
        notes,
    )


# --- lines ------------------------------------------------------------------------------------------------------------


def _issue(line: str, number: int, place: str, notes: Notes) -> Issue | None:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{place}: this is no JSON: {error}.") from error
    own = values.get("id") if isinstance(values, dict) else None
    if not isinstance(own, str) or not own.strip() or len(own) > ID_CHARACTERS_MOST:
        raise InvalidInput(
            f"{place}: this is no issue with an id.", hint="Each line is one issue, as bd export writes."
        )
    if values.get("status") == DELETED or values.get("deleted_at"):
        notes.add(f"{own} was deleted there and was left out")
        return None
    ties = []
    for one in _objects(values.get("dependencies"), place, "dependencies"):
        kind, other = one.get("type", "blocks"), one.get("depends_on_id")
        if not isinstance(other, str) or not isinstance(kind, str):
            raise InvalidInput(f"{place}: a dependency of {own} does not say on what.")
        if one.get("issue_id", own) == own and other != own:
            ties.append((kind, other))
    return Issue(id=own, line=number, values=values, ties=tuple(ties))


def _objects(value: object, place: str, name: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise InvalidInput(f"{place}: {name} is no list of objects.")
    return value


# --- what each becomes ------------------------------------------------------------------------------------------------


def _placed(issues: Mapping[str, Issue], notes: Notes) -> tuple[dict[str, Kind], dict[str, str | None]]:
    """The kind of each, and the issue that it is put below."""
    with_children = {issue.parent for issue in issues.values() if issue.parent in issues}
    kinds: dict[str, Kind] = {}
    for issue in issues.values():
        group = issue.id in with_children
        kinds[issue.id] = Kind.EPIC if issue.is_epic else Kind.PBI if group else Kind.SBI
    for issue in issues.values():  # an epic below another has to be a PBI
        if kinds[issue.id] is Kind.EPIC and issue.parent in issues:
            kinds[issue.id] = Kind.PBI
            notes.add(f"{issue.id} is an epic below another one; here it is a PBI")
    parents = {issue.id: _above(issue, kinds, issues, notes) for issue in issues.values()}
    return kinds, parents


def _above(issue: Issue, kinds: Mapping[str, Kind], issues: Mapping[str, Issue], notes: Notes) -> str | None:
    """The nearest issue above it that may be so here."""
    allowed = {Kind.SBI: (Kind.PBI, Kind.EPIC), Kind.PBI: (Kind.EPIC,), Kind.EPIC: ()}[kinds[issue.id]]
    above = issue.parent
    for _ in range(DEPTH_MOST):
        if above is None or above not in issues:
            break
        if kinds[above] in allowed:
            if above != issue.parent:
                notes.add(f"{issue.id} is below {issue.parent} there; here it is below {above}")
            return above
        above = issues[above].parent
    if issue.parent is not None:
        why = "which is not in the file" if issue.parent not in issues else "which cannot be above it here"
        notes.add(f"{issue.id} is below {issue.parent}, {why}; it has no parent")
    return None


def _made(issue: Issue, kind: Kind, parent: str | None, issues: Mapping[str, Issue], notes: Notes) -> Foreign:
    values = issue.values
    status = str(values.get("status", "open"))
    state = STATES.get(status, State.OPEN)
    if state is State.OPEN and status != "open":
        notes.add(f"{issue.id} is {status!r} there; it comes in PENDING and held")
    others = [f"- {what}: {other}" for what, other in issue.ties if what not in ("blocks", "parent-child")]
    if others:
        notes.add(f"{issue.id}: its ties that block nothing stand in its text")
    rest = rest_of(values, (*USED, *UNIMPORTANT))
    if rest:
        notes.add(f"{issue.id}: {', '.join(map(str, rest))} has no counterpart and stands in its text")
    if any(name in values for name in UNIMPORTANT):
        notes.add("when issues were made and changed there was left out")
    comments = [
        f"{one.get('author') or 'somebody'}: {one.get('text') or ''}"
        for one in _objects(values.get("comments"), issue.id, "comments")
    ]
    own_type = values.get("issue_type")
    return made(
        TOOL,
        issue.id,
        kind,
        title=str(values.get("title") or ""),
        parts=[
            *((heading, values.get(name)) for heading, name in TEXTS),
            ("Comments", "\n\n".join(comments)),
            ("Related", "\n".join(others)),
            ("From beads", rest),
        ],
        notes=notes,
        state=state,
        parent=None if parent is None else f"{TOOL} {parent}",
        needs=_needs(issue, issues, notes),
        priority=_priority(issue, notes),
        labels=[*_labels(values), *([own_type] if own_type in TYPES_AS_LABELS and kind is Kind.SBI else [])],
        estimate_hours=hours_of(values.get("estimated_minutes")),
    )


def _needs(issue: Issue, issues: Mapping[str, Issue], notes: Notes) -> tuple[str, ...]:
    blocking = [other for what, other in issue.ties if what == "blocks"]
    for other in blocking:
        if other not in issues:
            notes.add(f"{issue.id} is blocked by {other}, which is not in the file; that need was left out")
    return tuple(f"{TOOL} {other}" for other in blocking if other in issues)


def _labels(values: Mapping[str, Any]) -> list[Any]:
    found = values.get("labels")
    return found if isinstance(found, list) else []


def _priority(issue: Issue, notes: Notes) -> Priority:
    said = issue.values.get("priority", 2)
    if not isinstance(said, int) or isinstance(said, bool) or not 0 <= said < len(PRIORITIES):
        notes.add(f"{issue.id}: its priority {said!r} is none of 0 to 4; it became normal")
        return Priority.NORMAL
    if said == len(PRIORITIES) - 1:
        notes.add(f"{issue.id}: priority 4 became low, as 3 did")
    return PRIORITIES[said]
