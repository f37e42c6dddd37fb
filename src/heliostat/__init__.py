"""Heliostat: Ray's programming model on interchangeable engines.

``import heliostat as ray`` and write Ray.

Example:
    >>> import heliostat as ray
    >>> @ray.remote
    ... def square(x):
    ...     return x * x
    >>> ray.get([square.remote(n) for n in range(4)])
    [0, 1, 4, 9]

Importing this loads nothing else: each name is found in ``_PUBLIC`` and its module imported when
it is first asked for.
"""

from __future__ import annotations

from heliostat._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from heliostat import actor, exceptions, remote_function, runtime_context
    from heliostat.api.actors import get_actor, kill
    from heliostat.api.context import get_gpu_ids, get_runtime_context
    from heliostat.api.lifecycle import init, is_initialized, shutdown
    from heliostat.api.methods import method
    from heliostat.api.objects import get, put, wait
    from heliostat.api.remote import remote
    from heliostat.api.state import available_resources, cluster_resources, nodes
    from heliostat.engines.refs import ObjectRef
    from heliostat.model.ids import ActorID, JobID, NodeID, ObjectID, TaskID, WorkerID

_PUBLIC = {
    "ActorID": "heliostat.model.ids",
    "JobID": "heliostat.model.ids",
    "NodeID": "heliostat.model.ids",
    "ObjectID": "heliostat.model.ids",
    "ObjectRef": "heliostat.engines.refs",
    "TaskID": "heliostat.model.ids",
    "WorkerID": "heliostat.model.ids",
    "available_resources": "heliostat.api.state",
    "cluster_resources": "heliostat.api.state",
    "get": "heliostat.api.objects",
    "get_actor": "heliostat.api.actors",
    "get_gpu_ids": "heliostat.api.context",
    "get_runtime_context": "heliostat.api.context",
    "init": "heliostat.api.lifecycle",
    "is_initialized": "heliostat.api.lifecycle",
    "kill": "heliostat.api.actors",
    "method": "heliostat.api.methods",
    "nodes": "heliostat.api.state",
    "put": "heliostat.api.objects",
    "remote": "heliostat.api.remote",
    "shutdown": "heliostat.api.lifecycle",
    "wait": "heliostat.api.objects",
}
_MODULES = ("actor", "exceptions", "remote_function", "runtime_context")

__all__ = ["__version__", *_PUBLIC, *_MODULES]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"heliostat.{name}")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'heliostat' has no attribute '{name}'", name=name)
    value = globals()[name] = getattr(import_module(_PUBLIC[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
