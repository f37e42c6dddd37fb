"""The other processes of the session, as far as this one writes to them.

Every process has one inbox; whoever was introduced holds its writing end. The head
introduces: it answers ``connect`` with the descriptor, or with the news that there is no such
process any more. Until then messages wait here, in order.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from heliostat.engines.local.owner.loop import Loop
from heliostat.engines.local.wire import messages
from heliostat.engines.local.wire.channel import Outbox
from heliostat.engines.local.wire.messages import Message


class Peers:
    """Sends messages to processes by number."""

    def __init__(self, loop: Loop, head: Outbox) -> None:
        self._loop = loop
        self._head = head
        self._boxes: dict[int, Outbox] = {}
        self._unconnected: dict[int, list[tuple[Message, tuple[int, ...]]]] = {}
        self._gone: set[int] = set()

    def send(self, proc: int, message: Message, fds: Sequence[int] = ()) -> None:
        """Sends to ``proc``, or drops the message if that process is gone."""
        box = self._boxes.get(proc)
        if box is not None:
            box.send(message, fds)
        elif proc not in self._gone:
            self.watch(proc)
            self._unconnected[proc].append((message, tuple(os.dup(fd) for fd in fds)))

    def watch(self, proc: int) -> None:
        """From now on the head tells us when ``proc`` dies: it does so of whom it introduced."""
        if not (proc in self._boxes or proc in self._unconnected or proc in self._gone):
            self._unconnected[proc] = []
            self._head.send(messages.connect(proc))

    def box(self, proc: int) -> Outbox | None:
        """The outbox of a process we are connected with."""
        return self._boxes.get(proc)

    def add(self, proc: int, fd: int) -> None:
        """Takes over the writing end of an inbox."""
        if proc in self._boxes or proc in self._gone:
            os.close(fd)
            return
        box = self._boxes[proc] = Outbox.from_fd(fd, self._loop.send_later)
        for message, fds in self._unconnected.pop(proc, ()):
            box.send(message, fds)
            for copy in fds:
                os.close(copy)

    def lost(self, proc: int) -> None:
        """The process is gone; nothing will be sent to it any more."""
        self._gone.add(proc)
        box = self._boxes.pop(proc, None)
        if box is not None:
            self._loop.forget(box)
        for _, fds in self._unconnected.pop(proc, ()):
            for copy in fds:
                os.close(copy)

    def is_gone(self, proc: int) -> bool:
        """Whether the process is known to be dead."""
        return proc in self._gone

    @property
    def waiting(self) -> int:
        """Bytes kept back, over all peers."""
        return sum(box.waiting for box in self._boxes.values())

    @property
    def unsent(self) -> bool:
        """Something is kept back, also for processes we have not been introduced to yet."""
        return self.waiting > 0 or any(self._unconnected.values())

    def forked(self) -> None:
        """In a forked child: closes the sockets, which the parent goes on using."""
        for box in self._boxes.values():
            box.sock.close()

    def close(self) -> None:
        """Closes every connection."""
        for box in self._boxes.values():
            self._loop.forget(box)
        self._boxes.clear()
        for proc in list(self._unconnected):
            self.lost(proc)
