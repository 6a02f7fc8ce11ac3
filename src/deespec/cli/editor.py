"""A person's editor, on a temporary file or on a folder. The store is never open meanwhile."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from typing import TYPE_CHECKING

from deespec.cli.stdin import is_terminal
from deespec.errors import UsageError
from deespec.model.items import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.cli.session import Session

_SBI = """---
title:
priority: normal        # urgent, high, normal or low
# parent: PBI-1
# labels: [backend]
# depends_on: [SBI-1]
# paths: ["src/**", "tests/**"]
# agent: claude
# reviewer: claude
# only_implement: false
# estimate_hours: 2
# max_turns: 6
# checks: ["pytest -q"]
---
What is to be done, and why.

## Acceptance criteria

- Given … when … then …
"""
_PBI = """---
title:
priority: normal        # urgent, high, normal or low
# parent: EPIC-1
# labels: [backend]
# story_points: 5       # 0 to 13
# drafts_min: 2         # so many SBIs a decomposition suggests
# drafts_max: 10
# auto: false           # true: deespec run --workflows pbi,sbi decomposes it
# auto_approve: false   # true: and registers what is suggested, without a person
---
What is to be reached, for whom, and why.

## Acceptance criteria

- Given … when … then …
"""
_EPIC = """---
title:
priority: normal        # urgent, high, normal or low
# labels: [backend]
---
What is to be reached, and why.

## Acceptance criteria

- …
"""
TEMPLATES = {Kind.SBI: _SBI, Kind.PBI: _PBI, Kind.EPIC: _EPIC}


def template(kind: Kind) -> str:
    """What a new item of this kind begins with."""
    return TEMPLATES[kind]


def edit(session: Session, text: str, *, instead: str) -> str | None:
    """The text after the editor was left; None if it is the same. Raises UsageError if there is no editor, or no
    terminal for one; `instead` is what to do then."""
    if not is_terminal():
        raise UsageError("There is no terminal for an editor.", hint=instead)
    command = _command(session)
    with tempfile.NamedTemporaryFile("w+", suffix=".md", prefix="deespec-", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        try:
            done = subprocess.run([*shlex.split(command), file.name], check=False)
        except (OSError, ValueError) as error:
            raise UsageError(f"The editor {command} cannot be started.", hint=f"Set EDITOR. Or: {instead}") from error
        if done.returncode != 0:
            raise UsageError(f"The editor {command} ended with {done.returncode}; nothing was changed.")
        with open(file.name, encoding="utf-8", errors="replace", newline="") as again:
            changed = again.read()
    return None if changed == text else changed


def open_folder(session: Session, folder: Path) -> None:
    """The editor with this folder, from inside it. Raises UsageError if there is no editor."""
    command = _command(session)
    try:
        done = subprocess.run([*shlex.split(command), str(folder)], cwd=folder, check=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"The editor {command} cannot be started.", hint="Set EDITOR, or cd there.") from error
    if done.returncode != 0:
        raise UsageError(f"The editor {command} ended with {done.returncode}.")


def _command(session: Session) -> str:
    return session.env.get("VISUAL") or session.env.get("EDITOR") or "vi"
