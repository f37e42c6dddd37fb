"""Programs that ask to join: the token first, then their versions, then their welcome."""

from __future__ import annotations

import hmac
import os
import socket
from typing import Any

from heliostat.engines.local.head.loop import Loop
from heliostat.engines.local.head.members import Member
from heliostat.engines.local.head.server import setup_of
from heliostat.engines.local.wire import messages
from heliostat.engines.local.wire.channel import Outbox
from heliostat.engines.local.wire.framing import Receiver, peer_of
from heliostat.model.resources import UNIT


class Joining:
    """Lets programs in."""

    def __init__(self, head: Any, loop: Loop) -> None:
        self._head = head
        self._loop = loop

    def listen(self, listening: socket.socket, token: bytes) -> None:
        """Lets in programs of this user that know the token."""

        def accept() -> None:
            try:
                connection, _ = listening.accept()
            except BlockingIOError:
                return
            pid, uid = peer_of(connection)
            if uid != os.getuid():
                connection.close()
                return
            connection.setblocking(False)
            self.expect(connection, pid, token)

        self._loop.watch(listening.fileno(), accept)

    def expect(self, connection: socket.socket, pid: int, token: bytes) -> None:
        """The next packets of ``connection`` must be the token, if there is one, and a
        program's ``hello``."""
        receiver = Receiver(connection, plain=True)
        trusted = not token

        def arrived() -> None:
            nonlocal trusted
            try:
                if not trusted:
                    trusted = hmac.compare_digest(connection.recv(256), token)
                    if trusted:
                        return
                    packet = None
                else:
                    packet = receiver.receive()
            except BlockingIOError:
                return
            except (OSError, ValueError):
                packet = None
            self._loop.unwatch(connection.fileno())
            if packet is None or packet[0][0][0] != messages.HELLO or len(packet[1]) != 1:
                connection.close()
                if not token:
                    self._head.program_gone()
                return
            self._admit(connection, packet[1][0], pid, packet[0][0][1])

        self._loop.watch(connection.fileno(), arrived)

    def _admit(
        self, connection: socket.socket, inbox_fd: int, pid: int, about: dict[str, Any]
    ) -> None:
        head = self._head
        inbox = Outbox.from_fd(inbox_fd, self._loop.send_later)
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:  # killed while it waited to be let in
            inbox.dispose()
            connection.close()
            head.program_gone()
            return
        if head.server is None:
            head.open(about["cluster"])
        server = head.server
        cluster = server.cluster
        if cluster["versions"] is None:
            cluster["versions"] = about["versions"]
        if cluster["versions"] != about["versions"]:
            why = version_mismatch(cluster["versions"], about["versions"])
            inbox.send(messages.exit_process(why, 0.0))
            inbox.dispose()
            connection.close()
            os.close(pidfd)
            return
        member = Member(server.members.new_proc(), 0, inbox, connection)
        member.pid = pid
        about["namespace"] = about["namespace"] or os.urandom(16).hex()
        job = server.members.new_job(member.proc, {})
        job.setup = setup_of(job, about, server.cluster)
        member.job = job.number
        server.members.add(member)

        def gone() -> None:
            server.receive(member)
            server.end_program(member)
            head.program_gone()

        def readable() -> None:
            server.receive(member)
            if member.reason:
                head.program_gone()

        self._loop.watch(connection.fileno(), readable)
        member.pidfd = pidfd
        self._loop.watch(pidfd, gone)
        welcome = messages.welcome(member.proc, {**job.setup, "env": about["env"]})
        inbox.send(welcome, (server.board.fd,))
        server.debug = server.debug or about["debug"]
        if about["observer"]:
            return
        count = min(cluster["totals"].get("CPU", 0) // UNIT, PRESTART)
        server.prestart(job.number, tuple(sorted(about["env"].items())), count)


#: Workers started before the first task asks for one.
PRESTART = 2


def version_mismatch(ours: dict[str, str], theirs: dict[str, str]) -> str:
    """What differs between the cluster and a program."""
    parts = [
        f"{name} {ours[name]} in the cluster, {theirs[name]} in this program"
        for name in ours
        if ours[name] != theirs[name]
    ]
    return f"this program can't join the cluster, their versions differ: {'; '.join(parts)}"
