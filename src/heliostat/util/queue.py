"""Ray's ``ray.util.queue``: a first-in, first-out queue between processes.

The items are in an actor. A call that need not wait is one short method of it; only one that must
wait, since the queue is empty or full, becomes a coroutine there, so that any number may wait. A
side that had to wait last time asks for the coroutine at once: then waiting costs one call too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import heliostat
from heliostat.exceptions import RayError
from heliostat.util.queue_actor import (
    NOTHING,
    REFUSED,
    TAKEN,
    Empty,
    Full,
    QueueActor,
    Waited,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

    from heliostat import ObjectRef
    from heliostat.actor import ActorHandle

__all__ = ["Empty", "Full", "Queue"]

#: Calls the actor runs at once: as many as may wait. With Ray's 1000 for any async actor, as many
#: waiting consumers would keep out the producer they wait for.
_CALLS = 1_000_000
#: Seconds that an interrupted wait takes, lest an item be lost that is on its way.
_PATIENCE = 1.0


class Queue:
    """A queue that tasks and actors anywhere can share: pass it to them.

    Items are pickled. An ``ObjectRef`` that is put is replaced by its value; one inside a list or
    another object stays a reference. Items are handed out in the order they came; who waits is
    served in the order of asking. A wait that ends early, by Ctrl-C, a timeout or the
    cancellation of a coroutine, takes no item with it.

    Args:
        maxsize: the most items there may be; 0 or less: no bound.
        actor_options: options of the actor that holds the items: ``name``, ``lifetime``,
            ``num_cpus``, ...

    Attributes:
        maxsize: as given.
        actor: the actor's handle; None after ``shutdown``.

    Example:
        >>> import heliostat as ray
        >>> from heliostat.util.queue import Queue
        >>> @ray.remote
        ... def fill(queue, count):
        ...     for number in range(count):
        ...         queue.put(number)
        >>> queue = Queue(maxsize=2)
        >>> filled = fill.remote(queue, 4)
        >>> [queue.get(timeout=10) for _ in range(4)]
        [0, 1, 2, 3]

    Source: Ray's ``ray.util.queue.Queue``.
    """

    def __init__(self, maxsize: int = 0, actor_options: dict[str, Any] | None = None) -> None:
        options = {"max_concurrency": _CALLS, **(actor_options or {})}
        self.maxsize = maxsize
        self.actor: ActorHandle[Any] | None = (
            heliostat.remote(QueueActor).options(**options).remote(maxsize)
        )
        self._starved = False
        self._crowded = False

    def __len__(self) -> int:
        return self.size()

    def size(self) -> int:
        """The number of items."""
        size: int = heliostat.get(self._open().qsize.remote())
        return size

    def qsize(self) -> int:
        """The number of items."""
        return self.size()

    def empty(self) -> bool:
        """Whether there is no item."""
        empty: bool = heliostat.get(self._open().empty.remote())
        return empty

    def full(self) -> bool:
        """Whether there is no room for an item."""
        full: bool = heliostat.get(self._open().full.remote())
        return full

    # -- one item -------------------------------------------------------------------------

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Adds an item.

        Args:
            item: anything that pickles.
            block: whether to wait while the queue is full.
            timeout: seconds to wait at most; None waits for ever.

        Raises:
            Full: there is no room, at all or in time.
            ValueError: ``timeout`` is negative.
        """
        actor = self._open(block, timeout)
        if not (block and self._crowded) and heliostat.get(actor.offer.remote(item)):
            return
        if not block:
            raise Full
        ticket = os.urandom(8)
        try:
            taken = heliostat.get(actor.offer_later.remote(item, timeout, ticket))
        except RayError:
            raise
        except BaseException:
            actor.withdraw.remote(ticket)
            raise
        self._note_put(taken)

    async def put_async(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """As ``put``, in a coroutine.

        Args:
            item: anything that pickles.
            block: whether to wait while the queue is full.
            timeout: seconds to wait at most; None waits for ever.

        Raises:
            Full: there is no room, at all or in time.
            ValueError: ``timeout`` is negative.
        """
        actor = self._open(block, timeout)
        if not (block and self._crowded) and await actor.offer.remote(item):
            return
        if not block:
            raise Full
        ticket = os.urandom(8)
        try:
            taken = await actor.offer_later.remote(item, timeout, ticket)
        except RayError:
            raise
        except BaseException:
            actor.withdraw.remote(ticket)
            raise
        self._note_put(taken)

    def _note_put(self, taken: int) -> None:
        if taken == REFUSED:
            raise Full
        self._crowded = taken != TAKEN

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Takes the next item.

        Args:
            block: whether to wait while there is none.
            timeout: seconds to wait at most; None waits for ever.

        Raises:
            Empty: there is none, at all or in time.
            ValueError: ``timeout`` is negative.
        """
        actor = self._open(block, timeout)
        ref = ticket = None
        try:
            if not (block and self._starved):
                ref = actor.take.remote()
                item = heliostat.get(ref)
                if item is not NOTHING:
                    return item
                if not block:
                    raise Empty
            ticket = os.urandom(8)
            ref = actor.take_later.remote(timeout, ticket)
            waited, item = heliostat.get(ref)
        except (RayError, Empty):
            raise
        except BaseException:  # interrupted: an item that comes all the same goes back
            if ref is not None:
                self._recover(actor, ref, ticket)
            raise
        return self._note_got(waited, item)

    async def get_async(self, block: bool = True, timeout: float | None = None) -> Any:
        """As ``get``, in a coroutine.

        Args:
            block: whether to wait while there is none.
            timeout: seconds to wait at most; None waits for ever.

        Raises:
            Empty: there is none, at all or in time.
            ValueError: ``timeout`` is negative.
        """
        actor = self._open(block, timeout)
        ref = ticket = None
        try:
            if not (block and self._starved):
                ref = actor.take.remote()
                item = await ref
                if item is not NOTHING:
                    return item
                if not block:
                    raise Empty
            ticket = os.urandom(8)
            ref = actor.take_later.remote(timeout, ticket)
            waited, item = await ref
        except (RayError, Empty):
            raise
        except BaseException:  # cancelled: likewise
            if ref is not None:
                if ticket is not None:
                    actor.withdraw.remote(ticket)
                ref.future().add_done_callback(partial(_put_back, actor))
            raise
        return self._note_got(waited, item)

    def _note_got(self, waited: bool, item: Any) -> Any:
        self._starved = waited
        if item is NOTHING:
            raise Empty
        return item

    def _recover(self, actor: ActorHandle[Any], ref: ObjectRef[Any], ticket: bytes | None) -> None:
        if ticket is not None:
            actor.withdraw.remote(ticket)
        heliostat.wait([ref], timeout=_PATIENCE)
        ref.future().add_done_callback(partial(_put_back, actor))

    def put_nowait(self, item: Any) -> None:
        """``put(item, block=False)``.

        Args:
            item: anything that pickles.

        Raises:
            Full: there is no room.
        """
        self.put(item, block=False)

    def get_nowait(self) -> Any:
        """``get(block=False)``.

        Raises:
            Empty: there is no item.
        """
        return self.get(block=False)

    # -- several items --------------------------------------------------------------------

    def put_nowait_batch(self, items: Iterable[Any]) -> None:
        """Adds items, in order: all of them or none.

        Args:
            items: what to add.

        Raises:
            Full: there is no room for all of them.
            TypeError: ``items`` can't be iterated over.
        """
        if not isinstance(items, Iterable):
            raise TypeError(f"Argument 'items' must be an Iterable, not {type(items).__name__}")
        try:
            heliostat.get(self._open().put_nowait_batch.remote(list(items)))
        except Full as error:
            raise Full(*error.args) from None

    def get_nowait_batch(self, num_items: int) -> list[Any]:
        """Takes the next items, in order: as many as asked for or none.

        Args:
            num_items: how many.

        Raises:
            Empty: there are not so many.
            TypeError: ``num_items`` is not an int.
            ValueError: ``num_items`` is negative.
        """
        if not isinstance(num_items, int):
            raise TypeError(f"Argument 'num_items' must be an int, not {type(num_items).__name__}")
        if num_items < 0:
            raise ValueError(f"'num_items' must be nonnegative, not {num_items}")
        try:
            items: list[Any] = heliostat.get(self._open().get_nowait_batch.remote(num_items))
        except Empty as error:
            raise Empty(*error.args) from None
        return items

    # -- its end --------------------------------------------------------------------------

    def shutdown(self, force: bool = False, grace_period_s: float = 5) -> None:
        """Ends the actor; items in it are lost, and who waits gets ``ActorDiedError``.

        Args:
            force: at once, even while it does something.
            grace_period_s: seconds it has to end by itself, where ``force`` is False.
        """
        actor, self.actor = self.actor, None
        if actor is None:
            return
        if not force:
            done = actor.__ray_terminate__.remote()
            if heliostat.wait([done], timeout=grace_period_s)[0]:
                return
        heliostat.kill(actor, no_restart=True)

    def _open(self, block: bool = False, timeout: float | None = None) -> ActorHandle[Any]:
        if self.actor is None:
            raise RuntimeError("this Queue was shut down")
        if block and timeout is not None and timeout < 0:
            raise ValueError(f"'timeout' must be a non-negative number, not {timeout}")
        return self.actor


def _put_back(actor: ActorHandle[Any], future: Future[Any]) -> None:
    """An item came for somebody who doesn't wait any more."""
    if future.cancelled() or future.exception() is not None:
        return
    value = future.result()
    item = value.item if type(value) is Waited else value
    if item is not NOTHING:
        actor.put_back.remote(item)
