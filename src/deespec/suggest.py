"""What somebody probably meant: used in error paths only, so that no command pays for it when all is well."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def closest(word: str, words: Iterable[str]) -> str | None:
    """The one of `words` that looks most like `word`, or None if none is near."""
    import difflib

    by_folded = {known.casefold(): known for known in words}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    return by_folded[near[0]] if near else None
