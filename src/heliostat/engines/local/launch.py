"""``heliostat start``, ``stop`` and ``status``: this user's daemon."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from heliostat.engines.local.engine import connect
from heliostat.engines.local.link import (
    PATIENCE,
    NothingRuns,
    cluster_settings,
    connect_daemon,
    spawn_head,
)
from heliostat.engines.local.session_dir import (
    SETTINGS,
    daemon_dir,
    last_words,
    new_daemon_dir,
    open_log,
    remove_session,
)
from heliostat.engines.settings import Settings


class AlreadyRuns(RuntimeError):
    """A head of this user runs already."""


def start_head(settings: Settings) -> dict[str, Any]:
    """Starts this user's daemon and returns its status.

    Raises:
        AlreadyRuns: it runs already; says what.
        RuntimeError: it did not come up; has its last words.
    """
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
    directory = new_daemon_dir()
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    settings_file = os.path.join(directory, SETTINGS)
    with open(os.open(settings_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(repr(cluster_settings(settings)).encode())
    log = open_log(directory)  # the file may be gone as soon as the head is
    pid = spawn_head(directory, "daemon", writing)
    os.close(writing)
    with open(reading, "rb") as answer:
        said = answer.read()
    if said != b"ready":
        os.waitpid(pid, 0)
        words = last_words(log)
        os.close(log)
        remove_session(directory)
        raise RuntimeError(f"the head did not come up: {said.decode()}{words}")
    os.close(log)
    status = head_status()
    assert status is not None
    return status


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
    session_dir = os.path.realpath(directory)
    pidfd = os.pidfd_open(link.pid)
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL if force else signal.SIGTERM)
        _await_exit(pidfd, PATIENCE)
    finally:
        os.close(pidfd)
    deadline = time.monotonic() + PATIENCE
    while os.path.exists(session_dir) and time.monotonic() < deadline:
        time.sleep(0.01)  # the template, the last to go, removes the directory
    try:
        os.waitpid(link.pid, 0)
    except ChildProcessError:  # another program started it
        pass
    return True


def _await_exit(pidfd: int, seconds: float) -> None:
    import select

    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    if not poll.poll(seconds * 1000):
        raise TimeoutError(f"the head did not end within {seconds:g} s; use --force")


def head_status() -> dict[str, Any] | None:
    """What this user's daemon says of itself; None if there is none."""
    try:
        engine = connect(Settings(address="auto"), observer=True)
    except NothingRuns:
        return None
    try:
        return engine.status()
    finally:
        engine.shutdown()
