"""What the labels of an item tell agents: each label and each template once, in order, and no more than fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.errors import InvalidInput
from deespec.labels import FOLDER, find, names_in, own_text, parse, read_template, read_text
from deespec.model.items import Epic, Sbi
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from deespec.config import Settings
    from deespec.labels import Label
    from deespec.store.base import Transaction
    from deespec.store.items import Item


@record
class Guideline:
    label: str
    text: str


@record
class Guidelines:
    texts: tuple[Guideline, ...] = ()
    """In the order in which they count."""
    left_out: tuple[str, ...] = ()
    """Which, and why: files that cannot be used, and what prompt.max_kb has no room for."""


def guidelines_of(settings: Settings, tx: Transaction, item: Item) -> Guidelines:
    """Those of the item's labels, of the labels above it, and of all their parents, as the files are now.

    A label that has no file says nothing.
    """
    home, left_out = settings.home, list[str]()
    labels = _labels(home, _names(tx, item), left_out)
    room, used = settings.max_kb * 1024, set[str]()
    texts = []
    for label in sorted(labels, key=lambda one: (-one.priority, one.name)):
        kept = []
        for part, text in _parts(settings, label, used, left_out):
            size = len(text.encode())
            if size > room:
                left_out.append(f"{part} (no room in {settings.max_kb} KiB)")
                continue
            room -= size
            kept.append(text)
        if kept:
            texts.append(Guideline(label=label.name, text="\n\n".join(kept)))
    return Guidelines(texts=tuple(texts), left_out=tuple(left_out))


def _names(tx: Transaction, item: Item) -> tuple[str, ...]:
    """The labels of the item and of what it is below. A decomposition is below its own PBI."""
    names = dict.fromkeys(item.labels)
    above = None if isinstance(item, Epic) else item.parent
    while above is not None and tx.exists(above):
        group = tx.item(above)
        assert not isinstance(group, Sbi), f"{above} has children"
        names |= dict.fromkeys(group.labels)
        above = None if isinstance(group, Epic) else group.parent
    return tuple(names)


def _labels(home: Path, names: tuple[str, ...], left_out: list[str]) -> list[Label]:
    """With their parents; each once, though they be in a circle."""
    try:
        known: Mapping[str, str] = names_in(home)
    except InvalidInput as error:
        left_out.extend([error.message] if names else [])
        return []
    found: dict[str, Label | None] = {}
    waiting = list(names)
    while waiting:
        name = find(known, waiting.pop())
        if name is None or name in found:
            continue
        found[name] = None
        try:
            label = parse(name, read_text(home / FOLDER / known[name]), file=f"{FOLDER}/{known[name]}")
        except InvalidInput as error:
            left_out.append(f"{name} ({error.message.rstrip('.')})")
            continue
        found[name] = label
        waiting += [label.parent] if label.parent else []
    return [label for label in found.values() if label is not None]


def _parts(settings: Settings, label: Label, used: set[str], left_out: list[str]) -> Iterator[tuple[str, str]]:
    """The label's own words, then those of its templates that no label before it has brought; each with its name."""
    if label.text:
        try:
            yield label.name, own_text(label)
        except InvalidInput as error:
            left_out.append(error.message.rstrip("."))
    for template in label.templates:
        if template in used:
            continue
        used.add(template)
        try:
            text = read_template(settings.home, settings.root, template)
        except InvalidInput as error:
            left_out.append(f"{label.name}: {error.message.rstrip('.')}")
            continue
        if text:
            yield f"{label.name}: {template}", text
