"""`tasks.md` of GitHub's Spec Kit: phases, and below them tasks as check boxes.

Facts (github.com/github/spec-kit: templates/tasks-template.md): `# Tasks: FEATURE`, phases as `## Phase 3: User Story 1
- TITLE (Priority: P1)` with `**Goal**:` and `**Independent Test**:`, tasks as `- [ ] T012 [P] [US1] DESCRIPTION`, with
file paths in the words and perhaps `(depends on T012, T013)`. `[P]`: can run in parallel, as it touches other files and
depends on nothing. Setup comes first; Foundational blocks all stories; stories are independent of each other; what
follows them (Polish) depends on all. Further sections (Dependencies, Implementation Strategy, Notes) are words.

A feature becomes an EPIC, a phase a PBI, a task an SBI. Within a phase tasks follow one another, those marked [P] side
by side; phases follow one another as above. Paths in the words of a task are no `paths`: who implements it nearly
always touches more, and would then be refused.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from deespec.backlog.imports.foreign import Foreign, ForeignPlan, State, decoded, made, plan_of, read_bytes
from deespec.backlog.imports.legacy_files import Notes
from deespec.errors import InvalidInput, NotFound
from deespec.model.items import Kind, Priority
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TOOL = "spec-kit"
TASKS = "tasks.md"
FOLDERS = ("specs", ".specify/specs")
PRIORITIES = {"1": Priority.HIGH, "2": Priority.NORMAL, "3": Priority.LOW}
ORDERED = re.compile(r"\(depends on ([^)]*)\)", re.IGNORECASE)
_TASK = re.compile(r"^\s*[-*] \[([ xX])\]\s+(?:(T[0-9]{1,6}[a-z]?)\b[:.]?\s*)?((?:\[[^\]]{1,20}\]\s*)*)(.*)$")
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_PRIORITY = re.compile(r"\(Priority:\s*P([0-9])\)", re.IGNORECASE)
_STORY = re.compile(r"user story|\[?US[0-9]+\]?", re.IGNORECASE)
_FENCE = re.compile(r"^\s*(```|~~~)")
LINES_BELOW_MOST = 200


@record
class Task:
    line: int
    id: str
    """As `T012`; of one without an id a part of its digest."""
    done: bool
    parallel: bool
    stories: tuple[str, ...]
    words: str
    below: tuple[str, ...] = ()
    """Lines that are indented below it."""


@record
class Phase:
    title: str
    line: int
    tasks: tuple[Task, ...] = ()
    words: tuple[str, ...] = ()
    """All lines that are no tasks."""

    @property
    def is_story(self) -> bool:
        return _STORY.search(self.title) is not None or any(task.stories for task in self.tasks)


def read_spec_kit(path: Path) -> ForeignPlan:
    """Of one feature, or of all below a project's folder. Raises InvalidInput, naming file and line."""
    notes = Notes()
    items: list[Foreign] = []
    for file in _files(path):
        items += _feature(file, notes)
    return plan_of(TOOL, items, notes)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    if (path / TASKS).is_file():
        return [path / TASKS]
    places = [path, *(path / folder for folder in FOLDERS)]
    found = sorted(file for place in places for file in place.glob(f"*/{TASKS}") if file.is_file())
    if not found:
        raise NotFound(f"There is no {TASKS} of Spec Kit in {path}.", hint="Name the file, or the project's folder.")
    return found


# --- reading ----------------------------------------------------------------------------------------------------------


def _sections(file: Path, notes: Notes) -> list[Phase]:
    """What is before the first `##`, then each of these."""
    sections = [Phase(title="", line=1)]
    seen: dict[str, int] = {}
    fenced = commented = False
    for number, line in enumerate(decoded(read_bytes(file), file).replace("\r\n", "\n").split("\n"), 1):
        now = sections[-1]
        fenced ^= _FENCE.match(line) is not None
        commented = commented or "<!--" in line
        found = None if fenced or commented else _TASK.match(line)
        heading = None if fenced or commented else _HEADING.match(line)
        if heading is not None and heading[1] == "##":
            sections.append(Phase(title=heading[2], line=number))
        elif found is not None and not (now.tasks and line[:1] in " \t"):
            task = _task(found, number, f"{file}:{number}", seen, notes)
            sections[-1] = replace(now, tasks=(*now.tasks, task))
        elif now.tasks and line[:1] in " \t" and line.strip() and len(now.tasks[-1].below) < LINES_BELOW_MOST:
            last = replace(now.tasks[-1], below=(*now.tasks[-1].below, line.rstrip()))
            sections[-1] = replace(now, tasks=(*now.tasks[:-1], last))
        elif not commented:
            sections[-1] = replace(now, words=(*now.words, line.rstrip()))
        if commented and "-->" in line:
            commented = False
    return sections


