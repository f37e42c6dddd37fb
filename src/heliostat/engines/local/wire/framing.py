"""Packets: how a list of messages becomes bytes, and how descriptors travel with it.

A packet is one datagram of a Unix ``SOCK_SEQPACKET`` socket, so it arrives whole or not at
all, from any number of writers, and needs no length prefix. What exceeds ``MAX_PACKET``
goes into an anonymous memory file whose descriptor is sent instead: a message of any size
costs the receiver's socket buffer nothing. More than ``MAX_FDS`` descriptors travel inside a
socket made for them, as one.

Bytes are unpickled only from sockets the head handed out; the listening socket of the head
reads its first packet with ``peek_hello``, which unpickles nothing.
"""

from __future__ import annotations

import array
import io
import mmap
import os
import pickle
import socket
from collections.abc import Sequence
from typing import Any, NoReturn

from heliostat.engines.local.wire.messages import Message

#: Largest datagram. Linux refuses one above the send buffer, 208 KiB where the system
#: default holds.
MAX_PACKET = 192 * 1024
#: Send buffer asked for; the kernel grants what ``net.core.wmem_max`` allows.
SEND_BUFFER = 1 << 20
#: Linux passes at most 253 descriptors with one packet.
MAX_FDS = 250

# What is no plain packet begins with one of these; a pickle begins with 0x80.
_BIG = b"BIG"
_MANY = b"FDS"
_PICKLE = 0x80
_FD_SPACE = socket.CMSG_SPACE((MAX_FDS + 3) * array.array("i").itemsize)


class PlainUnpickler(pickle.Unpickler):
    """Reads pickles of builtin containers and scalars only; the head uses no other."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name} in a control message")


def load_plain(data: memoryview | bytes) -> Any:
    """Unpickles ``data`` without importing or calling anything."""
    return PlainUnpickler(io.BytesIO(data)).load()


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """A connected pair of non-blocking packet sockets with generous buffers."""
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (left, right):
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return left, right


def adopt_socket(fd: int) -> socket.socket:
    """Wraps a received descriptor; naming the family saves three system calls."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=fd)
    sock.setblocking(False)
    return sock


def peer_of(sock: socket.socket) -> tuple[int, int]:
    """Pid and user of the other end, by the kernel's word."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    numbers = memoryview(raw).cast("i")
    return numbers[0], numbers[1]


def pack(messages: Sequence[Message]) -> bytes:
    """The bytes of a packet."""
    return pickle.dumps(messages, 5)


def send_packet(sock: socket.socket, data: bytes, fds: Sequence[int] = ()) -> None:
    """Sends one packet with ``fds``.

    Raises:
        BlockingIOError: the socket's buffer is full; nothing was sent.
        OSError: the other side is gone.
    """
    if len(data) > MAX_PACKET:
        frame = os.memfd_create("heliostat-frame", os.MFD_CLOEXEC)
        try:
            _write_all(frame, data)
            _send(sock, _BIG + str(len(data)).encode(), (frame, *fds))
        finally:
            os.close(frame)
    elif fds:
        _send(sock, data, fds)
    else:
        sock.send(data)


def _send(sock: socket.socket, data: bytes, fds: Sequence[int]) -> None:
    if len(fds) > MAX_FDS:
        with _carrier(fds) as carrier:
            _send(sock, _MANY + data, (carrier.fileno(),))
        return
    rights = array.array("i", fds)
    sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def _carrier(fds: Sequence[int]) -> socket.socket:
    """A socket that holds all these descriptors, and then the end."""
    writing, reading = socket_pair()
    try:
        for at in range(0, len(fds), MAX_FDS):
            _send(writing, b".", fds[at : at + MAX_FDS])
    except OSError:
        reading.close()
        raise
    finally:
        writing.close()
    return reading


def _carried(fd: int) -> list[int]:
    """The descriptors of a carrier, which is used up."""
    fds: list[int] = []
    with adopt_socket(fd) as carrier:
        while True:
            data, ancillary, _, _ = carrier.recvmsg(1, _FD_SPACE, socket.MSG_CMSG_CLOEXEC)
            if not data:
                return fds
            fds.extend(_rights(ancillary))


def _rights(ancillary: Sequence[tuple[int, int, bytes]]) -> list[int]:
    """The descriptors that came with a packet."""
    fds: list[int] = []
    for level, kind, rights in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            received = array.array("i")
            received.frombytes(rights[: len(rights) - len(rights) % received.itemsize])
            fds.extend(received)
    return fds


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def drain(sock: socket.socket) -> list[Message]:
    """Takes every packet out of a queue that nobody has read, and lets go of what came with it.
    Each is one message."""
    receiver = Receiver(sock, plain=True)
    drained: list[Message] = []
    while True:
        try:
            packet = receiver.receive()
        except BlockingIOError:
            packet = None
        if packet is None:
            return drained
        (message,), fds = packet
        drained.append(message)
        for fd in fds:
            os.close(fd)


def new_buffer() -> memoryview:
    """A buffer large enough for any packet."""
    return memoryview(bytearray(MAX_PACKET + 4096))


class Receiver:
    """Reads packets from one socket into a buffer it keeps.

    One ``recvmsg_into`` a packet: 0.9 us beside 0.4 us for ``recv``, and the kernel closes
    descriptors that plain ``recv`` does not fetch.
    """

    __slots__ = ("_buffer", "_loads", "sock")

    def __init__(
        self, sock: socket.socket, *, plain: bool = False, buffer: memoryview | None = None
    ) -> None:
        """``buffer`` may be shared by the receivers of one thread; see ``new_buffer``."""
        self.sock = sock
        self._buffer = new_buffer() if buffer is None else buffer
        self._loads: Any = load_plain if plain else pickle.loads

    def receive(self) -> tuple[list[Message], list[int]] | None:
        """The next packet's messages and descriptors, or ``None`` at the end of the stream.

        Raises:
            BlockingIOError: nothing to read now.
        """
        size, ancillary, _, _ = self.sock.recvmsg_into(
            [self._buffer], _FD_SPACE, socket.MSG_CMSG_CLOEXEC
        )
        fds = _rights(ancillary) if ancillary else []
        if not size:
            return None
        data = self._buffer[:size]
        if data[0] != _PICKLE:
            if data[:3] == _MANY:
                fds = _carried(fds[0])
                data = data[3:]
            if data[:3] == _BIG:
                return self._receive_big(data, fds), fds
        return self._loads(data), fds

    def _receive_big(self, data: memoryview, fds: list[int]) -> list[Message]:
        size = int(bytes(data[3:]))
        frame = fds.pop(0)
        try:
            with mmap.mmap(frame, size, prot=mmap.PROT_READ) as content:
                messages: list[Message] = self._loads(memoryview(content))
                return messages
        finally:
            os.close(frame)

    def close(self) -> None:
        """Closes the socket."""
        self.sock.close()
