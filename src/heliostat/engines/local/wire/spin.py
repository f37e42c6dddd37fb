"""Waiting awake for a moment before going to sleep.

A process that sleeps in ``poll`` takes some 20 us to be woken from another core, twice in the
round trip of a call that itself takes 10. So who waits for an answer first looks for about as long
as a short call takes, giving its core to whoever else wants it between two looks. Measured on two
cores: 62,000 calls/s one at a time, beside 15,700 with sleep alone and 19,500 of two processes that
do nothing but send each other a packet and sleep.

A look in vain costs those 20 us of a core, so they become rare as long as they are: one in 64
waits at the rarest. On one core nobody could answer meanwhile, and nobody looks.
"""

from __future__ import annotations

import os
from collections.abc import Callable

Events = list[tuple[int, int]]

#: Looks before sleep: 25 us.
LOOKS = 40
#: Waits without a look after many in vain.
_RAREST = 63


class Spin:
    """A ``poll`` that is awake at first, where that has paid lately."""

    __slots__ = ("_looks", "_passes", "_poll", "_vain")

    def __init__(self, poll: Callable[[float], Events], cores: int | None = None) -> None:
        """``poll(seconds)`` waits, for ever below zero; ``cores`` are by default those that this
        process may run on."""
        self._poll = poll
        self._looks = LOOKS if (cores or len(os.sched_getaffinity(0))) > 1 else 0
        self._vain = 0
        self._passes = 0

    def poll(self, timeout: float = -1.0) -> Events:
        """As the ``poll`` it was given, which it may outlast by 25 us."""
        poll = self._poll
        if self._passes:
            self._passes -= 1
        else:
            for _ in range(self._looks):
                events = poll(0)
                if events:
                    self._vain = 0
                    return events
                os.sched_yield()
            self._passes = self._vain = min(2 * self._vain + 1, _RAREST)
        return poll(timeout)
