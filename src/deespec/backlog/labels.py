"""What people do with labels: register, change, rename, delete, attach, detach.

Who changes or removes files of labels holds the backlog's write lock meanwhile, so that two never meet.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.backlog.edit import update_in
from deespec.backlog.label_files import create, keep_intent, remove, replace_file
from deespec.errors import InvalidInput, NotFound, NotPossible
from deespec.labels import (
    COPIES,
    FOLDER,
    INTENT,
    Intent,
    Label,
    checked_name,
    find,
    intent_of,
    names_in,
    path_of,
    read_label,
    read_text,
    refuse_unknown,
    shelf_of,
    template_path,
    text_of,
)
from deespec.model.fields import MAX_LABELS
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from deespec.store.base import Store, Transaction
    from deespec.store.items import Item

NAMED_MOST = 10


class Carriers(StrEnum):
    """What becomes of those that carry a label which is deleted."""

    REFUSE = "refuse"
    DETACH = "detach"
    KEEP = "keep"


@record
class Deleted:
    label: str
    carriers: tuple[str, ...]
    children: tuple[str, ...]
    """Labels that had it as their parent."""
    copies: tuple[str, ...]
    """Templates that were copied in, and no other label has."""


# --- the label itself -----------------------------------------------------------------------------------------------


def register_label(store: Store, home: Path, label: Label) -> Path:
    """Raises NotPossible if there is one of that name, or one that some file systems take for the same."""
    path = path_of(home, label.name)
    with store.transaction():
        refuse_taken(names_in(home), label.name)
        refuse_parent(home, label)
        if not create(home, path, text_of(label)):
            raise NotPossible(f"{path} is there already.", hint="deespec label check")
    return path


def change_label(store: Store, home: Path, name: str, change: Callable[[Label], Label]) -> tuple[Label, Label]:
    """The label before and after."""
    with store.transaction():
        before = read_label(home, name)
        after = change(before)
        if after != before:
            if after.parent != before.parent:
                refuse_parent(home, after)
            replace_file(home, _file(home, before.name), text_of(after))
    return before, after


def refuse_taken(known: Iterable[str], name: str) -> None:
    same = next((one for one in known if one.casefold() == name.casefold()), None)
    if same == name:
        hint = f"deespec label update {name} changes it."
        raise NotPossible(f"There is a label {name} already.", hint=hint)
    if same is not None:
        hint = "Where upper and lower case are the same to the disk, both would be one file."
        raise NotPossible(f"There is a label {same} already.", hint=hint)


def refuse_parent(home: Path, label: Label) -> None:
    """Raises InvalidInput for a parent that is none, or below the label itself."""
    if label.parent is None:
        return
    labels = shelf_of(home).labels
    way, above = [label.name], find(labels, label.parent) or label.parent
    if above != label.name:
        refuse_unknown(home, [above])
    while above not in way:
        way.append(above)
        known = labels.get(above)
        if known is None or known.parent is None:
            return
        above = find(labels, known.parent) or known.parent
    raise InvalidInput(f"{label.name} would be above itself: {' → '.join((*way, above))}.")


# --- rename: files and items ----------------------------------------------------------------------------------------


def rename_label(store: Store, home: Path, old: str, new: str, *, actor: str) -> tuple[str, ...]:
    """The items and undecided drafts that carry the new name now in place of the old.

    The intent is written first and removed last: wherever it is cut off, the same call completes it.
    """
    old, new = checked_name(old), checked_name(new)
    if old == new:
        raise InvalidInput(f"{old} is its name already.")
    with store.transaction() as tx:
        before = intent_of(home)
        known = names_in(home)
        if before is not None:
            if before.new != new or find((before.old,), old) is None:
                raise NotPossible(f"A rename of {before.old} was cut off.", hint=f"{before.command} completes it.")
            old = before.old
        else:
            old = _meant(home, known, old)
            refuse_taken([one for one in known if one != old], new)
            read_text(home / FOLDER / known[old])  # raises InvalidInput
            keep_intent(home, Intent(old=old, new=new))
        _take_over(home, known, old, new)
        ids = _relabel(tx, {**known, old: ""}, old, new)
        if ids:
            tx.note(actor, "label_renamed", detail=json.dumps({"old": old, "new": new, "items": len(ids)}))
    for child in _children(home, old):
        change_label(store, home, child, lambda one: replace(one, parent=new))
    with store.transaction() as tx:
        known = names_in(home)
        late = _relabel(tx, {**known, old: ""}, old, new)  # who was given it while its file was there
        if old in known:
            remove(home / FOLDER / known[old])
    remove(home / INTENT)
    return tuple(dict.fromkeys((*ids, *late)))


def _relabel(tx: Transaction, known: Mapping[str, str], name: str, instead: str | None) -> tuple[str, ...]:
    """Whatever the spelling; the items and undecided drafts that carried it."""
    names = [one for one in spellings(tx, known, name) if one != instead]
    ids = dict.fromkeys(one.id for spelt in names for one in tx.labelled(spelt))
    for spelt in names:
        tx.relabel(spelt, instead)
    return tuple(ids)


def _take_over(home: Path, known: Mapping[str, str], old: str, new: str) -> None:
    """Makes the new file, unless an earlier call has."""
    text = read_text(home / FOLDER / known[old]) if old in known else None
    if new in known:
        if text is not None and read_text(home / FOLDER / known[new]) != text:
            hint = f"Look which one is right, remove the other from {home / FOLDER}, then again."
            raise NotPossible(f"The files of {old} and {new} say different things.", hint=hint)
    elif text is None:
        remove(home / INTENT)
        raise NotFound(f"There is no label {old} any more, nor {new}.", hint="deespec label check")
    elif not create(home, path_of(home, new), text):
        raise NotPossible(f"{path_of(home, new)} is there already.", hint="deespec label check")


# --- delete ---------------------------------------------------------------------------------------------------------


def delete_label(
    store: Store, home: Path, root: Path, name: str, *, actor: str, carriers: Carriers, dry_run: bool = False
) -> Deleted:
    """Raises NotPossible while anything carries it, unless told what becomes of them."""
    with store.read() if dry_run else store.transaction() as tx:
        known = names_in(home)
        name = _meant(home, known, checked_name(name))
        names = spellings(tx, known, name)
        ids = tuple(dict.fromkeys(one.id for spelt in names for one in tx.labelled(spelt)))
        found = Deleted(label=name, carriers=ids, children=_children(home, name), copies=_own_copies(home, name))
        if carriers is Carriers.REFUSE and (found.carriers or found.children):
            raise NotPossible(
                f"{name} is carried by {_listed(ids)}."
                if ids
                else f"{name} is the parent of {_listed(found.children)}.",
                hint="--detach takes it away from all, --force deletes the file and leaves them as they are.",
            )
        if dry_run:
            return found
        if carriers is Carriers.DETACH:
            _relabel(tx, known, name, None)
        else:
            remove(home / FOLDER / known[name])
        tx.note(actor, "label_deleted", detail=json.dumps({"label": name, "items": len(ids), "carriers": carriers}))
    if carriers is Carriers.DETACH:
        for child in found.children:
            change_label(store, home, child, lambda one: replace(one, parent=None))
        with store.transaction() as tx:
            _relabel(tx, known, name, None)  # who was given it while its file was there
            remove(home / FOLDER / known[name])
    for copy in found.copies:
        remove(template_path(home, root, copy))
    return found


def _own_copies(home: Path, name: str) -> tuple[str, ...]:
    labels = shelf_of(home).labels
    others = {template for one in labels.values() if one.name != name for template in one.templates}
    own = labels[name].templates if name in labels else ()
    return tuple(one for one in own if one.startswith(f"{COPIES}/") and one not in others)


# --- items ----------------------------------------------------------------------------------------------------------


def attach(store: Store, home: Path, label: str, ids: Sequence[str], *, actor: str) -> list[str]:
    """All or none; those that did not carry it, however it is spelt there."""
    label = checked_name(label)
    with store.transaction() as tx:
        refuse_unknown(home, [label])
        known = names_in(home)
        name = find(known, label) or label

        def add(item: Item) -> dict[str, object]:
            if any(find(known, one) == name for one in item.labels):
                return {}
            if len(item.labels) >= MAX_LABELS:
                raise InvalidInput(f"{item.id} carries {MAX_LABELS} labels, which is the most.")
            return {"labels": (*item.labels, name)}

        return _each(tx, ids, add, actor=actor)


def detach(store: Store, home: Path, label: str, ids: Sequence[str], *, actor: str) -> list[str]:
    """All or none; those that carried it, however it is spelt there. The label need not be registered."""
    label = checked_name(label)
    with store.transaction() as tx:
        known = names_in(home)
        name = find(known, label) or label

        def take(item: Item) -> dict[str, object]:
            kept = tuple(one for one in item.labels if one != label and find(known, one) != name)
            return {} if kept == item.labels else {"labels": kept}

        return _each(tx, ids, take, actor=actor)


def _each(tx: Transaction, ids: Sequence[str], change: Callable[[Item], dict[str, object]], *, actor: str) -> list[str]:
    changed = []
    for item_id in dict.fromkeys(ids):
        before = tx.item(item_id)
        if update_in(tx, item_id, change, actor=actor).labels != before.labels:
            changed.append(item_id)
    return changed


def spellings(tx: Transaction, known: Mapping[str, str], name: str) -> tuple[str, ...]:
    """The names under which items carry this label; see find()."""
    if "-" not in name:
        return (name,)
    used = {label for one in tx.labelled() for label in one.labels}
    return (name, *sorted(one for one in used if one != name and find(known, one) == name))


# --- below ----------------------------------------------------------------------------------------------------------


def _meant(home: Path, known: Mapping[str, str], name: str) -> str:
    found = find(known, name)
    return read_label(home, name).name if found is None else found  # raises NotFound


def _children(home: Path, name: str) -> tuple[str, ...]:
    labels = shelf_of(home).labels
    return tuple(one.name for one in labels.values() if one.parent and find(labels, one.parent) == name)


def _file(home: Path, name: str) -> Path:
    return home / FOLDER / names_in(home)[name]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED_MOST} more" if len(names) > NAMED_MOST else ""
    return f"{', '.join(names[:NAMED_MOST])}{more}"
