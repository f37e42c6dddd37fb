"""The sending side of a socket: nothing here ever blocks.

What the kernel doesn't take stays in the outbox, in order, and the loop sends it once the
socket is writable. Whoever produces faster than the other side reads looks at ``waiting``
and pumps until it falls below its bound.
"""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence

from heliostat.engines.local.wire.framing import adopt_socket, pack, send_packet
from heliostat.engines.local.wire.messages import Message


def _is_full(error: OSError) -> bool:
    """The kernel can't take the packet now; anything but a lost peer is a bug and raises."""
    if error.errno in _FULL:
        return True
    if isinstance(error, ConnectionError) or error.errno in _GONE:
        return False
    raise error


_FULL = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ETOOMANYREFS, errno.ENOMEM})
_GONE = frozenset({errno.ENOTCONN})


class Outbox:
    """Sends packets on one socket, keeping back what the kernel can't take yet.

    Not thread-safe: the owner's lock is held around every call.

    Attributes:
        waiting: bytes kept back.
        closed: the other side is gone; everything sent from now on is dropped, since the
            head's word on the death of a process is what counts, not a broken socket.
    """

    __slots__ = ("_backlog", "_on_blocked", "closed", "sock", "waiting")

    def __init__(self, sock: socket.socket, on_blocked: Callable[[Outbox], None]) -> None:
        """``on_blocked`` is called when the first packet is kept back: watch for writability."""
        self.sock = sock
        self.waiting = 0
        self.closed = False
        self._backlog: deque[tuple[bytes, tuple[int, ...]]] = deque()
        self._on_blocked = on_blocked

    @classmethod
    def from_fd(cls, fd: int, on_blocked: Callable[[Outbox], None]) -> Outbox:
        """Adopts a received descriptor."""
        return cls(adopt_socket(fd), on_blocked)

    def send(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Sends one message as a packet."""
        self.send_packed(pack([message]), fds)

    def send_all(self, messages: Sequence[Message], fds: Sequence[int] = ()) -> None:
        """Sends several messages as one packet."""
        self.send_packed(pack(messages), fds)

    def send_packed(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Sends a packet. ``fds`` stay the caller's; those of a kept-back packet are duplicated."""
        if self.closed:
            return
        if not self._backlog:
            try:
                send_packet(self.sock, data, fds)
                return
            except OSError as error:
                if not _is_full(error):
                    self.close()
                    return
        self._backlog.append((data, tuple(os.dup(fd) for fd in fds)))
        self.waiting += len(data)
        if len(self._backlog) == 1:
            self._on_blocked(self)

    def flush(self) -> bool:
        """Sends what was kept back, as far as the kernel takes it; True when nothing is left."""
        while self._backlog:
            data, fds = self._backlog[0]
            try:
                send_packet(self.sock, data, fds)
            except OSError as error:
                if _is_full(error):
                    return False
                self.close()
                return True
            self._backlog.popleft()
            self.waiting -= len(data)
            for fd in fds:
                os.close(fd)
        return True

    def fileno(self) -> int:
        """The socket's descriptor; -1 when closed."""
        return self.sock.fileno()

    def close(self) -> None:
        """Drops what was kept back and everything sent from now on.

        The descriptor stays open until ``dispose``: a poll set may still know it.
        """
        self.closed = True
        for _, fds in self._backlog:
            for fd in fds:
                os.close(fd)
        self._backlog.clear()
        self.waiting = 0

    def dispose(self) -> None:
        """Closes the descriptor; the loop was told to forget it."""
        self.close()
        self.sock.close()
