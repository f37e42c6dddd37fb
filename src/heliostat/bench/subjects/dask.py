"""Dask distributed: one scheduler, worker processes of one thread each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, ClassVar

from heliostat.bench.subjects import Send


class Dask:
    """A local Dask cluster. Its actors are objects inside the workers, not processes."""

    provides: ClassVar[frozenset[str]] = frozenset({"tasks", "chain", "actors"})
    startup: ClassVar[str] = """
from distributed import Client
client = Client(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
assert client.submit(abs, -1, pure=False).result() == 1
answered()
client.close()
client.cluster.close()
"""

    client: Any

    def start(self, workers: int) -> None:
        """Start the cluster and wait for its workers."""
        distributed: Any = import_module("distributed")
        self.client = distributed.Client(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
        )
        self.client.wait_for_workers(workers)

    def stop(self) -> None:
        """Stop the workers, then the scheduler."""
        self.client.close()
        self.client.cluster.close()

    def task(self, function: Callable[..., Any]) -> Send:
        """``submit`` without the cache of pure results, which would do the work only once."""
        return partial(self.client.submit, function, pure=False)

    def gather(self, handles: list[Any]) -> list[Any]:
        """Results of futures in one message; those of actor calls one by one, as Dask has it."""
        if handles and type(handles[0]).__name__.endswith("ActorFuture"):
            return [handle.result() for handle in handles]
        results: list[Any] = self.client.gather(handles)
        return results

    def actor(self, cls: type) -> Any:
        """A new actor on one of the workers."""
        return self.client.submit(cls, actor=True, pure=False).result()

    def method(self, actor: Any, name: str) -> Send:
        """The method of the actor's proxy."""
        send: Send = getattr(actor, name)
        return send


def create() -> Dask:
    """The subject, not yet started."""
    return Dask()
