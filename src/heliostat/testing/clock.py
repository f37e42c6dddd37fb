"""A clock that stands still until the test moves it."""

from __future__ import annotations


class ManualClock:
    """Time in seconds, moved by hand; fulfils ``heliostat.model.clock.Clock``.

    Example:
        >>> from heliostat.testing.clock import ManualClock
        >>> clock = ManualClock()
        >>> clock.advance(2.5)
        2.5
        >>> clock.now()
        2.5

    Args:
        start: the time it begins with.
    """

    __slots__ = ("_now",)

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        """The time, the same until ``advance`` or ``advance_to`` is called."""
        return self._now

    def advance(self, seconds: float) -> float:
        """Lets time pass; returns the new time.

        Raises:
            ValueError: ``seconds`` is negative; a clock never goes back.
        """
        return self.advance_to(self._now + seconds)

    def advance_to(self, time: float) -> float:
        """Lets it become ``time``, such as that of the next deadline; returns it.

        Raises:
            ValueError: ``time`` has passed already.
        """
        if time < self._now:
            raise ValueError(f"a clock never goes back: it is {self._now}, not {time}")
        self._now = time
        return time

    def __repr__(self) -> str:
        return f"ManualClock({self._now!r})"
