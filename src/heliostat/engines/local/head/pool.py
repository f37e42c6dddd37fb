"""The head's link to the template: workers are forked, killed and mourned there."""

from __future__ import annotations

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


class Pool:
    """Starts and ends workers."""

    def __init__(
        self,
        loop: Loop,
        members: Members,
        board: Board,
        control: socket.socket,
        on_exited: Callable[[Member, int, int], None],
        on_lost: Callable[[], None],
    ) -> None:
        """``on_exited(member, status, peak_kib)`` is called for each worker that ended,
        ``on_lost()`` if the template did."""
        self._loop = loop
        self._members = members
        self._board = board
        self._control = Outbox(control, loop.send_later)
        self._receiver = Receiver(control, plain=True)
        self._on_exited = on_exited
        self._on_lost = on_lost
        self._handlers = {messages.SPAWNED: self._spawned, messages.EXITED: self._exited}
        self.workers: dict[int, Member] = {}
        loop.watch(control.fileno(), self._readable)

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
        self._members.add(member)
        self.workers[proc] = member
        self._loop.watch(connection.fileno(), lambda: read(member))
        fds = (inbox_end.fileno(), connection_end.fileno())
        self._control.send(messages.spawn(proc, slot, setup), fds)
        inbox_end.close()
        connection_end.close()
        return member

    def kill(self, member: Member, reason: str) -> None:
        """Ends a worker and its process group at once."""
        member.reason = member.reason or reason
        self._control.send(messages.kill(member.proc, int(signal.SIGKILL)))

    def _readable(self) -> None:
        while True:
            try:
                packet = self._receiver.receive()
            except BlockingIOError:
                return
            except OSError:
                packet = None
            if packet is None:
                self._loop.unwatch(self._control.fileno())
                self._on_lost()
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
        """Lets the template go: it kills what is left and ends."""
        self._loop.unwatch(self._control.fileno())
        self._control.dispose()
