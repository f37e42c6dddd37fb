"""The system's clock."""

from __future__ import annotations

from heliostat.model.clock import Clock, SystemClock


def test_it_tells_seconds_that_never_go_back() -> None:
    clock: Clock = SystemClock()
    times = [clock.now() for _ in range(1000)]
    assert times == sorted(times)
    assert times[-1] - times[0] < 10
