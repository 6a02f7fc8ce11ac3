"""Projects without a database, as early versions of the Go program left them: items from their folders of specs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from deespec.backlog.imports.legacy_read import Found, Project, in_order, unique
from deespec.backlog.imports.legacy_values import made_uid, text, time_ms, uid_of, whole
from deespec.model.items import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.backlog.imports.legacy_files import Folder, Notes

STATE = "state.json"
SIGNS = (STATE, "setting.json", "specs", "var", "journal.ndjson")
"""What one of them at least holds, beside a database."""
META = ("meta.yaml", "meta.yml")
STATUSES = {"todo": "PENDING", "doing": "IMPLEMENTING", "done": "DONE"}
STATE_SHOWN = ("version", "step", "turn", "current", "wip", "task_id")
SHOWN_CHARACTERS = 200


def is_project(folder: Folder) -> bool:
    names = folder.names()
    return "deespec.db" in names or STATE in names or sum(sign in names for sign in SIGNS) > 1


def read_files(folder: Folder, notes: Notes) -> Project:
    """What could be taken is said in the notes."""
    needs: list[tuple[str, str]] = []
    items = [
        *_items(folder, Kind.PBI, "specs/pbi", [], notes),
        *_items(folder, Kind.SBI, "specs/sbi", needs, notes),
    ]
    found = unique(in_order(items), notes=notes)
    counts = {kind: sum(one.kind is kind for one in found) for kind in (Kind.PBI, Kind.SBI)}
    notes.add(
        f"there is no database: {counts[Kind.PBI]} PBIs and {counts[Kind.SBI]} SBIs were found as folders below specs; "
        "needs and times of registration are known only where a meta.yaml tells them"
    )
    _tell_state(folder, notes)
    return Project(mark=made_uid("files " + " ".join(one.uid for one in found)), items=found, needs=tuple(needs))


def _items(folder: Folder, kind: Kind, place: str, needs: list[tuple[str, str]], notes: Notes) -> Iterator[Found]:
    file = "pbi.md" if kind is Kind.PBI else "spec.md"
    for name in folder.names(place):
        spec = folder.text(f"{place}/{name}/{file}")
        meta = _meta(folder, f"{place}/{name}", notes)
        if spec is None and not meta:
            continue
        heading = re.search(r"(?m)^# +(.+?)\s*$", spec or "")
        status = text(meta.get("status")).strip()
        labels = meta.get("labels")
        needs += [(name, one) for one in _listed(meta.get("depends_on"))]
        yield Found(
            kind=kind,
            id=name,
            uid=uid_of(kind, name, salt=""),
            title=text(meta.get("title")).strip() or (heading[1] if heading else name),
            text=text(spec),
            status=STATUSES.get(status.lower(), status.upper()) or "PENDING",
            priority=whole(meta.get("priority")),
            parent=text(meta.get("pbi_id")).strip() or None,
            labels=_listed(labels),
            registered_at=time_ms(meta.get("created_at")) or folder.changed_ms(f"{place}/{name}"),
            updated_at=time_ms(meta.get("updated_at")),
        )


def _listed(value: object) -> tuple[str, ...]:
    """A list of names, or names between commas."""
    many = value if isinstance(value, list) else text(value).split(",")
    return tuple(said for said in (text(one).strip() for one in many) if said)


def _meta(folder: Folder, place: str, notes: Notes) -> dict[str, Any]:
    for name in META:
        content = folder.text(f"{place}/{name}")
        if content is None:
            continue
        import yaml

        try:
            found = None if re.search(r"(?m)[:\-]\s*\*\w", content) else yaml.load(content, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
        notes.add(f"{place}/{name} cannot be read and was left out")
    return {}


def _tell_state(folder: Folder, notes: Notes) -> None:
    content = folder.text(STATE)
    if content is None:
        return
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        notes.add(f"{STATE} cannot be read and was left out")
        return
    shown = ", ".join(f"{key} {text(found[key])}" for key in STATE_SHOWN if found.get(key) not in (None, ""))
    notes.add(f"{STATE} ({shown[:SHOWN_CHARACTERS]}) told what was in work; it has no place here and was left out")
