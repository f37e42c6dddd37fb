"""Everything with Ray's API: heliostat and Ray run the very same code."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar

from heliostat.bench.subjects import Send


class RayShaped:
    """A subject whose API is that of the module ``api_name``.

    Args:
        api_name: The module to import.
        **options: Options of its ``init`` beside the number of CPUs.
    """

    provides: ClassVar[frozenset[str]] = frozenset({"tasks", "chain", "actors", "ray"})
    api_name: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}

    api: Any

    def start(self, workers: int) -> None:
        """Start a private session; a cluster that runs already must not be measured instead."""
        self.api = import_module(self.api_name)
        self.api.init(address="local", num_cpus=workers, **self.options)

    def stop(self) -> None:
        """End the session."""
        self.api.shutdown()

    def task(self, function: Callable[..., Any]) -> Send:
        """The bound ``remote`` of the decorated function."""
        send: Send = self.api.remote(function).remote
        return send

    def gather(self, handles: list[Any]) -> list[Any]:
        """One ``get`` for all."""
        results: list[Any] = self.api.get(handles)
        return results

    def actor(self, cls: type) -> Any:
        """A new actor."""
        return self.api.remote(cls).remote()

    def method(self, actor: Any, name: str) -> Send:
        """The bound ``remote`` of the method."""
        send: Send = getattr(actor, name).remote
        return send


def startup(api_name: str, arguments: str) -> str:
    """The program of the ``startup`` row."""
    return f"""
import {api_name} as ray
ray.init({arguments})
@ray.remote
def first():
    return 1
assert ray.get(first.remote()) == 1
answered()
ray.shutdown()
"""
