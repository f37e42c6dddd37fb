"""Calls of an actor between their arrival and their answer."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.owner import arguments
from heliostat.engines.local.owner.references import Lent
from heliostat.engines.local.wire import messages

if TYPE_CHECKING:
    from heliostat.engines.local.worker.process import WorkerProcess

#: Seconds answers may be gathered while more calls wait.
_GATHER = 0.001
#: Answers in a message.
_MOST = 64


class Call:
    """A call that arrived.

    Attributes:
        caller: the process that made it.
        number: its number there.
        method, returns: what to run, and how many results it has.
        called: what the user calls the call; empty: as the method.
        group: the concurrency group it runs in; empty: the default one.
        timeout: seconds it may run, or None.
        args: its arguments, if they are plain; else None, and ``payload`` and ``slots`` are
            what ``arguments.decode`` makes them of.
        lent: references it came with.
    """

    __slots__ = (
        "args",
        "called",
        "caller",
        "group",
        "lent",
        "method",
        "number",
        "payload",
        "returns",
        "slots",
        "timeout",
    )

    def __init__(
        self,
        caller: int,
        number: int,
        method: str,
        returns: int,
        args: Any,
        called: str = "",
        group: str = "",
        timeout: float | None = None,
    ) -> None:
        self.caller = caller
        self.number = number
        self.method = method
        self.returns = returns
        self.called = called
        self.group = group
        self.timeout = timeout
        self.args = args
        self.payload: Any = None
        self.slots: Any = ()
        self.lent: Lent = []

    @property
    def key(self) -> tuple[int, int]:
        """Caller and number: what tells it from all others."""
        return self.caller, self.number

    def arguments(self) -> tuple[Any, dict[str, Any]]:
        """The arguments; runs user code (unpickling), once."""
        if self.args is not None:
            return self.args, {}
        payload, slots = self.payload, self.slots
        self.payload, self.slots = None, ()
        return arguments.decode(payload, slots)


class Answers:
    """Answers on their way back, gathered while there is more to do."""

    def __init__(self, process: WorkerProcess, actor_id: bytes) -> None:
        self._process = process
        self._actor_id = actor_id
        self._waiting: dict[int, tuple[list[tuple[int, Any]], Lent, list[int]]] = {}
        self._count = 0
        self._since = 0.0

    def add(self, call: Call, result: Any, fds: list[int]) -> None:
        """An answer; ``result`` is in wire form, ``fds`` its descriptors, ours to close."""
        box = self._waiting.get(call.caller)
        if box is None:
            box = self._waiting[call.caller] = ([], [], [])
        box[0].append((call.number, result))
        if call.lent:
            box[1].extend(call.lent)
        if fds:
            box[2].extend(fds)
        self._count += 1
        if self._count == 1:
            self._since = time.monotonic()

    @property
    def due(self) -> bool:
        """They have been gathered for long enough."""
        return self._count >= _MOST or (
            self._count > 0 and time.monotonic() - self._since > _GATHER
        )

    def send(self) -> None:
        """Sends them. Called under the lock."""
        if not self._count:
            return
        session = self._process.session
        self._process.output.send_lines()
        waiting, self._waiting = self._waiting, {}
        self._count = 0
        for caller, (results, lent, fds) in waiting.items():
            kept = session.references.kept(lent, caller) if lent else []
            message = messages.answers(self._actor_id, session.home.proc, results, kept)
            session.peers.send(caller, message, fds)
            for fd in fds:
                os.close(fd)
