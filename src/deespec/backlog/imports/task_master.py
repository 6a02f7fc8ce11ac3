"""`tasks.json` of Task Master: tasks of one or several tags, their subtasks, and what each depends on.

Facts (github.com/eyaltoledano/claude-task-master: docs/task-structure.md, scripts/modules/utils.js,
src/constants/task-status.js): the file is {"TAG": {"tasks": […], "metadata": …}}, in older projects {"tasks": […]}
alone. A task has id (a number), title, description, status, dependencies (ids), priority (high, medium, low), details,
testStrategy, subtasks, and perhaps type "checkpoint" with acceptanceCriteria. A subtask's id counts within its task,
and its dependencies are ids of its siblings, or `5.2`. Statuses: pending, in-progress, review, done, deferred,
cancelled.

A task with subtasks becomes a PBI and its subtasks SBIs below it; one without becomes an SBI. A tag becomes an EPIC
where there are several.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deespec.backlog.imports.foreign import Foreign, ForeignPlan, State, decoded, made, plan_of, read_bytes, rest_of
from deespec.backlog.imports.legacy_files import Notes
from deespec.errors import InvalidInput
from deespec.model.items import Kind, Priority
from deespec.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TOOL = "task-master"
FILES = (".taskmaster/tasks/tasks.json", "tasks/tasks.json", "tasks.json")
"""Where it is below a project's folder."""
STATES = {"done": State.DONE, "completed": State.DONE, "cancelled": State.DROPPED}
PLAIN = ("pending", "")
PRIORITIES = {
    "critical": Priority.URGENT,
    "high": Priority.HIGH,
    "medium": Priority.NORMAL,
    "low": Priority.LOW,
}
USED = ("id", "title", "description", "status", "dependencies", "priority", "details", "testStrategy", "subtasks")
ALSO = ("acceptanceCriteria", "type")


def read_task_master(path: Path) -> ForeignPlan:
    """Raises InvalidInput, naming the file and the task."""
    file = _found(path)
    notes = Notes()
    tags = _tags(file)
    items: list[Foreign] = []
    for tag, tasks in tags.items():
        epic = None
        if len(tags) > 1:
            words = [("", f"The tag {tag} of {file.name}.")]
            epic = made(TOOL, f"tag {tag}", Kind.EPIC, title=tag, parts=words, notes=notes)
        below = [*_Tag(tag, tasks, file, notes, epic).items()]
        if epic is not None:
            over = bool(below) and all(one.state is not State.OPEN for one in below)
            items.append(replace(epic, state=State.DONE) if over else epic)
        items += below
    return plan_of(TOOL, items, notes)


class _Tag:
    """The tasks of one tag."""

    def __init__(self, tag: str, tasks: list[dict[str, Any]], file: Path, notes: Notes, epic: Foreign | None) -> None:
        self.tag = tag
        self.tasks = tasks
        self.file = file
        self.notes = notes
        self.epic = epic

    def items(self) -> Iterator[Foreign]:
        for task in self.tasks:
            number = self._id(task, "")
            below = _objects(task.get("subtasks"), f"{self.file}: {self._called(number)} has subtasks that are none")
            kind = Kind.PBI if below else Kind.SBI
            parent = self.epic.key if self.epic else None
            one = self._made(task, number, kind, parent)
            yield replace(one, needs=self._needs(task, number))
            for subtask in below:
                own = f"{number}.{self._id(subtask, number)}"
                part = self._made(subtask, own, Kind.SBI, one.key)
                priority = part.priority if subtask.get("priority") else one.priority
                yield replace(part, needs=self._needs(subtask, own), priority=priority)

    def _made(self, task: Mapping[str, Any], number: str, kind: Kind, parent: str | None) -> Foreign:
        called = self._called(number)
        status = str(task.get("status", "")).strip().lower()
        state = STATES.get(status, State.OPEN)
        if state is State.OPEN and status not in PLAIN:
            self.notes.add(f"{called} is {status!r} there; it comes in PENDING and held")
        rest = rest_of(task, (*USED, *ALSO))
        if rest:
            self.notes.add(f"{called}: {', '.join(map(str, rest))} has no counterpart and stands in its text")
        kind_of = task.get("type") if task.get("type") not in (None, "standard") else None
        parts = [
            ("", task.get("description")),
            ("Details", task.get("details")),
            ("Test strategy", task.get("testStrategy")),
            ("Acceptance criteria", task.get("acceptanceCriteria")),
            ("Type in Task Master", kind_of),
            ("From Task Master", rest),
        ]
        return made(
            TOOL,
            called,
            kind,
            title=str(task.get("title", "")),
            parts=parts,
            notes=self.notes,
            state=state,
            parent=parent,
            priority=self._priority(task, called),
        )

    def _priority(self, task: Mapping[str, Any], called: str) -> Priority:
        said = str(task.get("priority") or "").strip().lower()
        if said and said not in PRIORITIES:
            self.notes.add(f"{called}: its priority {said!r} is none of {', '.join(PRIORITIES)}; it became normal")
        return PRIORITIES.get(said, Priority.NORMAL)

    def _needs(self, task: Mapping[str, Any], number: str) -> tuple[str, ...]:
        given = task.get("dependencies") or []
        if not isinstance(given, list):
            raise InvalidInput(f"{self.file}: the dependencies of {self._called(number)} are no list.")
        above, dot, _ = number.partition(".")
        found = []
        for one in given:
            name = str(one).strip()
            if isinstance(one, bool) or not all(part.isdecimal() for part in name.split(".")) or name.count(".") > 1:
                self.notes.add(f"{self._called(number)} depends on {one!r}, which is no task; that was left out")
                continue
            inside = dot and "." not in name and isinstance(one, int)
            found.append(self._key(f"{above}.{name}" if inside else name))
        return tuple(found)

    def _id(self, task: Mapping[str, Any], above: str) -> str:
        number = str(task.get("id", "")).strip()
        if above:
            number = number.rpartition(".")[2]
        if not number.isdecimal() or len(number) > 9:
            below = f" below task {above}" if above else ""
            raise InvalidInput(f"{self.file}: a task{below} has the id {task.get('id')!r}.", hint="Ids are numbers.")
        return str(int(number))

    def _called(self, number: str) -> str:
        return f"{self.tag} {number}"

    def _key(self, number: str) -> str:
        return f"{TOOL} {self._called(number)}"


def _found(path: Path) -> Path:
    if not path.is_dir():
        return path
    return next((path / name for name in FILES if (path / name).is_file()), path / FILES[0])


def _tags(file: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        found = json.loads(decoded(read_bytes(file), file))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{file} is not valid JSON: {error}.") from error
    if isinstance(found, list):
        found = {"tasks": found}
    if not isinstance(found, dict):
        raise InvalidInput(f"{file} is no tasks.json of Task Master.")
    if isinstance(found.get("tasks"), list):
        return {"master": _objects(found["tasks"], f"{file}: tasks is no list of tasks")}
    tags = {
        " ".join(tag.split()): _objects(of["tasks"], f"{file}: {tag} has tasks that are none")
        for tag, of in found.items()
        if isinstance(of, dict) and isinstance(of.get("tasks"), list)
    }
    if not tags:
        raise InvalidInput(f"{file} holds no tasks.", hint='It should look like {"master": {"tasks": […]}}.')
    return tags


def _objects(value: object, otherwise: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise InvalidInput(f"{otherwise}.")
    return value
