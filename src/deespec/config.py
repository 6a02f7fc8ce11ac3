"""Settings files and environment become one frozen Settings; the only place that reads the environment."""

from __future__ import annotations

from pathlib import Path

from deespec.model.records import record


@record
class AgentSettings:
    """One `[agents.NAME]` section. Durations are ms."""

    name: str
    kind: str
    """claude, command, patch or scripted."""
    command: tuple[str, ...] = ()
    """The program and its first arguments; empty: the kind's own program, found on PATH."""
    limit: int = 0
    """Calls at the same time, over all workers of the account; 0: no limit."""
    account: str | None = None
    """Whose quota it uses; None: NAME@user@host."""
    model: str | None = None
    effort: str | None = None
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    pass_env: tuple[str, ...] = ()
    """Names of variables of the worker's environment that this agent may see although they look like secrets."""
    permissions: str = "edit+shell"
    """edit, edit+shell or everything."""
    billing: str = "metered"
    """metered (its cost counts against budgets) or subscription."""
    idle_timeout_ms: int | None = None
    """None: run.idle_timeout, or none at all for kind command."""
    script: str | None = None
    """scripted: the file with its answers."""


@record
class Gate:
    """A command that must succeed for every item."""

    name: str
    run: str
    timeout_ms: int = 900_000
    env: tuple[tuple[str, str], ...] = ()


@record
class Settings:
    """Everything that can be set. Durations are ms; the file says `"30 min"`, `"10 s"` or a number of seconds."""

    home: Path
    root: Path
    """workspace.root: the folder that holds the work."""
    sources: tuple[tuple[str, str], ...] = ()
    """(key, where its value comes from) for every key."""
    # [run]
    parallel: int = 1
    implement: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    max_turns: int = 8
    max_attempts: int = 3
    review_rounds: int = 3
    turn_timeout_ms: int = 1_800_000
    idle_timeout_ms: int = 600_000
    retry_delay_ms: int = 5_000
    lease_ms: int = 60_000
    # [workspace]
    workspace_mode: str = "shared"
    undeclared: str = "exclusive"
    """shared: items without paths are worked on alone (exclusive) or side by side (parallel)."""
    paths_policy: str = "enforce"
    # [store]
    busy_timeout_ms: int = 30_000
    # [budget]
    usd_per_item: float = 0
    usd_per_day: float = 0
    # [ui]
    ambiguous_width: int = 1
    language: str = "en"
    agents: tuple[AgentSettings, ...] = ()
    gates: tuple[Gate, ...] = ()
    child_env: tuple[tuple[str, str], ...] = ()
    """The environment handed on to agents and gates: the process's own without DEESPEC_* and the secrets of others."""

    def agent(self, name: str) -> AgentSettings | None:
        return next((agent for agent in self.agents if agent.name == name), None)
