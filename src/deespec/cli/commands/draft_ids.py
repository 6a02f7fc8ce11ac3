"""How people name drafts, one by one or all of an item, and what a decision of theirs comes with."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from deespec.errors import InvalidInput, UsageError
from deespec.model.asking import DraftStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.backlog.drafts import Decider, DraftId
    from deespec.cli.session import Session

NUMBER_DIGITS = 9
HINT = "Drafts are called as in PBI-7/3 or SBI-12/1: deespec drafts"
EVERY = "*"


def is_draft(text: str) -> bool:
    """Whether this names one draft, not an item."""
    _, slash, number = _plain(text).rpartition("/")
    return bool(slash) and number != EVERY


def draft_id(session: Session, text: str) -> DraftId:
    """(`SBI-12`, 1) from any case and width. Raises InvalidInput."""
    item, _, number = _plain(text).rpartition("/")
    if not item or not (number.isascii() and number.isdigit() and len(number) <= NUMBER_DIGITS):
        raise InvalidInput(f'"{text}" is no draft.', hint=HINT)
    return session.item_id(item, None), int(number)


def draft_ids(session: Session, texts: Sequence[str]) -> list[DraftId]:
    """Those named, each once, in order; of an item (`PBI-7`, `PBI-7/*`) all its open ones. Raises NotFound."""
    found: dict[DraftId, None] = {}
    for text in texts:
        if is_draft(text):
            found[draft_id(session, text)] = None
            continue
        parent = session.item_id(_plain(text).removesuffix(EVERY).removesuffix("/"), None)
        found |= dict.fromkeys(_open(session, parent))
    return list(found)


def tell_nothing_open(texts: Sequence[str]) -> str:
    """What is said where no draft is meant."""
    return f"No draft of {', '.join(texts)} waits for a decision."


def items_named(texts: Sequence[str]) -> list[str]:
    """Those that stand for all open drafts of an item."""
    return [text for text in texts if not is_draft(text)]


def refuse_single(texts: Sequence[str]) -> None:
    """Raises UsageError where one draft is named and all are asked for."""
    single = next((text for text in texts if is_draft(text)), None)
    if single is not None:
        raise UsageError("--all is for all drafts of an item.", hint=f"deespec approve {single}")


def decider(session: Session) -> Decider:
    """The person who types, and what is registered by what they decide."""
    app = session.app_for_writing()
    return app.decider(app.person)


def _open(session: Session, parent: str) -> list[DraftId]:
    with session.app.store.read() as tx:
        tx.item(parent)  # raises NotFound
        return [(one.parent, one.number) for one in tx.drafts(parent) if one.status is DraftStatus.OPEN]


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()
