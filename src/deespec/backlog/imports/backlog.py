"""`import backlog`: an exported backlog comes into this one, its label files before its items (docs/adr/0017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.backlog.imports.backlog_put import Brought, put
from deespec.backlog.label_files import create
from deespec.config_home import HOME_NAME
from deespec.errors import InvalidInput
from deespec.labels import FOLDER, name_of, parse, read_template
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from deespec.backlog.imports.backlog_read import Whole
    from deespec.store.base import Store


@record
class Missing:
    """A file that a label names and that no prompt can have."""

    label: str
    template: str
    why: str


@record
class Imported:
    brought: Brought
    labels: tuple[str, ...]
    """The files that were written."""
    kept: tuple[str, ...]
    """Labels that are here already with other words."""
    missing: tuple[Missing, ...] = ()


def bring(store: Store, home: Path, whole: Whole, *, as_is: bool, actor: str) -> Imported:
    """All items, drafts and history in one transaction, which ends once the files of labels are there.

    Raises InvalidInput, and has changed nothing then.
    """
    made, kept = [], []
    with store.transaction() as tx:
        brought = put(tx, whole, as_is=as_is, actor=actor)
        for file, content in whole.labels.items():
            path = home / FOLDER / file
            if create(home, path, content):
                made.append(file)
            elif _content(path) != content.encode():
                kept.append(file)
    return Imported(brought=brought, labels=tuple(made), kept=tuple(kept))


def rehearse(store: Store, home: Path, whole: Whole, *, as_is: bool, actor: str) -> Imported:
    """The same, found out without changing anything."""
    done: list[Brought] = []
    try:
        with store.transaction() as tx:
            done.append(put(tx, whole, as_is=as_is, actor=actor))
            raise _UndoneError
    except _UndoneError:
        there = {file: _content(home / FOLDER / file) for file in whole.labels}
        return Imported(
            brought=done[0],
            labels=tuple(file for file, content in there.items() if content is None),
            kept=tuple(file for file, content in there.items() if content not in (None, whole.labels[file].encode())),
        )


def missing_templates(home: Path, root: Path, whole: Whole, labels: Iterable[str]) -> tuple[Missing, ...]:
    """Templates of these labels of the export that are neither here nor come with it."""
    found = []
    for file in labels:
        if "/" in file:
            continue
        try:
            label = parse(name_of(file), whole.labels[file], file=file)
        except InvalidInput:
            continue  # `label check` says what is wrong with it
        for template in label.templates:
            if template.removeprefix(f"{HOME_NAME}/{FOLDER}/") in whole.labels:
                continue
            try:
                read_template(home, root, template)
            except InvalidInput as fault:
                found.append(Missing(label=label.name, template=template, why=fault.message))
    return tuple(found)


class _UndoneError(Exception):
    """Rolls a rehearsal back."""


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
