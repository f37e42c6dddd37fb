"""A daemon's socket: one daemon a user, known by a token."""

from __future__ import annotations

import errno
import fcntl
import os
import socket

from heliostat.engines.local.session_dir import LOCK, SOCKET, TOKEN


def listen(directory: str) -> tuple[socket.socket, bytes]:
    """Opens a daemon's socket in its directory; the socket and a new token.

    Raises:
        OSError: ``EADDRINUSE``: another daemon was faster.
    """
    lock = os.open(os.path.join(directory, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held until this process ends
    except BlockingIOError:
        raise OSError(errno.EADDRINUSE, "another head is being started") from None
    path = os.path.join(directory, SOCKET)
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    token = os.urandom(32).hex().encode()
    token_fd = os.open(
        os.path.join(directory, TOKEN), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600
    )
    os.write(token_fd, token)
    os.close(token_fd)
    folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    sock.bind(f"/proc/self/fd/{folder}/{SOCKET}")
    os.close(folder)
    sock.listen(64)
    sock.setblocking(False)
    return sock, token
