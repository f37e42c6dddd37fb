"""The message loop of a process: one inbox, filed under one lock, by whoever has time.

The thread that waits for a result reads the inbox itself (the caller pumps): handing a reply
from an I/O thread to the caller would cost more than the message. Rules:

* ``lock`` guards all state of the session. It is held for microseconds, never while blocking,
  and no user code runs under it: no unpickling of values, no callbacks, no actor calls. What
  must run user code is put into ``after`` and run by the pumping thread once it let go.
* Only reading waits; sending never does (``wire.channel``).
* A ``KeyboardInterrupt`` arriving while the main thread holds the lock is raised when it lets
  go. Any other exception that escapes under the lock means the state is not to be trusted:
  the session is poisoned, and every further use raises what happened.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from heliostat.engines.local.wire.channel import Outbox
from heliostat.engines.local.wire.framing import Receiver
from heliostat.engines.local.wire.messages import Handlers
from heliostat.engines.local.wire.spin import Spin


class Loop:
    """Reads the inbox, files what arrives, flushes what could not be sent.

    Attributes:
        lock: guards the session; re-entrant, so that a signal handler can tell who holds it.
        fds: descriptors of the packet being filed that no handler has taken yet.
        after: what to run once the lock is released.
        settle: called at the end of each filing, under the lock.
        may_interrupt: whether anybody is there for Ctrl-C to interrupt: not in a worker between two
            tasks.
    """

    def __init__(self, inbox: socket.socket, handlers: Handlers, *, plain: bool = False) -> None:
        self.lock = threading.RLock()
        self.fds: deque[int] = deque()
        self.after: deque[Callable[[], None]] = deque()
        self.settle: list[Callable[[], None]] = []
        self.poisoned: BaseException | None = None
        self.interrupted = False
        self.may_interrupt: Callable[[], bool] = lambda: True
        self.turns = 0
        self._handlers = handlers
        self._receiver = Receiver(inbox, plain=plain)
        self._epoll = select.epoll()
        self._spin = Spin(self._epoll.poll)
        self._inbox_fd = inbox.fileno()
        self._epoll.register(self._inbox_fd, select.EPOLLIN)
        self._watched: dict[int, Callable[[], None]] = {}
        self._blocked: dict[int, Outbox] = {}

    def fileno(self) -> int:
        """A descriptor that is readable when ``poll`` has something to do."""
        return self._epoll.fileno()

    def watch(self, fd: int, ready: Callable[[], None], events: int = select.EPOLLIN) -> None:
        """Calls ``ready`` under the lock when ``fd`` is ready."""
        self._watched[fd] = ready
        self._epoll.register(fd, events)

    def unwatch(self, fd: int) -> None:
        """Stops watching."""
        if self._watched.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def send_later(self, box: Outbox) -> None:
        """The outbox keeps packets back: flush it when its socket is writable again."""
        fd = box.fileno()
        self._blocked[fd] = box
        self._epoll.register(fd, select.EPOLLOUT)

    def take_fd(self) -> int:
        """The next descriptor that came with the message being handled."""
        return self.fds.popleft()

    def poll(self, timeout: float = -1.0) -> bool:
        """Waits for messages and files them; False when the time ran out.

        ``timeout`` is in seconds; below zero: for ever. Signal handlers run while waiting.
        """
        return self._filed(self._epoll.poll(timeout))

    def wait(self, timeout: float = -1.0) -> bool:
        """As ``poll``, for a thread with nothing else to do: awake at first."""
        return self._filed(self._spin.poll(timeout))

    def _filed(self, events: list[tuple[int, int]]) -> bool:
        self.turns += 1
        if not events:
            return False
        with self.lock:
            try:
                self._file(events)
            except BaseException as error:
                self.poison(error)
                raise
        return True

    def lock_is_mine(self) -> bool:
        """Whether the calling thread holds the lock."""
        mine: bool = self.lock._is_owned()  # type: ignore[attr-defined]
        return mine

    def raise_interrupt(self) -> None:
        """Ctrl-C came while the lock was held, and is still wanted."""
        self.interrupted = False
        if self.may_interrupt():
            raise KeyboardInterrupt

    def run_after(self) -> None:
        """Runs what had to wait until the lock was released."""
        while self.after:
            try:
                call = self.after.popleft()
            except IndexError:  # another thread was faster
                return
            call()

    def poison(self, error: BaseException) -> None:
        """The state may be inconsistent: refuse further use."""
        if self.poisoned is None:
            self.poisoned = error

    def _file(self, events: list[tuple[int, int]]) -> None:
        for fd, _ in events:
            if fd == self._inbox_fd:
                self._receive()
            elif fd in self._blocked:
                self._flush(fd)
            elif fd in self._watched:
                self._watched[fd]()
        for settle in self.settle:
            settle()

    def _receive(self) -> None:
        # One packet a poll: to find out that there is no second one costs 2 us of each call
        # made one at a time, and packets of many messages are worth a poll of their own.
        try:
            packet = self._receiver.receive()
        except BlockingIOError:  # another thread was faster
            return
        if packet is None:
            return
        messages, fds = packet
        if fds:
            self.fds.extend(fds)
        handlers = self._handlers
        for message in messages:
            handlers[message[0]](*message[1:])
        while self.fds:
            os.close(self.fds.popleft())

    def _flush(self, fd: int) -> None:
        if self._blocked[fd].flush():
            del self._blocked[fd]
            self._epoll.unregister(fd)

    def forget(self, box: Outbox) -> None:
        """Closes an outbox. Its socket is shared with other processes, so the poll set would
        go on reporting it after our descriptor is closed."""
        if self._blocked.pop(box.fileno(), None) is not None:
            self._epoll.unregister(box.fileno())
        box.dispose()

    def detach(self) -> None:
        """Closes the poll descriptor only: the inbox goes on elsewhere."""
        self._epoll.close()

    def close(self) -> None:
        """Closes the inbox and the poll descriptor."""
        self._epoll.close()
        self._receiver.close()

    def describe(self) -> dict[str, Any]:
        """What the loop is waiting for, for a stack dump."""
        return {"turns": self.turns, "blocked": len(self._blocked), "after": len(self.after)}
