"""Giving back what this process no longer holds: borrows, memory, actors.

``__del__`` may run anywhere, in any thread, in the middle of anything: there it is only noted
what was let go of, and ``settle`` acts on it under the lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from heliostat.engines.local.owner.peers import Peers
from heliostat.engines.local.store.segments import Segments
from heliostat.engines.local.wire import messages


class Releases:
    """What was let go of and not yet given back.

    Attributes:
        noted: a borrow ``(owner, number, count)``, memory ``(holder, arena, offset, clean)``,
            or what is gone by its kind, ``("actor", id)`` or ``("stream", number)``, each.
        granted: blocks of ours made for other processes, who free them, by process.
        nudge: wakes whoever settles when nobody waits.
        on_memory: told of bytes whose arena went back to the system.
        on_gone: told of an actor that no handle is left of, or of a stream that nobody reads.
    """

    def __init__(self, proc: int, peers: Peers, segments: Segments) -> None:
        self.noted: deque[tuple[Any, ...]] = deque()
        self.granted: dict[int, set[tuple[int, int]]] = {}
        self.nudge: Callable[[], None] = lambda: None
        self.on_memory: Callable[[int], None] = lambda _: None
        self.on_gone: dict[str, Callable[[Any], None]] = {}
        self._proc = proc
        self._peers = peers
        self._segments = segments

    def note(self, item: tuple[Any, ...]) -> None:
        """Something was let go of. May run at any moment in any thread."""
        self.noted.append(item)
        self.nudge()

    def settle(self) -> None:
        """Gives back what was noted since the last time."""
        noted = self.noted
        while noted:
            item = noted.popleft()
            if len(item) == 2:
                self.on_gone[item[0]](item[1])
            elif len(item) == 3:
                owner, number, count = item
                self._peers.send(owner, messages.return_borrow(number, self._proc, count))
            else:
                holder, arena, offset, clean = item
                if holder == self._proc:
                    self._free(arena, offset, reuse=clean)
                else:
                    self._peers.send(holder, messages.free_block(arena, offset, clean))

    def grant(self, proc: int, arena: int, offset: int) -> None:
        """``proc`` frees this block of ours."""
        self.granted.setdefault(proc, set()).add((arena, offset))

    def on_free(self, arena: int, offset: int, clean: bool) -> None:
        """Whoever a block was made for needs it no more."""
        for blocks in self.granted.values():
            blocks.discard((arena, offset))
        self._free(arena, offset, reuse=clean)

    def drop_process(self, proc: int) -> None:
        """A process is gone, and with it its need of our memory; children it left might still
        read it."""
        for arena, offset in self.granted.pop(proc, ()):
            self._free(arena, offset, reuse=False)

    def _free(self, arena: int, offset: int, *, reuse: bool) -> None:
        returned = self._segments.free(arena, offset, reuse=reuse)
        if returned:
            self.on_memory(returned)
