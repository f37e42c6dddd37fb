"""Parsl with its HighThroughputExecutor and one local block."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar

from heliostat.bench.subjects import Send

# One block that never scales: what Parsl is fastest with on one machine.
_CONFIG = """
import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider
executor = HighThroughputExecutor(
    max_workers_per_node={workers}, address="127.0.0.1", encrypted=False,
    provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1))
kernel = parsl.load(Config(executors=[executor], strategy="none", usage_tracking=0, initialize_logging=False))
"""


class Parsl:
    """A local Parsl; its run directory is the current one."""

    provides: ClassVar[frozenset[str]] = frozenset({"tasks", "chain"})
    startup: ClassVar[str] = (
        _CONFIG.format(workers=2)
        + """
assert parsl.python_app(abs)(-1).result() == 1
answered()
kernel.cleanup()
"""
    )

    kernel: Any

    def start(self, workers: int) -> None:
        """Load the configuration."""
        scope: dict[str, Any] = {}
        exec(_CONFIG.format(workers=workers), scope)
        self.kernel = scope["kernel"]

    def stop(self) -> None:
        """Stop the executor and its block."""
        self.kernel.cleanup()

    def task(self, function: Callable[..., Any]) -> Send:
        """The function as an app."""
        send: Send = import_module("parsl").python_app(function)
        return send

    def gather(self, handles: list[Any]) -> list[Any]:
        """The results of the app futures."""
        return [handle.result() for handle in handles]


def create() -> Parsl:
    """The subject, not yet started."""
    return Parsl()
