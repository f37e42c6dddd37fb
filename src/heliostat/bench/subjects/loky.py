"""loky's reusable executor, the one joblib uses."""

from __future__ import annotations

from importlib import import_module
from typing import ClassVar

from heliostat.bench.subjects._executor import ExecutorSubject


class Loky(ExecutorSubject):
    """The reusable executor, with workers that don't end while idle."""

    startup: ClassVar[str] = """
from loky import get_reusable_executor
executor = get_reusable_executor(max_workers=2, timeout=None)
assert executor.submit(abs, -1).result() == 1
answered()
executor.shutdown()
"""

    def start(self, workers: int) -> None:
        """Make the executor; its workers start with the first task."""
        self.executor = import_module("loky").get_reusable_executor(
            max_workers=workers, timeout=None
        )


def create() -> Loky:
    """The subject, not yet started."""
    return Loky()
