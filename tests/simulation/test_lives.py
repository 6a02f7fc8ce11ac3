"""Workers, people, deaths and clocks in every order that a seed can make of them: the rules hold, and all ends."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from life import Life

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
    life = Life(seed, folder)
    try:
        life.live(STEPS)
        life.come_to_rest()
    except Exception as error:
        last = "\n".join(life.actions)
        raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}\nthe last actions:\n{last}") from error
    finally:
        life.close()
    shutil.rmtree(folder)


def small_limits(seeded: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what happens among thousands of items happens among a few."""
    real = items.RELEASE_STEP, claims.TESTS_PER_TRANSACTION
    assert real[0] > real[1], (
        "waiters must come back faster than they can be refused again, or workers go round for ever"
    )
    release, tests = seeded.choice(((2, 1), (3, 1), (3, 2), real))
    monkeypatch.setattr(items, "RELEASE_STEP", release)
    monkeypatch.setattr(claims, "TESTS_PER_TRANSACTION", tests)
    monkeypatch.setattr(claims, "PAGE", seeded.choice((1, 2, claims.PAGE)))
    monkeypatch.setattr(claims, "NEXT_AFTER_STARTS", seeded.choice((1, 2, claims.NEXT_AFTER_STARTS)))
