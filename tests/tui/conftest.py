"""A backlog for the terminal to show, on a clock that is moved by hand."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    for name in [name for name in os.environ if name.startswith("DEESPEC_")]:
        monkeypatch.delenv(name)
    for name in ("NO_COLOR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    made = Desk(tmp_path)
    yield made
    made.close()
    monkeypatch.undo()
    time.tzset()
