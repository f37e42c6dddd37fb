"""Making objects: values become payloads, in messages while small, else in shared memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from heliostat.engines.local.core.objects import READY, Entry
from heliostat.engines.local.owner.loop import Loop
from heliostat.engines.local.owner.references import References
from heliostat.engines.local.store import values
from heliostat.engines.local.store.segments import Block, Segments


class Objects:
    """The objects this process makes. Safe to use from any thread, without the lock."""

    def __init__(
        self,
        loop: Loop,
        references: References,
        segments: Segments,
        grant: Callable[[int], None],
    ) -> None:
        """``grant(bytes)`` asks the head for memory; it raises if there is none."""
        self.numbers = itertools.count(1)
        self._loop = loop
        self._references = references
        self._home = references.home
        self._segments = segments
        self._grant = grant

    def new(self) -> Entry:
        """An object with no value yet."""
        return Entry(self._home, next(self.numbers))

    def results(self, count: int) -> tuple[int, Entry | tuple[Entry, ...]]:
        """The entries of a task's results, a tuple unless it is one, and the task's number:
        that of the first. One below zero, of a streaming task, says that it has ended."""
        number = next(self.numbers)
        home = self._home
        if count == 1 or count < 0:
            return number, Entry(home, number)
        more = [next(self.numbers) for _ in range(count - 1)]
        return number, tuple([Entry(home, one) for one in [number, *more][:count]])

    def put(self, value: Any) -> Entry:
        """An object with this value."""
        entry = self.new()
        entry.complete(READY, self.payload(value))
        return entry

    def put_pickled(self, pickled: values.Pickled) -> Entry:
        """An object with this value, in shared memory at any size."""
        entry = self.new()
        entry.complete(READY, self._share(pickled, ours=True))
        return entry

    def payload(self, value: Any) -> Any:
        """The payload of a value that belongs to us."""
        if values.is_plain(value):
            return value
        pickled = values.dumps(value)
        if pickled.size <= values.INLINE_BYTES:
            return self.blob(pickled)
        return self._share(pickled, ours=True)

    def result(self, value: Any, owner: int) -> Any:
        """The payload of a value made for ``owner``, who frees its memory."""
        if values.is_plain(value):
            return value
        pickled = values.dumps(value)
        if pickled.size <= values.INLINE_BYTES:
            return self.blob(pickled)
        gone = self._references.is_gone(owner)
        payload = self._share(pickled, ours=gone)
        # A worker may run tasks of its own.
        if not gone and owner != self._references.home.proc:
            block = payload[1]
            with self._loop.lock:
                self._references.releases.grant(owner, block.arena, block.offset)
        return payload

    def blob(self, pickled: values.Pickled) -> Any:
        """The payload of a small pickle."""
        if not pickled.refs:
            return values.blob(pickled, ())
        with self._loop.lock:
            return values.blob(pickled, self._references.pickled(pickled.refs))

    def _share(self, pickled: values.Pickled, *, ours: bool) -> Any:
        size = values.segment_size(pickled)
        block = self._new_block(size)
        while block is None:
            total = self._segments.arena_size(size)
            self._grant(total)
            with self._loop.lock:
                self._segments.add_arena(total)
            block = self._new_block(size)
        # Outside the lock: other threads go on while the memory is filled. Should it be
        # interrupted, the block's end gives the memory back.
        lengths = values.fill_segment(pickled, block.write)
        if not ours:
            block.hand_over()
        refs: tuple[Any, ...] = ()
        if pickled.refs:
            with self._loop.lock:
                refs = self._references.pickled(pickled.refs)
        return (values.SHARED, block, lengths, refs)

    def _new_block(self, size: int) -> Block | None:
        """Memory in an arena of ours, or None if another arena is needed."""
        segments = self._segments
        with self._loop.lock:
            self._references.releases.settle()  # what was let go of makes room first
            place = segments.allocate(size)
            if place is None:
                return None
            arena, offset = place
            mapping = segments.own_mapping(arena)
            dropped = self._references.releases.note
            return Block(segments.proc, arena, offset, size, mapping, dropped)
