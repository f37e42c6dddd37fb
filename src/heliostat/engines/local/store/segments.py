"""Shared memory: arenas of this process, and those of others mapped here.

An arena is a memory file (``memfd``): it has no name, so a crash leaves nothing behind and a
container's small ``/dev/shm`` doesn't bound it; it travels as a descriptor. Each process maps
an arena once, whole, and keeps the mapping: reading through a kept mapping is three times as
fast as through a new one.

A *block* is a part of an arena that holds one object. ``Block`` lives as long as anything in
this process may read the memory: the entry of the object holds one, and every view that
``get`` handed out keeps it alive through the buffer it is made of.
"""

from __future__ import annotations

import mmap
import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from heliostat.engines.local.store.arena import Arena, round_up

#: Most mappings of other processes' arenas kept while nothing reads them.
IDLE_MAPPINGS = 16
_HUGE = 2 << 20
_COPY = 16 << 20  # bytes copied before other threads get a chance: 2 ms warm


class Mapping:
    """An arena mapped into this process."""

    __slots__ = ("blocks", "fd", "memory")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.memory = mmap.mmap(fd, os.fstat(fd).st_size)
        self.blocks = 0

    def close(self) -> None:
        """Unmaps; views still alive keep their memory until they go."""
        try:
            self.memory.close()
        except BufferError:
            pass  # the last view unmaps it
        os.close(self.fd)


class Block:
    """Memory of one object, readable in this process while the block lives.

    Attributes:
        holder: the process whose arena it is in.
        source: what keeps the memory alive from afar, if it isn't ours to free.
        tainted: it must not be reused.
        forks: how often this process had forked when the block was made: a child forked
            since then sees its memory, and nobody knows for how long.
    """

    forks_so_far = 0

    __slots__ = (
        "__weakref__",
        "_dropped",
        "arena",
        "forks",
        "holder",
        "mapping",
        "offset",
        "size",
        "source",
        "tainted",
    )

    def __init__(
        self,
        holder: int,
        arena: int,
        offset: int,
        size: int,
        mapping: Mapping,
        dropped: Callable[[Any], None] | None,
        source: Any = None,
    ) -> None:
        self.holder = holder
        self.arena = arena
        self.offset = offset
        self.size = size
        self.mapping = mapping
        self.source = source
        self.tainted = False
        self.forks = Block.forks_so_far
        self._dropped = dropped
        mapping.blocks += 1

    def view(self) -> memoryview:
        """The memory, read-only. The block lives as long as the view or any slice of it."""
        import ctypes  # 10 ms; only programs with large objects pay it

        raw = (ctypes.c_char * self.size).from_buffer(self.mapping.memory, self.offset)
        raw.block = self  # type: ignore[attr-defined]
        return memoryview(raw).toreadonly().cast("B")

    def write(self, offset: int, data: Any) -> None:
        """Copies ``data`` in, in parts between which other threads may run."""
        memory = self.mapping.memory
        source = memoryview(data).cast("B")
        start = self.offset + offset
        for at in range(0, len(source), _COPY):
            part = source[at : at + _COPY]
            memory[start + at : start + at + len(part)] = part

    def hand_over(self) -> None:
        """Another process frees the block."""
        self._dropped = None

    def __del__(self) -> None:
        # May run at any moment in any thread: only an append.
        self.mapping.blocks -= 1
        if self._dropped is not None:
            clean = not self.tainted and self.forks == Block.forks_so_far
            self._dropped((self.holder, self.arena, self.offset, clean))


class Segments:
    """The shared memory of one process."""

    def __init__(self, proc: int, arena_bytes: int, keep_bytes: int) -> None:
        """``keep_bytes`` of empty arenas are kept warm."""
        self.proc = proc
        self._arena_bytes = arena_bytes
        self._keep_bytes = keep_bytes
        self._arenas: dict[int, tuple[Arena, Mapping]] = {}
        self._foreign: OrderedDict[tuple[int, int], Mapping] = OrderedDict()
        self._next_arena = 1

    # -- writing --------------------------------------------------------------------------

    def allocate(self, size: int) -> tuple[int, int] | None:
        """Arena and offset of a new block, or None if another arena is needed."""
        for number, (arena, _) in self._arenas.items():
            offset = arena.allocate(size)
            if offset is not None:
                return number, offset
        return None

    def arena_size(self, size: int) -> int:
        """Bytes of the arena to add for a block of ``size`` bytes."""
        return max(self._arena_bytes, round_up(size, _HUGE))

    def add_arena(self, total: int) -> None:
        """Adds an arena of ``total`` bytes, which the head granted."""
        fd = os.memfd_create("heliostat", os.MFD_CLOEXEC)
        os.ftruncate(fd, total)
        self._arenas[self._next_arena] = (Arena(total), Mapping(fd))
        self._next_arena += 1

    def own_mapping(self, arena: int) -> Mapping:
        """The mapping of an arena of ours."""
        return self._arenas[arena][1]

    def free(self, number: int, offset: int, *, reuse: bool) -> int:
        """Frees a block of ours. Returns the bytes given back to the system, if an arena went."""
        arena, mapping = self._arenas[number]
        arena.free(offset, reuse=reuse)
        if not arena.empty:
            return 0
        empty = sum(a.size for a, _ in self._arenas.values() if a.empty)
        if arena.retired == 0 and empty <= self._keep_bytes:
            return 0
        del self._arenas[number]
        if arena.retired == 0:
            os.ftruncate(mapping.fd, 0)  # frees the pages though others may still map them
        if mapping.blocks:
            # We read something here for an owner that died: kept as if it were another's.
            self._foreign[self.proc, number] = mapping
        else:
            mapping.close()
        return arena.size

    # -- reading --------------------------------------------------------------------------

    def adopt(self, holder: int, arena: int, fd: int) -> None:
        """A descriptor of another process's arena arrived; ours to close."""
        key = (holder, arena)
        if (holder == self.proc and arena in self._arenas) or key in self._foreign:
            os.close(fd)
            return
        if len(self._foreign) >= IDLE_MAPPINGS:
            self._drop_idle()
        self._foreign[key] = Mapping(fd)

    def mapping(self, holder: int, arena: int) -> Mapping:
        """The mapping of an arena that was adopted, or is ours. One of ours that we gave up,
        since the owner of what was in it died, may come back from who still reads it."""
        if holder == self.proc and arena in self._arenas:
            return self._arenas[arena][1]
        key = (holder, arena)
        self._foreign.move_to_end(key)
        return self._foreign[key]

    def _drop_idle(self) -> None:
        idle = [key for key, mapping in self._foreign.items() if not mapping.blocks]
        for key in idle[: len(self._foreign) - IDLE_MAPPINGS + 1]:
            self._foreign.pop(key).close()

    def usage(self) -> tuple[int, int]:
        """Bytes in use in our arenas, and bytes they have."""
        used = sum(sum(arena.used.values()) for arena, _ in self._arenas.values())
        return used, sum(arena.size for arena, _ in self._arenas.values())

    def close(self) -> None:
        """Unmaps everything."""
        for _, mapping in self._arenas.values():
            mapping.close()
        for mapping in self._foreign.values():
            mapping.close()
        self._arenas.clear()
        self._foreign.clear()

    def forget(self) -> None:
        """In a forked child: the memory belongs to the parent; views stay readable."""
        self._arenas.clear()
        self._foreign.clear()

    def check(self) -> None:
        """Asserts the invariants of every arena."""
        for arena, _ in self._arenas.values():
            arena.check()
