"""A project to work in, and items that do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from project import Project

from deespec.workspace.worktree import Worktree


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "a project 日本")


@pytest.fixture
def work(project: Project) -> Callable[..., str]:
    """Has an item write files and keeps them as its next turn; the commit."""
    turns: dict[str, int] = {}

    def do(tree: Worktree, **files: str) -> str:
        turn = turns[tree.owner.item] = turns.get(tree.owner.item, 0) + 1
        start = tree.tip()
        for name, text in files.items():
            tree.folder.joinpath(name.replace("_", ".")).write_text(text)
        return tree.keep(tree.state(), turn=turn, token=100 * turn, start=start)

    return do
