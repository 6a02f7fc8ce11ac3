"""Which kinds of agent there are, and how one is made from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.errors import NoAgent

if TYPE_CHECKING:
    from deespec.agents.base import Agent
    from deespec.config import AgentSettings, Settings

LOOKED_FOR = ("claude", "codex", "gemini", "opencode")
"""Programs that `init` looks for, in order of preference."""
BUILT_IN = ("command", "patch", "scripted")
"""Kinds that keep to the files they are told of."""


def make(name: str, settings: Settings) -> Agent:
    """The agent that the settings call `name`; raises NoAgent if they have none."""
    section = settings.agent(name)
    if section is None:
        known = ", ".join(agent.name for agent in settings.agents) or "none"
        raise NoAgent(
            f"There is no agent {name}. Set up: {known}.", hint=f'deespec config set agents.{name}.command "PROGRAM …"'
        )
    return _make(section, settings)


def limit_of(section: AgentSettings, settings: Settings) -> int:
    """Calls at the same time in this workspace; 0: no limit. No two clients may work in one folder at the same time,
    even if their paths are disjoint."""
    return 1 if settings.workspace_mode == "shared" and section.kind not in BUILT_IN else section.limit


def _make(section: AgentSettings, settings: Settings) -> Agent:
    from importlib import import_module

    module = import_module(f"deespec.agents.{section.kind}")
    made: Agent = module.make(section, settings)
    return made
