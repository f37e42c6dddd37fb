"""The template: a clean, single-threaded process that workers are forked from.

The head forks it before anything else and speaks to it over a packet socket. It imports what
a worker needs once, so that a worker costs a fork; it is the parent of all workers and so the
one that reaps them, tells the head how each ended, and kills. Whatever the workers started and left
is its child too (it is a subreaper). When the head is gone it kills all of them and ends.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
from typing import Any

from heliostat.engines.local.store.board import Board
from heliostat.engines.local.wire import messages
from heliostat.engines.local.wire.channel import Outbox
from heliostat.engines.local.wire.framing import Receiver, adopt_socket
from heliostat.engines.local.worker import system


class Template:
    """Forks, reaps and kills workers for the head."""

    def __init__(self, control: socket.socket, board_fd: int, session_dir: str) -> None:
        self._control = control
        self._receiver = Receiver(control, plain=True)
        self._board_fd = board_fd
        self._session_dir = session_dir
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._outbox = Outbox(control, lambda _: self._poll.modify(control, _BOTH))
        self._pids: dict[int, int] = {}
        self._procs: dict[int, int] = {}
        self._wakeup, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll.register(self._wakeup, select.POLLIN)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self._wakeup_write = writing
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._handlers: messages.Handlers = {
            messages.SPAWN: self._on_spawn,
            messages.KILL: self._on_kill,
        }
        self._fds: list[int] = []

    def run(self) -> None:
        """Serves the head until it is gone. Returns in workers only by never returning."""
        while True:
            for fd, events in self._poll.poll():
                if fd == self._wakeup:
                    self._drain_wakeup()
                    self._reap()
                elif events & select.POLLOUT and self._outbox.flush():
                    self._poll.modify(self._control, select.POLLIN)
                elif not self._receive():
                    self._end()

    def _receive(self) -> bool:
        """False when the head is gone."""
        while True:
            try:
                packet = self._receiver.receive()
            except BlockingIOError:
                return True
            except OSError:
                return False
            if packet is None:
                return False
            received, self._fds = packet
            for message in received:
                messages.dispatch(self._handlers, message)

    def _on_spawn(self, proc: int, slot: int, setup: dict[str, Any]) -> None:
        inbox, head = self._fds.pop(0), self._fds.pop(0)
        try:
            pid = os.fork()
        except OSError as error:
            print(f"a worker can't be forked: {error}", file=sys.stderr, flush=True)
            os.close(inbox)
            os.close(head)
            self._outbox.send(messages.exited(proc, 0xFF00, 0))
            return
        if pid == 0:
            self._become_worker(proc, slot, setup, inbox, head)
        os.close(inbox)
        os.close(head)
        self._pids[proc] = pid
        self._procs[pid] = proc
        self._outbox.send(messages.spawned(proc, pid))

    def _become_worker(
        self, proc: int, slot: int, setup: dict[str, Any], inbox: int, head: int
    ) -> None:
        """The rest of the child's life."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            template = os.getppid()
            os.setpgid(0, 0)
            system.die_with_parent(signal.SIGKILL)
            for fd in (self._wakeup, self._wakeup_write, self._control.fileno()):
                os.close(fd)
            if os.getppid() != template:
                os._exit(1)
            board = Board(self._board_fd)
            os.close(self._board_fd)
            from heliostat.engines.local.worker.main import work

            status = work(proc, board, slot, setup, inbox, head)
        except BaseException:  # noqa: BLE001 - nothing may return into the template's loop
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)

    def _on_kill(self, proc: int, number: int) -> None:
        pid = self._pids.get(proc)
        if pid is not None and number == signal.SIGKILL:
            system.kill_group(pid, number)
        elif pid is not None:
            os.kill(pid, number)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            # What the worker started and left in its group ends with it.
            system.kill_group(pid, signal.SIGKILL)
            proc = self._procs.pop(pid, None)
            if proc is not None:
                del self._pids[proc]
                self._outbox.send(messages.exited(proc, status, usage.ru_maxrss))

    def _drain_wakeup(self) -> None:
        try:
            os.read(self._wakeup, 4096)
        except BlockingIOError:
            pass

    def _end(self) -> None:
        """The head is gone: nothing of the session may stay."""
        for pid in self._procs:
            system.kill_group(pid, signal.SIGKILL)
        system.kill_children()
        from heliostat.engines.local.session_dir import clear_away  # wanted once

        clear_away(self._session_dir)
        os._exit(0)


#: What a worker needs at its first task, loaded once for all. Named, not imported: the public
#: API stands above the engines.
_NEEDED = (
    "heliostat.engines.local.worker.main",
    "cloudpickle",
    "traceback",
    "heliostat.exceptions",
    "heliostat.api.actors",
    "heliostat.api.context",
    "heliostat.api.functions",
    "heliostat.api.lifecycle",
    "heliostat.api.objects",
)
_BOTH = select.POLLIN | select.POLLOUT


def _run_site() -> None:
    """Does what Python does at its start unless told not to, as the head was: workers are to
    find what any program finds."""
    if sys.flags.no_site:
        import site

        path = list(sys.path)
        site.main()
        sys.path[:] = path


def start(control: int, board_fd: int, session_dir: str, preload: tuple[str, ...]) -> None:
    """The template's whole life, in a process the head just forked. Does not return."""
    status = 1
    try:
        system.die_with_parent(signal.SIGTERM)
        system.become_subreaper()
        # The head gone: the control socket ends too, but a signal can't be held open by
        # anybody's copy of a descriptor.
        template = Template(adopt_socket(control), board_fd, session_dir)
        signal.signal(signal.SIGTERM, lambda *_: template._end())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _run_site()
        for module in (*_NEEDED, *preload):
            __import__(module)
        gc.collect()
        gc.freeze()
        status = 0
        template.run()
    except BaseException:  # noqa: BLE001 - it goes to the head's log
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)
