"""The actor behind ``util.queue.Queue``: the items, and who waits for one or for room."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from queue import Empty as _Empty
from queue import Full as _Full
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import asyncio

#: What ``offer_later`` answers: the time was up; it was taken at once; it had to wait.
REFUSED = 0
TAKEN = 1
TAKEN_LATE = 2


class Empty(_Empty):
    """There is no item; also a ``queue.Empty``."""


class Full(_Full):
    """There is no room for an item; also a ``queue.Full``."""


class NOTHING:
    """Stands for an item where there is none. The class itself: it is one object everywhere."""


class Waited(NamedTuple):
    """What ``take_later`` answers.

    Attributes:
        waited: there was none at first.
        item: the item, or ``NOTHING`` if the time was up.
    """

    waited: bool
    item: Any


class QueueActor:
    """Items, and the calls that wait. At most one of the two kinds waits: for an item while there
    is none, for room while there is no room.

    Methods without ``async`` are answered at once; those with it wait. A ticket names a call that
    waits, so that it can be withdrawn.
    """

    def __init__(self, maxsize: int) -> None:
        self.maxsize = maxsize
        self._items: deque[Any] = deque()
        self._getters: dict[Any, asyncio.Future[Any]] = {}
        self._putters: dict[Any, tuple[asyncio.Future[Any], Any]] = {}

    # -- what Ray's has, for those who call the actor themselves ----------------------------

    def qsize(self) -> int:
        """The number of items."""
        return len(self._items)

    def empty(self) -> bool:
        """Whether there is none."""
        return not self._items

    def full(self) -> bool:
        """Whether there is no room."""
        return 0 < self.maxsize <= len(self._items)

    async def put(self, item: Any, timeout: float | None = None) -> None:
        """Adds an item; raises ``Full`` when the time is up."""
        if await self.offer_later(item, timeout, None) == REFUSED:
            raise Full

    async def get(self, timeout: float | None = None) -> Any:
        """Takes an item; raises ``Empty`` when the time is up."""
        _, item = await self.take_later(timeout, None)
        if item is NOTHING:
            raise Empty
        return item

    def put_nowait(self, item: Any) -> None:
        """Adds an item; raises ``Full`` if there is no room."""
        if not self.offer(item):
            raise Full

    def get_nowait(self) -> Any:
        """Takes an item; raises ``Empty`` if there is none."""
        item = self.take()
        if item is NOTHING:
            raise Empty
        return item

    def put_nowait_batch(self, items: Sequence[Any]) -> None:
        """Adds all items; raises ``Full`` if there is no room for all."""
        if self.maxsize > 0 and len(items) + len(self._items) > self.maxsize:
            raise Full(
                f"Cannot add {len(items)} items to queue of size {len(self._items)} and maxsize "
                f"{self.maxsize}."
            )
        for item in items:
            self.offer(item)

    def get_nowait_batch(self, num_items: int) -> list[Any]:
        """Takes so many items; raises ``Empty`` if there are fewer."""
        if num_items > len(self._items):
            raise Empty(f"Cannot get {num_items} items from queue of size {len(self._items)}.")
        return [self.take() for _ in range(num_items)]

    # -- without waiting ------------------------------------------------------------------

    def offer(self, item: Any) -> bool:
        """Adds an item if there is room; says whether."""
        if self._getters:
            self._hand_out(item)
        elif 0 < self.maxsize <= len(self._items):
            return False
        else:
            self._items.append(item)
        return True

    def take(self) -> Any:
        """The next item, or ``NOTHING``."""
        if not self._items:
            return NOTHING
        item = self._items.popleft()
        if self._putters and not self.full():
            ticket = next(iter(self._putters))
            future, waiting = self._putters.pop(ticket)
            self._items.append(waiting)
            future.set_result(True)
        return item

    def put_back(self, item: Any) -> None:
        """An item was handed to a wait that had ended: it is the next one again."""
        if self._getters:
            self._hand_out(item)
        else:
            self._items.appendleft(item)

    def withdraw(self, ticket: Any) -> None:
        """Who waits by this ticket does so no more; he may have been served already."""
        getter = self._getters.pop(ticket, None)
        putter = self._putters.pop(ticket, None)
        if getter is not None:
            getter.set_result(NOTHING)
        if putter is not None:
            putter[0].set_result(False)

    def _hand_out(self, item: Any) -> None:
        self._getters.pop(next(iter(self._getters))).set_result(item)

    # -- with waiting ---------------------------------------------------------------------

    async def offer_later(self, item: Any, timeout: float | None, ticket: Any) -> int:
        """Adds an item once there is room."""
        if self.offer(item):
            return TAKEN
        if timeout is not None and timeout <= 0:
            return REFUSED
        future, ticket = _promise(ticket)
        self._putters[ticket] = (future, item)
        return TAKEN_LATE if await self._await(future, timeout, ticket) else REFUSED

    async def take_later(self, timeout: float | None, ticket: Any) -> Waited:
        """Takes an item once there is one."""
        if self._items:
            return Waited(False, self.take())
        if timeout is not None and timeout <= 0:
            return Waited(True, NOTHING)
        future, ticket = _promise(ticket)
        self._getters[ticket] = future
        try:
            return Waited(True, await self._await(future, timeout, ticket))
        except BaseException:  # the call was cancelled, perhaps just after it was served
            if future.done() and not future.cancelled() and future.result() is not NOTHING:
                self.put_back(future.result())
            raise

    async def _await(self, future: asyncio.Future[Any], timeout: float | None, ticket: Any) -> Any:
        timer = None
        if timeout is not None:
            timer = future.get_loop().call_later(timeout, self.withdraw, ticket)
        try:
            return await future
        finally:
            if timer is not None:
                timer.cancel()
            if future.cancelled():
                self._getters.pop(ticket, None)
                self._putters.pop(ticket, None)


def _promise(ticket: Any) -> tuple[asyncio.Future[Any], Any]:
    import asyncio

    return asyncio.get_running_loop().create_future(), object() if ticket is None else ticket
