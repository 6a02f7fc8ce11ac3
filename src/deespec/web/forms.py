"""The fields of items and drafts in forms: what stands in them, what was typed, what it says; model/fields.py rules."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.errors import DeespecError, InvalidInput, NotFound
from deespec.labels import Label, names_in, read_label, refuse_unknown
from deespec.model.fields import PARENTS
from deespec.model.items import Kind, Priority
from deespec.model.lifecycle import ENDED, GroupStatus, Status
from deespec.model.spec import read_option
from deespec.model.wanted import Scope
from deespec.records import record
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from deespec.app import App
    from deespec.store.base import Transaction
    from deespec.web.page import PageRequest

LIST_MOST = 64 * 1024
"""Characters of a field that holds a list."""
MARK_CHARACTERS = 16
SUGGESTED_MOST = 60
"""Entries of a list of what may be meant."""
OPEN = tuple(status for status in Status if status not in ENDED)
UNFINISHED = tuple(status for status in GroupStatus if status is not GroupStatus.DONE)
FAULTS_MOST = 5
"""Entries of one list that are told to be wrong at once."""
BOXES_MOST = 24
"""Labels with a box of their own; more are typed in."""


class Shape(StrEnum):
    """How a value is typed in."""

    LINE = "line"
    TEXT = "text"
    LINES = "lines"
    """A list, one entry a line."""
    NAMES = "names"
    """A list, with commas between."""
    LABELS = "labels"
    """The same, with boxes for what is known."""
    CHOICE = "choice"
    TICK = "tick"


@record
class Control:
    """One field of a form."""

    name: str
    """In NewItem or Draft."""
    title: str
    """In English."""
    shape: Shape
    help: str = ""
    rows: int = 3
    suggests: str = ""
    """The id of the list of what may be meant."""


@record
class Input:
    """A control with what stands in it."""

    control: Control
    text: str
    """One text, whatever the shape: a list as it is typed, a tick as `true`."""
    problem: DeespecError | None = None
    now: str | None = None
    """What somebody else has made of it meanwhile."""
    first: bool = False
    """The first that is not right: it gets the focus."""

    @property
    def names(self) -> tuple[str, ...]:
        return _names(self.text)


TITLE = Control(name="title", title="Title", shape=Shape.LINE)
SPEC = Control(name="spec", title="Text", shape=Shape.TEXT, rows=14, help="Markdown: what is to be different after it.")
LABELS = Control(name="labels", title="Labels", shape=Shape.LABELS)
PATHS = Control(
    name="paths", title="Paths", shape=Shape.LINES, help="Globs of the files it may touch, one a line, as src/auth/**"
)
HOURS = Control(name="estimate_hours", title="Estimate in hours", shape=Shape.LINE, help="For people only.")
ONLY_IMPLEMENT = Control(name="only_implement", title="Without a review", shape=Shape.TICK)

# fmt: off
ITEM: dict[str, Control] = {one.name: one for one in (
    TITLE,
    SPEC,
    Control(name="acceptance", title="Acceptance criteria", shape=Shape.LINES,
            help="One a line; they become a section of the text."),
    Control(name="parent", title="Belongs to", shape=Shape.LINE, suggests="parents", help="A PBI or EPIC, as PBI-7."),
    Control(name="priority", title="Priority", shape=Shape.CHOICE),
    LABELS,
    Control(name="depends_on", title="Needs", shape=Shape.NAMES, suggests="needs",
            help="SBIs that must be DONE first, as SBI-3, SBI-4."),
    PATHS,
    Control(name="checks", title="Checks", shape=Shape.LINES,
            help="Commands that must succeed, one a line, beside the gates."),
    Control(name="agent", title="Agent", shape=Shape.NAMES, suggests="agents",
            help="Who implements it; of several the first that is free."),
    Control(name="reviewer", title="Reviewer", shape=Shape.NAMES, suggests="agents"),
    HOURS,
    Control(name="max_turns", title="Turns at most", shape=Shape.LINE, help="In place of run.max_turns."),
    ONLY_IMPLEMENT,
    Control(name="story_points", title="Story points", shape=Shape.LINE, help="0 to 13."),
    Control(name="drafts_least", title="SBIs at least", shape=Shape.LINE, help="That its decomposition suggests."),
    Control(name="drafts_most", title="SBIs at most", shape=Shape.LINE),
    Control(name="auto", title="Decomposed by itself", shape=Shape.TICK,
            help="By deespec run --workflows pbi,sbi, without being asked."),
    Control(name="auto_approve", title="Its drafts approved by themselves", shape=Shape.TICK,
            help="What an agent suggests is registered and worked on, and costs money, before a person looks at it."),
)}
# fmt: on
DRAFT: dict[str, Control] = {
    one.name: one
    for one in (
        TITLE,
        SPEC,
        LABELS,
        Control(
            name="needs",
            title="Needs",
            shape=Shape.NAMES,
            help="Drafts and SBIs that have to be DONE first, as PBI-7/2, SBI-4.",
        ),
        PATHS,
        HOURS,
        ONLY_IMPLEMENT,
    )
}
PRIORITIES = tuple(Priority)


# --- from values to texts, and back -----------------------------------------------------------------------------------


def text_of(control: Control, value: object) -> str:
    """A value as it stands in its field."""
    if value is None or value is False:
        return ""
    if value is True:
        return "true"
    if isinstance(value, tuple):
        return clean(("\n" if control.shape is Shape.LINES else ", ").join(value), lines=True)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return clean(str(value), lines=control.shape is Shape.TEXT)


def typed_in(request: PageRequest, controls: Collection[Control]) -> dict[str, str]:
    """What a form says, by field."""
    return {one.name: _typed(request, one) for one in controls}


def _typed(request: PageRequest, control: Control) -> str:
    if control.shape is Shape.LABELS:
        given = request.fields(control.name, most=LIST_MOST)
        return ", ".join(dict.fromkeys(name for text in given for name in _names(text)))
    if control.shape is Shape.TEXT:
        return request.field(control.name).replace("\r", "\n")
    found = request.field(control.name, most=LIST_MOST).replace("\r", "\n")
    if control.shape is Shape.TICK:
        return "true" if found else ""
    return found


def raw_of(control: Control, text: str) -> object | None:
    """What a reader of fields.py takes; None: nothing was given."""
    match control.shape:
        case Shape.TICK:
            return bool(text)
        case Shape.LINES:
            return tuple(line.strip() for line in text.split("\n") if line.strip())
        case Shape.NAMES | Shape.LABELS:
            return _names(text)
        case Shape.TEXT:
            return text
    return text.strip() or None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in re.split(r"[,、，\n]", text) if (name := part.strip()))


def read(
    typed: Mapping[str, str],
    controls: Mapping[str, Control],
    reader: Callable[[str, object], object],
    *,
    required: Collection[str] = (),
) -> tuple[dict[str, object], dict[str, DeespecError]]:
    """What the texts say, for the reader once more, and what is wrong with which: all at once, not the first only."""
    found: dict[str, object] = {}
    problems: dict[str, DeespecError] = {}
    for name, text in typed.items():
        raw = raw_of(controls[name], text)
        try:
            if raw is not None or name in required:
                reader(name, "" if raw is None else raw)
            found[name] = raw
        except InvalidInput as error:
            problems[name] = _all_of(name, raw, reader) or error
    return found, problems


def _all_of(name: str, raw: object, reader: Callable[[str, object], object]) -> InvalidInput | None:
    """What is wrong with the entries of a list, each judged alone."""
    wrong: list[InvalidInput] = []
    for one in raw if isinstance(raw, tuple) else ():
        try:
            reader(name, (one,))
        except InvalidInput as error:
            wrong.append(error)
        if len(wrong) == FAULTS_MOST:
            break
    words = " ".join(dict.fromkeys(error.message for error in wrong))
    return InvalidInput(words, hint=wrong[0].hint) if wrong else None


def item_reader(kind: Kind) -> Callable[[str, object], object]:
    """Reads the fields of items as the options of the command line are read; messages stand below a field's label."""
    return lambda name, raw: read_option(name, raw, kind=kind, option="It")


