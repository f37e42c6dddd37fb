"""Parsl with its HighThroughputExecutor and one local block."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar

from heliostat.bench.subjects import Send


class Parsl:
    """A local Parsl; its run directory is the current one.

    One block that never scales is what it is fastest with on one machine.
    """

    provides: ClassVar[frozenset[str]] = frozenset({"tasks", "chain"})
    startup: ClassVar[str] = """
import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider
provider = LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1)
executor = HighThroughputExecutor(
    max_workers_per_node=2, address="127.0.0.1", encrypted=False, provider=provider)
kernel = parsl.load(
    Config(executors=[executor], strategy="none", usage_tracking=0, initialize_logging=False))
assert parsl.python_app(abs)(-1).result() == 1
answered()
kernel.cleanup()
"""

    parsl: Any
    kernel: Any

    def start(self, workers: int) -> None:
        """Load the configuration."""
        self.parsl = import_module("parsl")
        provider = import_module("parsl.providers").LocalProvider(
            init_blocks=1, min_blocks=1, max_blocks=1
        )
        executor = import_module("parsl.executors").HighThroughputExecutor(
            max_workers_per_node=workers, address="127.0.0.1", encrypted=False, provider=provider
        )
        config = import_module("parsl.config").Config(
            executors=[executor], strategy="none", usage_tracking=0, initialize_logging=False
        )
        self.kernel = self.parsl.load(config)

    def stop(self) -> None:
        """Stop the executor and its block."""
        self.kernel.cleanup()

    def task(self, function: Callable[..., Any]) -> Send:
        """The function as an app."""
        send: Send = self.parsl.python_app(function)
        return send

    def gather(self, handles: list[Any]) -> list[Any]:
        """The results of the app futures."""
        return [handle.result() for handle in handles]


def create() -> Parsl:
    """The subject, not yet started."""
    return Parsl()
