"""Agents that a person names and that are not set up here; another machine that uses the backlog may have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.backlog.to_know import of_agents
from deespec.cli import output

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deespec.cli.session import Session


def tell_unknown_agents(session: Session, names: Iterable[str]) -> None:
    """Says on standard error which of these agents nobody here has set up; nothing is refused."""
    if not session.quiet:
        for note in of_agents(session.app.settings, names):
            output.tell(note)
