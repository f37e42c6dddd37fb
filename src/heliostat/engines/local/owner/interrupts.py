"""Ctrl-C arrives at a moment that suits: never in the middle of a change.

Python raises ``KeyboardInterrupt`` between any two instructions of the main thread. While a
session is set up, and inside a transition of its state, that would leave half of it done.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING

from heliostat.engines.local.owner.loop import Loop

if TYPE_CHECKING:
    from typing_extensions import Self


def _is_ours_to_replace() -> bool:
    """Only the main thread may set handlers, and one of the user's is left alone."""
    if threading.current_thread() is not threading.main_thread():
        return False
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _is_final(frame: FrameType | None) -> bool:
    """Whether a ``__del__`` runs: there Python prints and forgets whatever is raised."""
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


class Postponed:
    """While it is entered, Ctrl-C is noted; ``check`` raises what was noted.

    Attributes:
        noted: it came and was not raised yet.
    """

    def __init__(self) -> None:
        self.noted = False
        self._installed = False

    def __enter__(self) -> Self:
        if _is_ours_to_replace():
            self._installed = True
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.noted = True

    def check(self) -> None:
        """Here nothing is half done.

        Raises:
            KeyboardInterrupt: Ctrl-C came since ``__enter__``.
        """
        if self.noted:
            self.noted = False
            raise KeyboardInterrupt


class Interrupts:
    """Defers Ctrl-C while the main thread changes the session's state.

    The handler looks whether its own thread holds the lock, or something of ours is being
    deleted, and if so leaves a note, which is acted upon by whoever waits or submits next.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._installed = False

    def install(self) -> None:
        """Replaces Python's own handler; a handler of the user's is left alone."""
        if _is_ours_to_replace():
            signal.signal(signal.SIGINT, self._on_interrupt)
            self._installed = True

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if not self._loop.may_interrupt():
            return
        if self._loop.lock_is_mine() or _is_final(frame):
            self._loop.interrupted = True
        else:
            raise KeyboardInterrupt

    def remove(self) -> None:
        """Puts Python's handler back, if ours is still in place."""
        if not self._installed or threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGINT) == self._on_interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._installed = False
