"""Needs and parents that are called by their files: `depends_on: [login.md]`, or only `login`.

A name is seen from the folder of the file that has it. Meant is the file of the same call, else the one item that was
registered from that very path before.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from deespec.errors import InvalidInput, NotFound
from deespec.model.fields import PARENTS, FileName
from deespec.model.items import Kind, Sbi
from deespec.records import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deespec.backlog.register import Order
    from deespec.store.base import Transaction
    from deespec.store.items import Item

SUFFIXES = (".md", ".markdown")


def with_needs(tx: Transaction, order: Order, item: Item, files: Mapping[str, str]) -> Item:
    """The item with ids for the needs that are called by their files. `files` are those of this call, with their ids.

    Raises NotFound, naming file and line, with a suggestion.
    """
    if not isinstance(item, Sbi) or not any(isinstance(need, FileName) for need in item.depends_on):
        return item
    needs = {
        _called(tx, order, need, (Kind.SBI,), files) if isinstance(need, FileName) else need: None
        for need in item.depends_on
    }
    return replace(item, depends_on=tuple(needs))


def parent_of(tx: Transaction, order: Order) -> str | None:
    """The parent's id, or its uid as it was given. Raises NotFound."""
    parent = order.new.parent
    return _called(tx, order, parent, PARENTS[order.kind], {}) if isinstance(parent, FileName) else parent


def place_of(order: Order, complaint: str) -> str:
    """`file:LINE: ` of the key that is complained about, where the item came from a file."""
    if order.file is None:
        return ""
    key = b"parent" if "parent" in complaint else b"depends_on"
    lines = order.content.splitlines()
    found = next((number for number, line in enumerate(lines, 1) if line.lstrip().startswith(key)), None)
    return f"{order.file}:{found}: " if found else f"{order.file}: "


def _called(tx: Transaction, order: Order, name: str, kinds: tuple[Kind, ...], files: Mapping[str, str]) -> str:
    paths = _paths(order, name)
    found = {files[path]: None for path in paths if path in files}
    if not found:
        found = {one: None for path in paths for kind in kinds for one in tx.registered_from(kind, path)}
    if len(found) == 1:
        return next(iter(found))
    key = "depends_on" if kinds == (Kind.SBI,) else "parent"
    place = place_of(order, key)
    if found:
        raise InvalidInput(
            f'{place}{key}: "{name}" was registered as {", ".join(found)}.', hint="Name the one you mean."
        )
    raise NotFound(f'{place}{key}: "{name}" is no ID, and no file that is registered.', hint=_hint(order, name, files))


def _paths(order: Order, name: str) -> list[str]:
    """Where the file may be."""
    if order.source is None:
        return []
    path = os.path.join(os.path.dirname(order.source), name)
    suffixes = ("",) if name.lower().endswith(SUFFIXES) else SUFFIXES
    return [os.path.realpath(path + suffix) for suffix in suffixes]


def _hint(order: Order, name: str, files: Mapping[str, str]) -> str:
    from deespec.suggest import closest

    if order.kind is Kind.SBI and len(files) > 1:
        near = closest(name, [os.path.basename(file) for file in files if file != order.source])
        near = near or closest(f"{name}.md", [os.path.basename(file) for file in files if file != order.source])
        if near:
            return f"Did you mean {near}?"
    return "IDs look like SBI-12, PBI-7 or EPIC-2; files are those of this call, or were registered from that path."
