"""Which SQLite works on the backlog: the one we bring, and the `sqlite3` that people may open it with."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

from deespec.agents.process import capture
from deespec.board.health.findings import Finding, broken, ok, warning
from deespec.errors import StoreUnusable
from deespec.store.opener import check_library, library_versions

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOK_MS = 3_000
RACE = (
    "opening the backlog with it while workers write can lose committed data: it has the WAL-reset race "
    "(sqlite.org/wal.html, walresetbug)"
)
WITHDRAWN = (3, 52, 0)


def of_library(env: Mapping[str, str]) -> list[Finding]:
    return [_ours(), *_command(env)]


def _ours() -> Finding:
    sqlite, driver = library_versions()
    try:
        check_library(sqlite)
    except StoreUnusable as error:
        why = "committed data can be lost; nothing of this backlog is opened with it"
        return broken("sqlite-library", error.message.rstrip("."), why=why, fix=error.hint or "")
    return ok("sqlite-library", f"SQLite {sqlite} comes with deespec (apsw {driver})")


def _command(env: Mapping[str, str]) -> list[Finding]:
    """There need not be one."""
    path = shutil.which("sqlite3", path=env.get("PATH", os.defpath))
    if path is None:
        return []
    code, said = capture([path, "--version"], env=env, timeout_ms=LOOK_MS)
    found = re.match(r"\d+\.\d+\.\d+", said.strip())
    if code != 0 or found is None:
        what = f"{path} does not tell its version"
        why = "a sqlite3 older than 3.51.3 can lose committed data when it opens a backlog in use"
        return [warning("sqlite-command", what, why=why, fix=_instead(path))]
    version = found.group()
    try:
        check_library(version)
    except StoreUnusable:
        return [warning("sqlite-command", f"sqlite3 on PATH is {version} ({path})", why=RACE, fix=_instead(path))]
    if tuple(map(int, version.split("."))) == WITHDRAWN:
        why = "that release was withdrawn by its makers"
        return [warning("sqlite-command", f"sqlite3 on PATH is {version} ({path})", why=why, fix=_instead(path))]
    return [ok("sqlite-command", f"sqlite3 on PATH is {version}, which is safe to use beside workers")]


def _instead(path: str) -> str:
    return f"Look with deespec db stats and deespec db check, or make {path} 3.51.3 or newer."
