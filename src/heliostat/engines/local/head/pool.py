"""The head's link to the template: workers are forked, killed and mourned there."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from heliostat.engines.local.head.loop import Loop
from heliostat.engines.local.head.members import Member, Members
from heliostat.engines.local.store.board import Board
from heliostat.engines.local.wire import messages
from heliostat.engines.local.wire.channel import Outbox
from heliostat.engines.local.wire.framing import Receiver, socket_pair
from heliostat.engines.local.worker import system


class Pool:
    """Starts and ends workers.

    Programs of one cluster may run different interpreters, each with a virtual environment of
    its own: each interpreter has its template. One that died is replaced when it is needed.
    """

    def __init__(
        self,
        loop: Loop,
        members: Members,
        board: Board,
        session_dir: str,
        on_exited: Callable[[Member, int, int], None],
    ) -> None:
        """``on_exited(member, status, peak_kib)`` is called for each worker that ended."""
        self._loop = loop
        self._members = members
        self._board = board
        self._session_dir = session_dir
        self._on_exited = on_exited
        self._handlers: messages.Handlers = {
            messages.SPAWNED: self._spawned,
            messages.EXITED: self._exited,
        }
        self._templates: dict[str, Outbox] = {}
        self.workers: dict[int, Member] = {}

    # -- templates ------------------------------------------------------------------------

    def add_template(self, executable: str, control: socket.socket) -> Outbox:
        """Workers of this interpreter are forked by the process behind ``control``."""
        box = self._templates[executable] = Outbox(control, self._loop.send_later)
        receiver = Receiver(control, plain=True)
        self._loop.watch(control.fileno(), lambda: self._readable(executable, box, receiver))
        return box

    def _template(self, setup: dict[str, Any]) -> Outbox:
        executable = setup["executable"]
        box = self._templates.get(executable)
        if box is None:
            control = exec_template(executable, setup["sys_path"], self._board, self._session_dir)
            box = self.add_template(executable, control)
        return box

    def _template_lost(self, executable: str, box: Outbox) -> None:
        """Its workers die with it; we are their parent now."""
        del self._templates[executable]
        self._loop.unwatch(box.fileno())
        self._loop.forget(box)
        box.dispose()
        for proc, member in list(self.workers.items()):
            if member.template is box:
                if member.pid:
                    system.kill_group(member.pid, signal.SIGKILL)
                member.reason = member.reason or "the process that starts workers was killed"
                self._exited(proc, signal.SIGKILL, 0)
        system.kill_children(spare_own_group=True)  # what its workers had started

    # -- workers --------------------------------------------------------------------------

    def spawn(
        self, proc: int, job: int, setup: dict[str, Any], read: Callable[[Member], None]
    ) -> Member:
        """Starts a worker. It can be written to at once; ``read`` is called when it wrote."""
        inbox, inbox_end = socket_pair()
        connection, connection_end = socket_pair()
        slot = self._members.new_slot()
        self._board.clear(slot)
        member = Member(proc, job, Outbox(inbox, self._loop.send_later), connection, slot)
        member.log = setup["log"]
        member.template = self._template(setup)
        self._members.add(member)
        self.workers[proc] = member
        self._loop.watch(connection.fileno(), lambda: read(member))
        fds = (inbox_end.fileno(), connection_end.fileno())
        member.template.send(messages.spawn(proc, slot, setup), fds)
        inbox_end.close()
        connection_end.close()
        return member

    def kill(self, member: Member, reason: str) -> None:
        """Ends a worker and its process group at once."""
        member.reason = member.reason or reason
        if member.template is not None:
            member.template.send(messages.kill(member.proc, int(signal.SIGKILL)))

    def interrupt(self, member: Member) -> None:
        """Ctrl-C for a worker alone."""
        if member.template is not None:
            member.template.send(messages.kill(member.proc, int(signal.SIGINT)))

    def _readable(self, executable: str, box: Outbox, receiver: Receiver) -> None:
        while True:
            try:
                packet = receiver.receive()
            except BlockingIOError:
                return
            except OSError:
                packet = None
            if packet is None:
                self._template_lost(executable, box)
                return
            for message in packet[0]:
                messages.dispatch(self._handlers, message)

    def _spawned(self, proc: int, pid: int) -> None:
        member = self.workers.get(proc)
        if member is not None:
            member.pid = pid

    def _exited(self, proc: int, status: int, peak_kib: int) -> None:
        member = self.workers.pop(proc, None)
        if member is not None:
            self._on_exited(member, status, peak_kib)

    def close(self) -> None:
        """Lets the templates go: they kill what is left and end."""
        for box in self._templates.values():
            self._loop.unwatch(box.fileno())
            self._loop.forget(box)
            box.dispose()


def exec_template(
    executable: str, sys_path: list[str], board: Board, session_dir: str
) -> socket.socket:
    """Starts a template in an interpreter; returns its control socket."""
    control, theirs = socket_pair()
    board_fd = os.dup(board.fd)
    fds = (theirs.fileno(), board_fd)
    code = (
        f"import sys; sys.path[:] = {sys_path!r}; "
        "from heliostat.engines.local.worker import template; "
        f"template.start({fds[0]}, {fds[1]}, {session_dir!r}, ())"
    )
    for fd in fds:
        os.set_inheritable(fd, True)
    try:
        os.posix_spawn(
            executable,
            [executable, "-c", code],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, fd) for fd in fds],
        )
    finally:
        theirs.close()
        os.close(board_fd)
    return control
