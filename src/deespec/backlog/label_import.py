"""Labels of a folder of Markdown files: files of the project become templates, others are copied as a whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.backlog.label_files import create, replace_file
from deespec.backlog.labels import refuse_taken
from deespec.errors import DeespecError, InvalidInput, NotFound
from deespec.labels import (
    FOLDER,
    SUFFIX,
    TEMPLATE_LINES_MOST,
    Label,
    checked_name,
    excluded,
    find,
    names_in,
    parse,
    path_of,
    read_text,
    template_path,
    text_of,
)
from deespec.model.fields import MAX_NAME_CHARACTERS, Wrong, label_name
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deespec.store.base import Store

DEPTH_MOST = 10
FILES_MOST = 2_000


@record
class Coming:
    """One file, and what becomes of it."""

    file: str
    """Below the folder."""
    label: Label | None = None
    """None: it is left out."""
    outside: bool = False
    """It is copied, as it is no file of the project."""
    replaces: bool = False
    why: str = ""
    """Why it is left out."""


def plan_import(
    home: Path, root: Path, folder: Path, *, recursive: bool, prefix: bool, force: bool
) -> tuple[Coming, ...]:
    """What import_labels() would do. Raises NotFound and InvalidInput for the folder."""
    real = Path(os.path.realpath(folder))
    if not real.is_dir():
        raise NotFound(f"{folder} is no folder.")
    if real.is_relative_to(os.path.realpath(home / FOLDER)):
        raise InvalidInput(f"What is in {folder} are labels already.", hint="deespec label list")
    known = names_in(home)
    found: dict[str, Coming] = {}
    for file in _markdown(real, depth=DEPTH_MOST if recursive else 0):
        if len(found) == FILES_MOST:
            raise InvalidInput(f"{folder} holds more than {FILES_MOST:,} files of Markdown.")
        taken = [one.label.name for one in found.values() if one.label is not None]
        found[file] = _coming(home, root, real, file, prefix=prefix, known=known, taken=taken, force=force)
    names = [*known, *(one.label.name for one in found.values() if one.label is not None)]
    return tuple(_with_parent(one, names) for one in found.values())


def import_labels(store: Store, home: Path, coming: tuple[Coming, ...]) -> tuple[Coming, ...]:
    """Writes them; the same with what was left out after all, as somebody else made it meanwhile.

    Files are written apart, so that nobody waits for all: new ones without the backlog's write lock, as a file that is
    there is never replaced by them.
    """
    known = names_in(home)
    return tuple(one if one.label is None else _written(store, home, one, one.label, known) for one in coming)


def _written(store: Store, home: Path, one: Coming, label: Label, known: Mapping[str, str]) -> Coming:
    if one.replaces and label.name in known:
        path = home / FOLDER / known[label.name]
        with store.transaction():
            if os.path.lexists(path):
                replace_file(home, path, text_of(_again(path, label)))
                return one
    if not create(home, path_of(home, label.name), text_of(label)):
        return replace(one, label=None, why=f"there is a label {label.name} already")
    return one


def _with_parent(one: Coming, names: Sequence[str]) -> Coming:
    """Left out, if its parent is no label and becomes none."""
    parent = one.label.parent if one.label else None
    if parent is None or find(names, parent) is not None:
        return one
    return replace(one, label=None, why=f"its parent {parent} is no label")


def _coming(
    home: Path,
    root: Path,
    folder: Path,
    file: str,
    *,
    prefix: bool,
    known: Mapping[str, str],
    taken: list[str],
    force: bool,
) -> Coming:
    path = folder / file
    try:
        name = name_for(file, prefix=prefix)
        if name in taken:
            raise InvalidInput(f"another file is the label {name}")
        replaces = name in known
        if not (replaces and force):
            refuse_taken([*known, *taken], name)
        label, outside = _label(home, root, path, file, name)
    except DeespecError as error:
        return Coming(file=file, why=error.message.rstrip("."))
    return Coming(file=file, label=label, outside=outside, replaces=replaces)


def name_for(file: str, *, prefix: bool) -> str:
    """`Web/API Design.md` is `api-design`, or with its folders `web:api-design`."""
    parts = file.removesuffix(SUFFIX).split("/")
    words = [_word(part) for part in (parts if prefix else parts[-1:])]
    return checked_name(":".join(word for word in words if word))


def _word(part: str) -> str:
    plain = part.strip().lower().replace(" ", "-").replace("_", "-")
    kept = "".join(one if _allowed(one) and one not in "/:" else "-" for one in plain[:MAX_NAME_CHARACTERS])
    return kept.strip("-.")


def _allowed(character: str) -> bool:
    try:
        label_name(character)
    except Wrong:
        return False
    return True


def _label(home: Path, root: Path, path: Path, file: str, name: str) -> tuple[Label, bool]:
    pattern = excluded(file) or excluded(str(path))
    if pattern:
        raise InvalidInput(f"it is excluded: {pattern}")
    text = read_text(path)
    lines = text.strip().count("\n") + 1
    if lines > TEMPLATE_LINES_MOST:
        raise InvalidInput(f"it has {lines:,} lines; the limit is {TEMPLATE_LINES_MOST:,}")
    top = Path(os.path.realpath(root))
    if not path.is_relative_to(top):
        return parse(name, text, file=file), True
    template = str(path.relative_to(top))
    template_path(home, root, template)
    return Label(name=name, description=f"file imported from {template}"[:500], templates=(template,)), False


def _again(path: Path, label: Label) -> Label:
    """The words of the file that is imported once more; what people said of the label stays where it says nothing."""
    try:
        before = parse(label.name, read_text(path), file=str(path))
    except InvalidInput:
        return label
    others = tuple(one for one in before.templates if one not in label.templates)
    return replace(
        before,
        text=label.text,
        priority=label.priority or before.priority,
        parent=label.parent or before.parent,
        templates=(*others, *label.templates) if label.templates else before.templates,
        description=(label.description if label.text else "") or before.description or label.description,
    )


def _markdown(folder: Path, *, depth: int, below: str = "") -> Iterator[str]:
    """Files by name, those of a folder before those below it; links are not followed."""
    try:
        with os.scandir(folder / below) as entries:
            found = sorted(entries, key=lambda one: one.name)
    except OSError as error:
        raise InvalidInput(f"{folder / below} cannot be read: {error.strerror}.") from error
    for one in found:
        if one.name.endswith(SUFFIX) and not one.name.startswith(".") and one.is_file(follow_symlinks=False):
            yield f"{below}{one.name}"
    for one in found:
        if depth and not one.name.startswith(".") and one.is_dir(follow_symlinks=False):
            yield from _markdown(folder, depth=depth - 1, below=f"{below}{one.name}/")
