"""A manual clock tells the time it was given, and never goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from heliostat.testing.clock import ManualClock

if TYPE_CHECKING:
    from heliostat.model.clock import Clock


def test_it_is_a_clock() -> None:
    clock: Clock = ManualClock()
    assert clock.now() == 0


def test_it_stands_still_until_moved() -> None:
    clock = ManualClock(5)
    assert (clock.now(), clock.now()) == (5, 5)
    assert clock.advance(1.5) == 6.5
    assert clock.advance_to(10) == 10
    assert clock.now() == 10


def test_it_never_goes_back() -> None:
    clock = ManualClock(5)
    with pytest.raises(ValueError, match="never goes back: it is 5, not 4"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="never goes back: it is 5, not 3"):
        clock.advance_to(3)
    assert clock.now() == 5


def test_it_shows_its_time() -> None:
    assert repr(ManualClock(2.5)) == "ManualClock(2.5)"
