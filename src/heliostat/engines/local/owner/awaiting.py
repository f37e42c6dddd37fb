"""``await ref``: event loops poll the inbox themselves, without a thread between."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from heliostat.engines.local.core.objects import PENDING, Entry

if TYPE_CHECKING:
    from heliostat.engines.local.owner.engine import LocalEngine
    from heliostat.engines.local.owner.session import Session


class Reader:
    """An event loop that reads the inbox while somebody on it needs that.

    Made on the loop's thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, session: Session) -> None:
        self.loop = loop
        self.thread = threading.get_ident()
        self.pump = session.pump
        self._fd = session.loop.fileno()
        self._needed = 0

    def begin(self) -> None:
        """One more that needs it."""
        self._needed += 1
        if self._needed == 1:
            self.pump.readers += 1
            self.loop.add_reader(self._fd, self.pump.turn, 0)

    def end(self) -> None:
        """One less."""
        self._needed -= 1
        if not self._needed:
            self.pump.readers -= 1
            self.loop.remove_reader(self._fd)

    def closed(self) -> None:
        """The loop was closed with something still awaited on it."""
        if self._needed:
            self._needed = 0
            self.pump.readers -= 1


_readers: WeakKeyDictionary[asyncio.AbstractEventLoop, Reader] = WeakKeyDictionary()


def reader_of(session: Session) -> Reader:
    """The reader of the running event loop: one, whoever needs it."""
    loop = asyncio.get_running_loop()
    reader = _readers.get(loop)
    if reader is None or reader.pump is not session.pump:
        reader = _readers[loop] = Reader(loop, session)
    return reader


def future_on_loop(engine: LocalEngine, entry: Entry) -> asyncio.Future[Any]:
    """A future of the object's value on the running event loop.

    Cancelling it cancels the waiting, never the task.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    if entry.state != PENDING:
        _deliver(engine, entry, future)
        return future
    session = engine.session
    reader = reader_of(session)
    reader.begin()

    def on_loop() -> None:
        reader.end()
        _deliver(engine, entry, future)

    def arrived() -> None:
        if threading.get_ident() == reader.thread:
            on_loop()
        else:
            try:
                loop.call_soon_threadsafe(on_loop)
            except RuntimeError:  # the loop was closed meanwhile: nobody awaits
                reader.closed()

    engine._when_complete(entry, arrived)
    return future


def _deliver(engine: LocalEngine, entry: Entry, future: asyncio.Future[Any]) -> None:
    if future.cancelled():
        return
    try:
        value = engine._value(entry)
    except BaseException as error:  # noqa: BLE001 - the task's
        future.set_exception(_settable(error))
    else:
        future.set_result(value)


def _settable(error: BaseException) -> BaseException:
    """An asyncio future refuses StopIteration as an outcome."""
    if isinstance(error, StopIteration):
        wrapped = RuntimeError("the task raised StopIteration")
        wrapped.__cause__ = error
        return wrapped
    return error