def disagreeing(found: Mapping[str, object], kind: Kind) -> dict[str, DeespecError]:
    """Fields of an item that are right alone, and not together."""
    problems: dict[str, DeespecError] = {}
    if found.get("auto_approve") and not found.get("auto"):
        problems["auto_approve"] = InvalidInput(
            "It is for what is decomposed by itself.", hint="Tick both, or neither."
        )
    read = item_reader(kind)
    bounds = [read(name, found[name]) for name in ("drafts_least", "drafts_most") if found.get(name) is not None]
    if len(bounds) == 2 and bounds[0] > bounds[1]:  # type: ignore[operator]
        problems["drafts_most"] = InvalidInput(f"It is {bounds[1]}, but at least {bounds[0]} are wanted.")
    return problems


def missing(app: App, found: Mapping[str, object], kind: Kind) -> dict[str, DeespecError]:
    """Fields that name what is not there. What is called by its uid is judged when it is registered."""
    problems: dict[str, DeespecError] = {}
    read = item_reader(kind)
    with app.store.read() as tx:
        for name in ("parent", "depends_on"):
            value = read(name, found[name]) if found.get(name) else ()
            ids = (value,) if isinstance(value, str) else value
            assert isinstance(ids, tuple)
            unknown = [one for one in ids if "-" in one and not tx.exists(one)]
            if unknown:
                words = f"{', '.join(unknown[:FAULTS_MOST])} {'is' if len(unknown) == 1 else 'are'} not there."
                problems[name] = NotFound(words, hint="deespec sbi list --all" if name == "depends_on" else None)
    problems |= _unknown_labels(app.settings.home, found.get("labels"))
    return problems


