"""The checks behind `doctor`: each looks at one thing, changes nothing, and knows the remedy."""

from __future__ import annotations

import os
import shutil
from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.config import CONFIG_NAME, DATABASE_NAME
from deespec.errors import DeespecError, StoreUnusable, WorkspaceError
from deespec.records import record
from deespec.store.alive import is_alive
from deespec.store.migrate import refuse_network
from deespec.store.opener import check_library, library_versions
from deespec.workspace.git import Git

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from deespec.app import App
    from deespec.model.items import Lock, Worker
    from deespec.store.views import InForce

MEBIBYTE = 1024 * 1024
FREE_WARNING_BYTES = 500 * MEBIBYTE
FREE_BROKEN_BYTES = 50 * MEBIBYTE
SHOWN_VIOLATIONS = 5
BESIDE = ("", "-wal", "-shm")
"""The database is three files."""


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@record
class Finding:
    """One check."""

    level: Level
    what: str
    why: str = ""
    """What was found."""
    fix: str = ""
    """What to do about it; empty where all is well."""


# --- the store ------------------------------------------------------------------------------------------------------


def of_store(app: App) -> list[Finding]:
    """Library, place and files of the database, then what is in it, if it can be opened."""
    home = app.settings.home
    found = [_library(), _file_system(home), _space(home), *_files(home)]
    left = _left_alone(home)
    if left:
        return [*found, *left]
    try:
        with app.store.read() as tx:
            in_force, violations, entries = tx.in_force(), tx.orphans(), tx.journal_count()
            workers, running, locks = tx.workers(), tx.running(), tx.locks()
    except StoreUnusable as error:
        return [*found, Finding(level=Level.BROKEN, what="database", why=error.message, fix=error.hint or "")]
    claims = {line.lease_worker or "" for line in running}
    dead = [worker for worker in workers if not is_alive(str(home), worker.uid)]
    return [*found, _in_force(in_force), _journal(violations, entries), _dead(dead, claims), _locks(app, locks)]


def _library() -> Finding:
    sqlite, driver = library_versions()
    try:
        check_library()
    except StoreUnusable as error:
        return Finding(level=Level.BROKEN, what="SQLite library", why=error.message, fix=error.hint or "")
    return Finding(level=Level.OK, what="SQLite library", why=f"{sqlite} (apsw {driver})")


def _file_system(home: Path) -> Finding:
    try:
        refuse_network(str(home))
    except StoreUnusable as error:
        fix = "Move the backlog to a local disk while no worker runs."
        return Finding(level=Level.BROKEN, what="file system", why=error.message, fix=fix)
    return Finding(level=Level.OK, what="file system", why="no network file system")


def _space(home: Path) -> Finding:
    free = shutil.disk_usage(home).free
    level = Level.BROKEN if free < FREE_BROKEN_BYTES else Level.WARNING if free < FREE_WARNING_BYTES else Level.OK
    fix = "" if level is Level.OK else f"Free some space on the disk of {home}; a full disk stops all writing."
    return Finding(level=level, what="free space", why=f"{free / MEBIBYTE:,.0f} MiB", fix=fix)


def _files(home: Path) -> list[Finding]:
    """Who may write the home and its files: we, and nobody else."""
    paths = [home, home / CONFIG_NAME, *(home / f"{DATABASE_NAME}{suffix}" for suffix in BESIDE)]
    there = [path for path in paths if path.exists()]
    found = []
    for path in there:
        if not os.access(path, os.W_OK):
            fix = f"Make it yours: chown or chmod u+w {path}"
            found.append(Finding(level=Level.BROKEN, what="permissions", why=f"{path} cannot be written", fix=fix))
        elif path.stat().st_mode & 0o022:
            why = f"others may write {path}, and so run commands as you"
            found.append(Finding(level=Level.WARNING, what="permissions", why=why, fix=f"chmod go-w {path}"))
    return found or [Finding(level=Level.OK, what="permissions", why="only you may write the backlog")]


def _left_alone(home: Path) -> list[Finding]:
    """A log without its database holds what was acknowledged last."""
    if (home / DATABASE_NAME).exists():
        return []
    left = [f"{DATABASE_NAME}{suffix}" for suffix in BESIDE[1:] if (home / f"{DATABASE_NAME}{suffix}").exists()]
    if not left:
        return []
    why = f"{home} has no {DATABASE_NAME}, but still its {' and '.join(left)}"
    fix = f"Put {DATABASE_NAME} back there: its last changes are in these files, and a backup does not fit them."
    return [Finding(level=Level.BROKEN, what="database files", why=why, fix=fix)]


def _in_force(now: InForce) -> Finding:
    """As measured on a connection like all others, not as it was asked for."""
    wanted = {"journal mode": ("wal", now.journal_mode), "synchronous": ("FULL", now.synchronous)}
    wanted |= {"foreign keys": ("on", "on" if now.foreign_keys else "off")}
    wrong = [f"{name} is {found}, not {want}" for name, (want, found) in wanted.items() if found != want]
    if wrong:
        fix = "Another program has changed the database; restore a backup, or report this."
        return Finding(level=Level.BROKEN, what="database", why=", ".join(wrong), fix=fix)
    words = ", ".join(f"{name} {found}" for name, (_, found) in wanted.items())
    return Finding(level=Level.OK, what="database", why=f"{words}, schema {now.schema}, id {now.application_id:#x}")