def _task(found: re.Match[str], number: int, place: str, seen: dict[str, int], notes: Notes) -> Task:
    marks = tuple(mark.strip() for mark in re.findall(r"\[([^\]]*)\]", found[3]))
    words = found[4].strip()
    own = found[2]
    if own is None:
        own = f"#{hashlib.sha256(words.encode(errors='replace')).hexdigest()[:12]}"
        notes.add(f"{place}: a task has no id; it is known by its words")
    if own in seen:
        raise InvalidInput(f"{place}: {own} is there already, in line {seen[own]}.", hint="Give it another number.")
    seen[own] = number
    if not words:
        raise InvalidInput(f"{place}: {own} says nothing.")
    stories = tuple(mark for mark in marks if mark.upper() != "P")
    return Task(
        line=number,
        id=own,
        done=found[1] != " ",
        parallel=any(mark.upper() == "P" for mark in marks),
        stories=stories,
        words=words,
    )


# --- what becomes of it -----------------------------------------------------------------------------------------------


def _feature(file: Path, notes: Notes) -> list[Foreign]:
    sections = _sections(file, notes)
    phases = [one for one in sections if one.tasks]
    if not phases:
        raise InvalidInput(f"{file} holds no tasks.", hint="Tasks look like - [ ] T001 Do this.")
    name = file.absolute().parent.name
    head = [line for line in sections[0].words if line.startswith("# ")]
    title = re.sub(r"^#\s*(Tasks:)?\s*", "", head[0]) if head else ""
    words = [(one.title, _words(one)) for one in sections if not one.tasks]
    state = _state(task for phase in phases for task in phase.tasks)
    epic = made(TOOL, name, Kind.EPIC, title=title or name, parts=words, notes=notes, state=state)
    items = [epic]
    ends: list[tuple[Phase, list[str]]] = []
    for phase in phases:
        group = _phase(phase, epic, name, notes)
        tasks, last = _tasks(phase, group, name, _before(phase, ends), notes)
        items += [group, *tasks]
        ends.append((phase, last))
    return items


def _words(section: Phase) -> str:
    return "\n".join(section.words).strip().strip("-").strip()


def _phase(phase: Phase, epic: Foreign, name: str, notes: Notes) -> Foreign:
    title = phase.title or "Tasks"
    numbered = re.match(r"Phase [0-9A-Z]+", title)
    return made(
        TOOL,
        numbered[0] if numbered else title,
        Kind.PBI,
        title=title,
        parts=[("", _words(phase) or title)],
        notes=notes,
        scope=name,
        state=_state(phase.tasks),
        parent=epic.key,
        priority=_priority(phase),
    )


def _state(tasks: Iterable[Task]) -> State:
    """Of a group: it is done once all of its tasks are."""
    return State.DONE if all(task.done for task in tasks) else State.OPEN


def _priority(phase: Phase) -> Priority:
    found = _PRIORITY.search(phase.title)
    return PRIORITIES.get(found[1], Priority.NORMAL) if found else Priority.NORMAL


def _before(phase: Phase, ends: list[tuple[Phase, list[str]]]) -> list[str]:
    """The last tasks of the phases that come before: all of them, for a story the last that is none."""
    if not phase.is_story:
        stories = [key for one, last in ends if one.is_story for key in last]
        return stories or (ends[-1][1] if ends else [])
    return next((last for one, last in reversed(ends) if not one.is_story), [])


def _tasks(phase: Phase, group: Foreign, name: str, before: list[str], notes: Notes) -> tuple[list[Foreign], list[str]]:
    """The tasks, and the keys of those that end the phase."""
    made_here: list[Foreign] = []
    waits = before
    last: list[str] = []
    beside = False
    for task in phase.tasks:
        if not (task.parallel and beside):
            waits, last = (last or before), []
        beside = task.parallel
        needs = dict.fromkeys([*(f"{TOOL} {name} {own}" for own in _said(task)), *waits])
        one = replace(_item(task, group, name, notes), needs=tuple(needs))
        made_here.append(one)
        last.append(one.key)
    return made_here, last


def _said(task: Task) -> list[str]:
    """The tasks that its words say it depends on."""
    return [own for found in ORDERED.findall(task.words) for own in re.findall(r"T[0-9]+[a-z]?", found)]


def _item(task: Task, group: Foreign, name: str, notes: Notes) -> Foreign:
    story = f" User story: {', '.join(task.stories)}." if task.stories else ""
    return made(
        TOOL,
        task.id,
        Kind.SBI,
        title=task.words,
        parts=[
            ("", task.words),
            ("", "\n".join(task.below)),
            ("", f"This is task {task.id} of {name}, {group.title}.{story}"),
        ],
        notes=notes,
        scope=name,
        state=State.DONE if task.done else State.OPEN,
        parent=group.key,
        priority=group.priority,
    )
