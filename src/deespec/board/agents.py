"""Agents as people want to see them: installed and ready, checked, and what they have spent today."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.agents.base import Looked
from deespec.agents.standin.clients import client_of, knows
from deespec.clock import local
from deespec.errors import DeespecError, NotFound
from deespec.records import record
from deespec.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deespec.app import App
    from deespec.config import AgentSettings, Settings
    from deespec.model.items import AgentPause
    from deespec.model.probes import AgentCheck

AT_ONCE = 8
"""Looks: a client that hangs is given up by its adapter after some seconds, and makes no other wait."""


class Standing(StrEnum):
    """What `agent check` has found of the version that is installed."""

    BEHAVES = "behaves"
    DIFFERS = "differs"
    NEW = "new"
    """Another version was checked."""
    NEVER = "never"
    NOTHING = "nothing"
    """There is nothing to check: the agent asks no model server that the stand-in could take the place of."""


@record
class Checked:
    """The newest check of a client on this host, seen from the version that is installed."""

    standing: Standing
    version: str | None = None
    """The one that was checked."""
    at: int | None = None
    differs: tuple[str, ...] = ()
    """What is not as its adapter expects."""
    since: str | None = None
    """The first version of which that was found, with none that behaved after it."""


def configured(settings: Settings) -> tuple[str, ...]:
    """All agents that the settings name; those that items go to by default come first."""
    own = (agent.name for agent in settings.agents)
    return tuple(dict.fromkeys((*settings.implement, *settings.review, *own)))


def must_be_there(settings: Settings, name: str) -> None:
    """Raises NotFound."""
    if settings.agent(name) is not None:
        return
    known = configured(settings)
    near = closest(name, known)
    hint = f"Did you mean {near}?" if near else f"Agents: {', '.join(known) or 'none is set up'}"
    raise NotFound(f"There is no agent {name}.", hint=hint)


def look(app: App, name: str) -> Looked:
    """A look at one agent; settings that it cannot live with are found here, too."""
    try:
        return app.agent(name).look()
    except DeespecError as error:
        return Looked(ready=False, problem=error.message, remedy=error.hint)


def look_at(app: App, names: Iterable[str]) -> dict[str, Looked]:
    """All at once."""
    asked = list(names)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return dict(zip(asked, threads.map(lambda name: look(app, name), asked), strict=True))


def paused(pause: AgentPause, name: str) -> str:
    """That an agent is paused, until when and why."""
    until = f"until {local(pause.until_at)}" if pause.until_at else "until resumed"
    return f"{name} is paused {until}: {pause.message}".rstrip(".")


def checks_of(app: App) -> list[AgentCheck]:
    with app.store.read() as tx:
        return tx.agent_checks(app.host)


def checked(section: AgentSettings | None, version: str | None, checks: Iterable[AgentCheck]) -> Checked:
    """What is known of this version of an agent's client; None: of the one that was checked last."""
    if section is None or not knows(section):
        return Checked(standing=Standing.NOTHING)
    own = [check for check in checks if check.kind == client_of(section)]
    if not own:
        return Checked(standing=Standing.NEVER)
    found = own[-1] if version is None else next((check for check in own if check.version == version), None)
    if found is None:
        return Checked(standing=Standing.NEW, version=own[-1].version, at=own[-1].at, differs=own[-1].result)
    if not found.result:
        return Checked(standing=Standing.BEHAVES, version=found.version, at=found.at)
    bad = [check for at, check in enumerate(own) if all(later.result for later in own[at:])]
    since = bad[0].version if found in bad else found.version
    return Checked(standing=Standing.DIFFERS, version=found.version, at=found.at, differs=found.result, since=since)
