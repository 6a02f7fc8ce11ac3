"""Agents that a person names and that are not set up here; another machine that uses the backlog may have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.cli import output
from deespec.config_keys import IMPLIED
from deespec.suggest import closest
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deespec.cli.session import Session


def tell_unknown_agents(session: Session, names: Iterable[str]) -> None:
    """Says on standard error which of these agents nobody here has set up; nothing is refused."""
    settings = session.app.settings
    known = [*dict.fromkeys((*(agent.name for agent in settings.agents), *IMPLIED))]
    for name in dict.fromkeys(names):
        if settings.agent(name) is None and not session.quiet:
            near = closest(name, known)
            meant = f" Did you mean {near}?" if near else ""
            output.tell(f"Note: no agent {clean(name)} is set up here ({', '.join(known)} are).{meant}")
