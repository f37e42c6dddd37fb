"""Starting, finding and stopping heads.

A *private* head belongs to one program, talks to it over an inherited socket, and has no
name anybody could find. A *daemon* outlives programs: it has a directory per user, mode 0700,
with its socket and the token that a program's first frame must carry.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.wire.framing import socket_pair
from heliostat.model.config import Config

if TYPE_CHECKING:
    from heliostat.engines.settings import Settings

_SOCKET = "head.sock"
_TOKEN = "token"  # noqa: S105 - a file name
_LOG = "head.err"
_PRIVATE = "private-"  # and the program's pid, and a random part
#: Seconds a head may take to come up or to end.
PATIENCE = 30.0


class NothingRuns(ConnectionError):
    """No head of this user is running."""


class AlreadyRuns(RuntimeError):
    """A head of this user runs already."""


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


def user_dir() -> str:
    """This user's directory, made if it isn't there.

    Raises:
        PermissionError: it belongs to somebody else.
    """
    path = Config.read().session_root()
    try:
        os.makedirs(path, mode=0o700)
    except FileExistsError:
        found = os.stat(path)
        if found.st_uid != os.getuid():
            raise PermissionError(
                f"{path} belongs to another user; set HELIOSTAT_TMPDIR to a folder of yours"
            ) from None
        if found.st_mode & 0o077:
            os.chmod(path, 0o700)
    return path


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
    errors = os.open(os.path.join(session_dir, _LOG), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
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
        if name.startswith(_PRIVATE) and not _is_running(int(name.split("-")[1])):
            remove_session(os.path.join(root, name))
    session_dir = os.path.join(root, f"{_PRIVATE}{os.getpid()}-{os.urandom(4).hex()}")
    os.mkdir(session_dir, 0o700)
    ours, theirs = socket_pair()
    try:
        # Above what the head's own descriptors could be dup'ed over.
        os.set_inheritable(theirs.fileno(), True)
        pid = spawn_head(session_dir, "private", theirs.fileno())
    finally:
        theirs.close()
    return Link(ours, b"", pid, session_dir, private=True)


def remove_session(session_dir: str) -> None:
    """Removes what is left of a session's directory: nothing, unless its head and its template
    were killed, or the whole host was."""
    if os.path.exists(session_dir):
        import shutil

        shutil.rmtree(session_dir, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the number is another user's process's by now
        return False
    return True


def daemon_dir() -> str:
    """Where this user's daemon has its socket."""
    return os.path.join(user_dir(), "head")


def connect_daemon(directory: str) -> Link:
    """Connects to the daemon of ``directory``.

    Raises:
        NothingRuns: nobody listens there.
    """
    try:
        token_fd = os.open(os.path.join(directory, _TOKEN), os.O_RDONLY | os.O_CLOEXEC)
        token = os.read(token_fd, 64)
        os.close(token_fd)
        folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise nothing_runs(directory) from error
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        # By way of the folder's descriptor: a socket's path may have 107 bytes only.
        sock.connect(f"/proc/self/fd/{folder}/{_SOCKET}")
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


def peer_of(sock: socket.socket) -> tuple[int, int]:
    """Pid and user of the other end, by the kernel's word."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    numbers = memoryview(raw).cast("i")
    return numbers[0], numbers[1]


def nothing_runs(directory: str) -> NothingRuns:
    """There is no head to connect to."""
    return NothingRuns(
        f"Could not find any running heliostat head for this user (looked in {directory}). "
        "Start one with `heliostat start --head`, or leave out address= for a private session."
    )


def start_head(settings: Settings) -> dict[str, Any]:
    """Starts this user's daemon and returns its status.

    Raises:
        AlreadyRuns: it runs already; says what.
        RuntimeError: it did not come up; has its last words.
    """
    directory = daemon_dir()
    try:
        running = head_status()
    except OSError:
        running = None
    if running is not None:
        raise AlreadyRuns(
            f"A heliostat head runs already: pid {running['pid']}, "
            f"{running['total'].get('CPU', 0):g} CPUs, session {running['address']}. "
            "Connect to it with init(address='auto'), or end it with `heliostat stop`."
        )
    os.makedirs(directory, mode=0o700, exist_ok=True)
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    settings_file = os.path.join(directory, "settings")
    with open(os.open(settings_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(repr(cluster_settings(settings)).encode())
    pid = spawn_head(directory, "daemon", writing)
    os.close(writing)
    with open(reading, "rb") as answer:
        said = answer.read()
    if said != b"ready":
        os.waitpid(pid, 0)
        log = open_log(directory)
        words = last_words(log)
        os.close(log)
        raise RuntimeError(f"the head did not come up: {said.decode()}{words}")
    status = head_status()
    assert status is not None
    return status


def cluster_settings(settings: Settings) -> dict[str, Any]:
    """What a new cluster is to have, as plain values."""
    return {
        "num_cpus": settings.num_cpus,
        "num_gpus": settings.num_gpus,
        "resources": dict(settings.resources or {}),
        "object_store_memory": settings.object_store_memory,
    }


def open_log(directory: str) -> int:
    """A descriptor of what a head writes to its standard error."""
    path = os.path.join(directory, _LOG)
    return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)


def last_words(log: int) -> str:
    """The end of a head's log, as a part of a message; empty if it said nothing."""
    size = os.fstat(log).st_size
    text = os.pread(log, 2000, max(0, size - 2000)).decode("utf-8", "replace").strip()
    return f"\nThe last it wrote:\n{text}" if text else ""


def stop_head(force: bool = False) -> bool:
    """Ends this user's daemon and everything it runs; False if there was none.

    With ``force`` nothing is given time to end by itself.
    """
    directory = daemon_dir()
    try:
        link = connect_daemon(directory)
    except NothingRuns:
        return False
    link.connection.close()
    pidfd = os.pidfd_open(link.pid)
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL if force else signal.SIGTERM)
        _await_exit(pidfd, PATIENCE)
    finally:
        os.close(pidfd)
    deadline = time.monotonic() + PATIENCE
    while os.path.exists(os.path.join(directory, _TOKEN)) and time.monotonic() < deadline:
        time.sleep(0.01)  # the template, the last to go, removes the directory
    return True


def _await_exit(pidfd: int, seconds: float) -> None:
    import select

    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    if not poll.poll(seconds * 1000):
        raise TimeoutError(f"the head did not end within {seconds:g} s; use --force")


def head_status() -> dict[str, Any] | None:
    """What this user's daemon says of itself; None if there is none."""
    from heliostat.engines.local.engine import connect
    from heliostat.engines.settings import Settings

    try:
        engine = connect(Settings(address="auto"), observer=True)
    except NothingRuns:
        return None
    try:
        return engine.status()
    finally:
        engine.shutdown()


def listen(directory: str) -> tuple[socket.socket, bytes]:
    """Opens a daemon's socket in its directory; the socket and a new token.

    Raises:
        OSError: ``EADDRINUSE``: another daemon was faster.
    """
    lock = os.open(os.path.join(directory, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held until this process ends
    except BlockingIOError:
        raise OSError(errno.EADDRINUSE, "another head is being started") from None
    path = os.path.join(directory, _SOCKET)
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    token = os.urandom(32).hex().encode()
    token_fd = os.open(
        os.path.join(directory, _TOKEN), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600
    )
    os.write(token_fd, token)
    os.close(token_fd)
    folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    sock.bind(f"/proc/self/fd/{folder}/{_SOCKET}")
    os.close(folder)
    sock.listen(64)
    sock.setblocking(False)
    return sock, token
