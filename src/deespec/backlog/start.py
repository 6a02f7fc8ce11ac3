"""Starting a backlog: the folder, its settings, its database. Doing it twice, or eight times at once, does no harm."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.config import CONFIG_NAME, DATABASE_NAME, AgentSettings, Gate
from deespec.config_write import template
from deespec.errors import WorkspaceError
from deespec.records import record
from deespec.store.opener import create_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deespec.clock import Clock

IGNORED = """# Everything but the settings stays out of Git.
*
!.gitignore
!config.toml
!prompts/
!prompts/**
!labels/
!labels/**
"""
BUSY_MS = 30_000


@record
class Started:
    home: Path
    fresh: bool
    """False: there was a backlog already; nothing of it was changed."""
    config_written: bool


def start(
    home: Path,
    *,
    clock: Clock,
    agents: Sequence[str],
    gates: Sequence[Gate] = (),
    sections: Sequence[AgentSettings] = (),
) -> Started:
    """Makes the home with its database, and config.toml unless there is one. Raises what makes it impossible."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(f"{home} cannot be made: {error.strerror}.") from error
    fresh = create_store(os.path.join(home, DATABASE_NAME), clock=clock, busy_ms=BUSY_MS)
    text = template(implement=agents, agents=sections, gates=gates)
    written = write_new(home / CONFIG_NAME, text)
    write_new(home / ".gitignore", IGNORED)
    return Started(home=home, fresh=fresh, config_written=written)


def write_new(path: Path, text: str) -> bool:
    """Writes a file that is not there yet, in one step; False if it is there, which changes nothing."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        os.link(partial, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)
    return True


def find_agents(env: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """Which of these programs are on the PATH."""
    return [name for name in names if shutil.which(name, path=env.get("PATH"))]


def find_gates(root: Path) -> list[Gate]:
    """Test commands that this project seems to have, the likeliest first."""
    found = []
    if (root / "Makefile").is_file() and re.search(r"(?m)^test\s*:", _text(root / "Makefile")):
        found.append(Gate(name="tests", run="make test"))
    if _text(root / "pyproject.toml").find("pytest") >= 0 or (root / "pytest.ini").is_file():
        found.append(Gate(name="tests", run="pytest -q"))
    if _has_npm_test(root / "package.json"):
        found.append(Gate(name="tests", run="npm test"))
    if (root / "Cargo.toml").is_file():
        found.append(Gate(name="tests", run="cargo test"))
    return found


def _has_npm_test(path: Path) -> bool:
    try:
        script = json.loads(_text(path) or "{}").get("scripts", {}).get("test", "")
    except (ValueError, AttributeError):
        return False
    return bool(script) and "no test specified" not in script


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
