"""A project in Git whose items have worktrees, for tests of the commands that show and clear away what is there."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "engine"))
from workshop import ACCEPTS, Workshop, steps

TARGET = "deespec/integration"
TWICE = steps(review='test -e ok.txt && echo "DECISION: SUCCEEDED" || echo "DECISION: NEEDS_CHANGES"')
"""Its first review asks for changes, and so does every other one until there is a file ok.txt."""


class Apart(Workshop):
    def says(self, *args: str, exits: int = 0) -> str:
        """What a command prints; on standard error if it refuses."""
        status, out, err = self.command(*args)
        assert status == exits, f"exit {status}: {out}{err}"
        return err if exits else out

    def json(self, *args: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.says(*args, "--json"))
        assert found["schema"] == 1
        return found

    def writes(self, text: str = "$DEESPEC_ITEM") -> None:
        """An agent that writes one file for each item and turn."""
        script = f'echo "{text}" > "$DEESPEC_ITEM-$DEESPEC_TURN.txt"; echo "DECISION: IMPLEMENTED"'
        self.agent(steps(script, ACCEPTS))

    def refs(self, below: str = "refs/deespec/SBI-1") -> list[str]:
        return self.git("for-each-ref", "--format=%(refname)", below).splitlines()

    def tree(self, name: str = "SBI-1") -> Path:
        return self.home / "worktrees" / name


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Apart]:
    made = Apart(tmp_path)
    made.git("init", "--quiet", "--initial-branch=main")
    (made.root / ".gitignore").write_text("*.log\n.deespec/\n")
    made.git("add", ".gitignore")
    made.commit("README", "Read me.\n")
    made.settle("workspace", mode="worktree")
    yield made
    made.app.close()
