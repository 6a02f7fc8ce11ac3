"""A database that must not be written any more, because its backlog goes on elsewhere; reading it stays possible.

The mark is a negative schema number. Each write looks at that number anyway, so the seal costs nothing, and a program
that does not know it refuses the database, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deespec.errors import StoreSealed

if TYPE_CHECKING:
    import apsw

    from deespec.clock import Clock

MOVED_TO = "moved_to"
"""In `meta`: where the backlog went."""
COPY_OF = "copy_of"
"""In `meta` of a copy that is not complete: where it comes from."""


def seal(raw: apsw.Connection, mark: str, other: str) -> None:
    """Within a transaction: from its end on nobody writes here."""
    raw.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (mark, other))
    raw.execute(f"PRAGMA user_version = {-abs(_version(raw))}")


def unseal(raw: apsw.Connection, mark: str) -> None:
    """Within a transaction: from its end on it is a backlog like any other."""
    raw.execute("DELETE FROM meta WHERE name = ?", (mark,))
    raw.execute(f"PRAGMA user_version = {abs(_version(raw))}")


def sealed_with(raw: apsw.Connection, mark: str) -> str | None:
    """The other place, if the database carries this seal."""
    if _version(raw) >= 0:
        return None
    found = raw.execute("SELECT value FROM meta WHERE name = ?", (mark,)).fetchall()
    return str(found[0][0]) if found else None


def sealed(raw: apsw.Connection, path: str) -> StoreSealed:
    """What somebody is told who wants to write here."""
    went, came = sealed_with(raw, MOVED_TO), sealed_with(raw, COPY_OF)
    if went is not None:
        return StoreSealed(
            f"This backlog has moved to {went}; nothing was written here.", hint=f"deespec --home {went} …"
        )
    return StoreSealed(
        f"{path} is a copy that was never completed.", hint=f"deespec --home {came} db copy --to {path} completes it."
    )


def note_moved(raw: apsw.Connection, *, actor: str, event: str, detail: str, clock: Clock) -> None:
    """An entry of the journal, in the transaction of the seal."""
    raw.execute(
        "INSERT INTO journal (at, actor, event, detail) VALUES (?, ?, ?, ?)", (clock.now_ms(), actor, event, detail)
    )


def _version(raw: apsw.Connection) -> int:
    found: Any = raw.execute("PRAGMA user_version").fetchall()[0][0]
    return int(found)
