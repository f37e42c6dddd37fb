"""How a classifier bounds the number of documents in work at once.

A policy holds a list of futures and takes ``wait``, which is ``ray.wait`` outside tests. A
``queue_size`` of n lets n futures be in flight; 0 means one document at a time, as 1 does.
Whatever ``add`` and ``empty`` return has ended, well or badly; each future is returned once.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

#: ``ray.wait``: called with a list of futures and ``num_returns``; gives the ended and the others.
Wait = Callable[..., tuple[list[Any], list[Any]]]


class Policy(ABC):
    """The list of futures in flight, and what to do when it is full."""

    def __init__(self, queue_size: int, wait: Wait) -> None:
        self.limit = max(1, queue_size)
        self.wait = wait
        self.futures: list[Any] = []

    def add(self, future: Any) -> list[Any]:
        """Takes a new future; when that fills the list, waits. Returns what ended."""
        self.futures.append(future)
        return self.make_room() if len(self.futures) >= self.limit else []

    @abstractmethod
    def make_room(self) -> list[Any]:
        """Waits until the full list has room; removes and returns what ended."""

    def empty(self) -> list[Any]:
        """Waits for every future in flight; removes and returns them."""
        futures, self.futures = self.futures, []
        if futures:
            self.wait(futures, num_returns=len(futures))
        return futures

    @staticmethod
    @abstractmethod
    def rounds(documents: int, queue_size: int, cpus: int) -> int:
        """How many delays, one after another, ``documents`` of equal delay take at best."""


class EmptyWhenFull(Policy):
    """The policy of the 2021 report: a full list is emptied by waiting for all its futures.

    Simple, and the CPUs idle while the last document of each batch is in work.
    """

    def make_room(self) -> list[Any]:
        """Waits for all."""
        return self.empty()

    @staticmethod
    def rounds(documents: int, queue_size: int, cpus: int) -> int:
        """A batch of 20 on 16 CPUs takes two rounds: 16 documents, then 4."""
        limit = max(1, queue_size)
        batches, rest = divmod(documents, limit)
        return batches * math.ceil(limit / cpus) + math.ceil(rest / cpus)


class RefillAsEachEnds(Policy):
    """A full list waits for one future only, so the next document starts as one ends."""

    def make_room(self) -> list[Any]:
        """Waits for one."""
        ended, self.futures = self.wait(self.futures, num_returns=1)
        return ended

    @staticmethod
    def rounds(documents: int, queue_size: int, cpus: int) -> int:
        """As many at once as the list and the CPUs allow, until none is left."""
        return math.ceil(documents / min(max(1, queue_size), cpus))


POLICIES: dict[str, type[Policy]] = {"empty": EmptyWhenFull, "refill": RefillAsEachEnds}
