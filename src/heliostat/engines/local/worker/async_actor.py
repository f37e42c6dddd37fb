"""An actor with coroutine methods: its calls run on one event loop in the main thread."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.owner.awaiting import reader_of
from heliostat.engines.local.worker import outcome

if TYPE_CHECKING:
    from heliostat.engines.local.worker.actor_host import ActorHost
    from heliostat.engines.local.worker.calls import Call


class _Server:
    """Starts a task for each call, at most ``max_concurrency`` at once."""

    def __init__(self, host: ActorHost) -> None:
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._running: set[asyncio.Task[None]] = set()
        self._flushing = False
        self.done = self._loop.create_future()

    def begin_soon(self) -> None:
        """Calls came, or the order to end; they may have been read by any thread."""
        if threading.get_ident() == self._thread:
            self.begin()
        else:
            self._loop.call_soon_threadsafe(self.begin)

    def begin(self) -> None:
        """Begins as many waiting calls as may run."""
        host = self._host
        calls = host.process.calls
        while calls and len(self._running) < host.max_concurrency:
            task = self._loop.create_task(self._run(calls.popleft()))
            self._running.add(task)
            task.add_done_callback(self._ended)
        self._look_for_end()

    async def _run(self, call: Call) -> None:
        host = self._host
        host.session.before_user_code()
        value = host.run_call(call)
        if asyncio.iscoroutine(value):
            try:
                value = await value
            except SystemExit as error:
                host.leave_by(error)
            except BaseException as error:  # noqa: BLE001 - the user's
                value = outcome.failed(host.process, host.method(call.method), error)
        host.answer(call, value)
        if not self._flushing:
            # After every call that ends in this turn of the loop: they share a message.
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        self._host.send_answers()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None and not self.done.done():
            self.done.set_exception(task.exception())  # type: ignore[arg-type]
        self.begin()

    def _look_for_end(self) -> None:
        host = self._host
        over = host.finished and (not self._running or host.leaving)
        if over and not self.done.done():
            self.done.set_result(None)


async def _serve(host: ActorHost) -> None:
    if not host.construct():
        return
    server = _Server(host)
    reader = reader_of(host.session)
    reader.begin()
    host.process.on_work = server.begin_soon
    server.begin()
    try:
        await server.done
        host.send_answers()
        await _shut_down(host)
    finally:
        reader.end()


async def _shut_down(host: ActorHost) -> None:
    """The actor's own ``__ray_shutdown__``, which may be a coroutine here."""
    method: Any = getattr(host.instance, "__ray_shutdown__", None)
    if inspect.iscoroutinefunction(method):
        host.instance = None
        try:
            await method()
        except Exception:  # noqa: BLE001 - the user's; the actor ends all the same
            import traceback

            traceback.print_exc()


def serve(host: ActorHost) -> None:
    """Runs the event loop until the actor is to end."""
    asyncio.run(_serve(host))
