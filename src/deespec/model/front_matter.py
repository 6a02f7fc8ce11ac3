"""Splits a Markdown file into its front matter and its text, and reads the front matter with line numbers.

YAML is read as events, not as a tree: what a spec never needs (anchors, tags, nesting) is refused where it begins, so
that no input can grow or run anything. Unquoted scalars stay text; each field decides what they mean to it. So
`title: no` is a title, and `12:30:00` never becomes a number, as it would in YAML 1.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deespec.errors import InvalidInput
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FRONT_MATTER_CHARACTERS = 256 * 1024
FENCE = "---"
NULLS = ("", "~", "null", "Null", "NULL")


class Plain(str):
    """An unquoted scalar: text, or a number or truth value if the field wants one."""

    __slots__ = ()


@record
class Entry:
    """`key: value` of a front matter."""

    key: str
    line: int
    """In the file, from 1."""
    value: str | tuple[str, ...] | None
    lines: tuple[int, ...] = ()
    """Where each value of a list stands."""


def split(text: str, file: str, *, most: int = MAX_FRONT_MATTER_CHARACTERS) -> tuple[tuple[Entry, ...], str, int]:
    """The entries of the front matter, the text after it, and the line that the text begins at."""
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        return (), text, 1
    end = next((at for at, line in enumerate(lines) if at and line.rstrip() in (FENCE, "...")), None)
    if end is None:
        raise InvalidInput(f"{file}:1: the front matter has no end.", hint=f"Close it with a line {FENCE}")
    front = "\n".join(lines[1:end]) + "\n"
    if len(front) > most:
        raise InvalidInput(f"{file}:1: the front matter is longer than {most} characters.")
    return tuple(_entries(front, file)), "\n".join(lines[end + 1 :]), end + 2


def _entries(front: str, file: str) -> Iterator[Entry]:
    import yaml

    seen: dict[str, int] = {}
    try:
        for entry in _mapping(_events(front, file), file):
            if entry.key in seen:
                raise InvalidInput(f"{file}:{entry.line}: {entry.key} is there already, in line {seen[entry.key]}.")
            seen[entry.key] = entry.line
            yield entry
    except yaml.reader.ReaderError as error:
        line = front.encode().count(b"\n", 0, error.position) + 2
        raise InvalidInput(f"{file}:{line}: there is a character that YAML does not allow.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        raise InvalidInput(
            f"{file}:{line}: the front matter is not valid YAML: {error.problem}.",
            hint='Quote a value that holds ": " or " #" or begins with one of [ { * & ! | > % @ `.',
        ) from error


def _events(front: str, file: str) -> Iterator[Any]:
    """The parser's events within the one document; `line` counts in the file."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    documents = 0
    events: Iterator[Any] = yaml.parse(front, Loader=loader)
    for event in events:
        line = event.start_mark.line + 2
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1 or event.version or event.tags:
                raise InvalidInput(f"{file}:{line}: the front matter must be one plain mapping.")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise InvalidInput(f"{file}:{line}: anchors (&) and aliases (*) are not used here.", hint=_QUOTE)
        if getattr(event, "tag", None) is not None:
            raise InvalidInput(f"{file}:{line}: tags (!) are not used here.", hint=_QUOTE)
        if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            yield event


_QUOTE = "If it is text, quote it."


def _mapping(events: Iterator[Any], file: str) -> Iterator[Entry]:
    import yaml

    first = next(events, None)
    if first is None or _is_null(first):
        return
    if not isinstance(first, yaml.MappingStartEvent):
        raise InvalidInput(f"{file}:{first.start_mark.line + 2}: the front matter must be `key: value` lines.")
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            return
        line = event.start_mark.line + 2
        if not isinstance(event, yaml.ScalarEvent):
            raise InvalidInput(f"{file}:{line}: a key must be a word.")
        yield _entry(event.value, line, next(events), events, file)


def _entry(key: str, line: int, event: Any, events: Iterator[Any], file: str) -> Entry:
    import yaml

    if isinstance(event, yaml.ScalarEvent):
        return Entry(key=key, line=line, value=_scalar(event))
    if isinstance(event, yaml.MappingStartEvent):
        raise InvalidInput(f"{file}:{line}: {key} takes a value or a list, not `key: value` pairs.", hint=_QUOTE)
    values: list[str] = []
    lines: list[int] = []
    for part in events:
        if isinstance(part, yaml.SequenceEndEvent):
            break
        lines.append(part.start_mark.line + 2)
        value = _scalar(part) if isinstance(part, yaml.ScalarEvent) else None
        if value is None:
            raise InvalidInput(f"{file}:{lines[-1]}: {key} takes a list of plain values.", hint=_QUOTE)
        values.append(value)
    return Entry(key=key, line=line, value=tuple(values), lines=tuple(lines))


def _scalar(event: Any) -> str | None:
    if _is_null(event):
        return None
    return Plain(event.value) if event.implicit[0] and not event.style else str(event.value)


def _is_null(event: Any) -> bool:
    """The only kind of value that means "not set"."""
    return not getattr(event, "style", None) and getattr(event, "value", None) in NULLS
