"""The arena's allocator against a model: a set of blocks that may not overlap."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from heliostat.engines.local.store.arena import ALIGNMENT, Arena, round_up

SIZE = 64 * 20


class ArenaMachine(RuleBasedStateMachine):
    """Blocks come and go in any order."""

    blocks: Bundle[int] = Bundle("blocks")

    def __init__(self) -> None:
        super().__init__()
        self.arena = Arena(SIZE)
        self.model: dict[int, int] = {}
        self.lost: dict[int, int] = {}

    @rule(target=blocks, size=st.integers(0, 400))
    def allocate(self, size: int) -> int:
        offset = self.arena.allocate(size)
        if offset is None:
            assert self._largest_hole() < round_up(max(size, 1))
            return -1
        taken = {**self.model, **self.lost}
        end = offset + size
        assert offset % ALIGNMENT == 0
        assert end <= SIZE
        assert all(end <= start or offset >= start + length for start, length in taken.items())
        self.model[offset] = round_up(max(size, 1))
        return offset

    @rule(offset=consumes(blocks), reuse=st.booleans())
    def free(self, offset: int, reuse: bool) -> None:
        if offset < 0:
            return
        self.arena.free(offset, reuse=reuse)
        length = self.model.pop(offset)
        if not reuse:
            self.lost[offset] = length

    @invariant()
    def agrees(self) -> None:
        self.arena.check()
        assert self.arena.used == self.model
        assert self.arena.empty == (not self.model)
        assert self.arena.retired == sum(self.lost.values())

    def _largest_hole(self) -> int:
        end = largest = 0
        for start, length in sorted({**self.model, **self.lost}.items()):
            largest = max(largest, start - end)
            end = start + length
        return max(largest, SIZE - end)


TestArena = ArenaMachine.TestCase


def test_the_lowest_hole_that_fits_is_taken() -> None:
    arena = Arena(64 * 4)
    offsets = [arena.allocate(64) for _ in range(4)]
    assert offsets == [0, 64, 128, 192]
    arena.free(64)
    arena.free(192)
    assert arena.allocate(1) == 64


def test_freed_neighbours_become_one_hole() -> None:
    arena = Arena(64 * 3)
    for _ in range(3):
        arena.allocate(64)
    for offset in (0, 128, 64):
        arena.free(offset)
    assert arena.allocate(64 * 3) == 0


def test_a_block_is_freed_once() -> None:
    arena = Arena(64)
    arena.allocate(1)
    arena.free(0)
    with pytest.raises(KeyError):
        arena.free(0)


def test_a_block_that_must_not_be_reused_is_not() -> None:
    arena = Arena(128)
    arena.allocate(64)
    arena.free(0, reuse=False)
    assert arena.allocate(64) == 64
    assert arena.allocate(64) is None
    arena.check()
