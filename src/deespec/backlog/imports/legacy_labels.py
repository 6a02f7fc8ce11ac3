"""Labels of the Go program become `labels/NAME.md`: their templates, below front matter that keeps the rest of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.backlog.imports.legacy_items import label_name
from deespec.backlog.imports.legacy_values import text
from deespec.labels import FOLDER, PRIORITY_MOST, path_of, text_of
from deespec.labels import Label as OurLabel
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deespec.backlog.imports.legacy_files import Folder, Notes
    from deespec.backlog.imports.legacy_read import Label

SEARCHED = ("", ".deespec/prompts/labels", ".claude", ".deespec/labels")
"""Below the project: where it looked for the path of a template, in this order."""
FILES = "prompts/labels"
"""Below the home: each file there is a label's."""
DEPTH_MOST = 4
INACTIVE = "inactive"
"""The folder for those that were switched off: prompts take nothing from it."""


@record
class LabelFile:
    label: str
    path: str
    """Below the home."""
    text: str


def label_files(labels: Sequence[Label], project: Folder, *, home: str, notes: Notes) -> tuple[LabelFile, ...]:
    """What is to be written; `home` is the name of the folder that the project's backlog is in."""
    made: dict[str, LabelFile] = {}
    used: set[str] = set()
    for label in labels:
        name = label_name(label.name)
        if not name:
            notes.add(f"the label {label.name!r} has no name that is possible here and was left out")
            continue
        file = _file(name)
        path = f"{FOLDER}/{file}" if label.active else f"{FOLDER}/{INACTIVE}/{file}"
        if path in made:
            notes.add(f"the label {label.name!r} would be called as {made[path].label!r} is and was left out")
            continue
        if name != label.name:
            notes.add(f"the label {label.name!r} is called {name!r} here")
        if not label.active:
            notes.add(f"the label {label.name!r} was inactive: its file is {path}, which no prompt takes")
        if label.color:
            notes.add(f"the label {label.name!r}: its colour {label.color} was left out; nothing shows it")
        made[path] = LabelFile(label=name, path=path, text=_text(label, project, home, used, notes))
    for file in _others(project, f"{home}/{FILES}", used):
        _add_file(file.removeprefix(f"{home}/{FILES}/"), project.text(file), made, notes)
    return tuple(made.values())


def _others(project: Folder, place: str, used: set[str], depth: int = 1) -> Iterator[str]:
    """The files of labels that no label of the database named."""
    for name in project.names(place):
        path = f"{place}/{name}"
        if name.endswith(".md"):
            if path not in used:
                yield path
        elif depth < DEPTH_MOST and not name.startswith("."):
            yield from _others(project, path, used, depth + 1)


def _add_file(file: str, words: str | None, made: dict[str, LabelFile], notes: Notes) -> None:
    name = label_name(file.removesuffix(".md"))
    path = f"{FOLDER}/{_file(name)}" if name else ""
    if words is None or not name or path in made:
        notes.add(f"{FILES}/{file} belongs to no label of the database and was left out")
        return
    made[path] = LabelFile(label=name, path=path, text=text_of(OurLabel(name=name, text=text(words).strip())))
    notes.add(f"{FILES}/{file} belongs to no label of the database: it is the label {name!r} here")


def _text(label: Label, project: Folder, home: str, used: set[str], notes: Notes) -> str:
    parts = []
    for file in label.files:
        found = _template(file, project, home, used)
        if found is None:
            notes.add(f"the label {label.name!r}: its file {file} is not in the project and was left out")
        else:
            parts.append(text(found).strip())
    ours = OurLabel(
        name=label_name(label.name),
        description="".join(one for one in " ".join(label.description.split()) if one.isprintable()),
        priority=max(-PRIORITY_MOST, min(label.priority, PRIORITY_MOST)),
        parent=(label_name(label.parent) if label.parent else None) or None,
        text="\n\n".join(parts),
    )
    return text_of(ours)


def _file(name: str) -> str:
    return path_of(Path(), name).name


def _template(file: str, project: Folder, home: str, used: set[str]) -> str | None:
    """A template's text, by the path that the database has: relative, or absolute on whatever machine it was made."""
    for name in _places(file, project.path, home):
        found = project.text(name)
        if found is not None:
            used.add(os.path.normpath(name))
            return found
    return None


def _places(file: str, project: Path, home: str) -> list[str]:
    if not os.path.isabs(file):
        return [f"{folder}/{file}".replace(".deespec/", f"{home}/") for folder in SEARCHED]
    inside = os.path.relpath(file, project) if Path(file).is_relative_to(project) else ""
    parts = file.split("/")
    below = ["/".join(parts[at:]) for at, part in enumerate(parts) if part in (".deespec", ".claude")]
    last = [f"{folder}/{parts[-1]}" for folder in SEARCHED[1:]]
    return [name.replace(".deespec/", f"{home}/") for name in (inside, *below, *last) if name]
