"""An actor whose calls run in threads, ``max_concurrency`` at once."""

from __future__ import annotations

import os
import threading
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heliostat.engines.local.worker.actor_host import ActorHost


class _Threads:
    """Threads that take calls from the process's queue, started as they are needed."""

    def __init__(self, host: ActorHost, most: int) -> None:
        self._host = host
        self._most = most
        self._work = threading.Condition()
        self._idle = 0
        self._threads: list[threading.Thread] = []
        self._closed = False

    def offer(self) -> None:
        """Calls wait: wakes or starts threads for them."""
        waiting = len(self._host.process.calls)
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
        calls = host.process.calls
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
        """Some call is running."""
        return self._idle < len(self._threads)

    def close(self) -> None:
        """Ends the threads that are idle; those that run a call end with the process."""
        with self._work:
            self._closed = True
            self._work.notify_all()


def serve(host: ActorHost) -> None:
    """Until the actor is to end: the main thread reads the inbox, the threads run calls."""
    if not host.construct():
        return
    threads = _Threads(host, host.max_concurrency)
    host.process.on_work = threads.offer
    threads.offer()
    host.session.pump.wait(lambda: host.finished and (host.leaving or not threads.busy))
    threads.close()
