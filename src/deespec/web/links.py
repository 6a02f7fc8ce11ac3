"""Where things have their pages."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from deespec.model.items import Kind

if TYPE_CHECKING:
    from deespec.web.page import PageRequest

_FOLDERS = {Kind.SBI: "items", Kind.PBI: "pbis", Kind.EPIC: "epics"}


def page_of(item_id: str) -> str:
    """The page of an SBI, PBI or EPIC, or of what such a one was."""
    kind = item_id.partition("-")[0]
    return f"/{_FOLDERS[Kind(kind)]}/{quote(item_id, safe='')}" if kind in _FOLDERS else "#"


def split_or_none(url: str) -> SplitResult | None:
    """The parts of a URL, which may be anybody's; None: it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return None


def is_web_address(url: str) -> bool:
    """Whether it names a host of the web: browsers read one out of much that names none."""
    parts = split_or_none(url)
    return parts is not None and parts.scheme in ("http", "https") and parts.netloc != "" and "%" not in parts.netloc


def again_with(request: PageRequest, **changes: object) -> str:
    """This very page with other words in its query; None takes one away."""
    kept = [(name, value) for name, value in request.query if value and name not in changes]
    words = urlencode([*kept, *((name, value) for name, value in changes.items() if value is not None)])
    return f"{quote(request.path)}?{words}" if words else quote(request.path)
