"""Agents that a person names and that are not set up here; another machine that uses the backlog may have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.cli import output
from deespec.config_keys import IMPLIED
from deespec.errors import NotFound
from deespec.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deespec.cli.session import Session
    from deespec.config import Settings


def tell_unknown_agents(session: Session, names: Iterable[str]) -> None:
    """Says on standard error which of these agents nobody here has set up; nothing is refused."""
    settings = session.app.settings
    known = [*dict.fromkeys((*(agent.name for agent in settings.agents), *IMPLIED))]
    for name in dict.fromkeys(names):
        if settings.agent(name) is None and not session.quiet:
            near = closest(name, known)
            meant = f" Did you mean {near}?" if near else ""
            output.tell(f"Note: no agent {output.clean(name)} is set up here ({', '.join(known)} are).{meant}")


def must_be_there(settings: Settings, name: str) -> None:
    """Raises NotFound."""
    from deespec.board.agents import configured

    if settings.agent(name) is not None:
        return
    known = configured(settings)
    near = closest(name, known)
    hint = f"Did you mean {near}?" if near else f"Agents: {', '.join(known) or 'none is set up'}"
    raise NotFound(f"There is no agent {name}.", hint=hint)
