"""Moving, vacuuming and checkpointing that is killed: nothing acknowledged is lost, and only one backlog goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from test_killed_upkeep import BUSY_MS, SOME, Yard, act, points

from deespec.clock import Clock
from deespec.errors import StoreSealed
from deespec.store.opener import open_store

TITLES = ["One", "Two", "Three"]


def writable(database: str) -> bool:
    store = open_store(database, clock=Clock(), busy_ms=BUSY_MS)
    try:
        with store.transaction():
            return True
    except StoreSealed:
        return False
    finally:
        store.close()


def each_death(tmp_path: Path, words: Callable[[Yard], list[str]], most: int | None) -> list[Yard]:
    """A backlog for each point of death, after it."""
    (tmp_path / "whole").mkdir()
    whole = Yard(tmp_path / "whole")
    total = int(act(0, *words(whole))[-1])
    assert total > 0
    dead = []
    for at in points(total, most):
        folder = tmp_path / str(at)
        folder.mkdir()
        dead.append(Yard(folder))
        act(at, *words(dead[-1]))
    return dead


def move_dies(tmp_path: Path, most: int | None) -> None:
    def words(yard: Yard) -> list[str]:
        return ["copy", yard.database, str(yard.home.parent / "new" / "deespec.db")]

    for yard in each_death(tmp_path, words, most):
        new = yard.home.parent / "new" / "deespec.db"
        goes_on = writable(yard.database), new.exists() and writable(str(new))
        assert goes_on != (True, True)
        assert yard.titles() == TITLES
        if not goes_on[1]:
            act(0, *words(yard))
        assert (writable(yard.database), writable(str(new))) == (False, True)
        assert [path.name for path in new.parent.iterdir() if "partial" in path.name] == []
        yard.database = str(new)
        assert yard.titles() == TITLES


def test_a_move_that_is_killed_leaves_one_backlog_that_goes_on_and_is_completed(tmp_path: Path) -> None:
    move_dies(tmp_path, SOME)


@pytest.mark.soak
def test_a_move_that_is_killed_at_any_step_is_completed(tmp_path: Path) -> None:
    move_dies(tmp_path, None)


def unchanged(tmp_path: Path, act_words: list[str], most: int | None) -> None:
    for yard in each_death(tmp_path, lambda yard: [act_words[0], yard.database, *act_words[1:]], most):
        assert yard.titles() == TITLES
        assert writable(yard.database)


@pytest.mark.parametrize("words", [["vacuum"], ["checkpoint", "passive"], ["checkpoint", "truncate"]], ids=" ".join)
def test_upkeep_that_is_killed_changes_nothing(tmp_path: Path, words: list[str]) -> None:
    unchanged(tmp_path, words, SOME)


@pytest.mark.soak
@pytest.mark.parametrize("words", [["vacuum"], ["checkpoint", "passive"], ["checkpoint", "truncate"]], ids=" ".join)
def test_upkeep_that_is_killed_at_any_step_changes_nothing(tmp_path: Path, words: list[str]) -> None:
    unchanged(tmp_path, words, None)
