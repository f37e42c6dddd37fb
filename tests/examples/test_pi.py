"""The estimates of Pi and their spreading over blocks."""

from __future__ import annotations

import math

import pytest

from examples.pi.estimates import KINDS, blocks, mean_and_error


@pytest.mark.parametrize("kind", KINDS)
def test_estimates_come_near_pi(kind: str) -> None:
    values = [KINDS[kind](seed, 10_000) for seed in range(20)]
    mean, error = mean_and_error(values)
    assert error < 0.01
    assert abs(mean - math.pi) < 4 * error


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_the_estimate(kind: str) -> None:
    assert KINDS[kind](7, 1_000) == KINDS[kind](7, 1_000) != KINDS[kind](8, 1_000)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 10, 20, 100, 120])
def test_blocks_share_the_estimates_evenly(count: int) -> None:
    found = blocks(100, count)
    assert len(found) == count
    assert [seed for block in found for seed in block] == list(range(100))
    assert max(map(len, found)) - min(map(len, found)) <= 1


def test_the_error_is_that_of_the_mean() -> None:
    mean, error = mean_and_error([1.0, 2.0, 3.0, 4.0])
    assert mean == 2.5
    assert error == pytest.approx(math.sqrt(5 / 3) / 2)
