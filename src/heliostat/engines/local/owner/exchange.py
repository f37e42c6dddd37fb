"""Values asked of the processes that own them, and given to those that ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heliostat.engines.local.core.objects import PENDING, Entry
from heliostat.engines.local.owner.peers import Peers
from heliostat.engines.local.owner.references import Borrowed, References
from heliostat.engines.local.wire import messages


class Exchange:
    """Asks and answers. Used under the loop's lock."""

    def __init__(self, references: References, peers: Peers, take_fd: Callable[[], int]) -> None:
        self._references = references
        self._peers = peers
        self._take_fd = take_fd
        self._proc = references.home.proc

    def request(self, entry: Entry) -> None:
        """Asks for the value of a pending object of another process, once."""
        if isinstance(entry, Borrowed) and not entry.requested and entry.state == PENDING:
            entry.requested = True
            self._peers.send(entry.home.proc, messages.want(entry.number, self._proc))

    def on_want(self, number: int, proc: int) -> None:
        """Another process asks for a value of ours."""
        entry = self._references.own(number)
        if entry.state == PENDING:
            entry.when_complete(lambda done: self._send_value(done, proc))
        else:
            self._send_value(entry, proc)

    def _send_value(self, entry: Entry, proc: int) -> None:
        fds: list[int] = []
        payload = self._references.to_wire(entry.payload, proc, fds, [])
        message = messages.value(self._proc, entry.number, entry.state, payload)
        self._peers.send(proc, message, fds)

    def on_value(self, owner: int, number: int, state: int, payload: Any) -> None:
        """A value we asked for; if we let go of the object meanwhile, nothing of it is read."""
        references = self._references
        entry = references.known(owner, number)
        if isinstance(entry, Borrowed):
            value = references.from_wire(payload, self._take_fd, None, entry.stake)
            entry.complete(state, value)
        else:
            references.discard(payload, self._take_fd)
