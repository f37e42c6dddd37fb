"""multiprocessing.Pool, with the platform's default start method."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.pool import AsyncResult, Pool
from typing import Any, ClassVar

from heliostat.bench.subjects import Send


class MpPool:
    """A pool that gets each call by ``apply_async``; ``map`` would send one message for many."""

    provides: ClassVar[frozenset[str]] = frozenset({"tasks"})
    startup: ClassVar[str] = """
import multiprocessing
pool = multiprocessing.Pool(2)
assert pool.apply(abs, (-1,)) == 1
answered()
pool.close()
pool.join()
"""

    pool: Pool

    def start(self, workers: int) -> None:
        """Start the workers."""
        self.pool = multiprocessing.Pool(workers)

    def stop(self) -> None:
        """Let the workers end."""
        self.pool.close()
        self.pool.join()

    def task(self, function: Callable[..., Any]) -> Send:
        """``apply_async`` of the function."""
        apply_async = self.pool.apply_async

        def send(*args: Any) -> AsyncResult[Any]:
            return apply_async(function, args)

        return send

    def gather(self, handles: list[Any]) -> list[Any]:
        """The results, one by one."""
        return [handle.get() for handle in handles]


def create() -> MpPool:
    """The subject, not yet started."""
    return MpPool()
