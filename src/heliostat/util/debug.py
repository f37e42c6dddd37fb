"""Ray's ``ray.util.debug``: saying a thing once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = [
    "Suspect",
    "disable_log_once_globally",
    "enable_periodic_logging",
    "log_once",
    "reset_log_once",
]

#: Seconds after which everything may be said again, where that is wanted.
_PERIOD = 60.0


class Suspect(NamedTuple):
    """A place in the code that may leak memory, as Ray's leak tests describe one.

    Attributes:
        traceback: where the memory was allocated.
        memory_increase: bytes it grew by.
        slope: bytes a measurement.
        rvalue: how well a straight line fits, up to 1.
        hist: bytes at each measurement.
    """

    traceback: Any
    memory_increase: float
    slope: float
    rvalue: float
    hist: list[float]


class Once:
    """Which keys were said already. ``now`` is passed in by ``clock``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: set[str] = set()
        self._last = 0.0
        self.disabled = False
        self.periodic = False

    def is_first(self, key: str) -> bool:
        """Whether ``key`` may be said: it wasn't yet, or not within the period."""
        if self.disabled:
            return False
        now = self._clock()
        if self.periodic and self._said and now - self._last > _PERIOD:
            self._said.clear()
        if key in self._said:
            return False
        self._said.add(key)
        self._last = now
        return True

    def reset(self, key: str | None) -> None:
        """Forgets that ``key``, or anything, was said."""
        if key is None:
            self._said.clear()
        else:
            self._said.discard(key)


#: Of this process, as in Ray.
_once = Once()


def log_once(key: str) -> bool:
    """Whether this is the first call with ``key`` in this process.

    Args:
        key: names what would be said.

    Returns:
        True the first time; False afterwards, or where ``disable_log_once_globally`` was called.

    Example:
        >>> import heliostat as ray
        >>> [ray.util.log_once("the cache is cold") for _ in range(3)]
        [True, False, False]
    """
    return _once.is_first(key)


def disable_log_once_globally() -> None:
    """Makes ``log_once`` False in this process from now on.

    Example:
        >>> import heliostat as ray
        >>> ray.util.disable_log_once_globally()
        >>> ray.util.log_once("never said")
        False
    """
    _once.disabled = True


def enable_periodic_logging() -> None:
    """Makes ``log_once`` in this process forget what it knows 60 s after the last new key.

    Example:
        >>> import heliostat as ray
        >>> ray.util.enable_periodic_logging()
        >>> ray.util.log_once("once a minute")
        True
    """
    _once.periodic = True


def reset_log_once(key: str | None = None) -> None:
    """Makes ``log_once`` forget a key, or all of them.

    Args:
        key: the key; None means all.

    Example:
        >>> from heliostat.util.debug import log_once, reset_log_once
        >>> log_once("again"), reset_log_once("again"), log_once("again")
        (True, None, True)
    """
    _once.reset(key)
