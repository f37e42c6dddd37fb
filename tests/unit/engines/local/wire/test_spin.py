"""Waiting awake, as long as it pays."""

from __future__ import annotations

from heliostat.engines.local.wire.spin import LOOKS, Events, Spin

EVENT: Events = [(3, 1)]


class Poll:
    """Notes each wait; finds something at its ``at``-th look, or when it sleeps."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.looks = 0
        self.sleeps = 0

    def __call__(self, timeout: float) -> Events:
        if timeout:
            self.sleeps += 1
            return EVENT
        self.looks += 1
        return EVENT if self.at is not None and self.looks >= self.at else []


def test_what_comes_soon_is_found_without_sleep() -> None:
    poll = Poll(at=3)
    spin = Spin(poll, cores=2)
    for _ in range(5):
        assert spin.poll() == EVENT
    assert (poll.looks, poll.sleeps) == (7, 0)


def test_what_takes_long_is_slept_for() -> None:
    poll = Poll(at=None)
    assert Spin(poll, cores=2).poll(1.0) == EVENT
    assert (poll.looks, poll.sleeps) == (LOOKS, 1)


def test_looks_in_vain_become_rare() -> None:
    poll = Poll(at=None)
    spin = Spin(poll, cores=2)
    for _ in range(640):
        spin.poll()
    assert poll.looks <= 16 * LOOKS


def test_one_success_and_every_wait_begins_awake_again() -> None:
    poll = Poll(at=None)
    spin = Spin(poll, cores=2)
    for _ in range(640):
        spin.poll()
    poll.at = 1
    for _ in range(64):
        spin.poll()
    poll.sleeps = 0
    for _ in range(10):
        spin.poll()
    assert poll.sleeps == 0


def test_on_one_core_nobody_looks() -> None:
    poll = Poll(at=1)
    assert Spin(poll, cores=1).poll() == EVENT
    assert (poll.looks, poll.sleeps) == (0, 1)
