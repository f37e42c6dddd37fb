"""The items of a streaming task, as its owner knows them.

Items arrive in order and are taken in order. The next one can be waited for before it is there: its
entry is made then, and gets its value, or the end of the stream, like that of any other object. A
task that is repeated yields what it yielded before; that is known by its index and not taken twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from heliostat.engines.local.core.objects import FAILED, Entry


class Stream:
    """What a streaming task has yielded and nobody took yet.

    Attributes:
        number: the task's.
        ahead: how many items the task may be ahead of who takes them; 0 for no limit.
        taken: items taken.
        arrived: items that came, taken or not.
        ended: no more will come.
    """

    __slots__ = (
        "__weakref__",
        "_end",
        "_items",
        "_make",
        "ahead",
        "arrived",
        "ended",
        "number",
        "taken",
    )

    def __init__(self, number: int, ahead: int, make: Callable[[], Entry], end: Any) -> None:
        """``make()`` gives a new entry; ``end`` is the payload of what follows the last item."""
        self.number = number
        self.ahead = ahead
        self.taken = 0
        self.arrived = 0
        self.ended = False
        self._items: deque[Entry] = deque()
        self._make = make
        self._end = end

    def add(self, index: int, state: int, payload: Any) -> bool:
        """The item of that index came; False if it had come before."""
        if index < self.arrived or self.ended:
            return False
        assert index == self.arrived, f"item {index} of {self.number} came after {self.arrived}"
        self.arrived += 1
        self._at(index - self.taken).complete(state, payload)
        return True

    def end(self) -> None:
        """That was the last item."""
        self.ended = True
        for entry in list(self._items)[self.arrived - self.taken :]:
            entry.complete(FAILED, self._end)

    def fail(self, payload: Any) -> None:
        """No more items will come, and not because they are all there: one more says why."""
        if not self.ended:
            self.add(self.arrived, FAILED, payload)
            self.end()

    def peek(self) -> Entry:
        """The next item, there or not; after the last one, the end of the stream."""
        entry = self._at(0)
        if self.exhausted:
            entry.complete(FAILED, self._end)
        return entry

    def take(self) -> Entry | None:
        """Takes the next item, which is there; None after the last one."""
        if self.exhausted:
            return None
        assert self.taken < self.arrived, f"item {self.taken} of {self.number} isn't there yet"
        self.taken += 1
        return self._items.popleft()

    @property
    def exhausted(self) -> bool:
        """Every item was taken, and there will be no more."""
        return self.ended and self.taken == self.arrived

    def _at(self, position: int) -> Entry:
        while len(self._items) <= position:
            self._items.append(self._make())
        return self._items[position]
