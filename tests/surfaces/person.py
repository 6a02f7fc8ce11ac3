"""A person who types commands in a folder with a new backlog."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deespec.cli.main import run
from deespec.clock import Clock
from deespec.store.opener import FILE, create_store

if TYPE_CHECKING:
    import pytest


class Person:
    """Runs commands; what was said on standard error is in `err`."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in os.environ if name.startswith("DEESPEC_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(folder / "user"))
        monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
        self.home = folder / "project" / ".deespec"
        self.home.mkdir(parents=True)
        monkeypatch.chdir(self.home.parent)
        create_store(str(self.home / FILE), clock=Clock(), busy_ms=5_000)
        self.err = ""
        self._capsys = capsys

    def __call__(self, *args: str, exits: int = 0) -> str:
        """The standard output of a command."""
        status = run(args)
        out, self.err = self._capsys.readouterr()
        assert status == exits, f"exit {status}: {out}{self.err}"
        return out

    def json(self, *args: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self(*args, "--json"))
        assert found["schema"] == 1
        return found

    def refusal(self, *args: str, exits: int) -> str:
        """What a command says that refuses."""
        assert self(*args, exits=exits) == ""
        return self.err

    def labels(self, *names: str) -> None:
        """Registers labels."""
        for name in names:
            self("label", "register", name)

    def add(self, title: str, *options: str) -> str:
        """The id of a new SBI."""
        return self("register", "sbi", "--title", title, "-q", *options).strip()
