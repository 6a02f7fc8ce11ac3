"""Settings files and environment become one frozen Settings; the only place that reads the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from deespec.config_file import Given, from_environment, from_options, parse_document, read_config
from deespec.config_home import CONFIG_NAME, expanded
from deespec.config_keys import AGENT_KEYS, IMPLIED, KEYS, KINDS
from deespec.errors import BadConfig
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

TERMS = ("gates", "integrate", "paths_policy", "review", "review_rounds", "copy", "link", "setup", "setup_timeout_ms")
"""Fields of Settings that the base's committed file decides (engine/terms.py)."""
_TERM_KEYS = tuple(key for key in KEYS if key.field in TERMS)


@record
class AgentSettings:
    """One `[agents.NAME]` section. Durations are ms."""

    name: str
    kind: str
    """claude, codex, gemini, opencode, acp, command, patch or scripted."""
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
    """Names of variables that are not in child_env and that it may see; load_settings has put them into env."""
    permissions: str = "edit+shell"
    """edit, edit+shell or everything."""
    permission_requests: str = "deny"
    """What it asks for beyond these: deny, or ask a person."""
    add_dirs: tuple[str, ...] = ()
    """Other folders that it may write in, absolute."""
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
    when: tuple[str, ...] = ("implement", "integrate")
    timeout_ms: int = 900_000
    env: tuple[tuple[str, str], ...] = ()


@record
class Price:
    """What the tokens of a model cost, in USD per million; for clients that say tokens only."""

    model: str
    """Its name, or a glob of names."""
    input: float = 0
    output: float = 0
    cached: float | None = None
    """Input that was read from the vendor's cache; None: as other input."""


@record
class Account:
    """Whose quota agents use, where a limit holds for all of them together."""

    name: str
    limit: int = 0
    """Calls at the same time, of all its agents, over all workers; 0: no limit."""


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
    decompose: tuple[str, ...] = ()
    max_turns: int = 8
    max_attempts: int = 3
    review_rounds: int = 3
    turn_timeout_ms: int = 1_800_000
    idle_timeout_ms: int = 600_000
    retry_delay_ms: int = 5_000
    lease_ms: int = 60_000
    keep_awake: str = "auto"
    language: str | None = None
    """The tag of the language in which agents write their reports."""
    # [workspace]
    workspace_mode: str = "shared"
    """shared or worktree; what `auto` comes to is settled."""
    base: str | None = None
    """The branch that work begins from; None: the one that is checked out."""
    target: str = "deespec/integration"
    integrate: str = "rebase"
    land: str = "manual"
    push: str | None = None
    pr_command: tuple[str, ...] = ()
    copy: tuple[str, ...] = ()
    link: tuple[str, ...] = ()
    setup: str | None = None
    setup_timeout_ms: int = 900_000
    undeclared: str = "exclusive"
    """Items without paths are worked on alone (exclusive) or side by side (parallel)."""
    paths_policy: str = "enforce"
    # [store]
    busy_timeout_ms: int = 30_000
    backup: str = "daily"
    """daily: a running worker makes one; off: people make them."""
    # [budget]
    usd_per_item: float = 0
    usd_per_day: float = 0
    usd_per_run: float = 0
    tokens_per_item: int = 0
    # [notify]
    notify: tuple[str, ...] = ()
    # [prompt]
    max_kb: int = 64
    """Of the guidelines in one prompt, in KiB."""
    # [ui]
    ambiguous_width: int = 1
    agents: tuple[AgentSettings, ...] = ()
    gates: tuple[Gate, ...] = ()
    accounts: tuple[Account, ...] = ()
    prices: tuple[Price, ...] = ()
    child_env: tuple[tuple[str, str], ...] = ()
    """The environment handed on to agents and gates: the process's own without DEESPEC_* and the secrets of others."""

    def agent(self, name: str) -> AgentSettings | None:
        """The agent of that name; those in IMPLIED need no section."""
        implied = AgentSettings(name=name, kind=name) if name in IMPLIED else None
        return next((agent for agent in self.agents if agent.name == name), implied)


def environment() -> dict[str, str]:
    """The process's environment. Nothing else reads it."""
    return dict(os.environ)


# --- the settings ---------------------------------------------------------------------------------------------------


def load_settings(home: Path, env: Mapping[str, str], overrides: Mapping[str, str]) -> Settings:
    """All settings: option, environment, the home's file, the user's file, default, in this order.

    `overrides` are dotted keys with the text of their option. Raises BadConfig, naming the place and the key.
    """
    text = read_config(home / CONFIG_NAME)
    return settle(home, env, text or "", overrides)


def settle(home: Path, env: Mapping[str, str], text: str, overrides: Mapping[str, str]) -> Settings:
    """The same with the text of the home's file as it is to be."""
    user = user_config(env)
    given = parse_document((user and read_config(user)) or "", str(user))
    given |= parse_document(text, str(home / CONFIG_NAME))
    given |= from_environment(env)
    given |= from_options(overrides)
    values: dict[str, Any] = {key.field: given[key.name][0] if key.name in given else key.default for key in KEYS}
    values["review"] = values["review"] or values["implement"]
    values["root"] = _resolved(values["root"], home, env)
    _settle_workspace(values)
    settings = Settings(
        home=home,
        sources=_sources(given),
        agents=_agents(given, home, env),
        gates=_listed(Gate, given, "gates"),
        prices=_listed(Price, given, "prices"),
        accounts=_listed(Account, given, "accounts"),
        child_env=tuple(pair for pair in env.items() if not _is_ours(pair[0])),
        **values,
    )
    _check_names(settings)
    return settings


