"""Is a client installed, and which version is it? A look takes two short processes at most, and no model."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from deespec.agents.base import Looked
from deespec.agents.process import capture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deespec.config import AgentSettings

LOOK_MS = 10_000
SHOWN_CHARACTERS = 200


def look_for(settings: AgentSettings, *, program: str, title: str, env: Mapping[str, str]) -> Looked:
    """The client that these settings name, or `program` on the PATH of `env`, asked for its version."""
    name, *first = settings.command or (program,)
    path = shutil.which(name, path=env.get("PATH"))
    if path is None:
        remedy = f"Install {title}, or set [agents.{settings.name}] command."
        return Looked(ready=False, problem=f"{name} is not on PATH", remedy=remedy)
    exit_code, text = capture((path, *first, "--version"), env=env, timeout_ms=LOOK_MS)
    found = re.search(r"\d+(\.\d+)+", text)
    if exit_code != 0 or found is None:
        problem = f"{path} --version failed: {' '.join(text.split())[:SHOWN_CHARACTERS]}"
        return Looked(ready=False, program=path, problem=problem, remedy=f"Install {title} anew.")
    return Looked(ready=True, version=found.group(), program=path)
