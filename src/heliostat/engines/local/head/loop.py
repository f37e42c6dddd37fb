"""The head's event loop: descriptors, kept-back packets, and a tick."""

from __future__ import annotations

import select
from collections.abc import Callable

from heliostat.engines.local.wire.channel import Outbox


class Loop:
    """Calls back whoever a descriptor belongs to; single-threaded."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, Callable[[], None]] = {}
        self._blocked: dict[int, Outbox] = {}
        self.running = True

    def watch(self, fd: int, ready: Callable[[], None]) -> None:
        """Calls ``ready`` when ``fd`` is readable."""
        self._watched[fd] = ready
        self._epoll.register(fd, select.EPOLLIN)

    def unwatch(self, fd: int) -> None:
        """Stops watching; before the descriptor is closed."""
        if self._watched.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def send_later(self, box: Outbox) -> None:
        """The outbox keeps packets back."""
        self._blocked[box.fileno()] = box
        self._epoll.register(box.fileno(), select.EPOLLOUT)

    def forget(self, box: Outbox) -> None:
        """The outbox is about to be closed."""
        if self._blocked.pop(box.fileno(), None) is not None:
            self._epoll.unregister(box.fileno())

    def run(self, turn: Callable[[], float]) -> None:
        """Until ``running`` is False. ``turn`` is called after each batch of events and gives
        the seconds until it must be called again, below zero for never."""
        timeout = turn()
        while self.running:
            for fd, _ in self._epoll.poll(timeout):
                box = self._blocked.get(fd)
                if box is not None:
                    if box.flush():
                        del self._blocked[fd]
                        self._epoll.unregister(fd)
                    continue
                ready = self._watched.get(fd)
                if ready is not None:
                    ready()
            timeout = turn()

    def close(self) -> None:
        """Closes the poll descriptor."""
        self._epoll.close()
