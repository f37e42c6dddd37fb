"""Estimates of Pi by throwing dots at a square, in plain Python and with numpy.

The share of dots that fall within a quarter circle is Pi / 4. Each estimate has a seed of its own,
so it is the same however the estimates are spread over blocks.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable
from itertools import pairwise

import numpy as np

Estimate = Callable[[int, int], float]


def plain(seed: int, points: int) -> float:
    """One estimate from ``points`` dots, one dot after another."""
    uniform = random.Random(seed).random
    hits = 0
    for _ in range(points):
        x, y = uniform(), uniform()
        if x * x + y * y <= 1.0:
            hits += 1
    return 4 * hits / points


def vectorised(seed: int, points: int) -> float:
    """One estimate from ``points`` dots, all dots at once."""
    x, y = np.random.default_rng(seed).random((2, points))
    return 4 * int(np.count_nonzero(x * x + y * y <= 1.0)) / points


KINDS: dict[str, Estimate] = {"plain": plain, "vectorised": vectorised}


def blocks(estimates: int, count: int) -> list[range]:
    """The seeds 0 to ``estimates`` - 1 in ``count`` blocks, whose sizes differ by one at most."""
    edges = [estimates * block // count for block in range(count + 1)]
    return [range(first, last) for first, last in pairwise(edges)]


def mean_and_error(values: list[float]) -> tuple[float, float]:
    """The mean, and its standard error."""
    return statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))
