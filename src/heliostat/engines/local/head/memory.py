"""Shared memory granted to processes: a cap for the whole session."""

from __future__ import annotations

from collections.abc import Iterable

from heliostat.engines.local.head.members import Member


class Memory:
    """Keeps the sum of all arenas below the cap."""

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self.granted = 0

    def grant(self, member: Member, size: int, members: Iterable[Member]) -> None:
        """Lets a process have ``size`` bytes more.

        Raises:
            MemoryError: the cap would be passed; says who has how much.
        """
        if self.granted + size > self.cap:
            holders = sorted(members, key=lambda m: -m.granted)[:3]
            named = ", ".join(
                f"{'the program' if m.is_program else 'a worker'} {m.pid} {m.granted >> 20} MiB"
                for m in holders
                if m.granted
            )
            raise MemoryError(
                f"The object store is full: {size >> 20} MiB more were asked for, "
                f"{self.granted >> 20} of {self.cap >> 20} MiB are taken ({named or 'nobody'}). "
                "Drop references to objects you don't need, or give the store more: "
                "init(object_store_memory=...)."
            )
        member.granted += size
        self.granted += size

    def give_back(self, member: Member, size: int) -> None:
        """A process gave memory back, or ended."""
        member.granted -= size
        self.granted -= size
