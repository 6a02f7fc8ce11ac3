from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from workshop import Workshop


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Workshop]:
    """A project outside Git."""
    made = Workshop(tmp_path)
    yield made
    made.app.close()


@pytest.fixture
def project(folder: Workshop) -> Workshop:
    """A project in Git, with one commit."""
    folder.git("init", "--quiet", "--initial-branch=main")
    folder.commit("README", "Read me.\n")
    return folder
