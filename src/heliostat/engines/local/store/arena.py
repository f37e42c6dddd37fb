"""The allocator of a shared-memory arena: offsets only, no memory.

First fit from the lowest address, so that what was touched before is touched again: a copy
into fresh shared memory runs at 1.6 GB/s here and into warm memory at 11 GB/s.
"""

from __future__ import annotations

from bisect import bisect_left, insort

#: Blocks begin and end on cache lines.
ALIGNMENT = 64


def round_up(size: int, unit: int = ALIGNMENT) -> int:
    """The least multiple of ``unit`` that holds ``size`` bytes."""
    return -(-size // unit) * unit


class Arena:
    """The free and used blocks of ``size`` bytes.

    A block that must not be reused (a process that could see it died uncleanly, so children
    it left might read it still) is retired: it stays taken until the whole arena goes.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.used: dict[int, int] = {}
        self.retired = 0
        self._holes: list[tuple[int, int]] = [(0, size)]  # (offset, length), sorted, apart

    @property
    def empty(self) -> bool:
        """No block is in use; retired ones do not count."""
        return not self.used

    def allocate(self, size: int) -> int | None:
        """The offset of a block of ``size`` bytes, or None if no hole is large enough."""
        size = round_up(max(size, 1))
        for index, (offset, length) in enumerate(self._holes):
            if length >= size:
                if length == size:
                    del self._holes[index]
                else:
                    self._holes[index] = (offset + size, length - size)
                self.used[offset] = size
                return offset
        return None

    def free(self, offset: int, *, reuse: bool = True) -> None:
        """Gives a block back.

        Raises:
            KeyError: no block begins at ``offset``: it was freed twice.
        """
        size = self.used.pop(offset)
        if not reuse:
            self.retired += size
            return
        index = bisect_left(self._holes, (offset, 0))
        if index < len(self._holes) and self._holes[index][0] == offset + size:
            size += self._holes.pop(index)[1]
        if index and sum(self._holes[index - 1]) == offset:
            before, length = self._holes.pop(index - 1)
            offset, size = before, length + size
        insort(self._holes, (offset, size))

    def check(self) -> None:
        """Asserts the invariants: blocks and holes fill the arena and never overlap."""
        parts = sorted([*self.used.items(), *self._holes])
        end = 0
        total = self.retired
        for offset, size in parts:
            assert offset >= end, "blocks overlap"
            assert size > 0, "an empty block"
            end = offset + size
            total += size
        assert end <= self.size
        assert total == self.size, f"{self.size - total} bytes lost"
        for (left, length), (right, _) in zip(self._holes, self._holes[1:], strict=False):
            assert left + length < right, "neighbouring holes were not joined"
