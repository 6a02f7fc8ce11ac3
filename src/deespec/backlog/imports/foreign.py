"""What another tool's file brings, in one shape for all of them: read first, put then.

Nothing is dropped in silence: what has no counterpart goes into the text of its item, and the report names it.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from deespec.backlog.imports.legacy_files import Notes
from deespec.backlog.imports.legacy_items import closing, label_name
from deespec.backlog.imports.legacy_values import title_of
from deespec.errors import InvalidInput
from deespec.labels import checked_name
from deespec.model.fields import MAX_ESTIMATE_HOURS, MAX_LABELS, MAX_NEEDS, MAX_SPEC_BYTES
from deespec.model.items import Kind, Priority
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

FILE_BYTES_MOST = 64 << 20
ITEMS_MOST = 100_000
KEY_CHARACTERS_MOST = 500


class State(StrEnum):
    """How far an item is in the other tool."""

    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"
    """Nobody will do it."""


@record
class Foreign:
    """One item of another tool, as ours."""

    key: str
    """Names it in every import of the same file: by this nothing comes twice."""
    called: str
    """What the other tool calls it, for the report."""
    kind: Kind
    title: str
    text: str
    state: State = State.OPEN
    parent: str | None = None
    """A key."""
    needs: tuple[str, ...] = ()
    """Keys; that of a group stands for all below it."""
    priority: Priority = Priority.NORMAL
    labels: tuple[str, ...] = ()
    estimate_hours: float | None = None


@record
class ForeignPlan:
    """All that a file brings."""

    tool: str
    items: tuple[Foreign, ...]
    """Groups before what is below them."""
    notes: tuple[str, ...]


def plan_of(tool: str, items: Sequence[Foreign], notes: Notes) -> ForeignPlan:
    """With needs between SBIs only, none of them in a circle. Raises InvalidInput for two with one key."""
    by_key: dict[str, Foreign] = {}
    for one in items:
        if one.key in by_key:
            raise InvalidInput(f"{one.called} is there twice.", hint=f"Give it an id of its own in {tool}.")
        by_key[one.key] = one
    if len(items) > ITEMS_MOST:
        raise InvalidInput(f"There are {len(items):,} items; the limit is {ITEMS_MOST:,}.")
    needs = _between_sbis(by_key, notes)
    for key, other in closing(needs):
        del needs[key][other]
        notes.add(f"{by_key[key].called} needs {by_key[other].called}, which needs it; that need was left out")
    order = {Kind.EPIC: 0, Kind.PBI: 1, Kind.SBI: 2}
    done = [replace(one, needs=_bounded(one, tuple(needs.get(one.key, ())), notes)) for one in items]
    return ForeignPlan(tool=tool, items=tuple(sorted(done, key=lambda one: order[one.kind])), notes=notes.told())


def made(
    tool: str,
    called: str,
    kind: Kind,
    *,
    title: str,
    parts: Iterable[tuple[str, object]],
    notes: Notes,
    scope: str = "",
    **more: Any,
) -> Foreign:
    """An item whose text is these parts: the first without a heading, the others below theirs; empty ones left out."""
    flat = title_of(title) or called
    whole = [title.strip()] if flat != title.strip() and title.strip() else []
    if whole:
        notes.add(f"{called}: its title was made one line of 200 characters; all of it stands in its text")
    for heading, content in parts:
        words = content if isinstance(content, str) else "" if content in (None, [], {}) else _json(content)
        words = words.replace("\r\n", "\n").replace("\0", "�").strip()
        if words:
            whole.append(f"## {heading}\n\n{words}" if heading else words)
    text = "\n\n".join(whole).encode(errors="replace").decode() or flat
    key = f"{tool} {scope} {called}" if scope else f"{tool} {called}"
    labels = more.pop("labels", ())
    return Foreign(
        key=" ".join(key.split())[:KEY_CHARACTERS_MOST],
        called=called,
        kind=kind,
        title=flat,
        text=_cut(text, called, notes),
        labels=labels_of(labels, called, notes),
        **more,
    )


def labels_of(names: object, called: str, notes: Notes) -> tuple[str, ...]:
    """Labels as ours may be called."""
    if not isinstance(names, list | tuple):
        return ()
    kept: dict[str, None] = {}
    for name in names:
        plain = _plain(name)
        if plain is None:
            notes.add(f"{called}: its label {name!r} was left out; no label of ours can be called so")
            continue
        if plain != name:
            notes.add(f"the label {name!r} is called {plain!r} here")
        kept[plain] = None
    if len(kept) > MAX_LABELS:
        notes.add(f"{called}: {len(kept) - MAX_LABELS} of its labels were left out; {MAX_LABELS} is the most")
    return tuple(kept)[:MAX_LABELS]


def _plain(name: object) -> str | None:
    """What the label is called here; None: no file of ours could hold it."""
    try:
        return checked_name(label_name(name).strip("-./:")) if isinstance(name, str) else None
    except InvalidInput:
        return None


def hours_of(minutes: object) -> float | None:
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not 0 < minutes <= 60 * MAX_ESTIMATE_HOURS:
        return None
    return round(minutes / 60, 2)


def read_bytes(path: Path) -> bytes:
    """A file's content. Raises InvalidInput for what is no file of a bearable size."""
    try:
        if not path.is_file():
            raise InvalidInput(f"{path} is no file.", hint="Name the file, or the folder that it is in.")
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MOST + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > FILE_BYTES_MOST:
        raise InvalidInput(f"{path} is larger than {FILE_BYTES_MOST >> 20} MiB.")
    return content


def decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{path}:{line}: this is not UTF-8 text.") from error


def rest_of(values: Mapping[str, Any], used: Iterable[str]) -> dict[str, Any]:
    """What of an object nothing of ours is made of."""
    known = {*used}
    return {name: value for name, value in values.items() if name not in known and value not in (None, "", [], {})}


# --- below ------------------------------------------------------------------------------------------------------------


def _json(value: object) -> str:
    return f"```json\n{json.dumps(value, ensure_ascii=False, indent=2)}\n```"


def _cut(text: str, called: str, notes: Notes) -> str:
    raw = text.encode()
    if len(raw) <= MAX_SPEC_BYTES:
        return text
    notes.add(f"{called}: its text has {len(raw):,} bytes and was cut to {MAX_SPEC_BYTES:,}")
    return raw[:MAX_SPEC_BYTES].decode(errors="ignore")


def _between_sbis(by_key: Mapping[str, Foreign], notes: Notes) -> dict[str, dict[str, None]]:
    """Groups stand for what is below them: who needs one needs all of that, and all of that needs what it needs."""
    below: dict[str, list[str]] = {}
    for one in by_key.values():
        above = one.parent
        for _ in range(3):
            if one.kind is Kind.SBI and above is not None:
                below.setdefault(above, []).append(one.key)
                above = by_key[above].parent if above in by_key else None
    needs: dict[str, dict[str, None]] = {}
    for one in by_key.values():
        for need in one.needs:
            found = by_key.get(need)
            if found is None:
                notes.add(f"{one.called} needs {need!r}, which is not in the file; that need was left out")
                continue
            targets = [need] if found.kind is Kind.SBI else below.get(need, [])
            for item in [one.key] if one.kind is Kind.SBI else below.get(one.key, []):
                own = needs.setdefault(item, {})
                own |= dict.fromkeys(target for target in targets if target != item)
    return needs


def _bounded(one: Foreign, needs: tuple[str, ...], notes: Notes) -> tuple[str, ...]:
    if len(needs) > MAX_NEEDS:
        notes.add(f"{one.called} needs {len(needs)} others; {MAX_NEEDS} are kept, as more are not possible")
    return needs[:MAX_NEEDS]
