"""What the settings name and nobody has, and what they say in vain: programs, folders, accounts, leave to ask."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from deespec.board.health.findings import Finding, several, warning
from deespec.config_keys import ASKING

if TYPE_CHECKING:
    from deespec.app import App


def of_names(app: App) -> list[Finding]:
    return [*_notify(app), *_folders(app), *_asking(app), *_accounts(app)]


def _notify(app: App) -> list[Finding]:
    """As a run would start it: in the root, on the PATH that children get."""
    if not app.settings.notify:
        return []
    name = app.settings.notify[0]
    path = dict(app.settings.child_env).get("PATH", os.defpath)
    place = os.path.join(app.settings.root, name) if os.path.dirname(name) else name
    if shutil.which(place, path=path) is not None:
        return []
    where = "is missing or not executable" if os.path.dirname(name) else "is not on PATH"
    why = "nobody would hear what waits for a person, nor how runs end"
    fix = f"Install {name}, or: deespec config unset notify.command"
    return [warning("notify", f"notify.command: {name} {where}", why=why, fix=fix)]


def _folders(app: App) -> list[Finding]:
    found = []
    for agent in app.settings.agents:
        missing = [folder for folder in agent.add_dirs if not os.path.isdir(folder)]
        if missing:
            key = f"agents.{agent.name}.add_dirs"
            what = f"{key}: no folder {several(missing)}"
            why = "the agent may write nowhere there, and some clients refuse to begin"
            fix = f"Make {'it' if len(missing) == 1 else 'them'}, or: deespec config unset {key}"
            found.append(warning("add-dirs", what, why=why, fix=fix))
    return found


def _asking(app: App) -> list[Finding]:
    found = []
    for agent in app.settings.agents:
        if agent.permission_requests == "ask" and agent.kind not in ASKING:
            key = f"agents.{agent.name}.permission_requests"
            what = f'{key} = "ask" does nothing for kind {agent.kind}'
            why = f"only {several([*ASKING])} say what they ask leave for; here all is refused"
            found.append(warning("permission-requests", what, why=why, fix=f"deespec config unset {key}"))
    return found


def _accounts(app: App) -> list[Finding]:
    used = {app.account(agent.name) for agent in app.settings.agents}
    unused = [account.name for account in app.settings.accounts if account.name not in used]
    if not unused:
        return []
    what = f"no agent uses [[accounts]] {several(unused)}"
    why = "a limit of it holds for nobody"
    fix = f'Say account = "{unused[0]}" in the sections of its agents, or remove it from the settings.'
    return [warning("accounts", what, why=why, fix=fix)]
