"""The log files of workers: capped, and quoted when a worker dies."""

from __future__ import annotations

import os
from collections.abc import Iterable

#: Bytes a log file may have; beyond, it begins anew and its end is kept beside it.
CAP = 16 << 20
#: Bytes kept of what is cut off, in a file that ends in ``.old``.
KEPT = 1 << 20
#: Seconds between looks. What is written meanwhile may pass the cap.
INTERVAL = 2.0

_SUFFIXES = (".out", ".err")


class Logs:
    """Keeps the log files of all workers below the cap.

    The files are cut by the head: a child of a worker writes to them too, and nobody else
    sees all that is written. Writers append, so they go on at the new end.
    """

    def __init__(self) -> None:
        self._next = 0.0

    def turn(self, now: float, logs: Iterable[str]) -> None:
        """Looks at every log file, now and then."""
        if now < self._next:
            return
        self._next = now + INTERVAL
        for log in logs:
            for suffix in _SUFFIXES:
                cut(log + suffix)


def cut(path: str) -> None:
    """Cuts a file that is over the cap."""
    try:
        if os.stat(path).st_size <= CAP:
            return
        with open(path, "r+b") as file:
            file.seek(-KEPT, os.SEEK_END)
            end = file.read(KEPT)
            with open(path + ".old", "wb") as old:
                old.write(end)
            file.truncate(0)
    except OSError:  # it is gone, or the disk is full: a log is not worth an error
        return


def last_lines(log: str, most: int) -> str:
    """The last ``most`` lines of a worker's standard error, or its last 4,000 bytes."""
    try:
        with open(log + ".err", "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 4000))
            text = file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-most:]) if most else ""
