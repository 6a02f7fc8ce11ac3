"""The only wiring: Settings become an App, which holds the store, the clock, the workspace and the agents."""

from __future__ import annotations

import os
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from deespec import config
from deespec.clock import Clock
from deespec.config_home import find_home
from deespec.config_keys import IMPLIED
from deespec.errors import StoreUnusable
from deespec.store.opener import FILE, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deespec.agents.base import Agent
    from deespec.backlog.drafts import Decider
    from deespec.board.landable import Landable
    from deespec.config import Settings
    from deespec.model.wanted import AgentSlot
    from deespec.store.base import Store, Transaction
    from deespec.store.named_locks import NamedLocks
    from deespec.workspace.merging import Target
    from deespec.workspace.repository import Repository
    from deespec.workspace.shared import SharedWorkspace


AUTO_APPROVE = "auto_approve"
"""Who has decided about drafts that a PBI has approved by itself."""


class App:
    """One open backlog. Cheap to make: the store opens its file, and agents are looked up, when first needed."""

    def __init__(self, settings: Settings, *, clock: Clock, env: Mapping[str, str]) -> None:
        self.settings = settings
        self.clock = clock
        self.store: Store = open_store(os.path.join(settings.home, FILE), clock=clock, busy_ms=settings.busy_timeout_ms)
        self.host = os.uname().nodename
        self.user = _user_name()
        self.temporary = env.get("TMPDIR") or "/tmp"
        self.state = Path(env.get("XDG_STATE_HOME") or Path(env.get("HOME", "/"), ".local/state")) / "deespec"
        """Where what must outlive the project's folder is kept."""
        self._agents: dict[str, Agent] = {}
        self._making = threading.Lock()

    @property
    def person(self) -> str:
        """The actor of what a person does here."""
        return f"{self.user}@{self.host}"

    @cached_property
    def workspace(self) -> SharedWorkspace:
        from deespec.workspace.shared import SharedWorkspace

        return SharedWorkspace(self.settings.root, self.settings.home, dict(self.settings.child_env))

    @cached_property
    def repository(self) -> Repository:
        """The project's Git repository. Raises WorkspaceError if worktrees cannot be made there."""
        from deespec.workspace.opening import open_repository

        return open_repository(self.settings.root, dict(self.settings.child_env))

    @cached_property
    def base(self) -> str:
        """The branch that work begins from and lands on. Raises WorkspaceError where none is named or checked out."""
        from deespec.workspace.opening import checked_out

        return self.settings.base or checked_out(self.repository)

    @cached_property
    def target(self) -> Target:
        """The branch that finished work is merged into."""
        from deespec.workspace.merging import Target

        return Target(self.repository, self.settings.target, checkouts=self.settings.home / "checkouts")

    @cached_property
    def landable(self) -> Landable:
        """What is merged and waits for `deespec land`."""
        from deespec.board.landable import Landable

        return Landable(self)

    @cached_property
    def backups_folder(self) -> Path:
        """Where this backlog's backups go: outside the project, as `git clean -fdx` deletes all that is ignored."""
        from deespec.store.upkeep.shelf import shelf_of

        database = os.path.join(self.settings.home, FILE)
        return Path(shelf_of(database, str(self.state), busy_ms=self.settings.busy_timeout_ms))

    @cached_property
    def locks(self) -> NamedLocks:
        """Named locks for programs: `with app.locks.hold("deploy", ttl_ms=30_000): ...`"""
        from deespec.store.named_locks import NamedLocks

        return NamedLocks(self.store, clock=self.clock, host=self.host, person=self.person)

    def agent(self, name: str) -> Agent:
        """The agent with this name; raises NoAgent if the settings have none."""
        with self._making:
            found = self._agents.get(name)
            if found is None:
                from deespec.agents.registry import make

                found = self._agents[name] = make(name, self.settings)
            return found

    def account(self, name: str) -> str:
        """Whose quota this agent uses here."""
        settings = self.settings.agent(name)
        return (settings.account if settings else None) or f"{name}@{self.person}"

    def agent_slots(self) -> tuple[AgentSlot, ...]:
        """The agents that an item can be given to, each once, as choosing sees them here."""
        from deespec.agents.registry import slot_of

        settings = self.settings
        own = (agent.name for agent in settings.agents)
        named = dict.fromkeys((*settings.implement, *settings.review, *own, *IMPLIED))
        sections = (section for name in named if (section := settings.agent(name)) is not None)
        return tuple(slot_of(section, settings, account=self.account(section.name)) for section in sections)

    def decider(self, owner: str) -> Decider:
        """Who decides about drafts here, and what is registered by that."""
        from deespec.backlog.drafts import Decider
        from deespec.labels import names_in
        from deespec.workspace.branches import commit_of

        settings = self.settings
        apart = settings.workspace_mode == "worktree"
        return Decider(
            owner=owner,
            uid=self.clock.uid,
            labels=frozenset(names_in(settings.home)),
            base=commit_of(settings.root, settings.base) if apart else None,
        )

    def approve_drafts(self, tx: Transaction, ids: Sequence[tuple[str, int]]) -> None:
        """Registers these drafts without a person, as part of a transaction: those of them that can be."""
        from deespec.backlog.drafts import approve_willing_in

        approve_willing_in(tx, ids, self.decider(AUTO_APPROVE))

    def close(self) -> None:
        self.store.close()


def _user_name() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def open_app(
    home: str | None = None,
    *,
    overrides: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    clock: Clock | None = None,
) -> App:
    """Opens the backlog that a command called here would use.

    `home` is the folder `.deespec` itself; `overrides` maps dotted settings to values, as `run.parallel` to "3".
    Raises NoHome if there is none, BadConfig if its settings are not valid.
    """
    if os.name != "posix":
        raise StoreUnusable("Native Windows is not supported.", hint="Run deespec in WSL 2.")
    env = config.environment()
    found = find_home(home, env, cwd or Path.cwd())
    return App(config.load_settings(found, env, overrides or {}), clock=clock or Clock(), env=env)
