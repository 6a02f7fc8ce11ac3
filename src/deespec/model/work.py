"""What Git holds of the backlog's work, as the store remembers it. Commits are named by their full ids."""

from __future__ import annotations

from deespec.records import record

BROKEN_BASE = "broken_base"
"""Why an item waits whose gates fail without its work, too; the name of the notice that says so."""
TARGET_TAKEN = "target_taken"
"""Why an item waits whose target somebody has checked out; the name of the notice that says so."""
NOT_PUSHED = "not_pushed"
"""The notice that the remote does not have what the target has."""
PULL_REQUEST = "pull_request"
"""Why an item waits whose pull request is open."""


@record
class Work:
    """An item's side in Git."""

    sbi: int
    generation: int = 1
    """Its folder and branch so far: each reset and each undo begins another one."""
    registered: str | None = None
    """The base's commit when it was registered."""
    start: str | None = None
    """The commit that all of its work is judged against: where its branch began, later the target merged into it."""
    onto: str | None = None
    """The target's commit that the next resolve turn merges in."""
    conflict: str | None = None
    """Why it could not be merged as it was, in words for the agent."""
    touched: tuple[str, ...] = ()
    """Globs that name the files it has really changed: they bar new items as its paths do."""
    restarts: int = 0
    """Times that its integration was cut off."""
    request: str | None = None
    """Its pull request."""
    published: str | None = None
    """The commit last pushed for its pull request, written before it is."""
    head: str | None = None
    """The remote's branch that was pushed."""
    taken: str = ""
    """Which words of its reviewers have been handed to an agent already."""

    @property
    def name(self) -> str:
        """Of its folder and branch."""
        return f"SBI-{self.sbi}" + (f"-{self.generation}" if self.generation > 1 else "")


@record
class Integration:
    """A move of the target that is decided, and may have happened already."""

    sbi: int
    target: str
    old: str
    new: str
    token: int
    kind: str = "merge"
    """merge or undo."""
    at: int = 0


@record
class Merge:
    """A move of the target that was made for an item."""

    number: int
    sbi: int
    kind: str
    target: str
    old: str
    new: str
    at: int


@record
class Notice:
    """What waits for a person and belongs to no item."""

    name: str
    text: str
    remedy: str | None = None
    detail: str = ""
    """What it was said of, as a commit: said of another one, it is said anew."""
    at: int = 0