def _unknown_labels(home: Path, names: object) -> dict[str, DeespecError]:
    assert names is None or isinstance(names, tuple)
    wrong: list[DeespecError] = []
    for name in names or ():
        try:
            refuse_unknown(home, [name])
        except InvalidInput as error:
            wrong.append(error)
        if len(wrong) == FAULTS_MOST:
            break
    words = " ".join(error.message for error in wrong)
    return {"labels": InvalidInput(words, hint=wrong[0].hint)} if wrong else {}


def inputs(
    controls: Collection[Control],
    typed: Mapping[str, str],
    problems: Mapping[str, DeespecError] | None = None,
    now: Mapping[str, str] | None = None,
) -> list[Input]:
    """The fields of a form, as they are shown."""
    wrong = dict(problems or {})
    worst = next((one.name for one in controls if one.name in wrong or one.name in (now or {})), None)
    return [
        Input(
            control=one,
            text=typed.get(one.name, ""),
            problem=wrong.get(one.name),
            now=(now or {}).get(one.name),
            first=one.name == worst,
        )
        for one in controls
    ]


# --- what was changed since a form was made ---------------------------------------------------------------------------


def marks_of(texts: Mapping[str, str]) -> str:
    """What a form remembers of what it was made of: a mark for each field."""
    return " ".join(f"{name}:{_mark(text)}" for name, text in texts.items())


def changed_since(texts: Mapping[str, str], marks: str) -> tuple[str, ...]:
    """The fields that are not as these marks say; all of them if the marks are not those of such a form."""
    before = dict(one.partition(":")[::2] for one in marks.split(" "))
    return tuple(name for name, text in texts.items() if before.get(name) != _mark(text))


def _mark(text: str) -> str:
    same = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "surrogatepass")
    return hashlib.sha256(same).hexdigest()[:MARK_CHARACTERS]


def once(request: PageRequest, typed: Sequence[str]) -> str:
    """The key of what a form registers: sent twice, by a double click or a reload, it makes one item.

    Another text in the same form is another item, and so is the same text of somebody else.
    """
    parts = (request.field("csrf"), request.field("key"), *typed)
    return "form-" + hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


# --- around a form ----------------------------------------------------------------------------------------------------


def stays_open(request: PageRequest) -> bool:
    """A script has sent the form: its page stays open with all that was typed, and only needs to be told."""
    return bool(request.field("stays"))


def suggested(app: App, kind: Kind) -> dict[str, list[tuple[str, str]]]:
    """What may be meant in fields that name others, the newest first: ids with titles, by the name of the list."""
    with app.store.read() as tx:
        lists = {"parents": _parents(tx, kind), "needs": _needs(tx) if kind is Kind.SBI else []}
    if kind is Kind.SBI:
        lists["agents"] = [(agent.name, "") for agent in app.settings.agents]
    return {name: entries for name, entries in lists.items() if entries}


def _parents(tx: Transaction, kind: Kind) -> list[tuple[str, str]]:
    """PBIs and EPICs that are not done, the newest first."""
    found: list[tuple[str, str]] = []
    for above in PARENTS[kind]:
        _, total = tx.list_groups(above, Scope(), statuses=UNFINISHED, limit=1)
        offset = max(0, total - SUGGESTED_MOST)
        groups, _ = tx.list_groups(above, Scope(), statuses=UNFINISHED, limit=SUGGESTED_MOST, offset=offset)
        found += [(one.id, one.title) for one in reversed(groups)]
    return found


def _needs(tx: Transaction) -> list[tuple[str, str]]:
    """SBIs that are not done, the newest first."""
    total = tx.list_sbis(Scope(), statuses=OPEN, limit=1).total
    offset = max(0, total - SUGGESTED_MOST)
    lines = tx.list_sbis(Scope(), statuses=OPEN, limit=SUGGESTED_MOST, offset=offset).lines
    return [(line.id, line.title) for line in reversed(lines)]


def labels_known(home: Path, chosen: Collection[str]) -> list[Label]:
    """Those that are chosen, and as many others as fit. One that cannot be read has no description."""
    try:
        names = sorted(names_in(home), key=lambda name: (name not in chosen, name))
    except DeespecError:
        return []
    return sorted((_label(home, name) for name in names[:BOXES_MOST]), key=lambda label: label.name)


def _label(home: Path, name: str) -> Label:
    try:
        return read_label(home, name)
    except DeespecError:
        return Label(name=name)
