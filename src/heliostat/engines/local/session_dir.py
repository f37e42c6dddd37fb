"""Directories of sessions: what they are called and what is in them.

This user's directory, mode 0700, has one for each private session, which ends with it, and one
for the daemon, with its socket and the token that a program's first packet must be.
"""

from __future__ import annotations

import os

from heliostat.model.config import Config

SOCKET = "head.sock"
TOKEN = "token"  # noqa: S105 - a file name
LOG = "head.err"
LOCK = "lock"
SETTINGS = "settings"
PRIVATE = "private-"  # and the program's pid, and a random part


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
    """Where this user's daemon has its socket."""
    return os.path.join(user_dir(), "head")


def open_log(directory: str) -> int:
    """A descriptor of what a head writes to its standard error."""
    path = os.path.join(directory, LOG)
    return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)


def last_words(log: int) -> str:
    """The end of a head's log, as a part of a message; empty if it said nothing."""
    size = os.fstat(log).st_size
    text = os.pread(log, 2000, max(0, size - 2000)).decode("utf-8", "replace").strip()
    return f"\nThe last it wrote:\n{text}" if text else ""


def remove_session(session_dir: str) -> None:
    """Removes what is left of a session's directory: nothing, unless its head and its template
    were killed, or the whole host was."""
    if os.path.exists(session_dir):
        import shutil

        shutil.rmtree(session_dir, ignore_errors=True)
