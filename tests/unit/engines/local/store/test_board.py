"""The board: what a worker notes, the head reads."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from heliostat.engines.local.store.board import SLOTS, Board


@pytest.fixture
def fd() -> Iterator[int]:
    fd = os.memfd_create("board", os.MFD_CLOEXEC)
    yield fd
    os.close(fd)


def test_what_one_process_notes_the_other_reads(fd: int) -> None:
    head, worker = Board(fd), Board(fd)
    slot = worker.slot(3)
    assert head.is_idle(3)
    slot[1] = 5
    slot[0] = 1 << 40
    assert not head.is_idle(3)
    assert head.running(3) == (1 << 40, 5)
    assert head.running(2) == head.running(4) == (0, 0)


def test_a_cleared_slot_is_as_new(fd: int) -> None:
    board = Board(fd)
    slot = board.slot(0)
    slot[0], slot[1] = 7, 8
    board.clear(0)
    assert board.running(0) == (0, 0)


def test_the_last_slot_is_there(fd: int) -> None:
    board = Board(fd)
    board.slot(SLOTS - 1)[0] = 1
    assert not board.is_idle(SLOTS - 1)
