"""Progress bars on the terminal of this process, drawn by rich: all of them on one display.

rich allows one live display at a time. It starts with the first bar, ends with the last, and while
it runs what is printed appears above the bars.
"""

from __future__ import annotations

import atexit
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import TaskID

_MISSING = "progress bars need rich, which isn't installed: pip install 'heliostat[cli]'"


class Bar:
    """One bar."""

    def __init__(self, display: _Display, task: TaskID) -> None:
        self._display = display
        self._task = task
        self._open = True

    def advance(self, items: int) -> None:
        """So many more are done."""
        if self._open:
            self._display.progress.advance(self._task, items)

    def update(self, **changes: Any) -> None:
        """Sets ``completed``, ``total`` or ``description``."""
        if self._open:
            self._display.progress.update(self._task, **changes)

    def close(self) -> None:
        """It stays as it is above the others, and changes no more."""
        if self._open:
            self._open = False
            self._display.closed()


class _Display:
    """The bars that are shown together, from the first to the last."""

    def __init__(self) -> None:
        try:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                SpinnerColumn,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )
        except ImportError as error:
            raise ImportError(_MISSING, name=error.name) from error
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            # Elsewhere than on the terminal, what is printed must go where it was to go.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._open = 0

    def open(self, description: str, total: float | None) -> Bar:
        if not self._open:
            self.progress.start()
        self._open += 1
        return Bar(self, self.progress.add_task(description, total=total))

    def closed(self) -> None:
        global _display  # noqa: PLW0603 - one of a process
        with _lock:
            self._open -= 1
            if not self._open and _display is self:
                _display = None
        if not self._open:
            self.progress.stop()


_display: _Display | None = None
_lock = threading.Lock()


def open_bar(description: str, total: float | None) -> Bar:
    """A new bar, below those there are.

    Raises:
        ImportError: rich isn't installed.
    """
    global _display  # noqa: PLW0603 - one of a process
    with _lock:
        if _display is None:
            _display = _Display()
            atexit.unregister(stop)
            atexit.register(stop)
        return _display.open(description, total)


def stop() -> None:
    """Ends the display, whatever bars are open: at the program's end, for the cursor to be back."""
    global _display
    with _lock:
        display, _display = _display, None
    if display is not None:
        display.progress.stop()
