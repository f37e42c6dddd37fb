"""concurrent.futures.ProcessPoolExecutor, with the platform's default start method."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from typing import ClassVar

from heliostat.bench.subjects._executor import ExecutorSubject


class StandardExecutor(ExecutorSubject):
    """The standard library's executor of processes."""

    startup: ClassVar[str] = """
from concurrent.futures import ProcessPoolExecutor
executor = ProcessPoolExecutor(2)
assert executor.submit(abs, -1).result() == 1
answered()
executor.shutdown()
"""

    def start(self, workers: int) -> None:
        """Make the executor; its workers start with the first task."""
        self.executor = ProcessPoolExecutor(workers)


def create() -> StandardExecutor:
    """The subject, not yet started."""
    return StandardExecutor()
