"""The table of the fields that people give an item: what each is called, whose it is, and what it takes."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from deespec.model.front_matter import Plain
from deespec.model.items import Kind, Priority
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_TITLE_CHARACTERS = 200
MAX_SPEC_BYTES = 1 << 20
MAX_NEEDS = 100
MAX_PATHS = 200
MAX_PATH_CHARACTERS = 1_024
MAX_LABELS = 100
MAX_NAME_CHARACTERS = 64
MAX_AGENTS = 10
MAX_CHECKS = 50
MAX_CHECK_CHARACTERS = 4_096
MAX_ESTIMATE_HOURS = 10_000
MAX_TURNS = 1_000
MAX_STORY_POINTS = 13
MAX_DRAFTS = 50
"""SBIs that a decomposition may be told to suggest."""
MAX_CRITERIA = 50
MAX_CRITERION_CHARACTERS = 4_096

PARENTS = {Kind.SBI: (Kind.PBI, Kind.EPIC), Kind.PBI: (Kind.EPIC,), Kind.EPIC: ()}
"""What each kind may be below; a bare number is of the first."""

_ID = r"(EPIC|PBI|SBI)[-‐–—−ー ]?([0-9]{1,18})"
_UID = r"[0-7][0-9A-HJKMNP-TV-Z]{5,25}"
_INTEGER = r"[+-]?[0-9]+"
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_DRIVE = r"[A-Za-z]:"
_PRIVATE = (".git", ".deespec")


@record
class Field:
    """One field of an item."""

    name: str
    """In NewItem and in the record of the item."""
    option: str
    """On the command line."""
    kinds: tuple[Kind, ...]
    read: Callable[[Any, Kind], Any]
    """Raises Wrong."""
    takes: str
    front: str | None = None
    """Its key in front matter, where that is not the name."""

    @property
    def key(self) -> str:
        return self.front or self.name


class Wrong(Exception):
    """What is wrong with a value; the caller knows which field it is and where it stands."""

    def __init__(self, what: str, *, hint: str | None = None) -> None:
        self.what = what
        self.hint = hint
        self.index: int | None = None
        """Which value of a list."""
        super().__init__(what)


# --- one reader for each kind of value ------------------------------------------------------------------------------


def read_title(raw: Any, _: Kind) -> str:
    title = _text(raw).strip()
    if not title:
        raise Wrong("is empty")
    if len(title) > MAX_TITLE_CHARACTERS:
        raise Wrong(f"has {len(title)} characters; the limit is {MAX_TITLE_CHARACTERS}")
    if any(is_control(character) for character in title):
        raise Wrong("must be one line without control characters")
    return title


def read_spec(raw: Any, _: Kind) -> str:
    """The text as it was written, without blank lines around it."""
    if not isinstance(raw, str):
        raise Wrong("must be text")
    size = len(_encodable(raw).encode())
    if size > MAX_SPEC_BYTES:
        raise Wrong(f"has {size:,} bytes; the limit is {MAX_SPEC_BYTES:,}")
    return trimmed(str(raw))


def trimmed(text: str) -> str:
    return re.sub(r"\A(?:[ \t]*\n)+", "", text.replace("\r\n", "\n")).rstrip()


def read_id(raw: Any, kind: Kind | None) -> str:
    """`SBI-12` from any case and width, the bare number where the kind is clear; or a uid or the beginning of one."""
    if not isinstance(raw, str) and not (isinstance(raw, int) and not isinstance(raw, bool)):
        raise Wrong("takes IDs", hint=_ID_HINT)
    text = unicodedata.normalize("NFKC", str(raw)).strip().upper()
    if kind and text.isascii() and text.isdigit():
        text = f"{kind}-{text}"
    found = re.fullmatch(_ID, text)
    if found is None:
        if re.fullmatch(_UID, text):
            return text
        raise Wrong(f'takes IDs, not "{raw}"', hint=_ID_HINT)
    if kind and found[1] != kind:
        raise Wrong(f"takes {kind}s, not {found[1]}-{int(found[2])}", hint=f"{kind} IDs look like {kind}-12.")
    if int(found[2]) == 0:
        raise Wrong(f'takes IDs, not "{raw}"', hint="Numbers begin at 1.")
    return f"{found[1]}-{int(found[2])}"


_ID_HINT = "IDs look like SBI-12, PBI-7 or EPIC-2."


class FileName(str):
    """Stands where an id could: the item that this file is registered as, or was."""

    __slots__ = ()


def read_named(field: Field, raw: Any, kind: Kind) -> Any:
    """As field.read, but needs and the parent may be called by their files, too: `login.md`, or only `login`."""
    if field.name == "parent" and isinstance(raw, str) and _may_be_file(raw):
        return FileName(raw)
    if field.name != "depends_on" or not isinstance(raw, tuple) or len(raw) > MAX_NEEDS:
        return field.read(raw, kind)
    found: dict[str, None] = {}
    for index, one in enumerate(raw):
        try:
            found[FileName(one) if _may_be_file(one) else read_id(one, Kind.SBI)] = None
        except Wrong as wrong:
            wrong.index = index
            raise
    return tuple(found)


def _may_be_file(text: str) -> bool:
    plain = unicodedata.normalize("NFKC", text).strip().upper()
    if not plain or len(text) > MAX_PATH_CHARACTERS or any(is_control(one) for one in text):
        return False
    return not any(re.fullmatch(pattern, plain) for pattern in (_ID, _UID, r"[0-9]+"))


def _parent(raw: Any, kind: Kind) -> str:
    nearest, *further = PARENTS[kind]
    try:
        found = read_id(raw, None)
    except Wrong:
        return read_id(raw, nearest)
    return found if found.partition("-")[0] in further else read_id(found, nearest)


def _priority(raw: Any, _: Kind) -> Priority:
    text = _text(raw)
    try:
        return Priority(text)
    except ValueError as error:
        from deespec.suggest import closest

        near = closest(text, Priority)
        hint = f"Did you mean {near}?" if near else None
        raise Wrong(f'must be {", ".join(Priority)}, not "{text}"', hint=hint) from error


def _labels(raw: Any, _: Kind) -> tuple[str, ...]:
    return _list(raw, label_name, MAX_LABELS)


def _needs(raw: Any, _: Kind) -> tuple[str, ...]:
    return _list(raw, lambda one: read_id(one, Kind.SBI), MAX_NEEDS)


def _paths(raw: Any, _: Kind) -> tuple[str, ...]:
    return _list(raw, _path, MAX_PATHS)


def _agents(raw: Any, _: Kind) -> tuple[str, ...]:
    return _list(split_names((raw,)) if isinstance(raw, str) else raw, _name, MAX_AGENTS)


def split_names(given: Iterable[str]) -> tuple[str, ...]:
    """Names that were given one by one, or several with commas between, as `deespec config` takes them."""
    return tuple(name.strip() for one in given for name in one.split(","))


def _checks(raw: Any, _: Kind) -> tuple[str, ...]:
    return _list(raw, _check, MAX_CHECKS)


def _criteria(raw: Any, _: Kind) -> tuple[str, ...]:
    return _list(raw, _criterion, MAX_CRITERIA)


def _truth(raw: Any, _: Kind) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, Plain) and raw.lower() in ("true", "false"):
        return raw.lower() == "true"
    raise Wrong(f"must be true or false, not {_shown(raw)}")


def _integer(low: int, high: int) -> Callable[[Any, Kind], int]:
    def read(raw: Any, _: Kind) -> int:
        value = int(raw) if isinstance(raw, Plain) and re.fullmatch(_INTEGER, raw) and len(raw) < 10 else raw
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise Wrong(f"must be a whole number from {low:,} to {high:,}, not {_shown(raw)}")
        return value

    return read


def _hours(raw: Any, _: Kind) -> float:
    value = float(raw) if isinstance(raw, Plain) and re.fullmatch(_NUMBER, raw) else raw
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= MAX_ESTIMATE_HOURS:
        raise Wrong(f"must be a number from 0 to {MAX_ESTIMATE_HOURS:,}, not {_shown(raw)}")
    return float(value)


# --- parts of them --------------------------------------------------------------------------------------------------


def _list(raw: Any, read: Callable[[Any], str], limit: int) -> tuple[str, ...]:
    """Each value once, in order."""
    if not isinstance(raw, tuple | list):
        raise Wrong("must be a list", hint="Write [one, two], or one line with `- ` for each.")
    if len(raw) > limit:
        raise Wrong(f"has {len(raw)} entries; the limit is {limit}")
    values: dict[str, None] = {}
    for index, one in enumerate(raw):
        try:
            values[read(one)] = None
        except Wrong as wrong:
            wrong.index = index
            raise
    return tuple(values)


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise Wrong("must be text")
    return unicodedata.normalize("NFC", str(_encodable(raw)))


def _encodable(text: str) -> str:
    """Bytes of the command line that are not UTF-8 arrive as lone surrogates."""
    if "\0" in text:
        raise Wrong("holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Wrong("is not valid UTF-8") from error
    return text


def label_name(raw: Any) -> str:
    """Letters, digits and marks of any script, and - _ . / :"""
    return _name(raw, signs="-_./:")


def _name(raw: Any, signs: str = "-_./") -> str:
    """The name of a label or an agent: letters, digits and marks of any script, and - _ . /"""
    name = _text(raw)
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS:
        raise Wrong(f"has a name of {len(name)} characters; 1 to {MAX_NAME_CHARACTERS} are allowed")
    if not all(character in signs or unicodedata.category(character)[0] in "LMN" for character in name):
        raise Wrong(f'has the name "{name}"; letters, digits and {" ".join(signs)} are allowed')
    return name


def _path(raw: Any) -> str:
    path = _text(raw)
    if not path or len(path) > MAX_PATH_CHARACTERS or any(is_control(character) for character in path):
        raise Wrong(f"takes paths of 1 to {MAX_PATH_CHARACTERS:,} characters without control characters")
    if "\\" in path:
        raise Wrong(f'has "{path}"', hint="Put / between folders.")
    if path.startswith("/") or re.match(_DRIVE, path):
        raise Wrong(f'has "{path}", which is absolute', hint="Paths are seen from the project's folder.")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Wrong(f'has "{path}", which leaves the project', hint="Paths must not hold `..`.")
    private = next((part for part in parts if part.casefold() in _PRIVATE), None)
    if private:
        raise Wrong(f'has "{path}"', hint=f"No item may change what is in {private}.")
    if "{" in path and "," in path:
        raise Wrong(f'has "{path}"', hint="There is no {a,b}: write one glob for each.")
    return "/".join(parts) or "**"


def _check(raw: Any) -> str:
    command = _text(raw).strip()
    if not 1 <= len(command) <= MAX_CHECK_CHARACTERS:
        raise Wrong(f"takes commands of 1 to {MAX_CHECK_CHARACTERS:,} characters")
    return command


def _criterion(raw: Any) -> str:
    criterion = trimmed(_text(raw)).strip()
    if not 1 <= len(criterion) <= MAX_CRITERION_CHARACTERS:
        raise Wrong(f"takes criteria of 1 to {MAX_CRITERION_CHARACTERS:,} characters")
    return criterion


def is_control(character: str) -> bool:
    """Control characters and line or paragraph separators."""
    return unicodedata.category(character) in ("Cc", "Zl", "Zp")


def _shown(raw: Any) -> str:
    return f'"{raw:.40}"' if isinstance(raw, str) else "a list" if isinstance(raw, tuple | list) else str(raw)


# --- the table ------------------------------------------------------------------------------------------------------

_ALL = (Kind.SBI, Kind.PBI, Kind.EPIC)
_SBI = (Kind.SBI,)
_PBI = (Kind.PBI,)

# fmt: off
FIELDS: dict[str, Field] = {field.name: field for field in (
    Field(name="title", option="--title", kinds=_ALL, read=read_title,
          takes=f"one line of 1 to {MAX_TITLE_CHARACTERS} characters"),
    Field(name="spec", option="--body", kinds=_ALL, read=read_spec,
          takes="Markdown, up to 1 MiB; in a file, what follows the front matter"),
    Field(name="parent", option="--parent", kinds=(Kind.SBI, Kind.PBI), read=_parent,
          takes="the PBI or EPIC of an SBI, the EPIC of a PBI"),
    Field(name="priority", option="--priority", kinds=_ALL, read=_priority,
          takes="urgent, high, normal or low"),
    Field(name="labels", option="--label", kinds=_ALL, read=_labels,
          takes=f"up to {MAX_LABELS} names of letters, digits and - _ . / :"),
    Field(name="depends_on", option="--depends-on", kinds=_SBI, read=_needs,
          takes=f"up to {MAX_NEEDS} SBIs that must be DONE first"),
    Field(name="paths", option="--paths", kinds=_SBI, read=_paths,
          takes=f"up to {MAX_PATHS} globs of the files it may touch; a folder stands for all below it"),
    Field(name="agent", option="--agent", kinds=_SBI, read=_agents,
          takes="an agent, or a list of which the first that is free takes it"),
    Field(name="reviewer", option="--reviewer", kinds=_SBI, read=_agents,
          takes="an agent, or a list of them"),
    Field(name="only_implement", option="--only-implement", kinds=_SBI, read=_truth,
          takes="true: no review"),
    Field(name="estimate_hours", option="--estimate-hours", kinds=_SBI, read=_hours,
          takes=f"a number from 0 to {MAX_ESTIMATE_HOURS:,}"),
    Field(name="max_turns", option="--max-turns", kinds=_SBI, read=_integer(1, MAX_TURNS),
          takes=f"a whole number from 1 to {MAX_TURNS:,}, in place of run.max_turns"),
    Field(name="checks", option="--check", kinds=_SBI, read=_checks,
          takes=f"up to {MAX_CHECKS} commands that must succeed, beside the gates"),
    Field(name="story_points", option="--story-points", kinds=_PBI, read=_integer(0, MAX_STORY_POINTS),
          takes=f"a whole number from 0 to {MAX_STORY_POINTS:,}"),
    Field(name="auto", option="--auto", kinds=_PBI, read=_truth,
          takes="true: `run` decomposes it without being asked"),
    Field(name="auto_approve", option="--auto-approve", kinds=_PBI, read=_truth,
          takes="true, with auto: what its decomposition suggests is registered without a person"),
    Field(name="drafts_least", front="drafts_min", option="--min", kinds=_PBI, read=_integer(1, MAX_DRAFTS),
          takes=f"a whole number from 1 to {MAX_DRAFTS}: so many SBIs its decomposition suggests at least"),
    Field(name="drafts_most", front="drafts_max", option="--max", kinds=_PBI, read=_integer(1, MAX_DRAFTS),
          takes=f"a whole number from 1 to {MAX_DRAFTS}: so many SBIs its decomposition suggests at most"),
    Field(name="acceptance", option="--accept", kinds=_ALL, read=_criteria,
          takes=f"up to {MAX_CRITERIA} acceptance criteria, which become a section of the text"),
)}
# fmt: on
