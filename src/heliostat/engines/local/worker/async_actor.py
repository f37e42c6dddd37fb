"""An actor with coroutine methods: its calls run on one event loop in the main thread."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.owner.awaiting import reader_of
from heliostat.engines.local.worker import outcome
from heliostat.engines.local.worker.streaming import run_async

if TYPE_CHECKING:
    from heliostat.engines.local.worker.actor_host import ActorHost
    from heliostat.engines.local.worker.calls import Call


class _Server:
    """Starts a task for each call, at most ``max_concurrency`` at once; so many of each group."""

    def __init__(self, host: ActorHost) -> None:
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._limits = host.limits()
        self._counts = dict.fromkeys(self._limits, 0)
        self._waiting: dict[str, deque[Call]] = {name: deque() for name in self._limits}
        self._running: dict[asyncio.Task[None], Call] = {}
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
        arrived = self._host.process.calls
        while arrived:
            call = arrived.popleft()
            if self._host.accepts(call):
                self._waiting[call.group].append(call)
        for group, calls in self._waiting.items():
            self._begin_those(group, calls)
        self._look_for_end()

    def _begin_those(self, group: str, calls: deque[Call]) -> None:
        """Begins those of a group that may run."""
        while calls and self._counts[group] < self._limits[group]:
            call = calls.popleft()
            self._counts[group] += 1
            task = self._loop.create_task(self._run(call))
            self._running[task] = call
            task.add_done_callback(self._ended)

    async def _run(self, call: Call) -> None:
        host = self._host
        host.session.before_user_code()
        value = host.run_call(call)
        if asyncio.iscoroutine(value) or hasattr(value, "__anext__"):
            try:
                if not asyncio.iscoroutine(value):
                    value = run_async(host.sender(call), value, partial(host.failed, call))
                value = await (value if call.timeout is None else _timed(call, value))
            except SystemExit as error:
                host.leave_by(error)
            except asyncio.CancelledError:
                value = outcome.cancelled()
            except BaseException as error:  # noqa: BLE001 - the user's
                value = outcome.failed(host.process, host.method(call.method), error)
        self._answer(call, value)

    def _answer(self, call: Call, value: Any) -> None:
        self._host.answer(call, value)
        if not self._flushing:
            # After every call that ends in this turn of the loop: they share a message.
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        self._host.send_answers()

    def cancel_soon(self, key: tuple[int, int]) -> None:
        """A call was cancelled; whoever reads the inbox says so."""
        self._loop.call_soon_threadsafe(self._cancel, key)

    def _cancel(self, key: tuple[int, int]) -> None:
        for calls in self._waiting.values():
            call = self._host.waiting(calls, key)
            if call is not None:
                self._answer(call, outcome.cancelled())
                return
        for task, running in self._running.items():
            if running.key == key:
                task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        call = self._running.pop(task)
        self._counts[call.group] -= 1
        if task.cancelled():  # before it began
            self._answer(call, outcome.cancelled())
        if not task.cancelled() and task.exception() is not None and not self.done.done():
            self.done.set_exception(task.exception())  # type: ignore[arg-type]
        self.begin()

    def _look_for_end(self) -> None:
        host = self._host
        busy = self._running or any(self._waiting.values())
        over = host.finished and (not busy or host.leaving)
        if over and not self.done.done():
            self.done.set_result(None)


async def _timed(call: Call, coroutine: Any) -> Any:
    """Awaits a coroutine for as long as its call may take; then it is cancelled.

    Raises:
        TaskTimeoutError: it took longer.
    """
    task = asyncio.ensure_future(coroutine)
    try:
        done, _ = await asyncio.wait((task,), timeout=call.timeout)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if done:
        return task.result()
    task.cancel()
    from heliostat.exceptions import TaskTimeoutError

    raise TaskTimeoutError(call.method, call.timeout or 0.0)


async def _serve(host: ActorHost) -> None:
    if not host.construct():
        return
    server = _Server(host)
    reader = reader_of(host.session)
    reader.begin()
    host.process.on_work = server.begin_soon
    host.on_cancel = server.cancel_soon
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
