"""The board: what each worker is doing, readable without asking it.

One memory file for the session, a slot of 64 bytes for each worker, which alone writes it but
for two words: by the limit its owner takes the end of a packet back, and by the other it says which
task it wants to be interrupted.
A worker notes the packet it took and, before each task, that task's index; the head reads
the slot of a worker that died to tell the owner exactly what was lost, and of a living one
to see whether it waits for work. Nothing here depends on the worker's GIL.
"""

from __future__ import annotations

import mmap
import os

#: Workers alive at once.
SLOTS = 16384
_WORDS = 8
_PACKET = 0
_INDEX = 1
_LIMIT = 2
_CANCEL = 3
#: What a worker finds as the limit of a packet nobody wants anything back from.
NO_LIMIT = (1 << 64) - 1


class Board:
    """All slots. A worker writes its own, see ``slot``.

    Attributes:
        fd: the memory file.
    """

    def __init__(self, fd: int) -> None:
        """Maps the memory file, which is made large enough; the descriptor stays the caller's.
        Its pages come into being as slots are used."""
        self.fd = fd
        os.ftruncate(fd, SLOTS * _WORDS * 8)
        self._memory = mmap.mmap(fd, SLOTS * _WORDS * 8)
        self._words = memoryview(self._memory).cast("Q")

    def is_idle(self, slot: int) -> bool:
        """Whether the slot's worker waits for a packet."""
        return not self._words[slot * _WORDS + _PACKET]

    def running(self, slot: int) -> tuple[int, int]:
        """The packet the worker holds, 0 for none, and the index of the task it began last."""
        base = slot * _WORDS
        return self._words[base + _PACKET], self._words[base + _INDEX]

    def limit(self, slot: int) -> int:
        """The index at which the worker stops."""
        return self._words[slot * _WORDS + _LIMIT]

    def set_limit(self, slot: int, limit: int) -> None:
        """Asks the worker to stop before the task of index ``limit``. Whether it saw this in
        time shows a moment later: it notes each index before it looks at the limit."""
        self._words[slot * _WORDS + _LIMIT] = limit

    def cancel(self, slot: int, number: int) -> None:
        """Says which task an interrupt is meant for: the worker may be at another one by then."""
        self._words[slot * _WORDS + _CANCEL] = number

    def clear(self, slot: int) -> None:
        """Readies a slot for its next worker."""
        base = slot * _WORDS
        self._words[base + _PACKET] = self._words[base + _INDEX] = 0
        self._words[base + _CANCEL] = 0

    def slot(self, slot: int) -> memoryview:
        """A worker's words, ``[packet, index, limit, cancel]``; writing one takes 40 ns."""
        base = slot * _WORDS
        return self._words[base : base + 4]

    def close(self) -> None:
        """Unmaps the board; no slot is in use here any more."""
        self._words.release()
        self._memory.close()
