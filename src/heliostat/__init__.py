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
    from heliostat import actor as actor
    from heliostat import exceptions as exceptions
    from heliostat import experimental as experimental
    from heliostat import remote_function as remote_function
    from heliostat import runtime_context as runtime_context
    from heliostat import util as util
    from heliostat.api.actors import get_actor as get_actor
    from heliostat.api.actors import kill as kill
    from heliostat.api.cancel import cancel as cancel
    from heliostat.api.context import get_gpu_ids as get_gpu_ids
    from heliostat.api.context import get_runtime_context as get_runtime_context
    from heliostat.api.lifecycle import init as init
    from heliostat.api.lifecycle import is_initialized as is_initialized
    from heliostat.api.lifecycle import shutdown as shutdown
    from heliostat.api.methods import method as method
    from heliostat.api.objects import get as get
    from heliostat.api.objects import put as put
    from heliostat.api.objects import wait as wait
    from heliostat.api.remote import remote as remote
    from heliostat.api.state import available_resources as available_resources
    from heliostat.api.state import cluster_resources as cluster_resources
    from heliostat.api.state import nodes as nodes
    from heliostat.engines.generators import (
        DynamicObjectRefGenerator as DynamicObjectRefGenerator,
    )
    from heliostat.engines.generators import ObjectRefGenerator as ObjectRefGenerator
    from heliostat.engines.refs import ObjectRef as ObjectRef
    from heliostat.model.ids import ActorID as ActorID
    from heliostat.model.ids import JobID as JobID
    from heliostat.model.ids import NodeID as NodeID
    from heliostat.model.ids import ObjectID as ObjectID
    from heliostat.model.ids import TaskID as TaskID
    from heliostat.model.ids import WorkerID as WorkerID

_PUBLIC = {
    "ActorID": "heliostat.model.ids",
    "DynamicObjectRefGenerator": "heliostat.engines.generators",
    "JobID": "heliostat.model.ids",
    "NodeID": "heliostat.model.ids",
    "ObjectID": "heliostat.model.ids",
    "ObjectRef": "heliostat.engines.refs",
    "ObjectRefGenerator": "heliostat.engines.generators",
    "TaskID": "heliostat.model.ids",
    "WorkerID": "heliostat.model.ids",
    "available_resources": "heliostat.api.state",
    "cancel": "heliostat.api.cancel",
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
# Ray has these at this place, this release has not.
_LACKING = (
    "LoggingConfig",
    "PlacementGroupID",
    "data",
    "rllib",
    "runtime_env",
    "serve",
    "timeline",
    "train",
    "tune",
)
_MODULES = ("actor", "exceptions", "experimental", "remote_function", "runtime_context", "util")

__all__ = [
    "ActorID",
    "DynamicObjectRefGenerator",
    "JobID",
    "NodeID",
    "ObjectID",
    "ObjectRef",
    "ObjectRefGenerator",
    "TaskID",
    "WorkerID",
    "__version__",
    "actor",
    "available_resources",
    "cancel",
    "cluster_resources",
    "exceptions",
    "experimental",
    "get",
    "get_actor",
    "get_gpu_ids",
    "get_runtime_context",
    "init",
    "is_initialized",
    "kill",
    "method",
    "nodes",
    "put",
    "remote",
    "remote_function",
    "runtime_context",
    "shutdown",
    "util",
    "wait",
]


if not TYPE_CHECKING:  # else any name would do

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name in _MODULES:
            return import_module(f"heliostat.{name}")
        if name not in _PUBLIC:
            why = ": Ray has it, this release has not" if name in _LACKING else ""
            raise AttributeError(f"module 'heliostat' has no attribute '{name}'{why}", name=name)
        value = globals()[name] = getattr(import_module(_PUBLIC[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC, *__all__})
