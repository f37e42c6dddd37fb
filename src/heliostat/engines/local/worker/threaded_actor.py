"""An actor whose calls run in threads: ``max_concurrency`` at once, and so many of each group."""

from __future__ import annotations

import os
import threading
import traceback
from collections import deque
from typing import TYPE_CHECKING

from heliostat.engines.local.worker import outcome

if TYPE_CHECKING:
    from heliostat.engines.local.worker.actor_host import ActorHost
    from heliostat.engines.local.worker.calls import Call


class _Threads:
    """Threads that take the calls of one group, started as they are needed."""

    def __init__(self, host: ActorHost, most: int) -> None:
        self.calls: deque[Call] = deque()
        self._host = host
        self._most = most
        self._work = threading.Condition()
        self._idle = 0
        self._threads: list[threading.Thread] = []
        self._closed = False

    def offer(self) -> None:
        """Calls wait: wakes or starts threads for them."""
        waiting = len(self.calls)
        with self._work:
            woken = min(waiting, self._idle)
            self._work.notify(woken)
            new = min(waiting - woken, self._most - len(self._threads))
            for _ in range(max(0, new)):
                thread = threading.Thread(
                    target=self._run, name=f"actor-{len(self._threads)}", daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _run(self) -> None:
        try:
            self._serve_calls()
        except BaseException:  # noqa: BLE001 - what it filed is not to be trusted
            try:
                traceback.print_exc()
            finally:
                os._exit(1)

    def _serve_calls(self) -> None:
        host = self._host
        calls = self.calls
        while True:
            try:
                call = calls.popleft()
            except IndexError:
                with self._work:
                    if self._closed:
                        return
                    if calls:
                        continue
                    self._idle += 1
                    if host.process.ending:
                        host.session.pump.shake()
                    self._work.wait()
                    self._idle -= 1
                continue
            value = host.run_call(call)
            with host.lock:
                host.answer(call, value)
                host.send_answers()
            call = value = None  # type: ignore[assignment]

    @property
    def busy(self) -> bool:
        """Some call is running, or waits for its turn."""
        return bool(self.calls) or self._idle < len(self._threads)

    def close(self) -> None:
        """Ends the threads that are idle; those that run a call end with the process."""
        with self._work:
            self._closed = True
            self._work.notify_all()


class _Groups:
    """The threads of every group, and who gets which call."""

    def __init__(self, host: ActorHost) -> None:
        self._host = host
        self._groups = {name: _Threads(host, most) for name, most in host.limits().items()}

    def offer(self) -> None:
        """Calls came, or the order to end."""
        arrived = self._host.process.calls
        while arrived:
            call = arrived.popleft()
            if self._host.accepts(call):
                self._groups[call.group].calls.append(call)
        for threads in self._groups.values():
            threads.offer()

    def cancel(self, key: tuple[int, int]) -> None:
        """A call that waits is answered at once; one that runs can ask ``is_canceled``."""
        host = self._host
        for threads in self._groups.values():
            call = host.waiting(threads.calls, key)
            if call is not None:
                with host.lock:
                    host.answer(call, outcome.cancelled())
                    host.send_answers()

    @property
    def busy(self) -> bool:
        """Some call is running, or waits for its turn."""
        return any(threads.busy for threads in self._groups.values())

    def close(self) -> None:
        """The actor ends."""
        for threads in self._groups.values():
            threads.close()


def serve(host: ActorHost) -> None:
    """Until the actor is to end: the main thread reads the inbox, the threads run calls."""
    if not host.construct():
        return
    groups = _Groups(host)
    host.process.on_work = groups.offer
    host.on_cancel = groups.cancel
    groups.offer()
    host.session.pump.wait(lambda: host.finished and (host.leaving or not groups.busy))
    groups.close()
