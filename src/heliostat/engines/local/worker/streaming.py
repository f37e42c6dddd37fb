"""Running what yields: each item goes to the task's owner as soon as it is there.

An item is a message of its own: gathering would make a fast generator faster, but what a slow one
has yielded would wait for its next item, and the generator may be in C by then.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.wire import messages
from heliostat.engines.local.worker import outcome

if TYPE_CHECKING:
    from typing_extensions import Self

    from heliostat.engines.local.worker.process import WorkerProcess

#: Bytes not taken by the kernel over which a generator waits before it goes on.
OUT_BOUND = 8 << 20
#: Seconds between looks of a coroutine that must wait.
_LOOK = 0.002


class Sender:
    """Sends the items of one task or call.

    Args:
        process: the worker.
        owner: whose task it is.
        number: the task's.
        returns: below zero: ``-1 - ahead``, where ``ahead`` items may wait to be taken; 0 means any
            number.
    """

    def __init__(self, process: WorkerProcess, owner: int, number: int, returns: int) -> None:
        self._process = process
        self._owner = owner
        self._number = number
        self._ahead = -1 - returns
        self._sent = 0
        #: Items that the owner says were taken; below zero: it wants none of them any more.
        self.taken = 0

    def send(self, value: Any) -> None:
        """Sends an item: a value, or a ``Failure``."""
        fds: list[int] = []
        wired = outcome.to_wire(self._process, value, 1, self._owner, fds)
        self._tell([wired], fds, last=False)
        for fd in fds:
            os.close(fd)
        self._sent += 1

    def end(self) -> None:
        """There are no more."""
        self._tell([], [], last=True)

    def _tell(self, items: list[Any], fds: list[int], *, last: bool) -> None:
        session = self._process.session
        with session.loop.lock:
            self._process.output.send_lines()
            message = messages.items(
                self._number, session.home.proc, self._sent, items, last, self._ahead > 0
            )
            session.peers.send(self._owner, message, fds)
            session.releases.settle()

    @property
    def blocked(self) -> bool:
        """It must wait before it goes on."""
        if self._ahead and 0 <= self.taken <= self._sent - self._ahead:
            return not self._process.session.peers.is_gone(self._owner)
        return self._process.session.peers.waiting > OUT_BOUND

    def wait(self) -> None:
        """Waits until it may go on."""
        if self.blocked:
            self._process.session.pump.wait(lambda: not self.blocked)

    def __enter__(self) -> Self:
        self._process.senders[self._owner, self._number] = self
        return self

    def __exit__(self, *error: object) -> None:
        del self._process.senders[self._owner, self._number]


def run(
    sender: Sender,
    items: Any,
    failed: Callable[[BaseException], outcome.Failure],
    final: Callable[[BaseException], bool],
) -> Any:
    """Runs a generator to its end, in the task's thread.

    Args:
        sender: takes the items.
        items: what the function gave: an iterator, or the ``Failure`` of the call.
        failed: makes the failure of what the generator raised.
        final: whether that ends the task as a whole, and is no item: its cancellation.

    Returns:
        What the task returns: None, or a ``Failure``.
    """
    with sender:
        try:
            for value in iterator_of(items):
                sender.send(value)
                sender.wait()
        except BaseException as error:  # noqa: BLE001 - the user's
            failure = failed(error)
            if final(error):
                return failure
            sender.send(failure)
        sender.end()
    return None


def iterator_of(items: Any) -> Iterator[Any]:
    """What a streaming function gave, as an iterator.

    Raises:
        TypeError: it gave something that can't be iterated over.
    """
    if isinstance(items, outcome.Failure):
        return iter((items,))
    if not hasattr(items, "__next__"):
        raise TypeError(
            f"num_returns='streaming' needs a generator; the function gave a {type(items).__name__}"
        )
    iterator: Iterator[Any] = items
    return iterator


async def run_async(
    sender: Sender, items: AsyncIterator[Any], failed: Callable[[BaseException], outcome.Failure]
) -> Any:
    """As ``run``, for an asynchronous generator on the actor's event loop."""
    import asyncio

    with sender:
        try:
            async for value in items:
                sender.send(value)
                while sender.blocked:  # noqa: ASYNC110 - by a full socket too, which has no event
                    await asyncio.sleep(_LOOK)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - the user's
            sender.send(failed(error))
        sender.end()
    return None
