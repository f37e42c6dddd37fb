"""The head process: forks the template, then serves its session until it is over."""

from __future__ import annotations

import os
import sys

# What is imported here is paid before the first worker can be forked; `main` forks the
# template with next to nothing loaded, and both load the rest at the same time.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any


def main(mode: str, session_dir: str, fd: int) -> None:
    """Runs a head; ``link.spawn_head`` says what the arguments are."""
    import _socket  # `socket` takes 6 ms

    os.set_inheritable(fd, False)
    control, template_end = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    board_fd = os.memfd_create("heliostat-board", os.MFD_CLOEXEC)
    # Before anything else: the template is what every worker will look like.
    if os.fork() == 0:
        os.close(fd)
        control.close()
        from heliostat.engines.local.worker import template

        template.start(template_end.detach(), board_fd, session_dir, ())
    template_end.close()
    status = 1
    try:
        serve(mode, session_dir, fd, control.detach(), board_fd)
        status = 0
    except BaseException:  # noqa: BLE001 - its log is where the programs look for its last words
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)  # what is open needs no closing one by one


def serve(mode: str, session_dir: str, fd: int, control: int, board_fd: int) -> None:
    """The head's own life, once the template is forked."""
    import signal

    from heliostat.engines.local.wire.framing import adopt_socket
    from heliostat.engines.local.worker import system

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.chdir("/")
    system.become_subreaper()
    head = Head(session_dir, adopt_socket(control), board_fd)
    if mode == "private":
        head.serve_program(adopt_socket(fd))
    else:
        head.serve_everybody(fd)
    head.run()


class Head:
    """A session's head: its server, who may join, and its end."""

    def __init__(self, session_dir: str, control: socket.socket, board_fd: int) -> None:
        import signal

        from heliostat.engines.local.head.loop import Loop
        from heliostat.engines.local.store.board import Board

        self._session_dir = session_dir
        self._control = control
        self._board = Board(board_fd)
        self._loop = Loop()
        self._private = False
        self._joining: Any = None
        self._ending = 0.0
        self._wakeup, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: self._begin_end())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._loop.watch(self._wakeup, self._woken)
        self.server: Any = None

    def _woken(self) -> None:
        os.read(self._wakeup, 4096)
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return

    # -- who may join ---------------------------------------------------------------------

    def serve_program(self, connection: socket.socket) -> None:
        """The session is private to the program that made the other end of ``connection``."""
        from heliostat.engines.local.head.joining import Joining
        from heliostat.engines.local.wire.framing import peer_of

        self._private = True
        # Not our parent: that one is another by now if the program was killed meanwhile.
        pid, _ = peer_of(connection)
        self._joining = Joining(self, self._loop)
        self._joining.expect(connection, pid, token=b"")

    def serve_everybody(self, answer: int) -> None:
        """The session is for every program of this user; tells ``answer`` when it is up."""
        import ast

        from heliostat.engines.local.head.door import listen
        from heliostat.engines.local.head.joining import Joining
        from heliostat.engines.local.session_dir import SETTINGS

        said = b"ready"
        try:
            listening, token = listen(self._session_dir)
            with open(os.path.join(self._session_dir, SETTINGS), "rb") as file:
                settings = ast.literal_eval(file.read().decode())
            self._joining = Joining(self, self._loop)
            self._joining.listen(listening, token)
            self.open(settings)
        except (OSError, ValueError) as error:
            said = str(error).encode()
            raise
        finally:
            os.write(answer, said)
            os.close(answer)

    def open(self, settings: dict[str, Any]) -> None:
        """Makes the cluster, once it is known what it is to have."""
        from heliostat.engines.local.head.cluster import describe_cluster
        from heliostat.engines.local.head.memory import Memory
        from heliostat.engines.local.head.pool import Pool
        from heliostat.engines.local.head.server import Server

        cluster, memory = describe_cluster(settings, self._session_dir)
        self.server = Server(self._loop, self._board, cluster, Memory(memory))
        self.server.pool = Pool(
            self._loop,
            self.server.members,
            self._board,
            self._session_dir,
            self.server.worker_exited,
        )
        self.server.pool.add_template(sys.executable, self._control)

    # -- the session ----------------------------------------------------------------------

    def run(self) -> None:
        """Serves until the session is over."""
        try:
            self._loop.run(self._turn)
        finally:
            self._close()

    def _turn(self) -> float:
        if self.server is None:
            return -1.0 if not self._ending else 0.0
        timeout: float = self.server.turn()
        self.server.forget_ended_jobs()
        if self._ending:
            import time

            if not self.server.pool.workers or time.monotonic() > self._ending:
                self._loop.running = False
            return 0.02
        return timeout

    def program_gone(self) -> None:
        """A program left or died."""
        if self._private:
            self._begin_end()

    def _begin_end(self) -> None:
        """The session is over: workers are asked to end, and killed if they don't."""
        if self._ending:
            return
        if self.server is None:
            self._loop.running = False
            return
        import time

        self._ending = time.monotonic() + 2.0
        self.server.end_all()

    def _close(self) -> None:
        """The template kills what is left, removes the directory and ends; so do we."""
        if self.server is not None:
            self.server.pool.close()
        self._control.close()
        from heliostat.engines.local.session_dir import remove_session, withdraw

        withdraw(self._session_dir)
        remove_session(self._session_dir)
