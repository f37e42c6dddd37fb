"""What every :class:`concurrent.futures.Executor` has in common."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, ClassVar

from heliostat.bench.subjects import Send


class ExecutorSubject:
    """A subject that is an executor; each kind says how it is made."""

    provides: ClassVar[frozenset[str]] = frozenset({"tasks"})

    executor: Executor

    def stop(self) -> None:
        """Wait for the workers to end."""
        self.executor.shutdown(wait=True)

    def task(self, function: Callable[..., Any]) -> Send:
        """``submit`` of the function."""
        return partial(self.executor.submit, function)

    def gather(self, handles: list[Any]) -> list[Any]:
        """The results, one by one."""
        return [handle.result() for handle in handles]