def _journal(violations: list[str], entries: int) -> Finding:
    if not violations:
        return Finding(level=Level.OK, what="journal", why=f"{entries} entries agree with the items")
    more = f" and {len(violations) - SHOWN_VIOLATIONS} more" if len(violations) > SHOWN_VIOLATIONS else ""
    why = f"{'; '.join(violations[:SHOWN_VIOLATIONS])}{more}"
    return Finding(level=Level.BROKEN, what="journal", why=why, fix="Keep a copy of the backlog, and report this.")


def _dead(dead: list[Worker], claims: set[str]) -> Finding:
    if not dead:
        return Finding(level=Level.OK, what="workers", why="none is dead")
    names = ", ".join(f"{one.name}{' with items in work' if one.uid in claims else ''}" for one in dead)
    return Finding(level=Level.WARNING, what="workers", why=f"dead: {names}", fix="deespec lock cleanup")


def _locks(app: App, locks: list[Lock]) -> Finding:
    boot, now = app.clock.boot_id(), app.clock.boot_ms()
    expired = [one.name for one in locks if one.boot != boot or one.expires_boot <= now]
    if expired:
        why = f"expired: {', '.join(expired)}"
        return Finding(level=Level.WARNING, what="locks", why=why, fix="deespec lock cleanup")
    return Finding(level=Level.OK, what="locks", why="none has expired")


# --- settings and prompts -------------------------------------------------------------------------------------------


def of_settings(app: App) -> list[Finding]:
    """Settings that could be read, the prompts of this backlog, and its gates."""
    settings = app.settings
    valid = Finding(level=Level.OK, what="settings", why="valid")
    prompts = [one for one in check_prompts(settings.home) if one.level is not Level.OK]
    if settings.gates:
        gates = Finding(level=Level.OK, what="gates", why=", ".join(gate.name for gate in settings.gates))
    else:
        why = "none is set: DONE will mean reviewed, not tested"
        fix = f'Add a section [[gates]] with run = "…" to {settings.home / CONFIG_NAME}'
        gates = Finding(level=Level.WARNING, what="gates", why=why, fix=fix)
    return [valid, *prompts, gates]


def check_prompts(home: Path) -> list[Finding]:
    """One finding for each template below `prompts/`: can it be parsed?"""
    return [_prompt(path) for path in sorted((home / "prompts").rglob("*.md"))]


def _prompt(path: Path) -> Finding:
    from jinja2 import TemplateSyntaxError
    from jinja2.sandbox import SandboxedEnvironment

    why = ""
    try:
        SandboxedEnvironment().parse(path.read_text(encoding="utf-8"))
    except TemplateSyntaxError as error:
        why = f"{path}:{error.lineno}: {error.message}"
    except (OSError, UnicodeDecodeError) as error:
        why = f"{path} cannot be read: {error}"
    if why:
        fix = "Mend it, or remove it: then the built-in prompt counts."
        return Finding(level=Level.BROKEN, what="prompt", why=why, fix=fix)
    return Finding(level=Level.OK, what="prompt")


# --- who does the work, and where -----------------------------------------------------------------------------------


def of_work(app: App) -> list[Finding]:
    """The agents, Git, and the folder they work in."""
    return [*_agents(app), _git(app)]


def _agents(app: App) -> list[Finding]:
    settings = app.settings
    named = (*settings.implement, *settings.review, *(agent.name for agent in settings.agents))
    if not named:
        fix = "Install one, then: deespec config set run.implement claude"
        return [Finding(level=Level.WARNING, what="agents", why="none is set up: nothing can be worked on", fix=fix)]
    looked = {name: _agent(app, name) for name in dict.fromkeys(named)}
    return [*looked.values(), *_nobody(settings.implement, looked)]


def _agent(app: App, name: str) -> Finding:
    try:
        looked = app.agent(name).look()
    except DeespecError as error:
        return Finding(level=Level.WARNING, what=f"agent {name}", why=error.message, fix=error.hint or "")
    if looked.ready:
        return Finding(level=Level.OK, what=f"agent {name}", why=looked.version or "ready")
    why = looked.problem or "not ready"
    return Finding(level=Level.WARNING, what=f"agent {name}", why=why, fix=looked.remedy or "")


def _nobody(implement: Iterable[str], looked: dict[str, Finding]) -> list[Finding]:
    """Without one that implements, `run` refuses to begin."""
    if any(looked[name].level is Level.OK for name in implement):
        return []
    why = "none that implements is ready: deespec run would refuse to begin"
    return [Finding(level=Level.BROKEN, what="agents", why=why, fix="deespec agent check")]


def _git(app: App) -> Finding:
    root = app.settings.root
    env = dict(app.settings.child_env)
    if not root.is_dir():
        fix = "deespec config set workspace.root FOLDER"
        return Finding(level=Level.BROKEN, what="workspace", why=f"{root} is not there", fix=fix)
    without = "changes are found by comparing files, and none can be taken back"
    if shutil.which("git", path=env.get("PATH")) is None:
        return Finding(level=Level.WARNING, what="Git", why=f"not installed: {without}", fix="Install Git.")
    try:
        there = Git(root, env).there()
    except WorkspaceError as error:
        return Finding(level=Level.WARNING, what="Git", why=error.message, fix=error.hint or "")
    if not there:
        fix = f"git init {root}, and commit what is there"
        return Finding(level=Level.WARNING, what="Git", why=f"{root} is no checkout: {without}", fix=fix)
    return Finding(level=Level.OK, what="Git", why=f"checkout in {root}")
