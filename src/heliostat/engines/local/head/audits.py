"""What became of packets when a worker died between reading one and noting it on the board.

That takes some microseconds, so it is rare, but then the packet's tasks are with nobody. A
while after such a death the head takes out of the queue what nobody has read, waits until
whoever was reading has noted it, and tells the owner both; the owner knows what it sent.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from heliostat.engines.local.wire import messages
from heliostat.engines.local.wire.framing import adopt_socket, drain

if TYPE_CHECKING:
    from heliostat.engines.local.core.workers import QueueKey
    from heliostat.engines.local.head.server import Server

#: Seconds after which every packet sent before the death has reached the queue, and again
#: until whoever read one has noted it. A worker stopped just there for longer has its packet
#: run twice.
_GRACE = 0.1


class Audits:
    """Audits of queues to come."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._due: dict[QueueKey, float] = {}
        self._drained: dict[QueueKey, list[int]] = {}

    @property
    def pending(self) -> bool:
        """Some audit is to come."""
        return bool(self._due)

    def suspect(self, key: QueueKey, now: float) -> None:
        """A worker of this queue died with no packet to its name."""
        self._due.setdefault(key, now + _GRACE)

    def turn(self, now: float) -> None:
        """Takes the next step of every audit that is due."""
        for key in [key for key, due in self._due.items() if now >= due]:
            if key not in self._server.leases.queues:
                del self._due[key]
                self._drained.pop(key, None)
            elif key not in self._drained:
                self._drained[key] = self._drain(key)
                self._due[key] = now + _GRACE
            else:
                del self._due[key]
                self._report(key, self._drained.pop(key))

    def _drain(self, key: QueueKey) -> list[int]:
        with adopt_socket(os.dup(self._server.queue_fds[key])) as queue:
            return [message[1] for message in drain(queue)]

    def _report(self, key: QueueKey, drained: list[int]) -> None:
        server = self._server
        claimed = []
        for proc in server.leases.queues[key].attached:
            member = server.members.get(proc)
            if member is not None:
                claimed.append(server.board.running(member.slot)[0])
        server.members.tell(key[0], messages.audit(key[1], drained, claimed))
