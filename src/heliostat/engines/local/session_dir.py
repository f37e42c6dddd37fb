"""Directories of sessions: what they are called and what is in them.

This user's directory, mode 0700, has one for each session, which ends with it. A daemon's has
its socket and the token that a program's first packet must be, and a link leads to it: so what is
left of one daemon may still be cleared away while the next one starts.
"""

from __future__ import annotations

import os

from heliostat.model.config import Config

SOCKET = "head.sock"
TOKEN = "token"  # noqa: S105 - a file name
LOG = "head.err"
SETTINGS = "settings"
DAEMON = "head-"  # and a random part
PRIVATE = "private-"  # and the program's pid, and a random part
_LINK = "daemon"


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


def daemon_dir() -> str:
    """Where this user's daemon is found: the link to its directory, if it runs."""
    return os.path.join(user_dir(), _LINK)


def new_daemon_dir() -> str:
    """The directory of a daemon to be."""
    path = os.path.join(user_dir(), f"{DAEMON}{os.urandom(4).hex()}")
    os.mkdir(path, 0o700)
    return path


def lock(path: str) -> bool:
    """Takes the right to be the daemon of this user's directory, held until this process ends;
    False if another one has it."""
    import fcntl

    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        return False
    return True


def publish(session_dir: str) -> None:
    """Makes this directory the one that programs find. Only for who holds the lock."""
    link = f"{session_dir}.link"
    os.symlink(os.path.basename(session_dir), link)
    os.replace(link, os.path.join(os.path.dirname(session_dir), _LINK))


def withdraw(session_dir: str) -> None:
    """Programs find it no more."""
    link = os.path.join(os.path.dirname(session_dir), _LINK)
    try:
        if os.readlink(link) == os.path.basename(session_dir):
            os.unlink(link)
    except FileNotFoundError:
        return


def open_log(directory: str) -> int:
    """A descriptor of what a head writes to its standard error."""
    path = os.path.join(directory, LOG)
    return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)


def last_words(log: int) -> str:
    """The end of a head's log, as a part of a message; empty if it said nothing."""
    size = os.fstat(log).st_size
    text = os.pread(log, 2000, max(0, size - 2000)).decode("utf-8", "replace").strip()
    return f"\nThe last it wrote:\n{text}" if text else ""


def clear_away(session_dir: str) -> None:
    """For the last one to go, when the head did not do so itself."""
    root = os.path.dirname(session_dir)
    if os.path.islink(os.path.join(root, _LINK)) and lock(root):
        withdraw(session_dir)  # nobody else can be publishing another one now
    remove_session(session_dir)


def remove_session(session_dir: str) -> None:
    """Removes what is left of a session's directory: nothing, unless its head and its template
    were killed, or the whole host was."""
    if os.path.exists(session_dir):
        import shutil

        shutil.rmtree(session_dir, ignore_errors=True)
