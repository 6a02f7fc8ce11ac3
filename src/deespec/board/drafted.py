"""A draft in words: what was decided about it, and how it differs from the one in whose place it stands."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from deespec.clock import local
from deespec.model.asking import DraftStatus

if TYPE_CHECKING:
    from deespec.model.asking import Draft


def state(draft: Draft) -> str:
    """`approved as SBI-9`."""
    return f"{draft.status} as {draft.registered}" if draft.registered else draft.status


def decision(draft: Draft) -> str:
    """Who has decided, when and why; empty: nobody has."""
    if draft.decided_at is None:
        return ""
    why = f": {draft.reason}" if draft.reason else ""
    what = "approved, and waits," if draft.status is DraftStatus.WAITING else state(draft)
    return f"{what} by {draft.decided_by} at {local(draft.decided_at)}{why}"


def difference(earlier: Draft, draft: Draft) -> list[str]:
    """The lines of a unified diff; none: they say the same."""
    old, new = ([one.title, "", *one.spec.splitlines()] for one in (earlier, draft))
    return list(difflib.unified_diff(old, new, fromfile=earlier.id, tofile=draft.id, lineterm=""))
