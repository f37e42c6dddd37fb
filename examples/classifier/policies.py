"""How a classifier bounds the number of documents in work at once.

Both policies hold a list of futures and take ``wait``, which is ``ray.wait`` outside tests. A
``queue_size`` of n lets n futures be in flight; 0 means one document at a time, as 1 does.
Whatever ``add`` and ``empty`` return has ended, well or badly; each future is returned once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

#: ``ray.wait``: called with a list of futures and ``num_returns``; gives the ended and the others.
Wait = Callable[..., tuple[list[Any], list[Any]]]


class Policy(Protocol):
    """What the classifier needs from a policy."""

    def add(self, future: Any) -> list[Any]:
        """Takes a new future, waits if too many are in flight, returns those that ended."""

    def empty(self) -> list[Any]:
        """Waits for every future in flight and returns them."""


class EmptyWhenFull:
    """The policy of the 2021 report: a full list is emptied by waiting for all its futures.

    Simple, and the cores idle while the last document of each batch is in work.
    """

    def __init__(self, queue_size: int, wait: Wait) -> None:
        self._limit = max(1, queue_size)
        self._wait = wait
        self._futures: list[Any] = []

    def add(self, future: Any) -> list[Any]:
        """Takes a new future; when the list is full, waits for all and returns them."""
        self._futures.append(future)
        return self.empty() if len(self._futures) >= self._limit else []

    def empty(self) -> list[Any]:
        """Waits for every future in flight and returns them."""
        futures, self._futures = self._futures, []
        if futures:
            self._wait(futures, num_returns=len(futures))
        return futures

    @staticmethod
    def rounds(documents: int, queue_size: int, cpus: int) -> int:
        """How many delays ``documents`` documents of equal delay take at best, one after another.

        A batch of 20 on 16 CPUs takes two: 16 documents, then 4.
        """
        limit = max(1, queue_size)
        batches, rest = divmod(documents, limit)
        return batches * math.ceil(limit / cpus) + math.ceil(rest / cpus)


class RefillAsEachEnds:
    """A full list waits for one future only, so the next document starts as one ends."""

    def __init__(self, queue_size: int, wait: Wait) -> None:
        self._limit = max(1, queue_size)
        self._wait = wait
        self._futures: list[Any] = []

    def add(self, future: Any) -> list[Any]:
        """Takes a new future; when the list is full, waits for the first to end, returns it."""
        self._futures.append(future)
        if len(self._futures) < self._limit:
            return []
        ended, self._futures = self._wait(self._futures, num_returns=1)
        return ended

    def empty(self) -> list[Any]:
        """Waits for every future in flight and returns them."""
        futures, self._futures = self._futures, []
        if futures:
            self._wait(futures, num_returns=len(futures))
        return futures

    @staticmethod
    def rounds(documents: int, queue_size: int, cpus: int) -> int:
        """How many delays ``documents`` documents of equal delay take at best."""
        return math.ceil(documents / min(max(1, queue_size), cpus))


POLICIES: dict[str, type[EmptyWhenFull | RefillAsEachEnds]] = {
    "empty": EmptyWhenFull,
    "refill": RefillAsEachEnds,
}
