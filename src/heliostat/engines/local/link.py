"""The way to a head: one started for this program, or one that runs.

A *private* head belongs to one program, talks to it over an inherited socket, and has no
name anybody could find. A *daemon* outlives programs.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.session_dir import (
    LOG,
    PRIVATE,
    SOCKET,
    TOKEN,
    remove_session,
    user_dir,
)
from heliostat.engines.local.wire.framing import peer_of, socket_pair

if TYPE_CHECKING:
    from heliostat.engines.settings import Settings

#: Seconds a head may take to come up or to end.
PATIENCE = 30.0


class NothingRuns(ConnectionError):
    """No head of this user is running."""


class Link:
    """A way to a head.

    Attributes:
        connection: the socket.
        token: what must be said first.
        pid: the head's process.
        directory: the session's.
        private: the head was started for this program.
    """

    __slots__ = ("connection", "directory", "pid", "private", "token")

    def __init__(
        self, connection: socket.socket, token: bytes, pid: int, directory: str, *, private: bool
    ) -> None:
        self.connection = connection
        self.token = token
        self.pid = pid
        self.directory = directory
        self.private = private


def spawn_head(session_dir: str, mode: str, fd: int) -> int:
    """Starts a head process; returns its pid.

    ``mode`` is ``"private"``, then ``fd`` is its connection with the program, or ``"daemon"``,
    then it writes what became of its start to ``fd``.
    """
    # Without site: 15 ms sooner. What the program can import is passed on; the template
    # runs site by itself, for the workers.
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; "
        f"sys.prefix = {sys.prefix!r}; sys.exec_prefix = {sys.exec_prefix!r}; "
        "from heliostat.engines.local.head.main import main; "
        f"main({mode!r}, {session_dir!r}, {fd})"
    )
    flags = ["-S", *(["-" + "O" * sys.flags.optimize] if sys.flags.optimize else [])]
    flags += [f"-W{option}" for option in sys.warnoptions]
    null = os.open(os.devnull, os.O_RDWR)
    errors = os.open(os.path.join(session_dir, LOG), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, *flags, "-c", code],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, errors, 1),
                (os.POSIX_SPAWN_DUP2, errors, 2),
                (os.POSIX_SPAWN_DUP2, fd, fd),
            ],
            setsid=True,  # a terminal's Ctrl-C is for the program
        )
    finally:
        os.close(null)
        os.close(errors)


def start_private() -> Link:
    """Starts a private head."""
    root = user_dir()
    for name in os.listdir(root):
        if name.startswith(PRIVATE) and not _is_running(int(name.split("-")[1])):
            remove_session(os.path.join(root, name))
    session_dir = os.path.join(root, f"{PRIVATE}{os.getpid()}-{os.urandom(4).hex()}")
    ours, theirs = socket_pair()
    try:
        os.mkdir(session_dir, 0o700)
        # Above what the head's own descriptors could be dup'ed over.
        os.set_inheritable(theirs.fileno(), True)
        pid = spawn_head(session_dir, "private", theirs.fileno())
    except BaseException:  # Ctrl-C among others
        ours.close()
        remove_session(session_dir)
        raise
    finally:
        theirs.close()
    return Link(ours, b"", pid, session_dir, private=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the number is another user's process's by now
        return False
    return True


def connect_daemon(directory: str) -> Link:
    """Connects to the daemon of ``directory``.

    Raises:
        NothingRuns: nobody listens there.
    """
    try:
        token_fd = os.open(os.path.join(directory, TOKEN), os.O_RDONLY | os.O_CLOEXEC)
        token = os.read(token_fd, 64)
        os.close(token_fd)
        folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise nothing_runs(directory) from error
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        # By way of the folder's descriptor: a socket's path may have 107 bytes only.
        sock.connect(f"/proc/self/fd/{folder}/{SOCKET}")
    except OSError as error:
        sock.close()
        raise nothing_runs(directory) from error
    finally:
        os.close(folder)
    pid, uid = peer_of(sock)
    if uid != os.getuid():
        sock.close()
        raise PermissionError(f"the head in {directory} belongs to user {uid}")
    sock.setblocking(False)
    return Link(sock, token, pid, directory, private=False)


def nothing_runs(directory: str) -> NothingRuns:
    """There is no head to connect to."""
    return NothingRuns(
        f"Could not find any running heliostat head for this user (looked in {directory}). "
        "Start one with `heliostat start --head`, or leave out address= for a private session."
    )


def cluster_settings(settings: Settings) -> dict[str, Any]:
    """What a new cluster is to have, as plain values."""
    return {
        "num_cpus": settings.num_cpus,
        "num_gpus": settings.num_gpus,
        "resources": dict(settings.resources or {}),
        "object_store_memory": settings.object_store_memory,
    }
