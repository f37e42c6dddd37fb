"""The time limit of a task: the kernel ends the process, whatever the task is doing.

An interval timer whose signal, SIGALRM, is left at its default: it ends the process even while
Python is stuck in C and no handler could run. The owner sees by which signal its worker ended.
"""

from __future__ import annotations

import signal


def start(seconds: float) -> None:
    """The process ends in so many seconds. In the main thread only."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def stop() -> None:
    """It doesn't."""
    signal.setitimer(signal.ITIMER_REAL, 0)
