"""Who reads the inbox: the thread that waits, else a background thread.

``Pump.wait`` blocks a thread until its condition holds. The first such thread polls the loop
itself; the others sleep, each on a lock of its own, and are woken when their condition holds
or when the polling thread leaves and one of them has to go on.

While nobody waits, messages still have to be filed: other processes ask for our objects,
results make room for tasks not sent yet. That is the background thread's work. It looks every
few milliseconds whether anybody polled meanwhile, and only if not does it poll itself; a
thread that begins to wait shakes it off through an event descriptor. It starts with the first
piece of work and parks when there has been none for a while.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from typing import Any

from heliostat.engines.local.owner.loop import Loop

#: Seconds between looks of the background thread while others poll.
_TICK = 0.004
#: The same after it found nothing to do for some time.
_LONGEST_TICK = 0.02
#: Ticks without outstanding work before it parks: waking it costs 20 us of the next call.
_PATIENCE = 20


class _Sleeper:
    """A thread that waits while another one polls."""

    __slots__ = ("ready", "turn")

    def __init__(self, ready: Callable[[], Any]) -> None:
        self.ready = ready
        self.turn = threading.Lock()
        self.turn.acquire()


class Pump:
    """Makes threads wait, and the inbox be read.

    Attributes:
        before_wait: called under the lock before a thread waits: sends what was held back.
        outstanding: whether something is to be done though nobody waits.
        each_tick: called under the lock by the background thread each time it looks.
        readers: event loops and idle workers that poll for reasons of their own.
        parked: the background thread is not looking.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._busy = False
        self._leader = 0
        self._sleepers: list[_Sleeper] = []
        self._thread: threading.Thread | None = None
        self.parked = True
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._alarm = select.poll()
        self._alarm.register(self._wake, select.POLLIN)
        self._closed = False
        self._home = threading.get_ident()
        self._polling = False
        self._shake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        loop.watch(self._shake, self._shaken)
        self.before_wait: Callable[[], None] = lambda: None
        self.outstanding: Callable[[], bool] = lambda: False
        self.each_tick: Callable[[], None] = lambda: None
        self.readers = 0

    # -- waiting --------------------------------------------------------------------------

    def wait(self, ready: Callable[[], Any], timeout: float | None = None) -> bool:
        """Blocks until ``ready()`` is true; False when ``timeout`` seconds passed first.

        ``ready`` is called often, by several threads, also under the lock.
        """
        loop = self._loop
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            sleeper = None
            leads = nested = woken = False
            try:  # at once: a signal's handler may raise after any step
                with loop.lock:
                    self.before_wait()
                    if ready():
                        return True
                    if loop.poisoned is not None:
                        raise self.poisoned_error()
                    if not self._busy:
                        self._busy = leads = True
                        self._leader = threading.get_ident()
                    elif self._leader == threading.get_ident():
                        nested = True  # a signal's handler waits, called in our own poll
                    else:
                        sleeper = _Sleeper(ready)
                        self._sleepers.append(sleeper)
                if sleeper is None:
                    return self._poll_until(ready, deadline)
                woken = self._sleep(sleeper, deadline)
                if not woken:
                    return bool(ready())
            finally:
                if leads:
                    self._hand_over()
                elif nested:
                    self.shake()  # what the outer poll waits for may have been filed here
                elif sleeper is not None and not woken:
                    self._withdraw(sleeper)

    def _poll_until(self, ready: Callable[[], Any], deadline: float | None) -> bool:
        loop = self._loop
        if self._polling:
            self.shake()
        left = -1.0
        while True:
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    loop.poll(0)
                    loop.run_after()
                    return bool(ready())
            loop.wait(left)
            if loop.after:
                loop.run_after()
            if loop.interrupted:
                loop.raise_interrupt()
            if self._sleepers:
                self.wake_ready()
            if ready():
                return True
            if loop.poisoned is not None:
                raise self.poisoned_error()

    def _hand_over(self) -> None:
        """The polling thread goes: a sleeper polls from now on, if there is one."""
        with self._loop.lock:
            self._busy = False
            self._leader = 0
            if self._sleepers:
                self._sleepers.pop().turn.release()

    def _sleep(self, sleeper: _Sleeper, deadline: float | None) -> bool:
        """True when woken; False when the time is up."""
        left = -1.0 if deadline is None else max(0.0, deadline - time.monotonic())
        return sleeper.turn.acquire(timeout=left)

    def _withdraw(self, sleeper: _Sleeper) -> None:
        with self._loop.lock:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
            elif self._sleepers and not self._busy:
                # It was just handed the polling, which it won't do.
                self._sleepers.pop().turn.release()

    def wake_ready(self) -> None:
        """Wakes the sleepers whose condition holds."""
        with self._loop.lock:
            for sleeper in [s for s in self._sleepers if s.ready()]:
                self._sleepers.remove(sleeper)
                sleeper.turn.release()

    def turn(self, timeout: float) -> bool:
        """Files what is there on behalf of whoever waits: for those that poll for a reason of
        their own. True if there was anything."""
        filed = self._loop.poll(timeout)
        self._loop.run_after()
        if filed:
            if self._busy:
                # The waiting thread is in poll: it must look again at what it waits for.
                self.shake()
            if self._sleepers:
                self.wake_ready()
        return filed

    def shake(self) -> None:
        """Makes whoever polls look again at what it waits for."""
        os.eventfd_write(self._shake, 1)

    def poisoned_error(self) -> RuntimeError:
        """What every use of a poisoned session raises."""
        cause = self._loop.poisoned
        error = RuntimeError(
            f"this heliostat session stopped working after {type(cause).__name__}: {cause}; "
            "call heliostat.shutdown() and heliostat.init() to go on"
        )
        error.__cause__ = cause
        return error

    # -- the background thread ------------------------------------------------------------

    def work_outstanding(self) -> None:
        """Something may have to be filed while nobody waits. Called under the lock, often."""
        if not self.parked or self._closed:
            return
        self.parked = False
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="heliostat-pump", daemon=True)
            self._thread.start()
        else:
            os.eventfd_write(self._wake, 1)

    def nudge(self) -> None:
        """As ``work_outstanding``, safe in ``__del__``: takes no lock, starts no thread.

        Without a background thread, the thread that was here first settles before it waits or
        replies; but not if it waits already, or its event loop goes on to wait.
        """
        if self._closed:
            return
        if self._thread is not None:
            if self.parked:
                os.eventfd_write(self._wake, 1)
        elif self.readers or threading.get_ident() != self._home:
            self.shake()

    def _run(self) -> None:
        loop = self._loop
        turns = -1
        quiet = 0
        tick = _TICK
        while not self._closed:
            self._rest(tick)
            with loop.lock:
                self.each_tick()
            if self._busy or loop.turns != turns:
                served = False  # somebody polls
            else:
                try:
                    served = self._serve()
                except Exception:  # noqa: BLE001 - the session is poisoned; whoever waits is told
                    self.wake_ready()
                    return
            turns = loop.turns
            quiet = 0 if served or self._busy else quiet + 1
            tick = _TICK if served else min(tick * 1.5, _LONGEST_TICK)
            if quiet >= _PATIENCE:
                quiet = 0
                self._park()

    def _rest(self, seconds: float | None) -> None:
        if self._alarm.poll(None if seconds is None else seconds * 1000) and not self._closed:
            os.eventfd_read(self._wake)

    def _serve(self) -> bool:
        """Files messages until somebody else polls; True if there was anything to do."""
        loop = self._loop
        busy = False
        while not self._busy and not self._closed:
            with loop.lock:
                self.before_wait()
                if not self.outstanding():
                    return busy
            busy = True
            self._polling = not self.readers
            try:
                filed = self.turn(0.05 if self._polling else 0)
            finally:
                self._polling = False
            if not filed:
                return busy
        return busy

    def _park(self) -> None:
        with self._loop.lock:
            if self.outstanding() or self._closed:
                return
            self.parked = True
        self._rest(None)
        self.parked = False

    def _shaken(self) -> None:
        try:
            os.eventfd_read(self._shake)
        except BlockingIOError:
            pass

    def forked(self) -> None:
        """In a forked child: there is no background thread, and nothing to read."""
        self._closed = True
        os.close(self._shake)
        os.close(self._wake)

    def close(self) -> None:
        """Ends the background thread."""
        self._closed = True
        os.eventfd_write(self._wake, 1)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            self.shake()
            thread.join()
        self._loop.unwatch(self._shake)
        os.close(self._shake)
        os.close(self._wake)
