"""The files of an export: what each is called and what stands in it. The same item always gives the same bytes."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from deespec.backlog.exports.keys import BLANKS, DECOMPOSITION, DRAFT, EPIC, PBI, SBI
from deespec.clock import iso
from deespec.model.front_matter import FENCE
from deespec.model.items import Kind, Pbi, Sbi
from deespec.model.spec import yaml_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.backlog.exports.keys import Key
    from deespec.model.asking import Draft
    from deespec.store.items import Item

SLUG_CHARACTERS = 40
FOLDERS = ("epic", "pbi", "sbi", "decomposition", "draft", "labels", "templates")
_ALWAYS = ("uid", "title", "status", "held")


def slug(title: str) -> str:
    """What of a title every file system takes: ASCII, lower case; often nothing."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain))[:SLUG_CHARACTERS].strip("-")


def item_path(kind: str, number: int, title: str) -> str:
    """`sbi/SBI-000012-rate-limit.md`: sorted by number, and different whatever the title is."""
    if number < 0:
        from deespec.model.ids import DECOMPOSITIONS_FROM

        return f"decomposition/PBI-{number - DECOMPOSITIONS_FROM:06}.md"
    return f"{kind.lower()}/{_named(f'{kind}-{number:06}', title)}"


def draft_path(parent: str, number: int, title: str) -> str:
    kind, _, above = parent.partition("-")
    return f"draft/{_named(f'{kind}-{int(above):06}-{number:04}', title)}"


def _named(number: str, title: str) -> str:
    words = slug(title)
    return f"{number}-{words}.md" if words else f"{number}.md"


def item_text(item: Item, *, archived_at: int | None = None) -> bytes:
    """Front matter and text; of a decomposition without the text, which is that of its PBI."""
    keys = EPIC
    if isinstance(item, Sbi):
        keys = DECOMPOSITION if item.decomposes else SBI
    elif isinstance(item, Pbi):
        keys = PBI
    more = {"archived_at": iso(archived_at)} if archived_at is not None else {}
    return _text(item, keys, {"id": item.id}, more, "" if keys is DECOMPOSITION else item.spec)


def draft_text(draft: Draft) -> bytes:
    return _text(draft, DRAFT, {"draft": draft.id}, {}, draft.spec)


def _text(one: Any, keys: Sequence[Key], first: dict[str, str], more: dict[str, str | None], body: str) -> bytes:
    values: dict[str, Any] = dict(first)
    blank = BLANKS[type(one)]
    for key in keys:
        value = getattr(one, key.name)
        if key.name in _ALWAYS or value != getattr(blank, key.name):
            values[key.called] = key.write(value)
    lines = [f"{name}: {yaml_of(value)}" for name, value in {**values, **more}.items()]
    return "\n".join([FENCE, *lines, FENCE, f"{body}\n"]).encode()


def kind_of(path: str) -> Kind | None:
    """The kind of the items in the folder of this path; None: something else is."""
    folder = path.partition("/")[0].upper()
    return Kind(folder) if folder in list(Kind) else None
