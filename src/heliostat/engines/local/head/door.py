"""A daemon's socket: one daemon a user, known by a token."""

from __future__ import annotations

import errno
import os
import socket
import time

from heliostat.engines.local.session_dir import (
    DAEMON,
    SOCKET,
    TOKEN,
    lock,
    publish,
    remove_session,
)

#: Seconds after which the directory of a head that no more runs is no longer one being started.
_STALE = 60.0


def listen(directory: str) -> tuple[socket.socket, bytes]:
    """Opens a daemon's socket in its directory; the socket and a new token.

    Raises:
        OSError: ``EADDRINUSE``: another daemon was faster.
    """
    if not lock(os.path.dirname(directory)):
        raise OSError(errno.EADDRINUSE, "another head was started at the same time")
    _clear_away(os.path.dirname(directory), directory)
    token = os.urandom(32).hex().encode()
    token_fd = os.open(
        os.path.join(directory, TOKEN), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
    )
    os.write(token_fd, token)
    os.close(token_fd)
    folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    sock.bind(f"/proc/self/fd/{folder}/{SOCKET}")
    os.close(folder)
    sock.listen(64)
    sock.setblocking(False)
    publish(directory)
    return sock, token


def _clear_away(user_dir: str, own: str) -> None:
    """Removes what heads left behind that were killed together with their templates."""
    now = time.time()
    for name in os.listdir(user_dir):
        path = os.path.join(user_dir, name)
        if name.startswith(DAEMON) and path != own and now - os.lstat(path).st_mtime > _STALE:
            remove_session(path)
