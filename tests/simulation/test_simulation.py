"""Thousands of short sessions, each decided by its seed, none of which may break a promise."""

from __future__ import annotations

import gc
import os
from random import Random

import pytest

from tests.simulation.world import World

#: Seeds run by default, in parts, so that a failure stops only its part.
SEEDS = int(os.environ.get("HELIOSTAT_SIMULATION_SEEDS", "2000"))
PARTS = 8


def _run(seeds: range) -> None:
    for seed in seeds:
        try:
            World(seed).run()
        except Exception as error:
            pytest.fail(
                f"{error}\nreplay: python -m tests.simulation --seed {seed}\n", pytrace=False
            )
        if seed % 50 == 0:
            gc.collect()


@pytest.mark.parametrize("part", range(PARTS))
def test_no_promise_is_broken(part: int) -> None:
    size = SEEDS // PARTS
    _run(range(part * size, (part + 1) * size))


def test_new_seeds_each_run_break_none_either(seed: str) -> None:
    first = Random(seed).randrange(1 << 30)
    _run(range(first, first + 100))


def test_a_seed_decides_everything() -> None:
    stories = []
    for _ in range(2):
        world = World(7)
        world.story = []
        world.run()
        stories.append(world.story)
    assert stories[0] == stories[1]
    assert stories[0]
