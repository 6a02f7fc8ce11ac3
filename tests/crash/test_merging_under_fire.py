"""Many items in worktrees, agents that misbehave, everything killed: each is merged once, and nothing is lost."""

from __future__ import annotations

import pytest
from fire import TARGET, Fire, Sizes
from scene import Scene

FEW = Sizes(items=12, strikes=20, every_s=0.4)
FULL = Sizes(items=30, strikes=80, every_s=0.5)
ENOUGH = 0.9


def burn(scene: Scene, seed: int, sizes: Sizes) -> None:
    print(f"seed {seed}")
    fire = Fire(scene, seed, sizes)
    before = fire.checkout()
    fire.burn()
    print(f"struck: {dict(fire.struck)}")
    done = fire.done()
    assert len(done) >= ENOUGH * sizes.items, fire.where()
    assert fire.checkout() == before
    fire.check_backlog()
    fire.check_merges(done)
    fire.check_changes(TARGET, done)
    fire.check_leavings(done)
    fire.land(done)


@pytest.mark.parametrize("seed", range(2))
def test_what_is_accepted_is_merged_once_whatever_is_killed(scene: Scene, seed: int) -> None:
    burn(scene, seed, FEW)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_thirty_items_are_merged_once_whatever_is_killed(scene: Scene, seed: int) -> None:
    burn(scene, seed, FULL)
