"""Connecting a program: to a head of its own, or to one that runs."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from heliostat._version import __version__
from heliostat.engines import marked
from heliostat.engines.local import link as links
from heliostat.engines.local import session_dir as session_dirs
from heliostat.engines.local.link import Link, NothingRuns
from heliostat.engines.local.owner.engine import LocalEngine
from heliostat.engines.local.owner.functions import import_path
from heliostat.engines.local.owner.interrupts import Postponed
from heliostat.engines.local.owner.loop import Loop
from heliostat.engines.local.owner.session import Session
from heliostat.engines.local.store.board import Board
from heliostat.engines.local.wire import messages
from heliostat.engines.local.wire.channel import Outbox
from heliostat.engines.local.wire.framing import socket_pair
from heliostat.model.config import Config

if TYPE_CHECKING:
    from heliostat.engines.settings import Settings

#: Seconds between looks for Ctrl-C while the head comes up.
_GLANCE = 0.1


class DriverEngine(LocalEngine):
    """A program's connection to its session.

    Attributes:
        head_pid: the head's process.
        private: the head was started by this program and ends with it.
    """

    def __init__(self, head_pid: int, session_dir: str, *, private: bool) -> None:
        super().__init__()
        self.head_pid = head_pid
        self.session_dir = session_dir
        self.private = private
        self._pidfd = os.pidfd_open(head_pid)
        # Open from now on: the file is gone soon after the head is.
        self._head_log = session_dirs.open_log(session_dir)
        self._pid = os.getpid()

    def watch_head(self) -> None:
        """Ends the session, with an error for whoever waits, when the head dies."""
        self.session.loop.watch(self._pidfd, self._head_died)

    def _head_died(self) -> None:
        self.session.loop.unwatch(self._pidfd)
        self.session.end(
            f"the head of this session (pid {self.head_pid}) died; its tasks, actors and "
            "objects are lost. Call heliostat.shutdown() and heliostat.init() to start anew."
            + session_dirs.last_words(self._head_log)
        )

    def shutdown(self) -> None:
        """Leaves the session; a private head ends, and is waited for."""
        session = self.session
        if os.getpid() != self._pid:
            return
        with session.loop.lock:
            session.head.send(messages.leaving("shutdown"))
            session.loop.unwatch(self._pidfd)
            session.end("the session has ended: heliostat.shutdown() was called")
        session.pump.wake_ready()
        if self.private:
            _reap(self.head_pid, self._pidfd)
            session_dirs.remove_session(self.session_dir)
        session.close()
        self.close_descriptors()
        session.loop.run_after()  # lines that arrived at the very end

    def close_descriptors(self) -> None:
        """Closes what the engine itself holds open."""
        os.close(self._pidfd)
        os.close(self._head_log)

    def forked(self) -> None:
        """In a child just forked: closes what was inherited, without a word to anybody."""
        super().forked()
        self.close_descriptors()


def connect(settings: Settings, *, observer: bool = False) -> DriverEngine:
    """Connects this program to a session, started here if need be.

    An ``observer`` only asks questions: no worker is started for it.

    Raises:
        NothingRuns: a running head was asked for and there is none.
        RuntimeError: the head did not come up, or runs another version.
    """
    _raise_descriptor_limit()
    with Postponed() as interrupts:
        link = _reach(settings)
        engine = DriverEngine(link.pid, link.directory, private=link.private)
        try:
            _join(engine, link, settings, interrupts, observer=observer)
        except BaseException:
            link.connection.close()
            if link.private:
                signal.pidfd_send_signal(engine._pidfd, signal.SIGTERM)
                _reap(link.pid, engine._pidfd)
                session_dirs.remove_session(link.directory)
            engine.close_descriptors()
            raise
    if interrupts.noted:
        engine.shutdown()
        raise KeyboardInterrupt
    engine.session.interrupts.install()
    return engine


def _reach(settings: Settings) -> Link:
    """The head meant by the address: a running one, or one started for this program."""
    where = settings.address or Config.read().address
    if where == "local":
        return links.start_private()
    directory = session_dirs.daemon_dir() if where in {None, "auto"} else where
    assert directory is not None
    try:
        link = links.connect_daemon(directory)
    except NothingRuns:
        if where is not None:
            raise
        return links.start_private()
    try:
        settings.refuse_for_existing()
    except ValueError:
        link.connection.close()
        raise
    return link


def _join(
    engine: DriverEngine,
    link: Link,
    settings: Settings,
    interrupts: Postponed,
    *,
    observer: bool,
) -> None:
    """Says hello and waits to be let in."""
    inbox, inbox_end = socket_pair()
    welcome: list[tuple[int, dict[str, Any], int]] = []
    refused: list[str] = []
    loop = Loop(
        inbox,
        {
            messages.WELCOME: lambda proc, about: welcome.append((proc, about, loop.take_fd())),
            messages.EXIT: lambda reason, _: refused.append(reason),
        },
    )
    died: list[bool] = []
    loop.watch(engine._pidfd, lambda: died.append(True))
    try:
        box = Outbox(link.connection, loop.send_later)
        if link.token:
            link.connection.send(link.token)
        hello = messages.hello(describe_program(settings, observer=observer))
        box.send(hello, (inbox_end.fileno(),))
        # Needed for the first function, and imported while the head comes up.
        import cloudpickle  # noqa: F401

        deadline = time.monotonic() + links.PATIENCE
        while not (welcome or refused or died):
            if not loop.poll(_GLANCE) and time.monotonic() > deadline:
                raise RuntimeError(f"the head did not answer within {links.PATIENCE:g} s")
            interrupts.check()
        if refused:
            raise RuntimeError(refused[0])
        if not welcome:
            raise RuntimeError(
                f"the head did not come up.{session_dirs.last_words(engine._head_log)}"
            )
        loop.unwatch(engine._pidfd)
    except BaseException:
        inbox.close()
        raise
    finally:
        inbox_end.close()
        loop.detach()
    proc, about, board_fd = welcome[0]
    engine.session = Session(engine, proc, inbox, link.connection, about)
    engine.session.recall.board = Board(board_fd)
    os.close(board_fd)
    engine.session.on_log = Printer(engine.session).received
    engine.session.functions.path = import_path()
    engine.watch_head()


def describe_program(settings: Settings, *, observer: bool) -> dict[str, Any]:
    """What the head and the workers must know of this program."""
    import cloudpickle

    env = (settings.job_runtime_env or {}).get("env_vars") or {}
    return {
        "pid": os.getpid(),
        "versions": versions(cloudpickle.__version__),
        "executable": sys.executable,
        "cwd": os.getcwd(),
        "sys_path": import_path(),
        "argv": list(sys.argv),
        "environ": dict(os.environ),
        "env": env,
        "namespace": settings.namespace,
        "log_to_driver": settings.log_to_driver,
        "debug": Config.read().debug,
        "observer": observer,
        "cluster": links.cluster_settings(settings),
    }


def versions(cloudpickle: str) -> dict[str, str]:
    """What must agree between the processes of a session."""
    python = ".".join(map(str, sys.version_info[:2]))
    return {"python": python, "heliostat": __version__, "cloudpickle": cloudpickle}


class Printer:
    """Prints what workers printed, with a prefix that says who."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def received(self, pid: int, name: str, lines: list[tuple[int, str]]) -> None:
        """Lines arrived: print them once the lock is let go."""
        self._session.loop.after.append(lambda: self._print(pid, name, lines))

    def _print(self, pid: int, name: str, lines: list[tuple[int, str]]) -> None:
        prefix = f"({name} pid={pid})" if name else f"(pid={pid})"
        lines = marked.sift(lines)
        for number in (1, 2):
            text = "".join(f"{prefix} {line}\n" for stream, line in lines if stream == number)
            stream = sys.stdout if number == 1 else sys.stderr
            if text and stream is not None:
                try:
                    stream.write(_printable(text, stream))
                    stream.flush()
                except (OSError, ValueError):  # the program closed it: nobody reads
                    return


def _printable(text: str, stream: Any) -> str:
    """What the stream can't encode, as it may be on the program's terminal, is escaped."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _reap(pid: int, pidfd: int) -> None:
    """Waits for a private head to end, and ends it if it does not."""
    import select

    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    if not poll.poll(5000):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:  # the program reaps all its children itself
        pass


def _raise_descriptor_limit() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
