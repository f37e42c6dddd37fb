"""``await ref``: event loops poll the inbox themselves, without a thread between."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from heliostat.engines.local.core.objects import PENDING, Entry

if TYPE_CHECKING:
    from heliostat.engines.local.owner.engine import LocalEngine
    from heliostat.engines.local.owner.pump import Pump


class _Reader:
    """An event loop that reads the inbox while somebody on it awaits."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pump: Pump, fd: int) -> None:
        self.loop = loop
        self.thread = threading.get_ident()
        self._pump = pump
        self._fd = fd
        self._awaiting = 0

    def begin(self) -> None:
        """One more future."""
        self._awaiting += 1
        if self._awaiting == 1:
            self._pump.readers += 1
            self.loop.add_reader(self._fd, self._turn)

    def end(self) -> None:
        """One future less."""
        self._awaiting -= 1
        if not self._awaiting:
            self._pump.readers -= 1
            self.loop.remove_reader(self._fd)

    def _turn(self) -> None:
        self._pump.turn(0)


_readers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Reader] = WeakKeyDictionary()


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
    reader = _readers.get(loop)
    if reader is None or reader._pump is not session.pump:
        reader = _readers[loop] = _Reader(loop, session.pump, session.loop.fileno())
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
                session.pump.readers -= 1

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
