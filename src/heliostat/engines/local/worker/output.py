"""What a worker prints: into its log file, and announced to the driver of its job.

The streams write through to the file at once, so nothing is lost however the process ends;
complete lines are gathered and sent ahead of the reply of the task that printed them, or
after a tenth of a second in a task that goes on.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from heliostat.engines.local.wire import messages

if TYPE_CHECKING:
    from heliostat.engines.local.owner.session import Session

#: Seconds between announcements of a task that goes on printing.
_INTERVAL = 0.1
#: Characters announced in one interval; what is beyond stays in the log file, and is counted.
_LIMIT = 64 << 10


class Output:
    """Announces lines to the driver."""

    def __init__(self, session: Session, driver: int, label: Callable[[], str]) -> None:
        """``label`` says what is running, for the lines' prefix."""
        self._label = label
        self._session = session
        self._driver = driver
        self._lines: list[tuple[int, str]] = []
        self._size = 0
        self._dropped = 0
        self._sent = 0.0

    def install(self) -> None:
        """Replaces ``sys.stdout`` and ``sys.stderr``."""
        sys.stdout = Stream(self, 1)
        sys.stderr = Stream(self, 2)

    def line(self, number: int, text: str) -> None:
        """A line was printed on stream ``number``."""
        if not self._driver:
            return
        now = time.monotonic()
        if now - self._sent > _INTERVAL:
            self._size = 0
        self._size += len(text)
        if self._size > _LIMIT:
            self._dropped += 1
        else:
            self._lines.append((number, text))
        if now - self._sent > _INTERVAL:
            self._sent = now
            with self._session.loop.lock:
                self.send_lines()

    def send_lines(self, *, everything: bool = False) -> None:
        """Sends what was gathered. Called under the lock."""
        if everything:
            for stream in (sys.stdout, sys.stderr):
                if isinstance(stream, Stream):
                    stream.end_line()
        if not self._lines and not self._dropped:
            return
        lines, self._lines = self._lines, []
        if self._dropped:
            lines.append((2, f"... {self._dropped} more lines are in the worker's log file"))
            self._dropped = 0
        self._session.peers.send(self._driver, messages.log(os.getpid(), self._label(), lines))


class Stream(io.TextIOBase):
    """A text stream that writes to a descriptor and announces each line."""

    def __init__(self, output: Output, number: int) -> None:
        self._output = output
        self._number = number
        self._partial = ""
        self.buffer = io.FileIO(number, "w", closefd=False)

    encoding = "utf-8"
    errors = "backslashreplace"

    @property
    def name(self) -> str:
        """As the standard streams are called."""
        return "<stdout>" if self._number == 1 else "<stderr>"

    def write(self, text: str) -> int:
        """Writes to the log file; complete lines are announced too."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        data = memoryview(text.encode("utf-8", "backslashreplace"))
        while data:
            data = data[self.buffer.write(data) :]
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            self._output.line(self._number, line)
        return len(text)

    def writelines(self, lines: Iterable[Any]) -> None:
        """Writes each."""
        for line in lines:
            self.write(line)

    def end_line(self) -> None:
        """Announces a line that was not ended."""
        if self._partial:
            self._output.line(self._number, self._partial)
            self._partial = ""

    def flush(self) -> None:
        """Everything is written already."""

    def fileno(self) -> int:
        """The descriptor."""
        return self._number

    def isatty(self) -> bool:
        """It is a file."""
        return False

    def writable(self) -> bool:
        """It is."""
        return True
