"""The wire of a simulated session: what processes send each other, and in which order it comes.

A channel for each pair of sender and receiver is first in, first out; between channels the
scheduler chooses. That is all the real wire promises: a process's inbox keeps the order of its
writers only while none of them had to keep packets back. Messages are pickled, so that no two
processes share an object, and descriptors are duplicated where the kernel would.
"""

from __future__ import annotations

import os
import pickle
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from heliostat.engines.local.wire import messages
from heliostat.engines.local.wire.framing import (
    Receiver,
    load_plain,
    new_buffer,
    pack,
    send_packet,
    socket_pair,
)

#: The descriptor that stands for the inbox of process ``p`` is ``INBOX - p``.
INBOX = -1000
_BUFFER = new_buffer()


class Packet(NamedTuple):
    """A message on its way."""

    data: bytes
    fds: list[Any]

    def drop(self) -> None:
        """Nobody will read it."""
        for fd in self.fds:
            if isinstance(fd, int) and fd >= 0:
                os.close(fd)


class Pipe:
    """A task queue's socket: whoever reads first has the packet. It is a real one, since the
    head looks into it."""

    waiting = 0

    def __init__(self) -> None:
        self._writing, self._reading = socket_pair()
        self._receiver = Receiver(self._reading, buffer=_BUFFER)
        self.packets = 0

    def send(self, message: Any, fds: Sequence[int] = ()) -> None:
        """What the owner's outbox does."""
        send_packet(self._writing, pack([message]), fds)
        self.packets += 1

    def take(self) -> tuple[Any, list[int]]:
        """What a worker's receiver does."""
        received = self._receiver.receive()
        assert received is not None
        (message,), fds = received
        self.packets -= 1
        return message, fds

    def open(self) -> int:
        """A descriptor for the head."""
        return os.dup(self._reading.fileno())

    def close(self) -> None:
        """The end of the simulation."""
        self._writing.close()
        self._reading.close()


class Wire:
    """All channels and pipes of a session."""

    def __init__(self) -> None:
        self.channels: dict[tuple[int, int], deque[Packet]] = {}
        self.reachable: set[int] = {0}
        self.pipes: list[Pipe] = []
        self.pipe_of: dict[int, Pipe] = {}
        #: Who registered a borrow for somebody else.
        self.vouchers: set[int] = set()

    def post(self, sender: int, receiver: int, message: Any, fds: Sequence[Any]) -> None:
        """Sends; to a process that has gone, in vain."""
        if receiver not in self.reachable:
            return
        if message[0] == messages.BORROW:
            self.vouchers.add(sender)
        if sender == 0:
            fds = [self.pipe_of.get(fd, fd) for fd in fds]
        carried = _duplicated(fds)
        channel = self.channels.setdefault((sender, receiver), deque())
        channel.append(Packet(pickle.dumps(message, 5), carried))

    def take(self, sender: int, receiver: int) -> tuple[Any, list[Any]]:
        """The next message of a channel; what the head reads is plain."""
        packet = self.channels[sender, receiver].popleft()
        if receiver == 0:
            fds = [self._opened(fd) for fd in packet.fds]
            return load_plain(packet.data), fds
        return pickle.loads(packet.data), packet.fds

    def _opened(self, fd: Any) -> Any:
        if not isinstance(fd, Pipe):
            return fd
        opened = fd.open()
        self.pipe_of[opened] = fd
        return opened

    def pending(self, sender: int, receiver: int) -> bool:
        """Whether anything is on its way."""
        return bool(self.channels.get((sender, receiver)))

    def new_pipe(self) -> Pipe:
        """A task queue's socket."""
        pipe = Pipe()
        self.pipes.append(pipe)
        return pipe

    def cut(self, proc: int) -> None:
        """A process is gone: what was sent to it is lost, what it sent is not."""
        self.reachable.discard(proc)
        for (_, receiver), channel in self.channels.items():
            if receiver == proc:
                while channel:
                    channel.popleft().drop()

    def close(self) -> None:
        """The end of the simulation."""
        for channel in self.channels.values():
            for packet in channel:
                packet.drop()
        for pipe in self.pipes:
            pipe.close()


class Box:
    """Stands for an ``Outbox``: the kernel takes everything at once."""

    waiting = 0
    closed = False

    def __init__(self, wire: Wire, sender: int, receiver: int) -> None:
        self._wire = wire
        self._sender = sender
        self.receiver = receiver

    def send(self, message: Any, fds: Sequence[Any] = ()) -> None:
        self._wire.post(self._sender, self.receiver, message, fds)

    def fileno(self) -> int:
        return INBOX - self.receiver

    def dispose(self) -> None:
        """There is nothing to close."""


_NAMES = {v: k for k, v in vars(messages).items() if k.isupper() and isinstance(v, int)}


def opened(packet: Packet) -> str:
    """A message in words."""
    opcode, *fields = pickle.loads(packet.data)
    return f"{_NAMES.get(opcode, opcode)} {str(fields)[:300]}"


def _duplicated(fds: Sequence[Any]) -> list[Any]:
    return [os.dup(fd) if isinstance(fd, int) and fd >= 0 else fd for fd in fds]
