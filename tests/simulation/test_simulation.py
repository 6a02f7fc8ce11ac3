"""Workers, people, deaths and clocks in every order that a seed can make of them: the rules hold, and all ends."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from world import World

from deespec.engine import pulse
from deespec.store import claims, items

STEPS = 120
SHORT = range(40)
FULL = range(40, 2_040)


@pytest.mark.parametrize("seed", SHORT)
def test_the_rules_hold_in_any_order(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(seed, tmp_path, monkeypatch)


@pytest.mark.soak
@pytest.mark.parametrize("seed", FULL)
def test_the_rules_hold_in_any_order_for_long(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(seed, tmp_path, monkeypatch)


def play(seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One life of a backlog; what went wrong is raised with the seed and what was done last."""
    monkeypatch.setattr(pulse, "clear_leftovers", lambda *_, **__: True)  # nobody here starts a process
    small_limits(random.Random(seed), monkeypatch)
    world = World(seed, folder)
    try:
        world.live(STEPS)
        world.come_to_rest()
    except Exception as error:
        last = "\n".join(world.actions)
        raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}\nthe last actions:\n{last}") from error
    finally:
        world.close()
    shutil.rmtree(folder)


def small_limits(seeded: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what happens among thousands of items happens among a few."""
    monkeypatch.setattr(items, "RELEASE_STEP", seeded.choice((1, 2, items.RELEASE_STEP)))
    monkeypatch.setattr(claims, "TESTS_PER_TRANSACTION", seeded.choice((1, 2, claims.TESTS_PER_TRANSACTION)))
    monkeypatch.setattr(claims, "PAGE", seeded.choice((1, 2, claims.PAGE)))
    monkeypatch.setattr(claims, "NEXT_AFTER_STARTS", seeded.choice((1, 2, claims.NEXT_AFTER_STARTS)))
