"""What runs in the workers: the functions and actors that the workloads send.

They are at module level, the only kind that all subjects can take, and this module imports next
to nothing, since every worker of every subject has to load it and is weighed afterwards.
"""

from __future__ import annotations

import random
import time
from importlib import import_module
from typing import Any


def nothing() -> None:
    """The empty task."""


def pause(seconds: float) -> None:
    """Keep one worker occupied; ``time.sleep`` itself is no function to some subjects."""
    time.sleep(seconds)


def echo(value: Any) -> Any:
    """Give the argument back."""
    return value


def ends(array: Any) -> tuple[int, float, float]:
    """The array's bytes, its first and its last number."""
    return array.nbytes, float(array[0]), float(array[-1])


def make_array(size: int) -> Any:
    """A new array of that many bytes, every one written."""
    numpy: Any = import_module("numpy")
    return numpy.ones(size // 8)


def submit_many(api_name: str, count: int) -> int:
    """A task that submits tasks."""
    ray: Any = import_module(api_name)
    send = ray.remote(nothing).remote
    return len(ray.get([send() for _ in range(count)]))


def estimate_pi(estimates: int, points: int) -> float:
    """The mean of that many estimates of Pi, in plain Python as in the report of 2021."""
    draw = random.random
    total = 0.0
    for _ in range(estimates):
        inside = 0
        for _ in range(points):
            x = draw()
            y = draw()
            if x * x + y * y <= 1.0:
                inside += 1
        total += 4.0 * inside / points
    return total / estimates


class Counter:
    """A plain actor."""

    def __init__(self) -> None:
        """Start at zero."""
        self.count = 0

    def increment(self) -> int:
        """One more."""
        self.count += 1
        return self.count


class AsyncCounter:
    """The same with a coroutine."""

    def __init__(self) -> None:
        """Start at zero."""
        self.count = 0

    async def increment(self) -> int:
        """One more."""
        self.count += 1
        return self.count
