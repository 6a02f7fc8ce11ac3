"""Seeded worlds: whatever is interleaved, killed, frozen, cancelled or changed, the rules hold after every step."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from rules import check_end
from world import World

MEMORY = "/dev/shm"
"""Durability is tested elsewhere; here it would only cost time."""
ROUNDS = 3_000


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="deespec-world-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    yield made
    shutil.rmtree(made)


def live(folder: Path, seed: int, *, steps: int) -> None:
    print(f"seed {seed}")
    world = World(folder, seed)
    try:
        for _ in range(steps):
            world.step()
        world.come_to_an_end(ROUNDS)
        check_end(world.app)
    finally:
        world.close()


@pytest.mark.parametrize("seed", range(30))
def test_a_short_life(folder: Path, seed: int) -> None:
    live(folder, seed, steps=150)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1_000, 2_000))
def test_a_long_life(folder: Path, seed: int) -> None:
    live(folder, seed, steps=2_000)
