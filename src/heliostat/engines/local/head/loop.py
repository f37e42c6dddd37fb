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
        self._events: dict[int, int] = {}
        self.running = True

    def watch(self, fd: int, ready: Callable[[], None]) -> None:
        """Calls ``ready`` when ``fd`` is readable."""
        self._watched[fd] = ready
        self._update(fd)

    def unwatch(self, fd: int) -> None:
        """Stops watching; before the descriptor is closed."""
        if self._watched.pop(fd, None) is not None:
            self._update(fd)

    def send_later(self, box: Outbox) -> None:
        """The outbox keeps packets back."""
        self._blocked[box.fileno()] = box
        self._update(box.fileno())

    def forget(self, box: Outbox) -> None:
        """The outbox is about to be closed."""
        if self._blocked.pop(box.fileno(), None) is not None:
            self._update(box.fileno())

    def _update(self, fd: int) -> None:
        """Polls ``fd`` for what it is watched for: the template's socket may be for both."""
        events = select.EPOLLIN * (fd in self._watched) | select.EPOLLOUT * (fd in self._blocked)
        if not events:
            del self._events[fd]
            self._epoll.unregister(fd)
        elif fd in self._events:
            self._epoll.modify(fd, events)
            self._events[fd] = events
        else:
            self._epoll.register(fd, events)
            self._events[fd] = events

    def run(self, turn: Callable[[], float]) -> None:
        """Until ``running`` is False. ``turn`` is called after each batch of events and gives
        the seconds until it must be called again, below zero for never."""
        timeout = turn()
        while self.running:
            for fd, events in self._epoll.poll(timeout):
                box = self._blocked.get(fd)
                if box is not None and events & ~select.EPOLLIN and box.flush():
                    self.forget(box)
                ready = self._watched.get(fd)
                if ready is not None and events & ~select.EPOLLOUT:
                    ready()
            timeout = turn()

    def close(self) -> None:
        """Closes the poll descriptor."""
        self._epoll.close()
