"""Which kinds of agent there are, and how one is made from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.errors import NoAgent
from deespec.model.money import price_of
from deespec.model.wanted import AgentSlot

if TYPE_CHECKING:
    from deespec.agents.base import Agent
    from deespec.config import AgentSettings, Settings

LOOKED_FOR = ("claude", "codex", "gemini", "opencode")
"""Programs that `init` looks for, in order of preference."""
BUILT_IN = ("command", "patch", "scripted")
"""Kinds that keep to the files they are told of."""
SAY_COST = ("claude", "opencode", "scripted")
SAY_TOKENS = ("codex", "gemini", "acp")
"""Kinds whose cost is known only where a price is set for their model. The others say nothing of either."""
SAY_MODEL = ("codex", "gemini")
"""Of these, kinds that say themselves which model has answered."""


def make(name: str, settings: Settings) -> Agent:
    """The agent that the settings call `name`; raises NoAgent if they have none."""
    section = settings.agent(name)
    if section is None:
        known = ", ".join(agent.name for agent in settings.agents) or "none"
        raise NoAgent(
            f"There is no agent {name}. Set up: {known}.", hint=f'deespec config set agents.{name}.command "PROGRAM …"'
        )
    return _make(section, settings)


def slot_of(section: AgentSettings, settings: Settings, *, account: str) -> AgentSlot:
    """The agent as choosing sees it. No two clients may work in one folder at the same time, even if the paths of their
    items are disjoint."""
    return AgentSlot(
        name=section.name,
        account=account,
        limit=section.limit,
        account_limit=next((one.limit for one in settings.accounts if one.name == account), 0),
        alone=settings.workspace_mode == "shared" and section.kind not in BUILT_IN,
        metered=section.billing == "metered",
        priced=section.kind in SAY_COST or is_priced(section, settings),
    )


def is_priced(section: AgentSettings, settings: Settings) -> bool:
    """Whether the tokens that it reports have a price; of a model that only the client will name any may be its."""
    if section.kind not in SAY_TOKENS:
        return False
    if section.model is None and section.kind in SAY_MODEL:
        return bool(settings.prices)
    return price_of(section.model, settings.prices) is not None


def _make(section: AgentSettings, settings: Settings) -> Agent:
    from importlib import import_module

    module = import_module(f"deespec.agents.{section.kind}")
    made: Agent = module.make(section, settings)
    return made