def with_terms(settings: Settings, text: str, place: str) -> Settings:
    """These settings with the terms (see TERMS) of another settings file. Raises BadConfig, naming `place`."""
    given = parse_document(text, place)
    agreed: dict[str, Any] = {key.field: given[key.name][0] if key.name in given else key.default for key in _TERM_KEYS}
    agreed["gates"] = _listed(Gate, given, "gates")
    agreed["review"] = agreed["review"] or settings.review
    found = replace(settings, **agreed)
    _check_names(found)
    return found


def _settle_workspace(values: dict[str, Any]) -> None:
    """What is left to the project's kind: a folder per item where it is a Git repository."""
    if values["workspace_mode"] == "auto":
        is_git = os.path.lexists(os.path.join(values["root"], ".git"))
        values["workspace_mode"] = "worktree" if is_git else "shared"
    is_apart = values["workspace_mode"] == "worktree"
    if values["undeclared"] == "auto":
        values["undeclared"] = "parallel" if is_apart else "exclusive"
    if values["parallel"] is None:
        values["parallel"] = 3 if is_apart else 1


def user_config(env: Mapping[str, str]) -> Path | None:
    """Where the user's settings for all backlogs are (XDG Base Directory Specification: a relative path is ignored)."""
    base = env.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):
        base = f"{env['HOME']}/.config" if env.get("HOME") else ""
    return Path(base, "deespec", CONFIG_NAME) if base else None


def _resolved(path: str, home: Path, env: Mapping[str, str]) -> Path:
    """A path of the settings: relative to the folder that holds the home."""
    return Path(os.path.normpath(home.parent / expanded(path, env)))


def _is_ours(name: str) -> bool:
    """Our own settings and secrets: an agent that starts deespec for another backlog must not inherit them."""
    return "DEESPEC" in name.upper()


def _listed(cls: Callable[..., T], given: Given, section: str) -> tuple[T, ...]:
    """What a list of sections has, in the order of the file."""
    return tuple(cls(**fields) for fields in given.get(section, ((), ""))[0])


def _sources(given: Given) -> tuple[tuple[str, str], ...]:
    """Every key with its place; of agents those that were set; of a list of sections the list's."""
    sources = {key.name: "default" for key in KEYS}
    sources |= {name: place for name, (_, place) in given.items() if name.count(".") != 1 or name in sources}
    return tuple(sources.items())


def _agents(given: Given, home: Path, env: Mapping[str, str]) -> tuple[AgentSettings, ...]:
    sections = [value for name, (value, _) in given.items() if name.startswith("agents.") and name.count(".") == 1]
    return tuple(_agent(name, given, home, env) for name in sections)


def _agent(name: str, given: Given, home: Path, env: Mapping[str, str]) -> AgentSettings:
    set_here = {key.field: given.get(f"agents.{name}.{key.name}", (None, ""))[0] for key in AGENT_KEYS}
    fields = {field: value for field, value in set_here.items() if value is not None}
    kind = fields.setdefault("kind", name)
    place = given[f"agents.{name}"][1]
    if kind not in KINDS:
        raise BadConfig(f"{place}: agents.{name} has no kind.", hint=f"Add kind, one of: {', '.join(KINDS)}")
    if kind == "command" and not fields.get("command"):
        raise BadConfig(f"{place}: agents.{name} has no command.", hint=_command_hint(name))
    if kind == "acp" and not fields.get("command"):
        raise BadConfig(f"{place}: agents.{name} has no command.", hint='Add command = "gemini --acp", or its like.')
    if kind == "scripted" and "script" not in fields:
        raise BadConfig(f"{place}: agents.{name} has no script.", hint='Add script = "answers.toml"')
    if "script" in fields:
        fields["script"] = str(_resolved(fields["script"], home, env))
    fields["add_dirs"] = tuple(str(_resolved(folder, home, env)) for folder in fields.get("add_dirs", ()))
    passed = {name: env[name] for name in fields.get("pass_env", ()) if name in env}
    fields["env"] = tuple((passed | dict(fields.get("env", ()))).items())
    return AgentSettings(name=name, **fields)


def _command_hint(name: str) -> str:
    return f'Add command = "my-agent --flag"; deespec config set agents.{name}.command "…" makes the whole section.'


def _check_names(settings: Settings) -> None:
    sources = dict(settings.sources)
    known = dict.fromkeys((*(agent.name for agent in settings.agents), *IMPLIED))
    for step in ("implement", "review", "decompose"):
        key, names = f"run.{step}", getattr(settings, step)
        unknown = next((name for name in names if settings.agent(name) is None), None)
        if unknown is not None:
            from deespec.suggest import closest

            near = closest(unknown, known)
            hint = f"Did you mean {near}?" if near else f"Add [agents.{unknown}], or take one of: {', '.join(known)}"
            raise BadConfig(f'{sources[key]}: {key} names "{unknown}", which is no agent.', hint=hint)
