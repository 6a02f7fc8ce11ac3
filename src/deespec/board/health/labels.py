"""The labels: can their files and templates be used, do they fit into a prompt, and are all that items carry there?"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from deespec.board.health.findings import Finding, broken, ok, several, warning
from deespec.errors import InvalidInput, NotPossible
from deespec.labels import FOLDER, INTENT, find, intent_of, name_of, own_text, read_template, shelf_of
from deespec.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deespec.app import App
    from deespec.config import Settings
    from deespec.labels import Label

LEFT_OUT = "its guideline is left out of prompts"


def of_labels(app: App) -> list[Finding]:
    try:
        found = check_labels(app)
    except InvalidInput as error:
        return [broken("labels", error.message, why="no prompt has the guidelines of labels", fix=error.hint or "")]
    return found or [ok("labels", "every label can be used")]


def check_labels(app: App) -> list[Finding]:
    """What is wrong; [] if nothing is. Raises InvalidInput if the folder cannot be read."""
    settings, shelf = app.settings, shelf_of(app.settings.home)
    carried: dict[str, list[str]] = {}
    with app.store.read() as tx:
        for item in tx.labelled():
            for name in item.labels:
                carried.setdefault(name, []).append(item.id)
    found = [_fault(settings, file, error) for file, error in shelf.faults.items()]
    if (settings.home / INTENT).exists():
        found.append(_cut_off(settings))
    for one in shelf.labels.values():
        found += [*_parents(one, shelf.labels), *_templates(settings, one)]
    known = {*shelf.labels, *_named(shelf.faults)}
    return [*found, *_alike(known), *_unknown(known, carried), *_silent(settings, shelf.labels)]


def _fault(settings: Settings, file: str, error: InvalidInput) -> Finding:
    fix = error.hint or f"Mend it: {settings.home / FOLDER / file}"
    return broken("labels", error.message, why=LEFT_OUT, fix=fix)


def _cut_off(settings: Settings) -> Finding:
    why = "items and files may have the old name or the new one"
    try:
        intent = intent_of(settings.home)
    except NotPossible as error:
        return broken("labels", error.message, why=why, fix=error.hint or "")
    assert intent is not None
    return broken("labels", f"the rename of {intent.old} to {intent.new} was cut off", why=why, fix=intent.command)


def _parents(label: Label, labels: Mapping[str, Label]) -> Iterator[Finding]:
    if label.parent is None:
        return
    above = find(labels, label.parent)
    change = f"deespec label update {label.name} --parent NAME, or --clear parent"
    if above is None:
        why = "what it would bring is missing from prompts"
        yield broken("labels", f"{label.name}: its parent {label.parent} is no label", why=why, fix=change)
        return
    way = [label.name]
    while above is not None and above not in way:
        way.append(above)
        above = find(labels, labels[above].parent or "")
    if above == label.name and label.name == min(way):  # a circle is told once
        told = " → ".join((*way, label.name))
        yield broken("labels", f"labels are in a circle: {told}", why="none of them is above the others", fix=change)


def _templates(settings: Settings, label: Label) -> Iterator[Finding]:
    size = len(label.text.encode())
    try:
        own_text(label)
    except InvalidInput as error:
        fix = f"deespec label update {label.name} -f FILE, or: deespec label rename {label.name} NEW"
        yield broken("labels", f"{label.name}: {error.message}", why=LEFT_OUT, fix=fix)
    for template in label.templates:
        try:
            size += len(read_template(settings.home, settings.root, template).encode())
        except InvalidInput as error:
            fix = f"Mend it, or: deespec label update {label.name} --remove-template {shlex.quote(template)}"
            yield broken("labels", f"{label.name}: {error.message}", why=LEFT_OUT, fix=fix)
    if size > settings.max_kb * 1024:
        what = f"{label.name} takes {size / 1024:,.0f} KiB, and all labels of a prompt together {settings.max_kb} KiB"
        fix = f"deespec config set prompt.max_kb {-(-size // 1024)}"
        yield warning("labels", what, why="prompts leave out what does not fit", fix=fix)


def _silent(settings: Settings, labels: Mapping[str, Label]) -> Iterator[Finding]:
    """Labels that bring nothing, and have no parent that could."""
    names = [one.name for one in labels.values() if not one.text and not one.parent and _is_empty(settings, one)]
    if names:
        fix = f"deespec label update {names[0]} -f FILE"
        yield warning("labels", f"{several(names)}: no text", why="agents are told nothing by them", fix=fix)


def _is_empty(settings: Settings, label: Label) -> bool:
    """Whether all its templates are; one that cannot be used is told of by itself."""
    try:
        return not any(read_template(settings.home, settings.root, one) for one in label.templates)
    except InvalidInput:
        return False


def _alike(known: set[str]) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name in sorted(known):
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            why = "where upper and lower case are the same to the disk, both are one file"
            yield warning(
                "labels", f"{other} and {name} differ in case only", why=why, fix=f"deespec label rename {name} NEW"
            )


def _unknown(known: set[str], carried: Mapping[str, list[str]]) -> Iterator[Finding]:
    for name, ids in sorted(carried.items()):
        if find(known, name) is not None:
            continue
        near = closest(name, known)
        fix = f"deespec label register {name}"
        if near:
            fix = f"{fix}, or if {near} was meant: deespec label attach {near} ID and deespec label detach {name} ID"
        why = "it brings no guideline, and no further item can be given it"
        yield warning("labels", f"{name} is no label, and carried by {several(ids)}", why=why, fix=fix)


def _named(faults: Mapping[str, InvalidInput]) -> Iterator[str]:
    """The labels of the files that cannot be read."""
    for file in faults:
        try:
            yield name_of(file)
        except InvalidInput:
            continue
