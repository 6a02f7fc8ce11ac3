"""Which kinds of agent there are, and how one is made from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.errors import NoAgent

if TYPE_CHECKING:
    from deespec.agents.base import Agent
    from deespec.config import AgentSettings, Settings

LOOKED_FOR = ("claude",)
"""Programs that `init` looks for, in order of preference."""
ALONE_IN_A_FOLDER = ("claude",)
"""Kinds of which no two may work in one folder at the same time, even if their paths are disjoint."""


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
    """Calls at the same time in this workspace; 0: no limit."""
    return 1 if settings.workspace_mode == "shared" and section.kind in ALONE_IN_A_FOLDER else section.limit


def _make(section: AgentSettings, settings: Settings) -> Agent:
    env = dict(settings.child_env)
    if section.kind == "claude":
        from deespec.agents.claude import ClaudeAgent

        return ClaudeAgent(section, child_env=env)
    if section.kind == "patch":
        from deespec.agents.patch import PatchAgent

        return PatchAgent(section)
    if section.kind == "scripted":
        from deespec.agents.scripted import ScriptedAgent

        return ScriptedAgent(section, root=settings.root)
    from deespec.agents.command import CommandAgent

    return CommandAgent(section, root=settings.root, child_env=env)
