"""Saying a thing once."""

from __future__ import annotations

import pytest

from heliostat.util import debug
from heliostat.util.debug import Once, Suspect


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def once(clock: Clock) -> Once:
    return Once(clock)


@pytest.fixture
def _own(monkeypatch: pytest.MonkeyPatch, once: Once) -> None:
    monkeypatch.setattr(debug, "_once", once)


def test_each_key_is_said_once(once: Once) -> None:
    assert [once.is_first(key) for key in "abaab"] == [True, True, False, False, False]


def test_a_key_or_all_can_be_said_again(once: Once) -> None:
    for key in "ab":
        once.is_first(key)
    once.reset("a")
    assert [once.is_first("a"), once.is_first("b")] == [True, False]
    once.reset(None)
    assert [once.is_first("a"), once.is_first("b")] == [True, True]


def test_periodic_says_everything_again_after_a_minute_without_anything_new(
    once: Once, clock: Clock
) -> None:
    once.periodic = True
    assert once.is_first("a")
    clock.now += 60
    assert not once.is_first("a")
    clock.now += 0.1
    assert once.is_first("a")
    assert not once.is_first("a")


def test_without_periodic_a_key_is_never_said_again(once: Once, clock: Clock) -> None:
    once.is_first("a")
    clock.now += 1e6
    assert not once.is_first("a")


@pytest.mark.usefixtures("_own")
def test_the_functions_are_about_one_record_of_the_process(clock: Clock) -> None:
    assert debug.log_once("a")
    assert not debug.log_once("a")
    debug.reset_log_once("a")
    assert debug.log_once("a")
    debug.enable_periodic_logging()
    clock.now += 61
    assert debug.log_once("a")
    debug.reset_log_once()
    debug.disable_log_once_globally()
    assert not debug.log_once("a")


def test_a_suspect_is_rays_tuple() -> None:
    assert Suspect._fields == ("traceback", "memory_increase", "slope", "rvalue", "hist")
